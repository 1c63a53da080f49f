// The loop that all tiled products share: tiles of the operands pass through shared memory, two of each there; the next ones are
// on their way from memory to registers while one is multiplied.
#pragma once

#include "gemm_stage.h"

namespace steepest::cuda {

// `Tile` (Float32Tile, MmaTile) has the shared memory, the sums and how they are multiplied. load(depth, a, b) fills what a
// thread brings of the tiles from `depth` on.
template <typename Tile, typename Load>
STEEPEST_INLINE void sumProducts(Tile& tile, int64_t firstDepth, int64_t lastDepth, Load load) {
  typename Tile::StagedA a;
  typename Tile::StagedB b;
  load(firstDepth, a, b);
  tile.store(0, a, b);
  __syncthreads();
  int now = 0;
  for (int64_t depth = firstDepth; depth < lastDepth; depth += Tile::kDepth, now ^= 1) {
    const bool more = depth + Tile::kDepth < lastDepth;
    if (more) load(depth + Tile::kDepth, a, b);
    tile.multiply(now);
    if (more) tile.store(now ^ 1, a, b);
    __syncthreads();
  }
}

// Of two matrices with strides.
template <typename Tile>
STEEPEST_INLINE void multiplyMatrices(const GemmArguments& g, Tile& product) {
  const GemmTile tile(g, blockIdx.x, Tile::kRows, Tile::kColumns);
  const float *const a = tile.a(g), *const b = tile.b(g);
  const int64_t aStride = Tile::StagedA::kAlongK ? g.aRow : g.aDepth;
  const int64_t bStride = Tile::StagedB::kAlongK ? g.bColumn : g.bDepth;
  sumProducts(product, tile.firstDepth, tile.lastDepth,
              [&](int64_t depth, typename Tile::StagedA& nextA, typename Tile::StagedB& nextB) {
                nextA.load(a, aStride, tile.row, g.m, depth, tile.lastDepth, g.aQuads != 0,
                           Tile::kNarrow && isNarrow(g, kNarrowA));
                nextB.load(b, bStride, tile.column, g.n, depth, tile.lastDepth, g.bQuads != 0,
                           Tile::kNarrow && isNarrow(g, kNarrowB));
              });
  finishProduct(g, g.loopStep, tile, product);
}

}  // namespace steepest::cuda
