// A row times a matrix, in float32 or of operands rounded to bfloat16: what counts is reading b once, without gaps.
#include "bfloat16.h"
#include "gemm_result.h"

namespace steepest::cuda {
namespace {

constexpr int kWarp = 32, kWarps = 8;

STEEPEST_INLINE float operandOf(const GemmArguments& g, uint32_t operand, const float* p, int64_t i) {
  if (isNarrow(g, operand)) return widened(reinterpret_cast<const uint16_t*>(p)[i]);
  return g.bfloat16 != 0 ? toBfloat16(p[i]) : p[i];
}

// `column` of the tile.
STEEPEST_INLINE void finishOne(const GemmArguments& g, const GemmTile& tile, int64_t column, float sum) {
  float one[1][1] = {{sum}};
  finishAndStore<true>(g, g.loopStep, tile, Place{0, column}, one);
}

}  // namespace

// b contiguous along its rows: a block has 32 columns, each warp every eighth number of k for them.
STEEPEST_TILED_KERNEL(256, 1, gemmRowN, GemmArguments g) {
  __shared__ float sums[kWarps][kWarp];
  const GemmTile tile(g, blockIdx.x, 1, kWarp);
  const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp;
  const int64_t column = tile.column + lane;
  float sum = 0;
  if (column < g.n) {
    const float *const a = tile.a(g), *const b = numberAt(g, kNarrowB, tile.b(g), column * g.bColumn);
#pragma unroll 4
    for (int64_t k = tile.firstDepth + warp; k < tile.lastDepth; k += kWarps) {
      sum = ::fmaf(operandOf(g, kNarrowA, a, k * g.aDepth), operandOf(g, kNarrowB, b, k * g.bDepth), sum);
    }
  }
  sums[warp][lane] = sum;
  __syncthreads();
  if (warp != 0) return;
#pragma unroll
  for (int i = 1; i < kWarps; ++i) sum += sums[i][lane];
  finishOne(g, tile, lane, sum);
}

// b contiguous along k: a warp has a column.
STEEPEST_TILED_KERNEL(256, 1, gemmRowT, GemmArguments g) {
  const GemmTile tile(g, blockIdx.x, 1, kWarps);
  const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp;
  const int64_t column = tile.column + warp;
  float sum = 0;
  if (column < g.n) {
    const float *const a = tile.a(g), *const b = numberAt(g, kNarrowB, tile.b(g), column * g.bColumn);
#pragma unroll 4
    for (int64_t k = tile.firstDepth + lane; k < tile.lastDepth; k += kWarp) {
      sum = ::fmaf(operandOf(g, kNarrowA, a, k * g.aDepth), operandOf(g, kNarrowB, b, k * g.bDepth), sum);
    }
  }
#pragma unroll
  for (int lanes = kWarp / 2; lanes > 0; lanes /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, lanes);
  if (lane == 0) finishOne(g, tile, warp, sum);
}

}  // namespace steepest::cuda
