// Convolutions of operands rounded to bfloat16 or tf32, on tensor cores by mma.sync.
#include "conv_patches.h"
#include "gemm_mma.h"

namespace steepest::cuda {

// `whole`: for channels that come in fours only. What they need of shared memory is in conv_tiles.cc.
#define STEEPEST_CONV_KIND(format, rows, columns, down, across, whole, name, kind, aAlongK, bAlongK) \
  STEEPEST_TILED_KERNEL(32 * (down) * (across), 1, name##rows##x##columns, ConvArguments a) {        \
    STEEPEST_DYNAMIC_SHARED(shared);                                                                 \
    MmaTile<format, rows, columns, down, across, aAlongK, bAlongK> product(shared);                  \
    convolve<ConvKind::kind, whole>(a, product);                                                     \
  }
#define STEEPEST_CONV(name, format, rows, columns, down, across, whole)                                       \
  STEEPEST_CONV_KIND(format, rows, columns, down, across, whole, conv##name, kForward, true, false)           \
  STEEPEST_CONV_KIND(format, rows, columns, down, across, whole, convInputGrad##name, kInputGrad, true, true) \
  STEEPEST_CONV_KIND(format, rows, columns, down, across, whole, convKernelGrad##name, kKernelGrad, false, false)
#define STEEPEST_CONVS(name, format)                \
  STEEPEST_CONV(name, format, 128, 128, 2, 4, true) \
  STEEPEST_CONV(name, format, 128, 64, 4, 2, true)  \
  STEEPEST_CONV(name, format, 64, 64, 2, 2, false)  \
  STEEPEST_CONV(name, format, 128, 32, 8, 1, false)
STEEPEST_CONVS(Mma, Bfloat16)
STEEPEST_CONVS(Tf32Mma, Tf32)

}  // namespace steepest::cuda
