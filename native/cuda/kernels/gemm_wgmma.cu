// Matrix products of bfloat16 or tf32 operands on the tensor cores of compute capability 9.0, and how operands are rounded to memory.
#include "bfloat16.h"
#include "gemm_wgmma.h"
#include "wgmma_loop.h"

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

// Where an operand's numbers of a batch begin, how many numbers further on, and the number there.
STEEPEST_INLINE const float* batchOf(const RoundArguments& a, int64_t batch) {
  return slid(a.from, a.loopStep * a.slide + offsetOf(a.batch, a.batchStrides, batch) * (a.narrow != 0 ? 2 : 4));
}
STEEPEST_INLINE float numberOf(const RoundArguments& a, const float* from, int64_t i) {
  return a.narrow != 0 ? widened(reinterpret_cast<const uint16_t*>(from)[i]) : from[i];
}

// Of an operand that lies along its outer axis: squares go through shared memory, so that neighbours are read and written.
// 8 threads for each of 32 runs.
STEEPEST_TILED_KERNEL(8 * kTransposeEdge, 1, roundTransposed, RoundArguments a) {
  constexpr int kEdge = kTransposeEdge;
  __shared__ float square[kEdge][kEdge + 1];
  const int64_t across = (a.run + kEdge - 1) / kEdge, down = (a.outer + kEdge - 1) / kEdge;
  const int64_t batch = blockIdx.x / (across * down), outer = blockIdx.x / across % down * kEdge;
  const int64_t inner = blockIdx.x % across * kEdge;
  const float* const from = batchOf(a, batch);
  const int thread = static_cast<int>(threadIdx.x);
  for (int i = thread / kEdge; i < kEdge; i += 8) {
    const int64_t o = outer + thread % kEdge, k = inner + i;
    square[i][thread % kEdge] =
        o < a.outer && k < a.inner ? numberOf(a, from, o * a.outerStride + k * a.innerStride) : 0;
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
    const float* const from = batchOf(a, batch);
    const int64_t at = outer * a.outerStride;
    Quad quad;
    if (a.quads != 0 && inner + 4 <= a.inner) {
      quad = a.narrow != 0 ? widenedQuad(reinterpret_cast<const uint16_t*>(from) + at + inner)
                           : *reinterpret_cast<const Quad*>(from + at + inner);
    } else {
      for (int j = 0; j < 4; ++j)
        quad.x[j] = inner + j < a.inner ? numberOf(a, from, at + (inner + j) * a.innerStride) : 0;
    }
    storeRounded(a, i, quad);
  }
}

#ifdef STEEPEST_HAS_WGMMA
namespace {

// Boxes of two matrices in memory.
template <int kColumns, int kDepth, bool kTransposedA, bool kTransposedB, int kMembers>
struct MatrixSource : WgmmaShape<kColumns, kDepth, kTransposedA, kTransposedB, kMembers> {
  static constexpr bool kSomeEmpty = false;
  const WgmmaArguments& arguments;

  STEEPEST_INLINE explicit MatrixSource(const WgmmaArguments& a) : arguments(a) {}
  STEEPEST_INLINE const GemmArguments& product() const { return arguments.product; }
  STEEPEST_INLINE int64_t loopStep() const { return arguments.loopStep; }
  STEEPEST_INLINE GemmTile tile(int64_t i) const { return {arguments.product, i, kWgmmaRows, kColumns}; }
  STEEPEST_INLINE void prefetch() const {
    ptx::prefetch(&arguments.a);
    ptx::prefetch(&arguments.b);
    if (arguments.sends != 0) ptx::prefetch(&arguments.c);
  }
  STEEPEST_INLINE const TensorMap* result() const { return arguments.sends != 0 ? &arguments.c : nullptr; }
  STEEPEST_INLINE void copy(const GemmTile& tile, int64_t depth, unsigned char* a, unsigned char* b,
                            uint64_t* full) const {
    const int zA = arguments.sharedA != 0 ? 0 : static_cast<int>(tile.batch);
    const int zB = arguments.sharedB != 0 ? 0 : static_cast<int>(tile.batch);
    copyOperand<kTransposedA, kWgmmaRows>(a, &arguments.a, tile.row, depth, zA, full);
    copyOperand<kTransposedB, kColumns, kMembers>(b, &arguments.b, tile.column, depth, zB, full);
  }
};

}  // namespace
#define STEEPEST_WGMMA_TILES(...)  \
  STEEPEST_DYNAMIC_SHARED(shared); \
  wgmmaTiles(MatrixSource<__VA_ARGS__>(arguments), shared);
#else
#define STEEPEST_WGMMA_TILES(...)
#endif

// Named as the float32 kernels are. In tf32 there is one form, as rounding transposes.
#define STEEPEST_WGMMA(name, ...) \
  STEEPEST_TILED_KERNEL(kWgmmaThreads, 1, name, WgmmaArguments arguments) { STEEPEST_WGMMA_TILES(__VA_ARGS__, 1) }
STEEPEST_WGMMA(wgmma128x256NN, 256, kWgmmaDepth, false, true)
STEEPEST_WGMMA(wgmma128x256NT, 256, kWgmmaDepth, false, false)
STEEPEST_WGMMA(wgmma128x256TN, 256, kWgmmaDepth, true, true)
STEEPEST_WGMMA(wgmma128x128NN, 128, kWgmmaDepth, false, true)
STEEPEST_WGMMA(wgmma128x128NT, 128, kWgmmaDepth, false, false)
STEEPEST_WGMMA(wgmma128x128TN, 128, kWgmmaDepth, true, true)
STEEPEST_WGMMA(tf32Wgmma128x256, 256, kWgmmaDepthTf32, false, false)
STEEPEST_WGMMA(tf32Wgmma128x128, 128, kWgmmaDepthTf32, false, false)

// Pairs of blocks, for tiles above each other.
#define STEEPEST_WGMMA_PAIR(name, ...)                                                 \
  STEEPEST_CLUSTER_KERNEL(kWgmmaThreads, kWgmmaPair, name, WgmmaArguments arguments) { \
    STEEPEST_WGMMA_TILES(__VA_ARGS__, kWgmmaPair)                                      \
  }
STEEPEST_WGMMA_PAIR(pairWgmma128x256NN, 256, kWgmmaDepth, false, true)
STEEPEST_WGMMA_PAIR(pairWgmma128x256NT, 256, kWgmmaDepth, false, false)
STEEPEST_WGMMA_PAIR(pairWgmma128x256TN, 256, kWgmmaDepth, true, true)
STEEPEST_WGMMA_PAIR(pairTf32Wgmma128x256, 256, kWgmmaDepthTf32, false, false)

}  // namespace steepest::cuda
