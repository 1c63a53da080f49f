// Matrix products of bfloat16 operands on the tensor cores of compute capability 9.0. Blocks stay and take tile after tile. The
// first warp group asks for boxes of the operands, kWgmmaStages of them ahead; the two others multiply, 64 rows each, and
// finish and store their tile while the first is at the next one.
#include "gemm_result.h"
#include "gemm_wgmma.h"
#include "ptx.h"

namespace steepest::cuda {

// Four neighbours for each thread; zeros behind the end of a run.
STEEPEST_KERNEL(roundOperand, RoundArguments a) {
  const int64_t quads = a.run / 4;
  STEEPEST_EACH(i, a.batch.size * a.outer * quads) {
    const int64_t batch = i / (a.outer * quads), outer = i / quads % a.outer, inner = i % quads * 4;
    const float* const from =
        slid(a.from, a.loopStep * a.slide) + offsetOf(a.batch, a.batchStrides, batch) + outer * a.outerStride;
    Quad quad;
    if (a.quads != 0 && inner + 4 <= a.inner) {
      quad = *reinterpret_cast<const Quad*>(from + inner);
    } else {
      for (int j = 0; j < 4; ++j) quad.x[j] = inner + j < a.inner ? from[(inner + j) * a.innerStride] : 0;
    }
    uint32_t* const to = reinterpret_cast<uint32_t*>(a.to) + i * 2;
    to[0] = ptx::packBfloat16(quad.x[0], quad.x[1]);
    to[1] = ptx::packBfloat16(quad.x[2], quad.x[3]);
  }
}

#ifdef STEEPEST_HAS_WGMMA
namespace {

constexpr int kRun = 64;              // numbers in a swizzled run of 128 bytes
constexpr int kBox = kRun * 64 * 2;   // bytes of 64 runs
constexpr int kEight = 8 * kRun * 2;  // bytes of 8 runs
constexpr int kBytesA = kWgmmaRows * kWgmmaDepth * 2;

// Where the stages of a block are, and which one is next.
template <int kColumns>
struct Stages {
  static constexpr int kBytesB = kColumns * kWgmmaDepth * 2;
  unsigned char* memory;
  int stage = 0;
  uint32_t phase = 0;

  STEEPEST_INLINE unsigned char* a() const { return memory + stage * kBytesA; }
  STEEPEST_INLINE unsigned char* b() const { return memory + kWgmmaStages * kBytesA + stage * kBytesB; }
  // Its data are there; everybody is done with them.
  STEEPEST_INLINE uint64_t* full(int of) const {
    return reinterpret_cast<uint64_t*>(memory + kWgmmaStages * (kBytesA + kBytesB)) + of;
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

template <int kColumns>
STEEPEST_INLINE int64_t tilesOf(const GemmArguments& g) {
  return (g.m + kWgmmaRows - 1) / kWgmmaRows * ((g.n + kColumns - 1) / kColumns) * g.batch.size * g.parts;
}

// One thread.
template <int kColumns, bool kTransposedA, bool kTransposedB>
STEEPEST_INLINE void copyTiles(const WgmmaArguments& arguments, Stages<kColumns> stages) {
  const GemmArguments& g = arguments.product;
  const int64_t tiles = tilesOf<kColumns>(g);
  for (int64_t i = blockIdx.x; i < tiles; i += gridDim.x) {
    const GemmTile tile(g, i, kWgmmaRows, kColumns);
    const int row = static_cast<int>(tile.row), column = static_cast<int>(tile.column);
    const int zA = arguments.sharedA != 0 ? 0 : static_cast<int>(tile.batch);
    const int zB = arguments.sharedB != 0 ? 0 : static_cast<int>(tile.batch);
    for (int64_t d = tile.firstDepth; d < tile.lastDepth; d += kWgmmaDepth, stages.next()) {
      const int depth = static_cast<int>(d);
      uint64_t* const full = stages.full(stages.stage);
      ptx::awaitPhase(stages.empty(stages.stage), stages.phase ^ 1u);
      ptx::arriveExpecting(full, kBytesA + Stages<kColumns>::kBytesB);
      if (kTransposedA) {
        for (int j = 0; j < kWgmmaRows / kRun; ++j) {
          ptx::copyBox(stages.a() + j * kBox, &arguments.a, row + j * kRun, depth, zA, full);
        }
      } else {
        ptx::copyBox(stages.a(), &arguments.a, depth, row, zA, full);
      }
      if (kTransposedB) {
        for (int j = 0; j < kColumns / kRun; ++j) {
          ptx::copyBox(stages.b() + j * kBox, &arguments.b, column + j * kRun, depth, zB, full);
        }
      } else {
        ptx::copyBox(stages.b(), &arguments.b, depth, column, zB, full);
      }
    }
  }
}

// A warp group, for its 64 rows of each tile.
template <int kColumns, bool kTransposedA, bool kTransposedB>
STEEPEST_INLINE void multiplyTiles(const WgmmaArguments& arguments, Stages<kColumns> stages, int group) {
  const GemmArguments& g = arguments.product;
  const int64_t tiles = tilesOf<kColumns>(g);
  const int thread = static_cast<int>(threadIdx.x) % 128;
  for (int64_t i = blockIdx.x; i < tiles; i += gridDim.x) {
    const GemmTile tile(g, i, kWgmmaRows, kColumns);
    float sums[kColumns / 4][2];
    for (int64_t depth = tile.firstDepth; depth < tile.lastDepth; depth += kWgmmaDepth, stages.next()) {
      ptx::awaitPhase(stages.full(stages.stage), stages.phase);
      const unsigned char *const a = stages.a() + group * kBox, *const b = stages.b();
      ptx::fenceProducts();
#pragma unroll
      for (int k = 0; k < kWgmmaDepth; k += 16) {
        // 16 numbers along k: two groups of eight runs, or a part of each run.
        const uint64_t left = kTransposedA ? ptx::describeMatrix(a + k / 8 * kEight, kBox, kEight)
                                           : ptx::describeMatrix(a + k * 2, 16, kEight);
        const uint64_t right = kTransposedB ? ptx::describeMatrix(b + k / 8 * kEight, kBox, kEight)
                                            : ptx::describeMatrix(b + k * 2, 16, kEight);
        ptx::multiplyGroup<kColumns, kTransposedA, kTransposedB>(sums, left, right, depth != tile.firstDepth || k != 0);
      }
      ptx::closeProducts();
      // These go on while the ones before are over, and their stage is free.
      ptx::awaitProducts<1>();
      if (depth != tile.firstDepth && thread == 0) ptx::arrive(stages.empty(stages.before()));
    }
    ptx::awaitProducts<0>();
    if (thread == 0) ptx::arrive(stages.empty(stages.before()));
    const Place corner = {tile.row + group * 64 + thread / 32 * 16 + thread % 32 / 4, tile.column + thread % 4 * 2};
    finishAndStore(g, arguments.loopStep, tile, sums,
                   [&](int run) { return Place{corner.row + run % 2 * 8, corner.column + run / 2 * 8}; });
  }
}

template <int kColumns, bool kTransposedA, bool kTransposedB>
STEEPEST_INLINE void wgmmaTiles(const WgmmaArguments& arguments, unsigned char* shared) {
  const Stages<kColumns> stages = {shared};
  if (threadIdx.x == 0) {
    for (int i = 0; i < kWgmmaStages; ++i) {
      ptx::initBarrier(stages.full(i), 1);
      ptx::initBarrier(stages.empty(i), 2);
    }
    ptx::fenceBarriers();
    ptx::prefetch(&arguments.a);
    ptx::prefetch(&arguments.b);
  }
  __syncthreads();
  const int group = static_cast<int>(threadIdx.x) / 128;
  if (group == 0) {
    ptx::fewerRegisters<40>();
    if (threadIdx.x == 0) copyTiles<kColumns, kTransposedA, kTransposedB>(arguments, stages);
  } else {
    ptx::moreRegisters<232>();
    multiplyTiles<kColumns, kTransposedA, kTransposedB>(arguments, stages, group - 1);
  }
}

}  // namespace
#define STEEPEST_WGMMA_TILES(columns, transposedA, transposedB) \
  STEEPEST_DYNAMIC_SHARED(shared);                              \
  wgmmaTiles<columns, transposedA, transposedB>(arguments, shared);
#else
#define STEEPEST_WGMMA_TILES(columns, transposedA, transposedB)
#endif

// Named as the float32 kernels are.
#define STEEPEST_WGMMA(columns, form, transposedA, transposedB)                                 \
  STEEPEST_TILED_KERNEL(kWgmmaThreads, 1, wgmma128x##columns##form, WgmmaArguments arguments) { \
    STEEPEST_WGMMA_TILES(columns, transposedA, transposedB)                                     \
  }
STEEPEST_WGMMA(256, NN, false, true)
STEEPEST_WGMMA(256, NT, false, false)
STEEPEST_WGMMA(256, TN, true, true)
STEEPEST_WGMMA(128, NN, false, true)
STEEPEST_WGMMA(128, NT, false, false)
STEEPEST_WGMMA(128, TN, true, true)

}  // namespace steepest::cuda
