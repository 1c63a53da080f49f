// Convolutions in float32, in tiles.
#include "conv_patches.h"
#include "gemm_float32.h"

namespace steepest::cuda {

// `whole`: for channels that come in fours only.
#define STEEPEST_CONV_KIND(rows, columns, depth, down, across, whole, name, kind, aAlongK, bAlongK)             \
  STEEPEST_TILED_KERNEL((rows) * (columns) / ((down) * (across)), 2, name##rows##x##columns, ConvArguments a) { \
    using Tile = Float32Tile<rows, columns, depth, down, across, aAlongK, bAlongK>;                             \
    __shared__ Tile::Shared shared;                                                                             \
    Tile product(shared);                                                                                       \
    convolve<ConvKind::kind, whole>(a, product);                                                                \
  }
#define STEEPEST_CONV(rows, columns, depth, down, across, whole)                                       \
  STEEPEST_CONV_KIND(rows, columns, depth, down, across, whole, conv, kForward, true, false)           \
  STEEPEST_CONV_KIND(rows, columns, depth, down, across, whole, convInputGrad, kInputGrad, true, true) \
  STEEPEST_CONV_KIND(rows, columns, depth, down, across, whole, convKernelGrad, kKernelGrad, false, false)
STEEPEST_CONV(128, 128, 8, 8, 8, true)
STEEPEST_CONV(64, 64, 16, 4, 4, false)
STEEPEST_CONV(128, 32, 16, 4, 4, false)

}  // namespace steepest::cuda
