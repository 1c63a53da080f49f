// What attention by wgmma is made of (Shah et al., "FlashAttention-3", 2024): blocks stay and take tile after tile of rows. A thread
// of the first warp group asks for boxes of the operands, some stages of columns ahead, and for the next rows while the
// last ones are finished; the two other warp groups multiply, 64 rows each.
#pragma once

#include "attention_fragments.h"
#include "attention_wgmma.h"
#include "warp_groups.h"

#ifdef STEEPEST_HAS_WGMMA
namespace steepest::cuda {

// In swizzled runs of 64 numbers: a tile has all its steps with their first 64 features, then those with the next.
constexpr int kSwizzledRun = 128, kSwizzledEight = 8 * kSwizzledRun;

// Which stage is next. Producers wait for `phase ^ 1`, as all stages are empty at first.
template <int kStages>
struct Ring {
  int stage = 0;
  uint32_t phase = 0;

  STEEPEST_INLINE void next() {
    if (++stage == kStages) {
      stage = 0;
      phase ^= 1u;
    }
  }
  STEEPEST_INLINE int before() const { return stage == 0 ? kStages - 1 : stage - 1; }
};

enum Which { kD, kE };

// Where a block has what in its shared memory.
template <int kWidth, int kOperands, int kColumns, int kStages>
struct AttentionMemory {
  static constexpr int kRowBytes = kAttentionWgmmaRows * kWidth * 2, kColumnBytes = kColumns * kWidth * 2;
  using Stage = Ring<kStages>;
  unsigned char* at;

  STEEPEST_INLINE unsigned char* rows(Which which) const { return at + which * kRowBytes; }
  // Of a warp group.
  STEEPEST_INLINE unsigned char* rows(Which which, int group) const { return rows(which) + group * 64 * kSwizzledRun; }
  STEEPEST_INLINE unsigned char* columns(Which which, int stage) const {
    return at + kOperands * kRowBytes + (2 * stage + which) * kColumnBytes;
  }
  // Of the queries, where they are the columns, see AttentionWgmmaArguments.
  STEEPEST_INLINE float* statistics(int stage) const {
    return reinterpret_cast<float*>(at + kOperands * kRowBytes + 2 * kStages * kColumnBytes) + stage * 2 * kColumns;
  }
  STEEPEST_INLINE uint64_t* barrier(int i) const { return reinterpret_cast<uint64_t*>(statistics(kStages)) + i; }
  STEEPEST_INLINE uint64_t* rowsFull() const { return barrier(0); }
  STEEPEST_INLINE uint64_t* rowsEmpty() const { return barrier(1); }
  STEEPEST_INLINE uint64_t* turn(int group) const { return barrier(2 + group); }
  STEEPEST_INLINE uint64_t* full(Which which, int stage) const { return barrier(4 + 2 * stage + which); }
  STEEPEST_INLINE uint64_t* empty(Which which, int stage) const { return barrier(4 + 2 * (kStages + stage) + which); }

  STEEPEST_INLINE void init() const {
    ptx::initBarrier(rowsFull(), 1);
    ptx::initBarrier(rowsEmpty(), 2 * kGroupWarps);
    ptx::initBarrier(turn(0), kGroupWarps);
    ptx::initBarrier(turn(1), kGroupWarps);
    for (int i = 0; i < kStages; ++i) {
      ptx::initBarrier(full(kD, i), 1);
      ptx::initBarrier(full(kE, i), 1);
      ptx::initBarrier(empty(kD, i), 2 * kGroupWarps);
      ptx::initBarrier(empty(kE, i), 2 * kGroupWarps);
    }
    ptx::fenceBarriers();
  }
};

// Announces a tile of kSteps steps, and asks for it.
template <int kWidth, int kSteps>
STEEPEST_INLINE void askFor(unsigned char* to, const TensorMap* map, int first, int head, uint64_t* full) {
#pragma unroll
  for (int f = 0; f < kWidth; f += 64) {
    ptx::copyBox(to + f * kSteps * 2, map, f, first, head, full);
  }
}

// The tiles of a block. Where causal rows have more to do than others, those are first; heads are side by side then, as
// many as `together` says. Rounds over the blocks go there and back, so that who had the most gets the least.
struct Walk {
  int heads, tiles, together, round = 0;
  bool lastFirst;

  STEEPEST_INLINE Walk(int64_t heads, int tiles, int64_t together, bool lastFirst)
      : heads(static_cast<int>(heads)),
        tiles(tiles),
        together(static_cast<int>(smaller(together, heads))),
        lastFirst(lastFirst) {}
  STEEPEST_INLINE int index() const {
    const int blocks = static_cast<int>(gridDim.x), block = static_cast<int>(blockIdx.x);
    return round * blocks + (round % 2 == 0 ? block : blocks - 1 - block);
  }
  STEEPEST_INLINE bool more() const { return index() < heads * tiles; }
  STEEPEST_INLINE void next() { ++round; }
  STEEPEST_INLINE int section() const { return index() / (together * tiles) * together; }  // its first head
  STEEPEST_INLINE int side() const { return smaller(together, heads - section()); }
  STEEPEST_INLINE int inSection() const { return index() % (together * tiles); }
  STEEPEST_INLINE int head() const { return section() + inSection() % side(); }
  STEEPEST_INLINE int first() const {
    const int tile = inSection() / side();
    return (lastFirst ? tiles - 1 - tile : tile) * kAttentionWgmmaRows;
  }
};

// sums = rows . columns over the features of both tiles.
template <int kWidth, int kColumns>
STEEPEST_INLINE void multiplyScores(float (&sums)[kColumns / 4][2], const unsigned char* rows,
                                    const unsigned char* columns) {
#pragma unroll
  for (int k = 0; k < kWidth; k += 16) {
    const int along = k % 64 * 2, left = k / 64 * kAttentionWgmmaRows, right = k / 64 * kColumns;
    ptx::multiplyGroup<false, false>(sums, ptx::describeMatrix(rows + left * kSwizzledRun + along, 16, kSwizzledEight),
                                     ptx::describeMatrix(columns + right * kSwizzledRun + along, 16, kSwizzledEight),
                                     k != 0);
  }
}

// sums (+)= weights columns, whose features are the columns of the sums.
template <int kWidth, int kColumns>
STEEPEST_INLINE void multiplyWeights(float (&sums)[kWidth / 4][2], const uint32_t (&weights)[kColumns / 16][4],
                                     const unsigned char* columns, bool accumulate) {
#pragma unroll
  for (int k = 0; k < kColumns / 16; ++k) {
    ptx::multiplyHeld<true>(
        sums, weights[k], ptx::describeMatrix(columns + k * 16 * kSwizzledRun, kColumns * kSwizzledRun, kSwizzledEight),
        accumulate || k != 0);
  }
}

// A block's part of a Forward or a Backward, which know its memory, their maps, and what one thread copies for both groups.
template <typename Work>
STEEPEST_INLINE void attendTo(const Work& work) {
  divideBlock<24, 240>(
      [&] {
        work.memory.init();
        work.prefetch();
      },
      [&] { work.copy(); }, [&](int group) { work.multiply(group); });
}

}  // namespace steepest::cuda
#endif
