// Matrix products in float32: a block has a tile of c, its threads squares of 4 or 8 in registers; tiles of a and b pass
// through shared memory, the next one on its way to registers while one is multiplied. Each element is summed over k in order.
#include "gemm_stage.h"

namespace steepest::cuda {
namespace {

// In shared memory tiles are [depth][rows + kGap], which keeps quads aligned and spreads columns over banks.
constexpr int kGap = 4;

template <int kRows, int kDepth, bool kAlongK, int kThreads>
STEEPEST_INLINE void storeStaged(Staged<kRows, kDepth, kAlongK, kThreads>& staged, Quad* shared) {
  float* const to = reinterpret_cast<float*>(shared);
  staged.each([&](int row, int depth, const Quad& quad) {
    if (kAlongK) {
#pragma unroll
      for (int j = 0; j < 4; ++j) to[(depth + j) * (kRows + kGap) + row] = quad.x[j];
    } else {
      *reinterpret_cast<Quad*>(to + depth * (kRows + kGap) + row) = quad;
    }
  });
}

// A thread has rows 4 y .. 4 y + 3 of each `kRows / (kDown / 4)` rows of the tile, and columns likewise.
template <int kRows, int kColumns, int kDepth, int kDown, int kAcross, bool kAAlongK, bool kBAlongK>
STEEPEST_INLINE void gemmTile(const GemmArguments& g) {
  constexpr int kThreadRows = kRows / kDown, kThreadColumns = kColumns / kAcross;
  constexpr int kThreads = kThreadRows * kThreadColumns;
  constexpr int kStrideA = (kRows + kGap) / 4, kStrideB = (kColumns + kGap) / 4;
  __shared__ Quad sharedA[2][kDepth * kStrideA];
  __shared__ Quad sharedB[2][kDepth * kStrideB];
  const GemmTile tile(g, blockIdx.x, kRows, kColumns);
  const float *const a = tile.a(g), *const b = tile.b(g);
  const int64_t aStride = kAAlongK ? g.aRow : g.aDepth, bStride = kBAlongK ? g.bColumn : g.bDepth;
  const int y = static_cast<int>(threadIdx.x) / kThreadColumns, x = static_cast<int>(threadIdx.x) % kThreadColumns;

  Staged<kRows, kDepth, kAAlongK, kThreads> nextA;
  Staged<kColumns, kDepth, kBAlongK, kThreads> nextB;
  float sums[kDown * kAcross / 4][4] = {};
  nextA.load(a, aStride, tile.row, g.m, tile.firstDepth, tile.lastDepth, g.aQuads != 0);
  nextB.load(b, bStride, tile.column, g.n, tile.firstDepth, tile.lastDepth, g.bQuads != 0);
  storeStaged(nextA, sharedA[0]);
  storeStaged(nextB, sharedB[0]);
  __syncthreads();
  int now = 0;
  for (int64_t depth = tile.firstDepth; depth < tile.lastDepth; depth += kDepth, now ^= 1) {
    const bool more = depth + kDepth < tile.lastDepth;
    if (more) {
      nextA.load(a, aStride, tile.row, g.m, depth + kDepth, tile.lastDepth, g.aQuads != 0);
      nextB.load(b, bStride, tile.column, g.n, depth + kDepth, tile.lastDepth, g.bQuads != 0);
    }
#pragma unroll
    for (int k = 0; k < kDepth; ++k) {
      Quad left[kDown / 4], right[kAcross / 4];
#pragma unroll
      for (int i = 0; i < kDown / 4; ++i) left[i] = sharedA[now][k * kStrideA + i * kThreadRows + y];
#pragma unroll
      for (int j = 0; j < kAcross / 4; ++j) right[j] = sharedB[now][k * kStrideB + j * kThreadColumns + x];
#pragma unroll
      for (int i = 0; i < kDown; ++i) {
#pragma unroll
        for (int j = 0; j < kAcross; ++j) {
          float& sum = sums[(i * kAcross + j) / 4][j % 4];
          sum = ::fmaf(left[i / 4].x[i % 4], right[j / 4].x[j % 4], sum);
        }
      }
    }
    if (more) {
      storeStaged(nextA, sharedA[now ^ 1]);
      storeStaged(nextB, sharedB[now ^ 1]);
    }
    __syncthreads();
  }
  finishAndStore(g, g.loopStep, tile, sums, [&](int run) {
    const int i = run / (kAcross / 4), j = run % (kAcross / 4);
    return Place{tile.row + (i / 4 * kThreadRows + y) * 4 + i % 4, tile.column + (j * kThreadColumns + x) * 4};
  });
}

}  // namespace

// Named by the tile and by how operands lie: N for row-major a [m, k] and b [k, n], T for transposed ones. Both transposed is
// rare, and has one tile only.
#define STEEPEST_GEMM(rows, columns, depth, down, across, form, aAlongK, bAlongK)                                     \
  STEEPEST_TILED_KERNEL((rows) * (columns) / ((down) * (across)), 2, gemm##rows##x##columns##form, GemmArguments g) { \
    gemmTile<rows, columns, depth, down, across, aAlongK, bAlongK>(g);                                                \
  }
#define STEEPEST_GEMMS(rows, columns, depth, down, across)           \
  STEEPEST_GEMM(rows, columns, depth, down, across, NN, true, false) \
  STEEPEST_GEMM(rows, columns, depth, down, across, NT, true, true)  \
  STEEPEST_GEMM(rows, columns, depth, down, across, TN, false, false)
STEEPEST_GEMMS(128, 128, 8, 8, 8)
STEEPEST_GEMMS(64, 64, 16, 4, 4)
STEEPEST_GEMM(64, 64, 16, 4, 4, TT, false, true)
STEEPEST_GEMMS(32, 128, 16, 4, 4)
STEEPEST_GEMMS(128, 32, 16, 4, 4)

// The parts of k, added in order.
STEEPEST_KERNEL(gemmParts, GemmArguments g) {
  const int64_t size = g.batch.size * g.m * g.n;
  STEEPEST_EACH(i, size) {
    float sum = g.sums[i];
    for (int64_t part = 1; part < g.parts; ++part) sum += g.sums[part * size + i];
    slid(g.c, g.loopStep * g.cSlide)[i] = finished(g.finish, g.loopStep, sum, i % g.n, i);
  }
}

}  // namespace steepest::cuda
