// Which kernel a convolution gets: those of kernels/conv_tiles.cu, conv_mma.cu, conv_wgmma.cu and depthwise.cu.
#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "conv_geometry.h"
#include "conv_wgmma.h"
#include "gemm.h"
#include "kernels/gemm_wgmma.h"
#include "windows.h"

namespace steepest::cuda {
namespace {

struct ConvTiles {
  const char* names[3];  // by ConvKind
  GemmShape shape;
  int threads;
  bool whole;       // for channels in fours only
  int members = 0;  // of a cluster, of wgmma only

  WgmmaKernel wgmma(ConvKind kind) const { return {names[static_cast<size_t>(kind)], shape.columns, members}; }
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
// With the gradient of the source as forward.
#define STEEPEST_WGMMA_TILES(name, columns, depth, kernelGrad, members) \
  {{name #columns, name #columns, kernelGrad}, {kWgmmaRows, columns, depth}, 0, false, members}
constexpr ConvTiles kBfloat16Wgmma[] = {
    STEEPEST_WGMMA_TILES("convWgmma128x", 64, kWgmmaDepth, "convKernelGradWgmma128x64", 1),
    STEEPEST_WGMMA_TILES("convWgmma128x", 128, kWgmmaDepth, "convKernelGradWgmma128x128", 1),
    STEEPEST_WGMMA_TILES("convWgmma128x", 256, kWgmmaDepth, nullptr, 1),
    STEEPEST_WGMMA_TILES("pairConvWgmma128x", 64, kWgmmaDepth, nullptr, kWgmmaPair),
    STEEPEST_WGMMA_TILES("pairConvWgmma128x", 128, kWgmmaDepth, nullptr, kWgmmaPair),
    STEEPEST_WGMMA_TILES("pairConvWgmma128x", 256, kWgmmaDepth, nullptr, kWgmmaPair)};
constexpr ConvTiles kTf32Wgmma[] = {
    STEEPEST_WGMMA_TILES("convTf32Wgmma128x", 256, kWgmmaDepthTf32, nullptr, 1),
    STEEPEST_WGMMA_TILES("pairConvTf32Wgmma128x", 256, kWgmmaDepthTf32, nullptr, kWgmmaPair)};
#undef STEEPEST_WGMMA_TILES
#undef STEEPEST_MMA_TILES
#undef STEEPEST_NAMES

// Best first.
std::vector<const ConvTiles*> tiledBy(const GemmArguments& g, bool whole) {
  std::vector<const ConvTiles*> able;
  const auto add = [&](const ConvTiles& t) {
    if (whole || !t.whole) able.push_back(&t);
  };
  const std::span<const ConvTiles> all = g.bfloat16 != 0 ? std::span<const ConvTiles>(kBfloat16)
                                         : g.tf32 != 0   ? std::span<const ConvTiles>(kTf32)
                                                         : std::span<const ConvTiles>(kFloat32);
  const auto best = std::find_if(all.begin(), all.end(), [&](const ConvTiles& t) {
    if (t.whole && !whole) return false;
    if (t.shape.columns == 32) return g.n <= 32;
    if (t.shape.rows == 64) return g.n > 32;
    return g.m > 64 && g.n > t.shape.columns / 2 && fillsDevice(g, t.shape);
  });
  if (best != all.end()) add(*best);
  for (const ConvTiles& t : all) add(t);
  return able;
}

// Operations for each byte that tiles come to, which is what limits these kernels; of b a block brings a share.
int64_t operationsPerByte(const GemmArguments& g, const GemmShape& shape, int members = 1) {
  return 2 * g.n * shape.depth / ((shape.rows + shape.columns / members) * ((g.n + shape.columns - 1) / shape.columns));
}

// `same`: all tiles multiply the same part of b.
std::vector<const ConvTiles*> wgmmaBy(ConvKind kind, const GemmArguments& g, bool same, Device& device) {
  std::vector<const ConvTiles*> able;
  const std::span<const ConvTiles> all =
      g.tf32 != 0 ? std::span<const ConvTiles>(kTf32Wgmma) : std::span<const ConvTiles>(kBfloat16Wgmma);
  for (const ConvTiles& t : all) {
    if (t.names[static_cast<size_t>(kind)] == nullptr) continue;
    const bool alone = t.members == 1;
    const bool paired = same && (g.m + kWgmmaRows - 1) / kWgmmaRows % kWgmmaPair == 0;
    if (alone || (paired && wgmmaBlocks(t.wgmma(kind), device) != 0)) able.push_back(&t);
  }
  const auto fills = [&](const ConvTiles* t) {
    return (t->shape.columns <= 128 && t->members == 1) || tilesOf(g, t->shape) >= kBlocksWanted;
  };
  std::stable_sort(able.begin(), able.end(), [&](const ConvTiles* a, const ConvTiles* b) {
    const auto operations = [&](const ConvTiles* t) { return operationsPerByte(g, t->shape, t->members); };
    return fills(a) != fills(b) ? fills(a) : operations(a) > operations(b);
  });
  return able;
}

// For each number that is rounded, products that save the time of its bytes: estimated in docs/PERFORMANCE.md, never measured.
constexpr int64_t kWgmmaReuse = 512;

// Whether what follows makes up for rounding operands: enough products, not too many of them with the zeros that fill channels up,
// and a third more operations for each byte than mma.sync has, whose operands are float32 numbers.
bool isWorthWgmma(ConvKind kind, const ConvProblem& p, const ConvGeometry& geometry, const GemmArguments& g,
                  const std::vector<ConvPhase>& phases, const ConvTiles& tiles) {
  const bool kernelGrad = kind == ConvKind::kKernelGrad;
  const int64_t channels = kind == ConvKind::kInputGrad ? p.filters : p.channels, padded = wgmmaWidth(channels, g);
  const int64_t numbers =
      geometry.cells * channels + (kernelGrad ? geometry.dests : volume(p.windows.window) * p.channels) * p.filters;
  int64_t products = 0;
  for (const ConvPhase& phase : phases) products += int64_t{phase.positions} * phase.depth * g.n;
  const int64_t others = std::max(operationsPerByte(g, {128, 128, 32}), operationsPerByte(g, {128, 64, 32}));
  return g.m >= 128 && g.n >= 48 && g.k >= 128 && products >= std::max(kWgmmaWork, numbers * kWgmmaReuse) &&
         operationsPerByte(g, tiles.shape, tiles.members) * 3 >= others * 4 && channels * 3 >= padded * 2;
}

// The best of those that STEEPEST_CUDA_PRODUCTS wants if there are any.
const ConvTiles& chooseTiles(ConvKind kind, const std::vector<const ConvTiles*>& able) {
  const std::string wanted = wantedKernel();
  const auto chosen = std::find_if(able.begin(), able.end(), [&](const ConvTiles* t) {
    return std::string(t->names[static_cast<size_t>(kind)]).find(wanted) != std::string::npos;
  });
  return **(chosen != able.end() ? chosen : able.begin());
}

}  // namespace

bool addConv(ConvKind kind, const ConvProblem& p, GemmArguments g, Binder& binder) {
  const bool adjoint = kind == ConvKind::kInputGrad;
  const int64_t sourceChannels = adjoint ? p.filters : p.channels, width = sourceChannels / p.groups;
  const int64_t destChannels = adjoint ? p.channels : p.filters;
  const ConvGeometry geometry(kind, p.windows);
  if (!geometry.fits(width) || wantedKernel() == "convByElement") return false;
  if (width == 0 || destChannels == 0) return false;
  const std::vector<ConvPhase> phases = geometry.phases(width);
  if (phases.empty()) return true;

  ConvArguments arguments{};
  arguments.channels = sourceChannels;
  arguments.groups = static_cast<int32_t>(p.groups);
  geometry.describe(width, &arguments);
  g.a = p.a;
  g.b = p.b;
  for (const ConvPhase& phase : phases) {
    g.m = std::max<int64_t>(g.m, phase.positions);
    g.k = std::max<int64_t>(g.k, phase.depth);
  }
  if (kind == ConvKind::kKernelGrad) std::swap(g.m, g.k);
  g.cRow = destChannels;
  g.size = (kind == ConvKind::kKernelGrad ? volume(p.windows.window) * width : geometry.dests) * destChannels;
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
  g.cQuads = canQuads(g);
  std::vector<const ConvTiles*> able = tiledBy(g, aQuads && (!adjoint || g.bQuads));
  if (canConvWgmma(kind, p, geometry, g, binder.device())) {
    const std::vector<const ConvTiles*> more = wgmmaBy(kind, g, phases.size() == 1, binder.device());
    const bool first = !more.empty() && isWorthWgmma(kind, p, geometry, g, phases, *more[0]);
    able.insert(first ? able.begin() : able.end(), more.begin(), more.end());
  }
  const ConvTiles& tiles = chooseTiles(kind, able);
  const char* const kernel = tiles.names[static_cast<size_t>(kind)];
  arguments.product = g;
  if (tiles.members != 0) {
    addConvWgmma(tiles.wgmma(kind), tiles.shape.depth, kind, p, geometry, arguments, binder);
    return true;
  }
  cutIntoParts(&g, tiles.shape, binder);
  const uint32_t shared = (g.bfloat16 | g.tf32) != 0
                              ? mmaBytes(tiles.shape, kind != ConvKind::kKernelGrad, kind == ConvKind::kInputGrad)
                              : 0;
  for (size_t first = 0; first < phases.size(); first += kMostPhases) {
    const size_t count = std::min<size_t>(kMostPhases, phases.size() - first);
    std::copy_n(phases.begin() + static_cast<ptrdiff_t>(first), count, arguments.phases);
    g.batch.size = p.groups * static_cast<int64_t>(count);
    arguments.product = g;
    binder.blocks(kernel, tilesOf(g, tiles.shape), arguments, tiles.threads, shared);
  }
  addParts(g, binder);
  return true;
}

}  // namespace steepest::cuda
