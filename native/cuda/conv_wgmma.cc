#include "conv_wgmma.h"

#include <algorithm>

#include "gemm.h"
#include "kernels/conv_wgmma.h"
#include "rounded.h"
#include "windows.h"

namespace steepest::cuda {
namespace {

// Axes as maps have them, innermost first.
int axisOf(int d) { return kSpatial - 1 - d; }

bool isOneCell(const ConvAxis& axis) {
  const ConvAxis::Phase& phase = axis.phases[0];
  return axis.extent == 1 && axis.phases.size() == 1 && phase.count == 1 && phase.taps == 1 && phase.first == 0;
}

// Without axes of one cell, which are the first ones.
int axesOf(const ConvGeometry& geometry) {
  int missing = 0;
  while (missing < kSpatial - 1 && isOneCell(geometry.axes[missing])) ++missing;
  return kSpatial - missing;
}

Patches patchesOf(const ConvGeometry& geometry, const ConvPhase& phase) {
  Patches patches{};
  patches.axes = axesOf(geometry);
  patches.images = geometry.images;
  for (int d = 0; d < kSpatial; ++d) {
    patches.extent[d] = geometry.axes[axisOf(d)].extent;
    patches.first[d] = phase.first[axisOf(d)];
    patches.count[d] = phase.counts[axisOf(d)].by;
    patches.step[d] = geometry.axes[axisOf(d)].step;
  }
  return patches;
}

// [batch, outer, inner], contiguous or with its last two axes exchanged.
RoundedOperand round(const float* from, int64_t batch, int64_t outer, int64_t inner, bool exchanged, bool tf32,
                     Binder& binder) {
  Lying lying{};
  const int64_t batchStride = batch > 1 ? outer * inner : 0;
  lying.from = from;
  lying.outer = outer;
  lying.inner = inner;
  lying.outerStride = exchanged ? 1 : inner;
  lying.innerStride = exchanged ? outer : 1;
  lying.batch = {batch, {batch}, 1};
  lying.batchStrides = &batchStride;
  lying.quads = isAligned(from) && inner % 4 == 0;
  return addRounded(lying, tf32, binder);
}

}  // namespace

int64_t wgmmaWidth(int64_t channels, const GemmArguments& g) {
  const int64_t group = g.tf32 != 0 ? kWgmmaDepthTf32 : kWgmmaDepth;
  return (channels + group - 1) / group * group;
}

bool canConvWgmma(ConvKind kind, const ConvProblem& p, const ConvGeometry& geometry, const GemmArguments& g,
                  const Device& device) {
  if (device.capability() != 90 || p.groups != 1 || g.bfloat16 + g.tf32 == 0) return false;
  if (g.tf32 != 0 && kind == ConvKind::kKernelGrad) return false;
  const int64_t width = wgmmaWidth(kind == ConvKind::kInputGrad ? p.filters : p.channels, g);
  if (geometry.cells == 0 || !geometry.fits(width)) return false;
  const std::vector<ConvPhase> phases = geometry.phases(width);
  return std::all_of(phases.begin(), phases.end(), [&](const ConvPhase& phase) {
    if (phase.depth == 0) return true;
    int64_t reach[kSpatial];
    for (int d = 0; d < kSpatial; ++d) reach[d] = (phase.taps[axisOf(d)].by - 1) * geometry.axes[axisOf(d)].tapStep;
    return canDescribe(patchesOf(geometry, phase), reach);
  });
}

void addConvWgmma(const WgmmaKernel& kernel, int64_t tileDepth, ConvKind kind, const ConvProblem& p,
                  const ConvGeometry& geometry, const ConvArguments& conv, Binder& binder) {
  const GemmShape shape = {kWgmmaRows, kernel.columns, tileDepth};
  ConvWgmmaArguments arguments{};
  arguments.conv = conv;
  GemmArguments& g = arguments.conv.product;
  const bool tf32 = g.tf32 != 0, kernelGrad = kind == ConvKind::kKernelGrad;
  const int64_t channels = kind == ConvKind::kInputGrad ? p.filters : p.channels, width = wgmmaWidth(channels, g);
  const int64_t taps = volume(p.windows.window);
  arguments.whole = static_cast<uint32_t>(channels);
  arguments.axes = static_cast<uint32_t>(axesOf(geometry));
  geometry.describe(width, &arguments.conv);
  const std::vector<ConvPhase> phases = geometry.phases(width);
  // A tap's depth with what fills it up.
  int64_t& depth = kernelGrad ? g.m : g.k;
  depth = depth / channels * width;
  g.partDepth = g.k;
  cutIntoParts(&g, shape, binder);

  const RoundedOperand source = round(p.a, 1, geometry.cells, channels, false, tf32, binder);
  const RoundedOperand other = kernelGrad ? round(p.b, 1, geometry.dests, p.filters, false, tf32, binder)
                               : kind == ConvKind::kForward
                                   ? round(p.b, taps, p.filters, p.channels, true, tf32, binder)
                                   : round(p.b, taps, p.channels, p.filters, false, tf32, binder);
  Device& device = binder.device();
  // A matrix has all positions, and no channels that only fill a group up.
  arguments.sends = phases.size() == 1 && g.m * g.n == g.size && canSend(g);
  if (arguments.sends != 0) arguments.result = describeResult(g, device);
  arguments.other = describeBoxes(other, kernelGrad ? shape.depth : shape.columns / kernel.members, device);
  for (size_t first = 0; first < phases.size(); first += kMostPhases) {
    const size_t count = std::min<size_t>(kMostPhases, phases.size() - first);
    for (size_t i = 0; i < count; ++i) {
      const ConvPhase& phase = arguments.conv.phases[i] = phases[first + i];
      if (phase.depth == 0) continue;
      arguments.source[i] =
          describePatches(source, patchesOf(geometry, phase), kernelGrad ? shape.depth : shape.rows, device);
    }
    g.batch.size = static_cast<int64_t>(count);
    const int64_t blocks = std::min<int64_t>(tilesOf(g, shape), wgmmaBlocks(kernel, device));
    binder.blocks(kernel.name, blocks, arguments, kWgmmaThreads, wgmmaBytes(shape.columns));
  }
  addParts(g, binder);
}

}  // namespace steepest::cuda
