// Products by kernels/gemm_wgmma.cu: operands are rounded to memory of their own first, as the device copies them from there
// to shared memory by itself.
#include "kernels/gemm_wgmma.h"

#include <algorithm>
#include <string>

#include "gemm.h"

namespace steepest::cuda {
namespace {

constexpr uint32_t kRun = 64;  // numbers of a box along the innermost axis, 128 bytes

// [batch, outer, inner] with inner the axis along which the operand lies in memory.
struct Lying {
  const float* from;
  int64_t slide, outer, inner, outerStride, innerStride;
  const int64_t* batchStrides;
  uint32_t quads;
  uint32_t outerBox;
};

// Adds the launch that rounds an operand, and describes the result. Whether one matrix serves all batches.
bool addRounded(const Lying& x, const Domain& batch, TensorMap* map, Binder& binder) {
  RoundArguments arguments{};
  arguments.from = x.from;
  arguments.slide = x.slide;
  arguments.outer = x.outer;
  arguments.inner = x.inner;
  arguments.run = (x.inner + 7) / 8 * 8;  // 16 bytes
  arguments.outerStride = x.outerStride;
  arguments.innerStride = x.innerStride;
  arguments.quads = x.quads;
  arguments.batch = batch;
  std::copy(x.batchStrides, x.batchStrides + batch.rank, arguments.batchStrides);
  const bool shared = std::all_of(x.batchStrides, x.batchStrides + batch.rank, [](int64_t s) { return s == 0; });
  if (shared) arguments.batch = Domain{1, {}, 0};
  const int64_t numbers = arguments.batch.size * x.outer * arguments.run;
  arguments.to = reinterpret_cast<uint16_t*>(binder.scratch(static_cast<uint64_t>(numbers) * 2));
  binder.eachSliding("roundOperand", numbers / 4, arguments);

  const uint64_t shape[] = {static_cast<uint64_t>(x.inner), static_cast<uint64_t>(x.outer),
                            static_cast<uint64_t>(arguments.batch.size)};
  const uint64_t row = static_cast<uint64_t>(arguments.run) * 2;
  const uint64_t strides[] = {row, row * shape[1]};
  const uint32_t box[] = {kRun, x.outerBox, 1}, steps[] = {1, 1, 1};
  alignas(64) TensorMap encoded{};
  binder.device().check(
      binder.device().driver().cuTensorMapEncodeTiled(&encoded, kTensorBfloat16, 3, arguments.to, shape, strides, box,
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
  const auto aBox = static_cast<uint32_t>(aAlongK ? kWgmmaRows : kWgmmaDepth);
  const auto bBox = static_cast<uint32_t>(bAlongK ? columns : kWgmmaDepth);
  const Lying a = aAlongK ? Lying{g.a, g.aSlide, g.m, g.k, g.aRow, g.aDepth, g.aBatch, g.aQuads, aBox}
                          : Lying{g.a, g.aSlide, g.k, g.m, g.aDepth, g.aRow, g.aBatch, g.aQuads, aBox};
  const Lying b = bAlongK ? Lying{g.b, g.bSlide, g.n, g.k, g.bColumn, g.bDepth, g.bBatch, g.bQuads, bBox}
                          : Lying{g.b, g.bSlide, g.k, g.n, g.bDepth, g.bColumn, g.bBatch, g.bQuads, bBox};
  arguments.sharedA = addRounded(a, g.batch, &arguments.a, binder);
  arguments.sharedB = addRounded(b, g.batch, &arguments.b, binder);
  const int64_t tiles = (g.m + kWgmmaRows - 1) / kWgmmaRows * ((g.n + columns - 1) / columns) * g.batch.size * g.parts;
  binder.blocksSliding(kernel, std::min<int64_t>(tiles, binder.device().multiprocessors()), arguments, kWgmmaThreads,
                       wgmmaBytes(columns));
}

}  // namespace steepest::cuda
