// Products whose B is too large for a cache: each block packs what it needs of B piece by piece of k. A piece stays in L2 while all
// rows of A read it, and the next one is fetched meanwhile, so B comes from memory once, and early.
#pragma once

#include <algorithm>
#include <cstdint>

#include "gemm.h"
#include "gemm_grid.h"

namespace steepest {

// Whether the first tile of `rows` rows can pack B, which costs nearly nothing: see GemmBlock::panels.
inline bool packsMeanwhile(const GemmKernels& gemm, int64_t bColumn, int64_t rows) {
  return bColumn == 1 && !gemm.rounds() && rows > gemm.rows;
}

struct Pieces {
  constexpr static int64_t kHighRows = 560;   // of a block, of which C and the panels share L2
  constexpr static int64_t kMostRows = 2240;  // of a block, whose product a thread may have to keep

  const float* b;
  int64_t bDepth, bColumn;
  int64_t depth;  // of a piece

  // g has all but what is said of B. `panels` has room for a piece.
  void multiply(const GemmKernels& gemm, GemmBlock g, float* panels) const {
    const float* const a = g.a;
    const GemmFinish* const finish = g.finish;
    const int64_t all = g.k;
    const bool accumulate = g.accumulate;
    Ahead ahead;
    g.ahead = &ahead;
    const bool direct = packsMeanwhile(gemm, bColumn, g.m);
    g.panels = direct ? panels : nullptr;
    g.bRow = direct ? bDepth : gemm.panel;
    for (int64_t p = 0; p < all; p += depth) {
      g.k = std::min(depth, all - p);
      g.bPanel = direct ? gemm.panel : g.k * gemm.panel;
      g.b = direct ? b + p * bDepth : panels;
      if (!direct) gemm.pack(b + p * bDepth, bDepth, bColumn, g.k, g.n, panels);
      g.a = a + p * g.aDepth;
      g.accumulate = accumulate || p > 0;
      if (p > 0) g.from = g.bias = nullptr;
      const int64_t next = p + g.k;
      g.finish = next == all ? finish : nullptr;
      g.aheads = next < all;
      if (g.aheads > 0) ahead = ofPiece(next, std::min(depth, all - next), g.n);
      gemm.block(g);
    }
  }

 private:
  Ahead ofPiece(int64_t p, int64_t k, int64_t columns) const {
    const uint8_t* at = reinterpret_cast<const uint8_t*>(b + p * bDepth);
    constexpr int64_t kBytes = sizeof(float);
    return bColumn == 1 ? Ahead{at, k, bDepth * kBytes, columns * kBytes}
                        : Ahead{at, columns, bColumn * kBytes, k * kBytes};
  }
};

// Panels of a block: 192 columns at least, as each block copies all of A, but for eight blocks; a power of two of blocks.
inline int64_t panelsOfPieces(int64_t panels, int64_t panel) {
  int64_t blocks = 8;
  while (panels / (2 * blocks) * panel >= 192) blocks *= 2;
  return ceilDiv(panels, std::min(blocks, panels));
}

}  // namespace steepest
