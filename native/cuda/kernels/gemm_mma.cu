// Matrix products of operands rounded to bfloat16 or tf32, on tensor cores by mma.sync.
#include "gemm_loop.h"
#include "gemm_mma.h"

namespace steepest::cuda {

// Named as the float32 kernels are. What they need of shared memory is in gemm.cc.
#define STEEPEST_MMA(name, format, rows, columns, down, across, form, aAlongK, bAlongK)             \
  STEEPEST_TILED_KERNEL(32 * (down) * (across), 1, name##rows##x##columns##form, GemmArguments g) { \
    STEEPEST_DYNAMIC_SHARED(shared);                                                                \
    MmaTile<format, rows, columns, down, across, aAlongK, bAlongK> product(shared);                 \
    multiplyMatrices(g, product);                                                                   \
  }
#define STEEPEST_MMAS(name, format, rows, columns, down, across)           \
  STEEPEST_MMA(name, format, rows, columns, down, across, NN, true, false) \
  STEEPEST_MMA(name, format, rows, columns, down, across, NT, true, true)  \
  STEEPEST_MMA(name, format, rows, columns, down, across, TN, false, false)
STEEPEST_MMAS(mma, Bfloat16, 128, 128, 2, 4)
STEEPEST_MMAS(mma, Bfloat16, 64, 64, 2, 2)
STEEPEST_MMA(mma, Bfloat16, 64, 64, 2, 2, TT, false, true)
STEEPEST_MMAS(tf32Mma, Tf32, 128, 128, 2, 4)
STEEPEST_MMAS(tf32Mma, Tf32, 64, 64, 2, 2)
STEEPEST_MMA(tf32Mma, Tf32, 64, 64, 2, 2, TT, false, true)

}  // namespace steepest::cuda
