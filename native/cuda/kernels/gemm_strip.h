// A warp's sums on their way from tensor cores to memory.
#pragma once

#include "gemm_result.h"

namespace steepest::cuda {

// 16 rows of 32 columns. Tensor cores leave a thread pairs of neighbours; by way of shared memory they become quads, of which a
// warp writes whole lines, and those of a thread stand beneath each other.
struct WarpStrip {
  static constexpr int kRowStep = 4;  // from one of a thread's quads to the next

  float* const strip;

  // `shared` is the block's, for all of its warps; it begins at a multiple of 16 bytes.
  STEEPEST_INLINE explicit WarpStrip(void* shared, int warp)
      : strip(reinterpret_cast<float*>(static_cast<unsigned char*>(shared) + warp * kStripBytes)) {}

  // Of 8 runs: of the upper and the lower 8 rows of 8 columns, then of the next ones, as mma leaves them. The warp has to meet
  // before it and after it.
  STEEPEST_INLINE void put(const float (*runs)[2]) const {
    float* const to = strip + lane() / 4 * kStripRow + lane() % 4 * 2;
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      *reinterpret_cast<Pair*>(to + i % 2 * 8 * kStripRow + i / 2 * 8) = {{runs[i][0], runs[i][1]}};
    }
  }
  STEEPEST_INLINE void get(float (&quads)[4][4]) const {
#pragma unroll
    for (int i = 0; i < 4; ++i) loadRun(strip + (row() + i * kRowStep) * kStripRow + column(), quads[i]);
  }
  // Where a thread's quads begin.
  static STEEPEST_INLINE int row() { return lane() / 8; }
  static STEEPEST_INLINE int column() { return lane() % 8 * 4; }

 private:
  static STEEPEST_INLINE int lane() { return static_cast<int>(threadIdx.x) % 32; }
};

}  // namespace steepest::cuda
