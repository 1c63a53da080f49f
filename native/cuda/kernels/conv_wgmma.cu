// Convolutions by the loop of wgmma_loop.h: the device gathers patches itself on their way to shared memory (im2col).
#include "conv_patches.h"
#include "conv_wgmma.h"
#include "wgmma_loop.h"

namespace steepest::cuda {

#ifdef STEEPEST_HAS_WGMMA
namespace {

// The numbers of a tap from its channel on, for positions from one on.
STEEPEST_INLINE void copyTap(void* to, const TensorMap* map, const ConvWgmmaArguments& arguments,
                             const ConvPhase& phase, int64_t position, const PatchTap& tap, uint64_t* full) {
  uint32_t q[kSpatial];
  const auto image = static_cast<int>(unravelPosition(phase, static_cast<uint32_t>(position), q));
  int at[kSpatial], offset[kSpatial];  // innermost first
#pragma unroll
  for (int d = 0; d < kSpatial; ++d) {
    const int axis = kSpatial - 1 - d;
    at[d] = static_cast<int>(q[axis]) * arguments.conv.step[axis] + phase.first[axis];
    offset[d] = tap.at[axis];
  }
  if (arguments.axes == 1) {
    ptx::copyPatches<1>(to, map, tap.channel, at, image, offset, full);
  } else if (arguments.axes == 2) {
    ptx::copyPatches<2>(to, map, tap.channel, at, image, offset, full);
  } else {
    ptx::copyPatches<3>(to, map, tap.channel, at, image, offset, full);
  }
}

// Positions see the source, or cells dy, by the taps of their phase, of which there is one when blocks share the kernel.
template <int kColumns, int kDepth, int kMembers = 1>
struct PatchSource : WgmmaShape<kColumns, kDepth, false, false, kMembers> {
  using Tile = ConvTile<ConvKind::kInputGrad>;
  static constexpr bool kSomeEmpty = true;
  const ConvWgmmaArguments& arguments;

  STEEPEST_INLINE explicit PatchSource(const ConvWgmmaArguments& a) : arguments(a) {}
  STEEPEST_INLINE const GemmArguments& product() const { return arguments.conv.product; }
  STEEPEST_INLINE int64_t loopStep() const { return 0; }
  STEEPEST_INLINE Tile tile(int64_t i) const { return {arguments.conv, i, kWgmmaRows, kColumns}; }
  STEEPEST_INLINE void prefetch() const {
    for (int64_t i = 0; i < product().batch.size; ++i) {
      if (arguments.conv.phases[i].depth != 0) ptx::prefetch(arguments.source + i);
    }
    ptx::prefetch(&arguments.other);
    if (arguments.sends != 0) ptx::prefetch(&arguments.result);
  }
  STEEPEST_INLINE const TensorMap* result() const { return arguments.sends != 0 ? &arguments.result : nullptr; }
  STEEPEST_INLINE void copy(const Tile& tile, int64_t depth, unsigned char* a, unsigned char* b, uint64_t* full) const {
    const PatchTap tap = patchTap(arguments.conv, tile.phase, depth);
    copyTap(a, arguments.source + tile.batch, arguments, tile.phase, tile.row, tap, full);
    copyOperand<false, kColumns, kMembers>(b, &arguments.other, tile.column, tap.channel, tap.inKernel, full);
  }
};

// Rows of the kernel's gradient: (tap, channel), `width` of them a tap.
struct KernelGradTile : GemmTile {
  const ConvWgmmaArguments& arguments;

  STEEPEST_INLINE KernelGradTile(const ConvWgmmaArguments& a, int64_t block, int64_t columns)
      : GemmTile(a.conv.product, block, kWgmmaRows, columns), arguments(a) {}
  STEEPEST_INLINE uint32_t tapOf(int64_t at, uint32_t* channel) const {
    return divide(static_cast<uint32_t>(at), arguments.conv.width, channel);
  }
  STEEPEST_INLINE bool contains(const GemmArguments& g, const Place& at) const {
    uint32_t channel;
    tapOf(row + at.row, &channel);
    return GemmTile::contains(g, at) && channel < arguments.whole;
  }
  STEEPEST_INLINE int64_t elementOf(const GemmArguments& g, const Place& at) const {
    uint32_t channel;
    const uint32_t tap = tapOf(row + at.row, &channel);
    return (static_cast<int64_t>(tap) * arguments.whole + channel) * g.n + column + at.column;
  }
};

template <int kColumns>
struct KernelGradSource : WgmmaShape<kColumns, kWgmmaDepth, true, true> {
  static constexpr bool kSomeEmpty = false;
  const ConvWgmmaArguments& arguments;

  STEEPEST_INLINE explicit KernelGradSource(const ConvWgmmaArguments& a) : arguments(a) {}
  STEEPEST_INLINE const GemmArguments& product() const { return arguments.conv.product; }
  STEEPEST_INLINE int64_t loopStep() const { return 0; }
  STEEPEST_INLINE KernelGradTile tile(int64_t i) const { return {arguments, i, kColumns}; }
  STEEPEST_INLINE void prefetch() const {
    ptx::prefetch(arguments.source);
    ptx::prefetch(&arguments.other);
    if (arguments.sends != 0) ptx::prefetch(&arguments.result);
  }
  STEEPEST_INLINE const TensorMap* result() const { return arguments.sends != 0 ? &arguments.result : nullptr; }
  STEEPEST_INLINE void copy(const GemmTile& tile, int64_t depth, unsigned char* a, unsigned char* b,
                            uint64_t* full) const {
    const ConvArguments& conv = arguments.conv;
    const ConvPhase& phase = conv.phases[0];
    for (int j = 0; j < kWgmmaRows / kWgmmaRun; ++j) {
      const PatchTap tap = patchTap(conv, phase, smaller<int64_t>(tile.row + j * kWgmmaRun, phase.depth - kWgmmaRun));
      copyTap(a + j * kWgmmaBox, arguments.source, arguments, phase, depth, tap, full);
    }
    copyOperand<true, kColumns>(b, &arguments.other, tile.column, depth, 0, full);
  }
};

}  // namespace
#define STEEPEST_CONV_WGMMA_TILES(...) \
  STEEPEST_DYNAMIC_SHARED(shared);     \
  wgmmaTiles(__VA_ARGS__(arguments), shared);
#else
#define STEEPEST_CONV_WGMMA_TILES(...)
#endif

#define STEEPEST_CONV_WGMMA(name, ...) \
  STEEPEST_TILED_KERNEL(kWgmmaThreads, 1, name, ConvWgmmaArguments arguments) { STEEPEST_CONV_WGMMA_TILES(__VA_ARGS__) }
// Forward, and the gradient of the source.
STEEPEST_CONV_WGMMA(convWgmma128x256, PatchSource<256, kWgmmaDepth>)
STEEPEST_CONV_WGMMA(convWgmma128x128, PatchSource<128, kWgmmaDepth>)
STEEPEST_CONV_WGMMA(convWgmma128x64, PatchSource<64, kWgmmaDepth>)
STEEPEST_CONV_WGMMA(convTf32Wgmma128x256, PatchSource<256, kWgmmaDepthTf32>)

// The same by pairs of blocks, for tiles above each other.
#define STEEPEST_CONV_WGMMA_PAIR(name, columns, depth)                                     \
  STEEPEST_CLUSTER_KERNEL(kWgmmaThreads, kWgmmaPair, name, ConvWgmmaArguments arguments) { \
    STEEPEST_CONV_WGMMA_TILES(PatchSource<columns, depth, kWgmmaPair>)                     \
  }
STEEPEST_CONV_WGMMA_PAIR(pairConvWgmma128x256, 256, kWgmmaDepth)
STEEPEST_CONV_WGMMA_PAIR(pairConvWgmma128x128, 128, kWgmmaDepth)
STEEPEST_CONV_WGMMA_PAIR(pairConvWgmma128x64, 64, kWgmmaDepth)
STEEPEST_CONV_WGMMA_PAIR(pairConvTf32Wgmma128x256, 256, kWgmmaDepthTf32)

STEEPEST_CONV_WGMMA(convKernelGradWgmma128x128, KernelGradSource<128>)
STEEPEST_CONV_WGMMA(convKernelGradWgmma128x64, KernelGradSource<64>)

}  // namespace steepest::cuda
