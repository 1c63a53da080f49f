// Depthwise convolutions: see kernels/depthwise.cu.
#include "kernels/depthwise.h"

#include <algorithm>

#include "conv.h"
#include "gemm.h"

namespace steepest::cuda {
namespace {

constexpr int64_t kBlocks = 512;          // of the gradient of the kernel
constexpr int64_t kLeastPositions = 128;  // of a part of it

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace

bool addDepthwise(ConvKind kind, const ConvProblem& p, const ConvArguments& conv, const std::vector<ConvPhase>& phases,
                  Binder& binder) {
  DepthwiseArguments arguments{};
  arguments.conv = conv;
  arguments.images = p.windows.images;
  arguments.filters = p.filters;
  arguments.multiplier = p.filters / p.groups;
  GemmArguments& g = arguments.conv.product;
  g.n = g.cRow;
  const bool quads =
      arguments.multiplier == 1 && p.channels % 4 == 0 && isAligned(g.a) && isAligned(g.b) && isAligned(g.c);

  if (kind == ConvKind::kKernelGrad) {
    // Few channels would leave most lanes of a warp without work.
    const bool wide = quads && p.channels >= 128;
    const int64_t blocks = ceilDiv(p.filters, wide ? 128 : 32) * ceilDiv(phases[0].depth, kTapsTogether);
    const int64_t positions = phases[0].positions;
    const int64_t parts = std::max<int64_t>(std::min(kBlocks / blocks, positions / kLeastPositions), 1);
    g.partDepth = std::max<int64_t>(ceilDiv(positions, parts), 1);
    g.parts = std::max<int64_t>(ceilDiv(positions, g.partDepth), 1);
    g.sums = reinterpret_cast<float*>(binder.scratch(static_cast<uint64_t>(g.parts * g.size) * sizeof(float)));
    arguments.conv.phases[0] = phases[0];
    binder.blocks(wide ? "depthwiseKernelGrad4" : "depthwiseKernelGrad1", blocks * g.parts, arguments,
                  kKernelGradThreads);
    binder.each("gemmParts", g.size, g);
    return true;
  }

  for (const ConvPhase& phase : phases) {
    arguments.runs = std::max(arguments.runs, p.windows.images * phase.counts[0].by * phase.counts[1].by *
                                                  ceilDiv(phase.counts[2].by, kRunPositions));
  }
  const int64_t wide = quads ? 4 : 1, most = std::min<int64_t>(kMostPhases, static_cast<int64_t>(phases.size()));
  if (most * arguments.runs * (g.n / wide) >= int64_t{1} << 31) return false;
  const char* const kernel = kind == ConvKind::kForward ? (quads ? "depthwise4" : "depthwise1")
                                                        : (quads ? "depthwiseInputGrad4" : "depthwiseInputGrad1");
  for (size_t first = 0; first < phases.size(); first += kMostPhases) {
    const size_t count = std::min<size_t>(kMostPhases, phases.size() - first);
    std::copy_n(phases.begin() + static_cast<ptrdiff_t>(first), count, arguments.conv.phases);
    g.batch.size = static_cast<int64_t>(count);
    binder.each(kernel, g.batch.size * arguments.runs * (g.n / wide), arguments);
  }
  return true;
}

}  // namespace steepest::cuda
