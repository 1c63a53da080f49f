// Where a product's tile comes from, and what becomes of its sums: finished in registers, then stored.
#pragma once

#include "gemm.h"
#include "kernel.h"
#include "quads.h"
#include "strides.h"

namespace steepest::cuda {

// Two, at a multiple of 8.
struct alignas(8) Pair {
  float x[2];
};

template <typename T>
STEEPEST_INLINE T* slid(T* p, int64_t bytes) {
  return reinterpret_cast<T*>(reinterpret_cast<uintptr_t>(p) + static_cast<uintptr_t>(bytes));
}

// A place in c, or in a tile of it.
struct Place {
  int64_t row, column;
};

// The tile of a block. Blocks that run at the same time share rows of a and columns of b in the cache: they go down through
// kTogether tiles before they go to the right.
struct GemmTile {
  static constexpr int64_t kTogether = 8;
  int64_t part, batch, row, column, firstDepth, lastDepth;

  STEEPEST_INLINE GemmTile(const GemmArguments& g, int64_t block, int64_t rows, int64_t columns) {
    const int64_t down = (g.m + rows - 1) / rows, across = (g.n + columns - 1) / columns;
    int64_t tile = block % (down * across);
    batch = block / (down * across) % g.batch.size;
    part = block / (down * across) / g.batch.size;
    const int64_t group = tile / (kTogether * across);
    const int64_t height = smaller(down - group * kTogether, kTogether);
    tile -= group * kTogether * across;
    row = (group * kTogether + tile % height) * rows;
    column = tile / height * columns;
    firstDepth = part * g.partDepth;
    lastDepth = smaller(firstDepth + g.partDepth, g.k);
  }
  // Where a place in the tile is in c, what its column is to the finish, and its element there. False: beyond the edge.
  STEEPEST_INLINE bool contains(const GemmArguments& g, const Place& at) const {
    return row + at.row < g.m && column + at.column < g.n;
  }
  STEEPEST_INLINE int64_t columnOf(const GemmArguments&, const Place& at) const { return column + at.column; }
  STEEPEST_INLINE int64_t elementOf(const GemmArguments& g, const Place& at) const {
    return (batch * g.m + row + at.row) * g.n + column + at.column;
  }

  STEEPEST_INLINE const float* a(const GemmArguments& g) const {
    return slid(g.a, g.loopStep * g.aSlide) + offsetOf(g.batch, g.aBatch, batch);
  }
  STEEPEST_INLINE const float* b(const GemmArguments& g) const {
    return slid(g.b, g.loopStep * g.bSlide) + offsetOf(g.batch, g.bBatch, batch);
  }
};

// Of one number.
STEEPEST_INLINE float finished(const GemmFinish& f, int64_t loopStep, float v, int64_t column, int64_t element) {
  v *= f.scale;
  if (f.scales != nullptr) v *= f.scales[f.scalesStep * column];
  if (f.bias != nullptr) v += f.bias[f.biasStep * column];
  if (f.added != nullptr) v += slid(f.added, loopStep * f.addedSlide)[element];
  if (f.relu) v = v < 0 ? 0 : v;
  if (f.gate != nullptr) {
    const bool open = slid(f.gate, loopStep * f.gateSlide)[element] > 0;
    v = f.gateMultiplies ? v * (open ? 1.0f : 0.0f) : open ? v : 0;
  }
  return v;
}

// Finishes and stores neighbours of a row from a place in the tile on. With several parts they are sums, stored as they are. Runs
// of 2 and 4 begin where quads of c do, or in their middle. All comes from the arguments each time: registers are needed for the
// numbers. `Tile` is a GemmTile or something that knows other places in c.
template <int kRun, typename Tile>
STEEPEST_INLINE void finishAndStore(const GemmArguments& g, int64_t loopStep, const Tile& tile, const Place& at,
                                    const float (&v)[kRun]) {
  if (!tile.contains(g, at)) return;
  const int64_t element = tile.elementOf(g, at), column = tile.columnOf(g, at);
  const int64_t left = g.n - tile.column - at.column;
  float x[kRun];
#pragma unroll
  for (int j = 0; j < kRun; ++j) {
    x[j] = g.parts > 1 || j >= left ? v[j] : finished(g.finish, loopStep, v[j], column + j, element + j);
  }
  float* const to = (g.parts > 1 ? g.sums + tile.part * g.size : slid(g.c, loopStep * g.cSlide)) + element;
  if (kRun == 4 && g.cQuads != 0) {
    *reinterpret_cast<Quad*>(to) = {{x[0], x[kRun / 4], x[kRun / 2], x[kRun - 1]}};
  } else if (kRun == 2 && g.cQuads != 0) {
    *reinterpret_cast<Pair*>(to) = {{x[0], x[kRun - 1]}};
  } else {
#pragma unroll
    for (int j = 0; j < kRun; ++j) {
      if (j < left) to[j] = x[j];
    }
  }
}

// Of all runs of a thread; where(i) is where run i begins in the tile.
template <int kRuns, int kRun, typename Tile, typename Where>
STEEPEST_INLINE void finishAndStore(const GemmArguments& g, int64_t loopStep, const Tile& tile,
                                    const float (&v)[kRuns][kRun], Where where) {
#pragma unroll
  for (int i = 0; i < kRuns; ++i) finishAndStore(g, loopStep, tile, where(i), v[i]);
}

}  // namespace steepest::cuda
