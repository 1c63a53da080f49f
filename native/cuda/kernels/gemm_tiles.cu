// Matrix products in float32, in tiles.
#include "gemm_float32.h"
#include "gemm_loop.h"

namespace steepest::cuda {

// Named by the tile and by how operands lie: N for row-major a [m, k] and b [k, n], T for transposed ones. Both transposed is
// rare, and has one tile only.
#define STEEPEST_GEMM(rows, columns, depth, down, across, form, aAlongK, bAlongK)                                     \
  STEEPEST_TILED_KERNEL((rows) * (columns) / ((down) * (across)), 2, gemm##rows##x##columns##form, GemmArguments g) { \
    using Tile = Float32Tile<rows, columns, depth, down, across, aAlongK, bAlongK>;                                   \
    __shared__ Tile::Shared shared;                                                                                   \
    Tile product(shared);                                                                                             \
    multiplyMatrices(g, product);                                                                                     \
  }
#define STEEPEST_GEMMS(rows, columns, depth, down, across)           \
  STEEPEST_GEMM(rows, columns, depth, down, across, NN, true, false) \
  STEEPEST_GEMM(rows, columns, depth, down, across, NT, true, true)  \
  STEEPEST_GEMM(rows, columns, depth, down, across, TN, false, false)
STEEPEST_GEMMS(128, 128, 8, 8, 8)
STEEPEST_GEMMS(64, 64, 16, 4, 4)
STEEPEST_GEMM(64, 64, 16, 4, 4, TT, false, true)
STEEPEST_GEMMS(32, 128, 16, 4, 4)
STEEPEST_GEMMS(128, 32, 16, 4, 4)

// The parts of k, added in order.
STEEPEST_KERNEL(gemmParts, GemmArguments g) {
  STEEPEST_EACH(i, g.size) {
    float sum = g.sums[i];
    for (int64_t part = 1; part < g.parts; ++part) sum += g.sums[part * g.size + i];
    storeOne(g, i, finished(g.finish, g.loopStep, sum, i % g.cRow, i));
  }
}

}  // namespace steepest::cuda
