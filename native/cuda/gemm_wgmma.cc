// Products by kernels/gemm_wgmma.cu: operands are rounded to memory of their own first, as the device copies them from there
// to shared memory by itself.
#include "kernels/gemm_wgmma.h"

#include <algorithm>
#include <string>

#include "gemm.h"

namespace steepest::cuda {
namespace {

constexpr uint32_t kRunBytes = 128;  // of a box along the innermost axis

// [batch, outer, inner]; inner is the axis along which it is to lie in memory.
struct Lying {
  const float* from;
  int64_t slide, outer, inner, outerStride, innerStride;
  const int64_t* batchStrides;
  uint32_t quads;
  uint32_t outerBox;
};

// Adds the launch that rounds an operand, and describes the result. Whether one matrix serves all batches.
bool addRounded(const Lying& x, bool tf32, const Domain& batch, TensorMap* map, Binder& binder) {
  const int64_t numberBytes = tf32 ? 4 : 2, least = 16 / numberBytes;
  RoundArguments arguments{};
  arguments.from = x.from;
  arguments.slide = x.slide;
  arguments.outer = x.outer;
  arguments.inner = x.inner;
  arguments.run = (x.inner + least - 1) / least * least;
  arguments.outerStride = x.outerStride;
  arguments.innerStride = x.innerStride;
  arguments.quads = x.quads;
  arguments.tf32 = tf32;
  arguments.batch = batch;
  std::copy(x.batchStrides, x.batchStrides + batch.rank, arguments.batchStrides);
  const bool shared = std::all_of(x.batchStrides, x.batchStrides + batch.rank, [](int64_t s) { return s == 0; });
  if (shared) arguments.batch = Domain{1, {}, 0};
  const int64_t numbers = arguments.batch.size * x.outer * arguments.run;
  arguments.to = binder.scratch(static_cast<uint64_t>(numbers * numberBytes));
  if (x.innerStride == 1 || x.inner == 1) {
    binder.eachSliding("roundOperand", numbers / 4, arguments);
  } else {
    const auto edges = [](int64_t size) { return (size + kTransposeEdge - 1) / kTransposeEdge; };
    binder.blocksSliding("roundTransposed", arguments.batch.size * edges(x.outer) * edges(arguments.run), arguments,
                         8 * kTransposeEdge);
  }

  const uint64_t shape[] = {static_cast<uint64_t>(x.inner), static_cast<uint64_t>(x.outer),
                            static_cast<uint64_t>(arguments.batch.size)};
  const uint64_t row = static_cast<uint64_t>(arguments.run * numberBytes);
  const uint64_t strides[] = {row, row * shape[1]};
  const uint32_t box[] = {kRunBytes / static_cast<uint32_t>(numberBytes), x.outerBox, 1}, steps[] = {1, 1, 1};
  alignas(64) TensorMap encoded{};
  binder.device().check(binder.device().driver().cuTensorMapEncodeTiled(
                            &encoded, tf32 ? kTensorFloat32 : kTensorBfloat16, 3, arguments.to, shape, strides, box,
                            steps, 0, kTensorSwizzle128, kTensorPromote256, 0),
                        "describing an operand");
  *map = encoded;
  return shared;
}

}  // namespace

bool canWgmma(const GemmArguments& g, const Device& device) {
  // Coordinates of boxes are 32-bit.
  constexpr int64_t kMost = int64_t{1} << 30;
  return device.capability() == 90 && std::max({g.m, g.n, g.k, g.batch.size}) <= kMost;
}

void addWgmma(const char* kernel, int64_t columns, bool aAlongK, bool bAlongK, const GemmArguments& g, Binder& binder) {
  WgmmaArguments arguments{};
  arguments.product = g;
  const bool tf32 = g.tf32 != 0;
  // The instructions for tf32 take operands along k only: those that lie otherwise are transposed on the way.
  const uint32_t aQuads = aAlongK ? g.aQuads : 0, bQuads = bAlongK ? g.bQuads : 0;
  aAlongK = aAlongK || tf32;
  bAlongK = bAlongK || tf32;
  const auto aBox = static_cast<uint32_t>(aAlongK ? kWgmmaRows : kWgmmaDepth);
  const auto bBox = static_cast<uint32_t>(bAlongK ? columns : kWgmmaDepth);
  const Lying a = aAlongK ? Lying{g.a, g.aSlide, g.m, g.k, g.aRow, g.aDepth, g.aBatch, aQuads, aBox}
                          : Lying{g.a, g.aSlide, g.k, g.m, g.aDepth, g.aRow, g.aBatch, g.aQuads, aBox};
  const Lying b = bAlongK ? Lying{g.b, g.bSlide, g.n, g.k, g.bColumn, g.bDepth, g.bBatch, bQuads, bBox}
                          : Lying{g.b, g.bSlide, g.k, g.n, g.bDepth, g.bColumn, g.bBatch, g.bQuads, bBox};
  arguments.sharedA = addRounded(a, tf32, g.batch, &arguments.a, binder);
  arguments.sharedB = addRounded(b, tf32, g.batch, &arguments.b, binder);
  const int64_t tiles = (g.m + kWgmmaRows - 1) / kWgmmaRows * ((g.n + columns - 1) / columns) * g.batch.size * g.parts;
  binder.blocksSliding(kernel, std::min<int64_t>(tiles, binder.device().multiprocessors()), arguments, kWgmmaThreads,
                       wgmmaBytes(columns));
}

}  // namespace steepest::cuda
