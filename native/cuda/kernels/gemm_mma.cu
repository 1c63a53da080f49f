// Matrix products of operands rounded to bfloat16, on tensor cores (mma.sync): tiles are rounded on their way from registers to
// shared memory, sums are float32. The next tile is on its way while one is multiplied.
#include "gemm_stage.h"
#include "ptx.h"

namespace steepest::cuda {
namespace {

constexpr int kDepth = 32;
constexpr int kGap = 8;  // numbers behind each run: spreads the eight rows that ldmatrix reads over all banks

// Where a tile of an operand is in shared memory: runs along k or along its rows, as they lie in memory.
template <int kRows, bool kAlongK>
struct Tile {
  static constexpr int kRun = (kAlongK ? kDepth : kRows) + kGap;
  static constexpr int kSize = (kAlongK ? kRows : kDepth) * kRun;  // bfloat16 numbers
  static STEEPEST_INLINE int at(int row, int depth) { return kAlongK ? row * kRun + depth : depth * kRun + row; }
};

struct alignas(8) Pairs {
  uint32_t x[2];
};

template <int kRows, bool kAlongK, int kThreads>
STEEPEST_INLINE void storeRounded(Staged<kRows, kDepth, kAlongK, kThreads>& staged, uint16_t* tile) {
  staged.each([&](int row, int depth, const Quad& quad) {
    *reinterpret_cast<Pairs*>(tile + Tile<kRows, kAlongK>::at(row, depth)) = {
        {ptx::packBfloat16(quad.x[0], quad.x[1]), ptx::packBfloat16(quad.x[2], quad.x[3])}};
  });
}

// Warps stand kDown x kAcross in a tile of kRows x kColumns.
template <int kRows, int kColumns, int kDown, int kAcross, bool kAAlongK, bool kBAlongK>
STEEPEST_INLINE void mmaTile(const GemmArguments& g, uint16_t* shared) {
  constexpr int kThreads = 32 * kDown * kAcross;
  constexpr int kM = kRows / kDown / 16, kN = kColumns / kAcross / 8;  // products of a warp
  using A = Tile<kRows, kAAlongK>;
  using B = Tile<kColumns, kBAlongK>;
  uint16_t *const tilesA = shared, *const tilesB = shared + 2 * A::kSize;  // two of each
  const GemmTile tile(g, blockIdx.x, kRows, kColumns);
  const float *const a = tile.a(g), *const b = tile.b(g);
  const int64_t aStride = kAAlongK ? g.aRow : g.aDepth, bStride = kBAlongK ? g.bColumn : g.bDepth;
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const int firstRow = warp / kAcross * (kRows / kDown), firstColumn = warp % kAcross * (kColumns / kAcross);
  // Which row of which of four matrices this lane names to ldmatrix, in a 16 x 16 piece: A's matrices go down first, B's
  // along k.
  const int which = lane / 8, line = lane % 8;
  const int aRow = which % 2 * 8 + (kAAlongK ? line : 0), aDepth = which / 2 * 8 + (kAAlongK ? 0 : line);
  const int bColumn = which / 2 * 8 + (kBAlongK ? line : 0), bDepth = which % 2 * 8 + (kBAlongK ? 0 : line);

  Staged<kRows, kDepth, kAAlongK, kThreads> nextA;
  Staged<kColumns, kDepth, kBAlongK, kThreads> nextB;
  float sums[kM * kN * 2][2] = {};  // two runs of each product
  nextA.load(a, aStride, tile.row, g.m, tile.firstDepth, tile.lastDepth, g.aQuads != 0);
  nextB.load(b, bStride, tile.column, g.n, tile.firstDepth, tile.lastDepth, g.bQuads != 0);
  storeRounded(nextA, tilesA);
  storeRounded(nextB, tilesB);
  __syncthreads();
  int now = 0;
  for (int64_t depth = tile.firstDepth; depth < tile.lastDepth; depth += kDepth, now ^= 1) {
    const bool more = depth + kDepth < tile.lastDepth;
    if (more) {
      nextA.load(a, aStride, tile.row, g.m, depth + kDepth, tile.lastDepth, g.aQuads != 0);
      nextB.load(b, bStride, tile.column, g.n, depth + kDepth, tile.lastDepth, g.bQuads != 0);
    }
#pragma unroll
    for (int k = 0; k < kDepth; k += 16) {
      uint32_t left[kM][4], right[kN * 2];
#pragma unroll
      for (int i = 0; i < kM; ++i) {
        ptx::loadMatrices<!kAAlongK>(left[i], tilesA + now * A::kSize + A::at(firstRow + i * 16 + aRow, k + aDepth));
      }
#pragma unroll
      for (int j = 0; j < kN; j += 2) {
        ptx::loadMatrices<!kBAlongK>(right + 2 * j,
                                     tilesB + now * B::kSize + B::at(firstColumn + j * 8 + bColumn, k + bDepth));
      }
#pragma unroll
      for (int i = 0; i < kM; ++i) {
#pragma unroll
        for (int j = 0; j < kN; ++j) ptx::multiplyBfloat16(sums + (i * kN + j) * 2, left[i], right + 2 * j);
      }
    }
    if (more) {
      storeRounded(nextA, tilesA + (now ^ 1) * A::kSize);
      storeRounded(nextB, tilesB + (now ^ 1) * B::kSize);
    }
    __syncthreads();
  }
  finishAndStore(g, g.loopStep, tile, sums, [&](int run) {
    const int i = run / 2 / kN, j = run / 2 % kN;
    return Place{tile.row + firstRow + i * 16 + run % 2 * 8 + lane / 4,
                 tile.column + firstColumn + j * 8 + lane % 4 * 2};
  });
}

}  // namespace

// Named as the float32 kernels are. What they need of shared memory is in gemm.cc.
#define STEEPEST_MMA(rows, columns, down, across, form, aAlongK, bAlongK)                           \
  STEEPEST_TILED_KERNEL(32 * (down) * (across), 1, mma##rows##x##columns##form, GemmArguments g) {  \
    STEEPEST_DYNAMIC_SHARED(shared);                                                                \
    mmaTile<rows, columns, down, across, aAlongK, bAlongK>(g, reinterpret_cast<uint16_t*>(shared)); \
  }
#define STEEPEST_MMAS(rows, columns, down, across)           \
  STEEPEST_MMA(rows, columns, down, across, NN, true, false) \
  STEEPEST_MMA(rows, columns, down, across, NT, true, true)  \
  STEEPEST_MMA(rows, columns, down, across, TN, false, false)
STEEPEST_MMAS(128, 128, 2, 4)
STEEPEST_MMAS(64, 64, 2, 2)
STEEPEST_MMA(64, 64, 2, 2, TT, false, true)

}  // namespace steepest::cuda
