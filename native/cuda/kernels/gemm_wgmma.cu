// Matrix products of bfloat16 or tf32 operands on the tensor cores of compute capability 9.0. Blocks stay and take tile after tile. The
// first warp group asks for boxes of the operands, kWgmmaStages of them ahead; the two others multiply, 64 rows each, and
// finish and store their tile while the first is at the next one.
#include "gemm_result.h"
#include "gemm_wgmma.h"
#include "ptx.h"

namespace steepest::cuda {

STEEPEST_INLINE void storeRounded(const RoundArguments& a, int64_t quad, const Quad& from) {
  if (a.tf32 != 0) {
    uint32_t* const to = static_cast<uint32_t*>(a.to) + quad * 4;
#pragma unroll
    for (int j = 0; j < 4; ++j) to[j] = ptx::toTf32(from.x[j]);
  } else {
    uint32_t* const to = static_cast<uint32_t*>(a.to) + quad * 2;
    to[0] = ptx::packBfloat16(from.x[0], from.x[1]);
    to[1] = ptx::packBfloat16(from.x[2], from.x[3]);
  }
}

// Of an operand that lies along its outer axis: squares go through shared memory, so that neighbours are read and written.
// 8 threads for each of 32 runs.
STEEPEST_TILED_KERNEL(8 * kTransposeEdge, 1, roundTransposed, RoundArguments a) {
  constexpr int kEdge = kTransposeEdge;
  __shared__ float square[kEdge][kEdge + 1];
  const int64_t across = (a.run + kEdge - 1) / kEdge, down = (a.outer + kEdge - 1) / kEdge;
  const int64_t batch = blockIdx.x / (across * down), outer = blockIdx.x / across % down * kEdge;
  const int64_t inner = blockIdx.x % across * kEdge;
  const float* const from = slid(a.from, a.loopStep * a.slide) + offsetOf(a.batch, a.batchStrides, batch);
  const int thread = static_cast<int>(threadIdx.x);
  for (int i = thread / kEdge; i < kEdge; i += 8) {
    const int64_t o = outer + thread % kEdge, k = inner + i;
    square[i][thread % kEdge] = o < a.outer && k < a.inner ? from[o * a.outerStride + k * a.innerStride] : 0;
  }
  __syncthreads();
  const int row = thread / 8, column = thread % 8 * 4;
  if (outer + row >= a.outer || inner + column >= a.run) return;
  const Quad quad = {{square[column][row], square[column + 1][row], square[column + 2][row], square[column + 3][row]}};
  storeRounded(a, ((batch * a.outer + outer + row) * a.run + inner + column) / 4, quad);
}

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
    storeRounded(a, i, quad);
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

// One thread. kDepth numbers along k are 128 bytes.
template <int kColumns, int kDepth, bool kTransposedA, bool kTransposedB>
STEEPEST_INLINE void copyTiles(const WgmmaArguments& arguments, Stages<kColumns> stages) {
  const GemmArguments& g = arguments.product;
  const int64_t tiles = tilesOf<kColumns>(g);
  for (int64_t i = blockIdx.x; i < tiles; i += gridDim.x) {
    const GemmTile tile(g, i, kWgmmaRows, kColumns);
    const int row = static_cast<int>(tile.row), column = static_cast<int>(tile.column);
    const int zA = arguments.sharedA != 0 ? 0 : static_cast<int>(tile.batch);
    const int zB = arguments.sharedB != 0 ? 0 : static_cast<int>(tile.batch);
    for (int64_t d = tile.firstDepth; d < tile.lastDepth; d += kDepth, stages.next()) {
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
template <int kColumns, int kDepth, bool kTransposedA, bool kTransposedB>
STEEPEST_INLINE void multiplyTiles(const WgmmaArguments& arguments, Stages<kColumns> stages, int group) {
  const GemmArguments& g = arguments.product;
  const int64_t tiles = tilesOf<kColumns>(g);
  const int thread = static_cast<int>(threadIdx.x) % 128;
  for (int64_t i = blockIdx.x; i < tiles; i += gridDim.x) {
    const GemmTile tile(g, i, kWgmmaRows, kColumns);
    float sums[kColumns / 4][2];
    for (int64_t depth = tile.firstDepth; depth < tile.lastDepth; depth += kDepth, stages.next()) {
      ptx::awaitPhase(stages.full(stages.stage), stages.phase);
      const unsigned char *const a = stages.a() + group * kBox, *const b = stages.b();
      ptx::fenceProducts();
#pragma unroll
      for (int k = 0; k < kWgmmaDepth; k += 16) {
        // 32 bytes along k: two groups of eight runs, or a part of each run.
        const uint64_t left = kTransposedA ? ptx::describeMatrix(a + k / 8 * kEight, kBox, kEight)
                                           : ptx::describeMatrix(a + k * 2, 16, kEight);
        const uint64_t right = kTransposedB ? ptx::describeMatrix(b + k / 8 * kEight, kBox, kEight)
                                            : ptx::describeMatrix(b + k * 2, 16, kEight);
        const bool accumulates = depth != tile.firstDepth || k != 0;
        if constexpr (kDepth == kWgmmaDepthTf32) {
          static_assert(!kTransposedA && !kTransposedB, "the instruction cannot");
          ptx::multiplyGroupTf32(sums, left, right, accumulates);
        } else {
          ptx::multiplyGroup<kColumns, kTransposedA, kTransposedB>(sums, left, right, accumulates);
        }
      }
      ptx::closeProducts();
      // These go on while the ones before are over, and their stage is free.
      ptx::awaitProducts<1>();
      if (depth != tile.firstDepth && thread == 0) ptx::arrive(stages.empty(stages.before()));
    }
    ptx::awaitProducts<0>();
    if (thread == 0) ptx::arrive(stages.empty(stages.before()));
    const Place corner = {group * 64 + thread / 32 * 16 + thread % 32 / 4, thread % 4 * 2};
    finishAndStore(g, arguments.loopStep, tile, sums,
                   [&](int run) { return Place{corner.row + run % 2 * 8, corner.column + run / 2 * 8}; });
  }
}

template <int kColumns, int kDepth, bool kTransposedA, bool kTransposedB>
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
    if (threadIdx.x == 0) copyTiles<kColumns, kDepth, kTransposedA, kTransposedB>(arguments, stages);
  } else {
    ptx::moreRegisters<232>();
    multiplyTiles<kColumns, kDepth, kTransposedA, kTransposedB>(arguments, stages, group - 1);
  }
}

}  // namespace
#define STEEPEST_WGMMA_TILES(columns, depth, transposedA, transposedB) \
  STEEPEST_DYNAMIC_SHARED(shared);                                     \
  wgmmaTiles<columns, depth, transposedA, transposedB>(arguments, shared);
#else
#define STEEPEST_WGMMA_TILES(columns, depth, transposedA, transposedB)
#endif

// Named as the float32 kernels are. In tf32 there is one form, as rounding transposes.
#define STEEPEST_WGMMA(name, columns, depth, transposedA, transposedB)      \
  STEEPEST_TILED_KERNEL(kWgmmaThreads, 1, name, WgmmaArguments arguments) { \
    STEEPEST_WGMMA_TILES(columns, depth, transposedA, transposedB)          \
  }
STEEPEST_WGMMA(wgmma128x256NN, 256, kWgmmaDepth, false, true)
STEEPEST_WGMMA(wgmma128x256NT, 256, kWgmmaDepth, false, false)
STEEPEST_WGMMA(wgmma128x256TN, 256, kWgmmaDepth, true, true)
STEEPEST_WGMMA(wgmma128x128NN, 128, kWgmmaDepth, false, true)
STEEPEST_WGMMA(wgmma128x128NT, 128, kWgmmaDepth, false, false)
STEEPEST_WGMMA(wgmma128x128TN, 128, kWgmmaDepth, true, true)
STEEPEST_WGMMA(tf32Wgmma128x256, 256, kWgmmaDepthTf32, false, false)
STEEPEST_WGMMA(tf32Wgmma128x128, 128, kWgmmaDepthTf32, false, false)

}  // namespace steepest::cuda
