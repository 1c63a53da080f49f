// A warp's finished sums on their way to memory: boxes in shared memory, which the device copies from there by itself (TMA) while
// the warp goes on, to its next tile too.
#pragma once

#include "gemm_result.h"
#include "gemm_wgmma.h"
#include "ptx.h"

#ifdef STEEPEST_HAS_WGMMA
namespace steepest::cuda {

// 16 rows of 128 bytes each, in the swizzle of the result's map. There are two: one is filled while the other one is read.
class WarpBoxes {
 public:
  static constexpr int kRowBytes = 128, kBytes = kBoxRows * kRowBytes;
  static_assert(kWarpBoxesBytes == 2 * kBytes && kBytes % 1024 == 0, "the swizzle's pattern is 1024 bytes long");

  // `shared` is the block's, for all of its warps.
  STEEPEST_INLINE WarpBoxes(unsigned char* shared, int warp) : memory_(shared + warp * kWarpBoxesBytes) {}

  // Until the next box has been read. The warp meets.
  STEEPEST_INLINE void begin() const {
    if (lane() == 0) ptx::awaitStores<1>();
    __syncwarp();
  }
  // 8 runs of 32 columns, as tensor cores leave them: of the upper and the lower 8 rows of 8 columns, then of the next ones.
  // As float32, which fills a box. Odd rows take their columns in another order than even ones: half a warp writes to all banks.
  STEEPEST_INLINE void put(const float (&runs)[8][2]) const {
    const int row = lane() / 4, odd = row % 2;
    const uint32_t first = static_cast<uint32_t>((lane() % 4 / 2 ^ row ^ odd * 4) * 16 + lane() % 2 * 8);
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      const int other = i ^ 4;
      unsigned char* const to = memory_ + number_ * kBytes + (row + i % 2 * 8) * kRowBytes + (first ^ i / 2 * 32u);
      *reinterpret_cast<Pair*>(to) = {{odd ? runs[other][0] : runs[i][0], odd ? runs[other][1] : runs[i][1]}};
    }
  }
  // As bfloat16, which fills the left or the right half of one.
  STEEPEST_INLINE void putNarrow(const float (&runs)[8][2], int half) const {
    const int row = lane() % 16;
#pragma unroll
    for (int i = 0; i < 8; i += 4) {
      uint32_t words[4];
#pragma unroll
      for (int j = 0; j < 4; ++j) words[j] = ptx::packBfloat16(runs[i + j][0], runs[i + j][1]);
      const int piece = half * 4 + i / 2 + lane() / 16;
      ptx::storeMatrices(memory_ + number_ * kBytes + row * kRowBytes + (piece ^ row % 8) * 16, words);
    }
  }
  // The box goes to x, y, z of the result.
  STEEPEST_INLINE void send(const TensorMap* map, int64_t x, int64_t y, int64_t z) {
    ptx::fenceCopies();
    __syncwarp();
    if (lane() == 0) {
      ptx::storeBox(map, memory_ + number_ * kBytes, static_cast<int>(x), static_cast<int>(y), static_cast<int>(z));
      ptx::closeStores();
    }
    number_ ^= 1;
  }
  // Until all boxes are in memory.
  STEEPEST_INLINE void end() const {
    if (lane() == 0) ptx::finishStores();
  }

 private:
  static STEEPEST_INLINE int lane() { return static_cast<int>(threadIdx.x) % 32; }

  unsigned char* const memory_;
  int number_ = 0;
};

// Finishes and sends the sums of a warp for 16 rows of a tile, from `firstRow` of it on: what finishProduct does by way of a strip.
// Rows of c lie as its map has them, in quads. kNarrow: c may be bfloat16 numbers.
template <bool kNarrow, int kColumns, typename Tile>
STEEPEST_INLINE void sendProduct(const GemmArguments& g, int64_t loopStep, const Tile& tile, int firstRow,
                                 const float (&sums)[kColumns / 4][2], const TensorMap* map, WarpBoxes& boxes) {
  const bool narrow = kNarrow && g.finish.narrow && g.parts == 1;
  const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll 1
  for (int turn = 0; turn < kColumns / 32; ++turn) {
    const int half = narrow ? turn % 2 : 0, first = (turn - half) * 32;  // column of the box
    if (tile.column + first >= g.n) return;
    float runs[8][2];
#pragma unroll
    for (int i = 0; i < kColumns / 4; ++i) {
      if (i / 8 != turn) continue;
      runs[i % 8][0] = sums[i][0];
      runs[i % 8][1] = sums[i][1];
    }
    int64_t elements[2];
    finishRuns<kNarrow, 8>(g, loopStep, tile, Place{firstRow + lane / 4, turn * 32 + lane % 4 * 2}, elements, runs);
    if (half == 0) boxes.begin();
    if (narrow) {
      boxes.putNarrow(runs, half);
    } else {
      boxes.put(runs);
    }
    if (narrow && half == 0) continue;
    boxes.send(map, tile.column + first, tile.row + firstRow, tile.part * g.batch.size + tile.batch);
  }
}

}  // namespace steepest::cuda
#endif
