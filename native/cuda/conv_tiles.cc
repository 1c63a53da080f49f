// Convolutions by kernels/conv_tiles.cu, conv_mma.cu and depthwise.cu: their geometry.
#include <algorithm>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "conv.h"
#include "gemm.h"
#include "windows.h"

namespace steepest::cuda {
namespace {

constexpr int64_t kMost = int64_t{1} << 29;  // coordinates

// An axis of a ConvArguments, and of the phases that it has.
struct Axis {
  int64_t step, tapStep, extent, kernelStep, destStep, dest;
  struct Phase {
    int64_t count, taps, first, kernelFirst, destFirst;
  };
  std::vector<Phase> phases;

  bool fits() const {
    return std::max({step, -tapStep, tapStep, extent, kernelStep, destStep, dest}) < kMost &&
           std::all_of(
               phases.begin(), phases.end(),
               [this](const Phase& p) {
                 return p.count < kMost && p.taps < kMost && std::abs(p.first) < kMost && p.count * step < kMost &&
                        p.taps * std::abs(tapStep) < kMost;
               });
  }
};

// Positions see x.
Axis windowAxis(const Windows& w, int d) {
  return {w.stride[d], w.dilation[d], w.x[d], 1, 1, w.y[d], {{w.y[d], w.window[d], -w.padding[d], 0, 0}}};
}

// Cells of x see y: cell r + q stride by tap i the position q + (r + padding - i dilation) / stride, where it divides.
Axis adjointAxis(const Windows& w, int d) {
  const int64_t stride = w.stride[d], dilation = w.dilation[d], common = std::gcd(stride, dilation);
  Axis axis{1, -(dilation / common), w.y[d], stride / common, stride, w.x[d], {}};
  for (int64_t r = 0; r < std::min(stride, w.x[d]); ++r) {
    const int64_t at = r + w.padding[d];
    int64_t tap = 0;
    while (tap < axis.kernelStep && (at - tap * dilation) % stride != 0) ++tap;
    const bool any = tap < axis.kernelStep && tap < w.window[d];
    axis.phases.push_back({(w.x[d] - r + stride - 1) / stride, any ? (w.window[d] - 1 - tap) / axis.kernelStep + 1 : 0,
                           any ? (at - tap * dilation) / stride : 0, tap, r});
  }
  return axis;
}

ConvPhase phaseOf(const Axis::Phase* const* axes, int64_t images, int64_t width) {
  ConvPhase phase{};
  int64_t positions = images, taps = 1;
  for (int d = 0; d < kSpatial; ++d) {
    const Axis::Phase& p = *axes[d];
    positions *= p.count;
    taps *= p.taps;
    phase.first[d] = static_cast<int32_t>(p.first);
    phase.kernelFirst[d] = static_cast<int32_t>(p.kernelFirst);
    phase.destFirst[d] = static_cast<int32_t>(p.destFirst);
    phase.counts[d] = divisorOf(std::max<int64_t>(p.count, 1));
    phase.taps[d] = divisorOf(std::max<int64_t>(p.taps, 1));
  }
  phase.positions = static_cast<int32_t>(positions);
  phase.depth = static_cast<int32_t>(taps * width);
  return phase;
}

std::vector<ConvPhase> phasesOf(const Axis* axes, int64_t images, int64_t width) {
  std::vector<ConvPhase> phases;
  for (const Axis::Phase& i : axes[0].phases) {
    for (const Axis::Phase& j : axes[1].phases) {
      for (const Axis::Phase& k : axes[2].phases) {
        const Axis::Phase* const all[] = {&i, &j, &k};
        phases.push_back(phaseOf(all, images, width));
      }
    }
  }
  return phases;
}

struct ConvTiles {
  const char* names[3];  // by ConvKind
  GemmShape shape;
  int threads;
  bool whole;  // for channels in fours only
};

#define STEEPEST_NAMES(precision, tile) \
  {"conv" precision tile, "convInputGrad" precision tile, "convKernelGrad" precision tile}
#define STEEPEST_MMA_TILES(precision, depth)                                 \
  {                                                                          \
    {STEEPEST_NAMES(precision, "128x128"), {128, 128, depth}, 256, true},    \
        {STEEPEST_NAMES(precision, "128x64"), {128, 64, depth}, 256, true},  \
        {STEEPEST_NAMES(precision, "64x64"), {64, 64, depth}, 128, false}, { \
      STEEPEST_NAMES(precision, "128x32"), {128, 32, depth}, 256, false      \
    }                                                                        \
  }
constexpr ConvTiles kFloat32[] = {{STEEPEST_NAMES("", "128x128"), {128, 128, 8}, 256, true},
                                  {STEEPEST_NAMES("", "64x64"), {64, 64, 16}, 256, false},
                                  {STEEPEST_NAMES("", "128x32"), {128, 32, 16}, 256, false}};
constexpr ConvTiles kBfloat16[] = STEEPEST_MMA_TILES("Mma", 32);
constexpr ConvTiles kTf32[] = STEEPEST_MMA_TILES("Tf32Mma", 16);
#undef STEEPEST_MMA_TILES
#undef STEEPEST_NAMES

// The first that fits, of those that STEEPEST_CUDA_PRODUCTS wants if there are any.
const ConvTiles& chooseTiles(ConvKind kind, const GemmArguments& g, bool whole) {
  std::vector<const ConvTiles*> able;
  const auto add = [&](const ConvTiles& t) {
    if (whole || !t.whole) able.push_back(&t);
  };
  const auto fills = [&](const ConvTiles& t) { return fillsDevice(g, t.shape); };
  const std::span<const ConvTiles> all = g.bfloat16 != 0 ? std::span<const ConvTiles>(kBfloat16)
                                         : g.tf32 != 0   ? std::span<const ConvTiles>(kTf32)
                                                         : std::span<const ConvTiles>(kFloat32);
  const auto best = std::find_if(all.begin(), all.end(), [&](const ConvTiles& t) {
    if (t.whole && !whole) return false;
    if (t.shape.columns == 32) return g.n <= 32;
    if (t.shape.rows == 64) return g.n > 32;
    return g.m > 64 && g.n > t.shape.columns / 2 && fills(t);
  });
  if (best != all.end()) add(*best);
  for (const ConvTiles& t : all) add(t);
  const std::string wanted = wantedKernel();
  const auto chosen = std::find_if(able.begin(), able.end(), [&](const ConvTiles* t) {
    return std::string(t->names[static_cast<size_t>(kind)]).find(wanted) != std::string::npos;
  });
  return **(chosen != able.end() ? chosen : able.begin());
}

}  // namespace

bool addConv(ConvKind kind, const ConvProblem& p, GemmArguments g, Binder& binder) {
  const Windows& w = p.windows;
  const bool adjoint = kind == ConvKind::kInputGrad;
  const int64_t sourceChannels = adjoint ? p.filters : p.channels, width = sourceChannels / p.groups;
  const int64_t destChannels = adjoint ? p.channels : p.filters;
  const int64_t cells = w.images * volume(adjoint ? w.y : w.x), dests = w.images * volume(adjoint ? w.x : w.y);
  const int64_t depths = volume(w.window) * width;
  Axis axes[kSpatial];
  for (int d = 0; d < kSpatial; ++d) axes[d] = adjoint ? adjointAxis(w, d) : windowAxis(w, d);
  if (std::max({cells, dests, depths}) >= 2 * kMost || wantedKernel() == "convByElement" ||
      !std::all_of(axes, axes + kSpatial, [](const Axis& a) { return a.fits(); })) {
    return false;
  }
  if (width == 0 || destChannels == 0) return false;
  const std::vector<ConvPhase> phases = phasesOf(axes, w.images, width);
  if (phases.empty()) return true;

  ConvArguments arguments{};
  arguments.channels = sourceChannels;
  arguments.width = divisorOf(width);
  arguments.groups = static_cast<int32_t>(p.groups);
  for (int d = 0; d < kSpatial; ++d) {
    arguments.step[d] = static_cast<int32_t>(axes[d].step);
    arguments.tapStep[d] = static_cast<int32_t>(axes[d].tapStep);
    arguments.extent[d] = static_cast<int32_t>(axes[d].extent);
    arguments.kernelStep[d] = static_cast<int32_t>(axes[d].kernelStep);
    arguments.window[d] = static_cast<int32_t>(w.window[d]);
    arguments.destStep[d] = static_cast<int32_t>(axes[d].destStep);
    arguments.dest[d] = static_cast<int32_t>(axes[d].dest);
  }
  g.a = p.a;
  g.b = p.b;
  for (const ConvPhase& phase : phases) {
    g.m = std::max<int64_t>(g.m, phase.positions);
    g.k = std::max<int64_t>(g.k, phase.depth);
  }
  if (kind == ConvKind::kKernelGrad) std::swap(g.m, g.k);
  g.cRow = destChannels;
  g.size = (kind == ConvKind::kKernelGrad ? depths : dests) * destChannels;
  if (g.size == 0) return true;
  g.parts = 1;
  if (p.groups > 1 && p.channels == p.groups) {
    arguments.product = g;
    return addDepthwise(kind, p, arguments, phases, binder);
  }
  g.n = destChannels / p.groups;
  g.bDepth = p.filters;
  g.batch.size = p.groups * static_cast<int64_t>(phases.size());
  g.partDepth = g.k;
  const bool aQuads = isAligned(g.a) && width % 4 == 0;
  g.bQuads = isAligned(g.b) && p.filters / p.groups % 4 == 0;
  g.cQuads = isAligned(g.c) && g.n % 4 == 0;
  const ConvTiles& tiles = chooseTiles(kind, g, aQuads && (!adjoint || g.bQuads));
  cutIntoParts(&g, tiles.shape, binder);
  const uint32_t shared = (g.bfloat16 | g.tf32) != 0
                              ? mmaBytes(tiles.shape, kind != ConvKind::kKernelGrad, kind == ConvKind::kInputGrad)
                              : 0;
  for (size_t first = 0; first < phases.size(); first += kMostPhases) {
    const size_t count = std::min<size_t>(kMostPhases, phases.size() - first);
    std::copy_n(phases.begin() + static_cast<ptrdiff_t>(first), count, arguments.phases);
    g.batch.size = p.groups * static_cast<int64_t>(count);
    arguments.product = g;
    binder.blocks(tiles.names[static_cast<size_t>(kind)], tilesOf(g, tiles.shape), arguments, tiles.threads, shared);
  }
  addParts(g, binder);
  return true;
}

}  // namespace steepest::cuda
