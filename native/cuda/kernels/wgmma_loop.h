// The loop of products on the tensor cores of compute capability 9.0. Blocks stay and take tile after tile. The first warp group
// asks for boxes of the operands, kWgmmaStages of them ahead; the two others multiply, 64 rows each, and finish and store
// their tile while the first is at the next one. Results that go by TMA are on their way during the next tile.
#pragma once

#include "gemm_boxes.h"
#include "gemm_strip.h"
#include "gemm_wgmma.h"
#include "warp_groups.h"

namespace steepest::cuda {

// What a kernel multiplies: operands along k, or transposed, along their other axis. kDepth numbers are 128 bytes. Blocks of a
// cluster, kMembers, take tiles that follow each other, and so have the same part of b: each brings a share of it to all.
template <int kColumns_, int kDepth_, bool kTransposedA_, bool kTransposedB_, int kMembers_ = 1>
struct WgmmaShape {
  static constexpr int kMembers = kMembers_;
  static constexpr int kColumns = kColumns_, kDepth = kDepth_;
  static constexpr bool kTransposedA = kTransposedA_, kTransposedB = kTransposedB_;
};

#ifdef STEEPEST_HAS_WGMMA

constexpr int kWgmmaRun = 64;                   // numbers of bfloat16 in a swizzled run of 128 bytes
constexpr int kWgmmaBox = kWgmmaRun * 64 * 2;   // bytes of 64 runs
constexpr int kWgmmaEight = 8 * kWgmmaRun * 2;  // bytes of 8 runs
constexpr int kWgmmaBytesA = kWgmmaRows * kWgmmaDepth * 2;

// Where the stages of a block are, and which one is next.
template <int kColumns>
struct Stages {
  static constexpr int kBytesB = kColumns * kWgmmaDepth * 2;
  unsigned char* memory;
  int stage = 0;
  uint32_t phase = 0;

  STEEPEST_INLINE unsigned char* a() const { return memory + stage * kWgmmaBytesA; }
  STEEPEST_INLINE unsigned char* b() const { return memory + kWgmmaStages * kWgmmaBytesA + stage * kBytesB; }
  // What warps have for their results.
  STEEPEST_INLINE unsigned char* boxes() const { return memory + kWgmmaStages * (kWgmmaBytesA + kBytesB); }
  // Its data are there; everybody is done with them.
  STEEPEST_INLINE uint64_t* full(int of) const {
    return reinterpret_cast<uint64_t*>(boxes() + kWgmmaRows / kBoxRows * kWarpBoxesBytes) + of;
  }
  STEEPEST_INLINE uint64_t* empty(int of) const { return full(kWgmmaStages + of); }
  STEEPEST_INLINE int before() const { return stage == 0 ? kWgmmaStages - 1 : stage - 1; }
  STEEPEST_INLINE void next() {
    if (++stage == kWgmmaStages) {
      stage = 0;
      phase ^= 1u;
    }
  }
};

// A tile of an operand from `row` and `depth` on, in one box, or when it lies along its rows, in one for 64 of them. One that kMembers
// blocks have in common: a share of its rows, for all of them.
template <bool kTransposed, int kRows, int kMembers = 1>
STEEPEST_INLINE void copyOperand(unsigned char* to, const TensorMap* map, int64_t row, int64_t depth, int z,
                                 uint64_t* full) {
  constexpr int kShare = kRows / kMembers;
  const int first = kMembers == 1 ? 0 : static_cast<int>(ptx::memberOfCluster()) * kShare;
  const auto copy = [&](int at, int x, int y) {
    unsigned char* const place = to + (first + at) * kWgmmaRun * 2;
    if constexpr (kMembers == 1) {
      ptx::copyBox(place, map, x, y, z, full);
    } else {
      ptx::copyBoxToAll<kMembers>(place, map, x, y, z, full);
    }
  };
  const int begin = static_cast<int>(row) + first, k = static_cast<int>(depth);
  if (kTransposed) {
    for (int j = 0; j < kShare; j += kWgmmaRun) copy(j, begin + j, k);
  } else {
    copy(0, k, begin);
  }
}

// `Source` is a WgmmaShape that says what is multiplied:
//   product(), loopStep()        arguments, by which tiles are numbered
//   tile(i)                      a GemmTile, or something that knows other places in c
//   kSomeEmpty                   there may be tiles without depth, which are zeros
//   copy(tile, depth, a, b, full)    asks for the operands of a stage, whose bytes arrive at `full`
//   prefetch()                   its tensor maps
//   result()                     that of c, or null where c is no matrix or its rows are not in quads
template <typename Source>
STEEPEST_INLINE int64_t tilesOf(const Source& source) {
  const GemmArguments& g = source.product();
  return (g.m + kWgmmaRows - 1) / kWgmmaRows * ((g.n + Source::kColumns - 1) / Source::kColumns) * g.batch.size *
         g.parts;
}

// One thread.
template <typename Source>
STEEPEST_INLINE void copyTiles(const Source& source, Stages<Source::kColumns> stages) {
  const int64_t tiles = tilesOf(source);
  for (int64_t i = blockIdx.x; i < tiles; i += gridDim.x) {
    const auto tile = source.tile(i);
    if (!tile.contains(source.product(), {0, 0})) continue;
    for (int64_t depth = tile.firstDepth; depth < tile.lastDepth; depth += Source::kDepth, stages.next()) {
      uint64_t* const full = stages.full(stages.stage);
      ptx::awaitPhase(stages.empty(stages.stage), stages.phase ^ 1u);
      ptx::arriveExpecting(full, kWgmmaBytesA + Stages<Source::kColumns>::kBytesB);
      source.copy(tile, depth, stages.a(), stages.b(), full);
    }
  }
}

// Those of a warp, 16 rows, for finishProduct.
template <int kColumns, bool kOfBfloat16>
struct WgmmaSums {
  static constexpr bool kNarrow = kOfBfloat16;
  static constexpr int kTurns = kColumns / 32, kRowStep = WarpStrip::kRowStep;
  const float (&sums)[kColumns / 4][2];
  WarpStrip strip;
  int firstRow;

  STEEPEST_INLINE void take(int turn, float (&quads)[4][4]) const {
    __syncwarp();
#pragma unroll
    for (int t = 0; t < kTurns; ++t) {
      if (t == turn) strip.put(sums + t * 8);
    }
    __syncwarp();
    strip.get(quads);
  }
  STEEPEST_INLINE Place placeOf(int turn) const {
    return {firstRow + WarpStrip::row(), turn * 32 + WarpStrip::column()};
  }
};

// A warp group, for its 64 rows of each tile.
template <typename Source>
STEEPEST_INLINE void multiplyTiles(const Source& source, Stages<Source::kColumns> stages, int group) {
  constexpr bool kTransposedA = Source::kTransposedA, kTransposedB = Source::kTransposedB;
  const GemmArguments& g = source.product();
  const int64_t tiles = tilesOf(source);
  const int thread = static_cast<int>(threadIdx.x) % 128;
  // Each stage is all members' to fill: a lane for each of them says that this warp is done with it.
  const bool arrives = thread % 32 < Source::kMembers;
  const auto give = [&](uint64_t* empty) {
    if constexpr (Source::kMembers == 1) {
      ptx::arrive(empty);
    } else {
      ptx::arriveAt(empty, static_cast<uint32_t>(thread) % 32);
    }
  };
  const int warp = group * 4 + thread / 32;
  WarpBoxes boxes(stages.boxes(), warp);
  for (int64_t i = blockIdx.x; i < tiles; i += gridDim.x) {
    const auto tile = source.tile(i);
    if (!tile.contains(g, {0, 0})) continue;
    float sums[Source::kColumns / 4][2];
    for (int64_t depth = tile.firstDepth; depth < tile.lastDepth; depth += Source::kDepth, stages.next()) {
      ptx::awaitPhase(stages.full(stages.stage), stages.phase);
      const unsigned char *const a = stages.a() + group * kWgmmaBox, *const b = stages.b();
      ptx::fenceProducts();
#pragma unroll
      for (int k = 0; k < kWgmmaDepth; k += 16) {
        // 32 bytes along k: two groups of eight runs, or a part of each run.
        const uint64_t left = kTransposedA ? ptx::describeMatrix(a + k / 8 * kWgmmaEight, kWgmmaBox, kWgmmaEight)
                                           : ptx::describeMatrix(a + k * 2, 16, kWgmmaEight);
        const uint64_t right = kTransposedB ? ptx::describeMatrix(b + k / 8 * kWgmmaEight, kWgmmaBox, kWgmmaEight)
                                            : ptx::describeMatrix(b + k * 2, 16, kWgmmaEight);
        const bool accumulates = depth != tile.firstDepth || k != 0;
        if constexpr (Source::kDepth == kWgmmaDepthTf32) {
          static_assert(!kTransposedA && !kTransposedB, "the instruction cannot");
          ptx::multiplyGroupTf32(sums, left, right, accumulates);
        } else {
          ptx::multiplyGroup<kTransposedA, kTransposedB>(sums, left, right, accumulates);
        }
      }
      ptx::closeProducts();
      // These go on while the ones before are over, and their stage is free.
      ptx::awaitProducts<1>();
      if (depth != tile.firstDepth && arrives) give(stages.empty(stages.before()));
    }
    ptx::awaitProducts<0>();
    ptx::readProducts(sums);
    const bool any = tile.firstDepth < tile.lastDepth;
    if (any && arrives) give(stages.empty(stages.before()));
#pragma unroll
    for (int j = 0; Source::kSomeEmpty && j < Source::kColumns / 4; ++j) {
      for (int h = 0; h < 2; ++h) sums[j][h] = any ? sums[j][h] : 0;
    }
    constexpr bool kOfBfloat16 = Source::kDepth == kWgmmaDepth;
    if (const TensorMap* const map = source.result()) {
      sendProduct<kOfBfloat16, Source::kColumns>(g, source.loopStep(), tile, warp * kBoxRows, sums, map, boxes);
    } else {
      const WgmmaSums<Source::kColumns, kOfBfloat16> result = {sums, WarpStrip(stages.boxes(), warp), warp * kBoxRows};
      finishProduct(g, source.loopStep(), tile, result);
    }
  }
  boxes.end();
}

template <typename Source>
STEEPEST_INLINE void wgmmaTiles(const Source& source, unsigned char* shared) {
  const Stages<Source::kColumns> stages = {shared};
  divideBlock<40, 232, Source::kMembers>(
      [&] {
        for (int i = 0; i < kWgmmaStages; ++i) {
          ptx::initBarrier(stages.full(i), 1);
          ptx::initBarrier(stages.empty(i), Source::kMembers * 2 * kGroupWarps);
        }
        ptx::fenceBarriers();
        source.prefetch();
      },
      [&] { copyTiles(source, stages); }, [&](int group) { multiplyTiles(source, stages, group); });
}

#endif

}  // namespace steepest::cuda
