// A tile of a product in float32: threads have squares of 4 or 8 in registers. Each element is summed over k in order.
#pragma once

#include "gemm_stage.h"

namespace steepest::cuda {

// A thread has rows 4 y .. 4 y + 3 of each `kRows / (kDown / 4)` rows of the tile, and columns likewise.
template <int kRows_, int kColumns_, int kDepth_, int kDown, int kAcross, bool kAAlongK, bool kBAlongK>
struct Float32Tile {
  static constexpr int kRows = kRows_, kColumns = kColumns_, kDepth = kDepth_;
  static constexpr bool kNarrow = false;
  static constexpr int kThreadRows = kRows / kDown, kThreadColumns = kColumns / kAcross;
  static constexpr int kThreads = kThreadRows * kThreadColumns;
  static constexpr int kLine = kAcross / 4;  // quads of a thread beside each other
  // Tiles are [depth][rows + kGap], which keeps quads aligned and spreads columns over banks.
  static constexpr int kGap = 4;
  static constexpr int kStrideA = (kRows + kGap) / 4, kStrideB = (kColumns + kGap) / 4;
  using StagedA = Staged<kRows, kDepth, kAAlongK, kThreads>;
  using StagedB = Staged<kColumns, kDepth, kBAlongK, kThreads>;
  struct Shared {
    Quad a[2][kDepth * kStrideA], b[2][kDepth * kStrideB];
  };

  Shared& shared;
  const int y, x;
  float sums[kDown * kAcross / 4][4] = {};

  STEEPEST_INLINE explicit Float32Tile(Shared& memory)
      : shared(memory),
        y(static_cast<int>(threadIdx.x) / kThreadColumns),
        x(static_cast<int>(threadIdx.x) % kThreadColumns) {}

  STEEPEST_INLINE void store(int at, StagedA& a, StagedB& b) {
    storeStaged(a, reinterpret_cast<float*>(shared.a[at]));
    storeStaged(b, reinterpret_cast<float*>(shared.b[at]));
  }

  STEEPEST_INLINE void multiply(int at) {
#pragma unroll
    for (int k = 0; k < kDepth; ++k) {
      Quad left[kDown / 4], right[kAcross / 4];
#pragma unroll
      for (int i = 0; i < kDown / 4; ++i) left[i] = shared.a[at][k * kStrideA + i * kThreadRows + y];
#pragma unroll
      for (int j = 0; j < kAcross / 4; ++j) right[j] = shared.b[at][k * kStrideB + j * kThreadColumns + x];
#pragma unroll
      for (int i = 0; i < kDown; ++i) {
#pragma unroll
        for (int j = 0; j < kAcross; ++j) {
          float& sum = sums[(i * kAcross + j) / 4][j % 4];
          sum = ::fmaf(left[i / 4].x[i % 4], right[j / 4].x[j % 4], sum);
        }
      }
    }
  }

  // Quads of 4 rows beneath each other.
  static constexpr int kTurns = kDown * kAcross / 16, kRowStep = 1;
  STEEPEST_INLINE void take(int turn, float (&quads)[4][4]) const {
#pragma unroll
    for (int t = 0; t < kTurns; ++t) {
      if (t != turn) continue;
#pragma unroll
      for (int i = 0; i < 16; ++i) quads[i / 4][i % 4] = sums[(t / kLine * 4 + i / 4) * kLine + t % kLine][i % 4];
    }
  }
  // Of the first of them, in the tile.
  STEEPEST_INLINE Place placeOf(int turn) const {
    return {(turn / kLine * kThreadRows + y) * 4, (turn % kLine * kThreadColumns + x) * 4};
  }

 private:
  template <int kSize, bool kAlongK>
  static STEEPEST_INLINE void storeStaged(Staged<kSize, kDepth, kAlongK, kThreads>& staged, float* to) {
    staged.each([&](int row, int depth, const Quad& quad) {
      if (kAlongK) {
#pragma unroll
        for (int j = 0; j < 4; ++j) to[(depth + j) * (kSize + kGap) + row] = quad.x[j];
      } else {
        *reinterpret_cast<Quad*>(to + depth * (kSize + kGap) + row) = quad;
      }
    });
  }
};

}  // namespace steepest::cuda
