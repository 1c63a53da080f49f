// A tile of a product of operands rounded to bfloat16 or tf32, on tensor cores (mma.sync): they are rounded on their way from
// registers to shared memory, sums are float32.
#pragma once

#include "gemm_stage.h"
#include "gemm_strip.h"
#include "ptx.h"

namespace steepest::cuda {

constexpr int kPiece = 16;  // bytes of a row that ldmatrix reads

// What operands are rounded to.
struct Bfloat16 {
  using Number = uint16_t;
  struct alignas(8) Four {
    uint32_t x[2];
  };
  static STEEPEST_INLINE Four rounded(const Quad& quad) {
    return {{ptx::packBfloat16(quad.x[0], quad.x[1]), ptx::packBfloat16(quad.x[2], quad.x[3])}};
  }
  static STEEPEST_INLINE void multiply(float (*sums)[2], const uint32_t* a, const uint32_t* b) {
    ptx::multiplyBfloat16(sums, a, b);
  }
};
struct Tf32 {
  using Number = uint32_t;
  struct alignas(16) Four {
    uint32_t x[4];
  };
  static STEEPEST_INLINE Four rounded(const Quad& quad) {
    return {{ptx::toTf32(quad.x[0]), ptx::toTf32(quad.x[1]), ptx::toTf32(quad.x[2]), ptx::toTf32(quad.x[3])}};
  }
  static STEEPEST_INLINE void multiply(float (*sums)[2], const uint32_t* a, const uint32_t* b) {
    ptx::multiplyTf32(sums, a, b);
  }
};

// A tile of an operand in shared memory, of 64 bytes along k: runs along k or along its rows, as they lie in memory. The gap
// behind a run spreads what a warp reads at once over all banks.
template <typename Format, int kRows, bool kAlongK>
struct RoundedTile {
  using Number = typename Format::Number;
  static constexpr int kDepth = 64 / sizeof(Number);
  static constexpr int kStep = 2 * kPiece / sizeof(Number);  // along k, of one product
  static constexpr int kHalf = kStep / 2;
  static constexpr int kRun = kAlongK ? kDepth + kHalf : kRows + 8;
  static constexpr int kSize = (kAlongK ? kRows : kDepth) * kRun;       // numbers
  static constexpr bool kTransposes = !kAlongK && sizeof(Number) == 2;  // in ldmatrix, which knows 16-bit numbers only

  static STEEPEST_INLINE int at(int row, int depth) { return kAlongK ? row * kRun + depth : depth * kRun + row; }

  template <int kThreads>
  static STEEPEST_INLINE void store(Staged<kRows, kDepth, kAlongK, kThreads>& staged, Number* tile) {
    staged.each([&](int row, int depth, const Quad& quad) {
      *reinterpret_cast<typename Format::Four*>(tile + at(row, depth)) = Format::rounded(quad);
    });
  }

  // Four words of a lane, from 8 rows x 16 bytes of k each: of the 16 rows first, or with kDepthFirst, of both halves of k.
  template <bool kDepthFirst>
  static STEEPEST_INLINE void load(uint32_t* to, const Number* tile, int row, int depth) {
    const int lane = static_cast<int>(threadIdx.x) % 32, which = lane / 8, line = lane % 8;
    if constexpr (kAlongK || kTransposes) {
      // Which row of which matrix this lane names.
      row += (kDepthFirst ? which / 2 : which % 2) * 8 + (kAlongK ? line : 0);
      depth += (kDepthFirst ? which % 2 : which / 2) * kHalf + (kAlongK ? 0 : line);
      ptx::loadMatrices<kTransposes>(to, tile + at(row, depth));
    } else {
      const Number* const from = tile + at(row + lane / 4, depth + lane % 4);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        to[i] = from[at((kDepthFirst ? i / 2 : i % 2) * 8, (kDepthFirst ? i % 2 : i / 2) * kHalf)];
      }
    }
  }
};

// Warps stand kDown x kAcross in a tile of kRows x kColumns.
template <typename Format, int kRows_, int kColumns_, int kDown, int kAcross, bool kAAlongK, bool kBAlongK>
struct MmaTile {
  using A = RoundedTile<Format, kRows_, kAAlongK>;
  using B = RoundedTile<Format, kColumns_, kBAlongK>;
  using Number = typename Format::Number;
  static constexpr int kRows = kRows_, kColumns = kColumns_, kDepth = A::kDepth;
  static constexpr bool kNarrow = sizeof(Number) == 2;  // operands and c may be bfloat16 numbers in memory
  static constexpr int kThreads = 32 * kDown * kAcross;
  static constexpr int kM = kRows / kDown / 16, kN = kColumns / kAcross / 8;  // products of a warp
  using StagedA = Staged<kRows, kDepth, kAAlongK, kThreads>;
  using StagedB = Staged<kColumns, kDepth, kBAlongK, kThreads>;

  Number *const tilesA, *const tilesB;  // two of each
  const int firstRow, firstColumn;
  float sums[kM * kN * 2][2] = {};  // two runs of each product

  STEEPEST_INLINE explicit MmaTile(unsigned char* shared)
      : tilesA(reinterpret_cast<Number*>(shared)),
        tilesB(tilesA + 2 * A::kSize),
        firstRow(static_cast<int>(threadIdx.x) / 32 / kAcross * (kRows / kDown)),
        firstColumn(static_cast<int>(threadIdx.x) / 32 % kAcross * (kColumns / kAcross)) {}

  STEEPEST_INLINE void store(int to, StagedA& a, StagedB& b) {
    A::store(a, tilesA + to * A::kSize);
    B::store(b, tilesB + to * B::kSize);
  }

  STEEPEST_INLINE void multiply(int from) {
#pragma unroll
    for (int k = 0; k < kDepth; k += A::kStep) {
      uint32_t left[kM][4], right[kN * 2];
#pragma unroll
      for (int i = 0; i < kM; ++i) {
        A::template load<false>(left[i], tilesA + from * A::kSize, firstRow + i * 16, k);
      }
#pragma unroll
      for (int j = 0; j < kN; j += 2) {
        B::template load<true>(right + 2 * j, tilesB + from * B::kSize, firstColumn + j * 8, k);
      }
#pragma unroll
      for (int i = 0; i < kM; ++i) {
#pragma unroll
        for (int j = 0; j < kN; ++j) Format::multiply(sums + (i * kN + j) * 2, left[i], right + 2 * j);
      }
    }
  }

  // 16 rows of a warp, by way of where the tiles have been.
  static constexpr int kTurns = kM, kRowStep = WarpStrip::kRowStep;
  static_assert(kN == 4 && kThreads / 32 * kStripBytes <= 2 * (A::kSize + B::kSize) * sizeof(Number));
  STEEPEST_INLINE void take(int turn, float (&quads)[4][4]) const {
    const WarpStrip strip(tilesA, static_cast<int>(threadIdx.x) / 32);
    __syncwarp();
#pragma unroll
    for (int i = 0; i < kM; ++i) {
      if (i == turn) strip.put(sums + i * kN * 2);
    }
    __syncwarp();
    strip.get(quads);
  }
  // Of the first of them, in the tile.
  STEEPEST_INLINE Place placeOf(int turn) const {
    return {firstRow + turn * 16 + WarpStrip::row(), firstColumn + WarpStrip::column()};
  }
};

}  // namespace steepest::cuda
