// Where a product's tile comes from, and what becomes of its sums: finished in registers, then stored.
#pragma once

#include "bfloat16.h"
#include "gemm.h"
#include "kernel.h"
#include "quads.h"
#include "strides.h"

namespace steepest::cuda {

// Two, at a multiple of 8.
struct alignas(8) Pair {
  float x[2];
};

// In bytes and not in numbers of an address, which would hide from the compiler that they are global memory.
STEEPEST_INLINE float* slid(float* p, int64_t bytes) {
  return reinterpret_cast<float*>(reinterpret_cast<unsigned char*>(p) + bytes);
}
template <typename T>
STEEPEST_INLINE const T* slid(const T* p, int64_t bytes) {
  return reinterpret_cast<const T*>(reinterpret_cast<const unsigned char*>(p) + bytes);
}

// Whether an operand is bfloat16 numbers, and where number i of it is.
STEEPEST_INLINE bool isNarrow(const GemmArguments& g, uint32_t operand) { return (g.narrow & operand) != 0; }
STEEPEST_INLINE const float* numberAt(const GemmArguments& g, uint32_t operand, const float* p, int64_t i) {
  return slid(p, i * (isNarrow(g, operand) ? 2 : 4));
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
    return numberAt(g, kNarrowA, slid(g.a, g.loopStep * g.aSlide), offsetOf(g.batch, g.aBatch, batch));
  }
  STEEPEST_INLINE const float* b(const GemmArguments& g) const {
    return numberAt(g, kNarrowB, slid(g.b, g.loopStep * g.bSlide), offsetOf(g.batch, g.bBatch, batch));
  }
};

// Neighbours in memory, of which `left` are there; `whole`: they all are, at a multiple of their size.
template <int kRun>
STEEPEST_INLINE void loadSome(const float* from, int64_t left, bool whole, float (&to)[kRun]) {
  if (kRun == 4 && whole) {
    const Quad quad = *reinterpret_cast<const Quad*>(from);
#pragma unroll
    for (int j = 0; j < kRun; ++j) to[j] = quad.x[j % 4];
  } else if (kRun == 2 && whole) {
    const Pair pair = *reinterpret_cast<const Pair*>(from);
#pragma unroll
    for (int j = 0; j < kRun; ++j) to[j] = pair.x[j % 2];
  } else {
#pragma unroll
    for (int j = 0; j < kRun; ++j) to[j] = j < left ? from[j] : 0;
  }
}
template <int kRun>
STEEPEST_INLINE void loadSome(const uint16_t* from, int64_t left, bool whole, float (&to)[kRun]) {
  if (kRun == 4 && whole) {
    const Quad quad = widenedQuad(from);
#pragma unroll
    for (int j = 0; j < kRun; ++j) to[j] = quad.x[j % 4];
  } else if (kRun == 2 && whole) {
    const uint32_t pair = *reinterpret_cast<const uint32_t*>(from);
    to[0] = widened(static_cast<uint16_t>(pair));
    to[kRun - 1] = widened(static_cast<uint16_t>(pair >> 16));
  } else {
#pragma unroll
    for (int j = 0; j < kRun; ++j) to[j] = j < left ? widened(from[j]) : 0;
  }
}
// Rounded.
template <int kRun>
STEEPEST_INLINE void storeSome(uint16_t* to, int64_t left, bool whole, const float (&from)[kRun]) {
  if (kRun == 4 && whole) {
    uint32_t* const words = reinterpret_cast<uint32_t*>(to);
    words[0] = bfloat16Bits(from[0]) | bfloat16Bits(from[kRun / 4]) << 16;
    words[1] = bfloat16Bits(from[kRun / 2]) | bfloat16Bits(from[kRun - 1]) << 16;
  } else {
#pragma unroll
    for (int j = 0; j < kRun; ++j) {
      if (j < left) to[j] = static_cast<uint16_t>(bfloat16Bits(from[j]));
    }
  }
}
template <int kRun>
STEEPEST_INLINE void storeSome(float* to, int64_t left, bool whole, const float (&from)[kRun]) {
  if (kRun == 4 && whole) {
    *reinterpret_cast<Quad*>(to) = {{from[0], from[kRun / 4], from[kRun / 2], from[kRun - 1]}};
  } else if (kRun == 2 && whole) {
    *reinterpret_cast<Pair*>(to) = {{from[0], from[kRun - 1]}};
  } else {
#pragma unroll
    for (int j = 0; j < kRun; ++j) {
      if (j < left) to[j] = from[j];
    }
  }
}

constexpr int64_t kNoElement = -1;

// kNarrow: what is as large as c, and c, may be bfloat16 numbers, as a GemmFinish says. Others have no registers to spare for it.
//
// From a run of numbers to the next one, as tensor cores leave them: columns to the right.
constexpr int kRunStep = 8;

// Of runs in kRows rows, each from one of c's elements on, and of further ones beside them, behind those of all rows. A step at a
// time for all of them: that is one branch, and what they read is on its way together.
template <bool kNarrow, int kRows, int kRuns, int kRun>
STEEPEST_INLINE void finish(const GemmFinish& f, int64_t loopStep, int64_t column, int64_t left, bool whole,
                            const int64_t (&elements)[kRows], float (&v)[kRuns][kRun]) {
  constexpr int kBeside = kRuns / kRows;
  // each(number, which run, which neighbour)
  const auto each = [&](auto change) {
#pragma unroll
    for (int i = 0; i < kRuns; ++i) {
#pragma unroll
      for (int j = 0; j < kRun; ++j) change(v[i][j], i, j);
    }
  };
  const auto ofColumns = [&](const float* from, int64_t step, float (&x)[kBeside][kRun]) {
#pragma unroll
    for (int i = 0; i < kBeside; ++i) {
#pragma unroll
      for (int j = 0; j < kRun; ++j) {
        const int at = i * kRunStep + j;
        x[i][j] = at < left ? from[step * (column + at)] : 0;
      }
    }
  };
  const auto ofNumbers = [&](const auto* from, float (&x)[kRuns][kRun]) {
#pragma unroll
    for (int i = 0; i < kRuns; ++i) {
      const int at = i / kRows * kRunStep;
      if (elements[i % kRows] != kNoElement && (kBeside == 1 || at < left)) {
        loadSome(from + elements[i % kRows] + at, left - at, whole, x[i]);
      }
    }
  };
  const auto ofElements = [&](const float* from, bool narrow, float (&x)[kRuns][kRun]) {
    if (kNarrow && narrow) {
      ofNumbers(reinterpret_cast<const uint16_t*>(from), x);
    } else {
      ofNumbers(from, x);
    }
  };
  each([&](float& x, int, int) { x *= f.scale; });
  if (f.scales != nullptr) {
    float scales[kBeside][kRun];
    ofColumns(f.scales, f.scalesStep, scales);
    each([&](float& x, int i, int j) { x *= scales[i / kRows][j]; });
  }
  if (f.bias != nullptr) {
    float bias[kBeside][kRun];
    ofColumns(f.bias, f.biasStep, bias);
    each([&](float& x, int i, int j) { x += bias[i / kRows][j]; });
  }
  if (f.added != nullptr) {
    float added[kRuns][kRun] = {};
    ofElements(slid(f.added, loopStep * f.addedSlide), f.addedNarrow, added);
    each([&](float& x, int i, int j) { x += added[i][j]; });
  }
  if (f.relu) each([&](float& x, int, int) { x = x < 0 ? 0 : x; });
  if (f.gate != nullptr) {
    float gate[kRuns][kRun] = {};
    ofElements(slid(f.gate, loopStep * f.gateSlide), f.gateNarrow, gate);
    const bool multiplies = f.gateMultiplies;
    each([&](float& x, int i, int j) { x = gate[i][j] > 0 ? x : multiplies ? x * 0.0f : 0; });
  }
}

// Of one number.
STEEPEST_INLINE float finished(const GemmFinish& f, int64_t loopStep, float v, int64_t column, int64_t element) {
  float one[1][1] = {{v}};
  const int64_t elements[1] = {element};
  finish<true>(f, loopStep, column, 1, false, elements, one);
  return one[0][0];
}

// Finishes runs of neighbours from a place in the tile on, kRowStep rows apart and beside each other; the elements of c where rows
// begin, or kNoElement. With several parts they are sums and stay as they are. Runs of 2 and 4 begin where quads of c do, or in
// their middle. All comes from the arguments each time: registers are needed for the numbers. `Tile` is a GemmTile or something
// that knows other places in c.
template <bool kNarrow, int kRowStep, int kRows, int kRuns, int kRun, typename Tile>
STEEPEST_INLINE void finishRuns(const GemmArguments& g, int64_t loopStep, const Tile& tile, const Place& at,
                                int64_t (&elements)[kRows], float (&v)[kRuns][kRun]) {
#pragma unroll
  for (int i = 0; i < kRows; ++i) {
    const Place place = {at.row + i * kRowStep, at.column};
    elements[i] = tile.contains(g, place) ? tile.elementOf(g, place) : kNoElement;
  }
  const int64_t left = g.n - tile.column - at.column;
  const bool whole = kRun > 1 && g.cQuads != 0;
  if (g.parts == 1) finish<kNarrow>(g.finish, loopStep, tile.columnOf(g, at), left, whole, elements, v);
}

// The same, and stores them: runs that are beneath each other.
template <bool kNarrow, int kRowStep = 0, int kRows, int kRun, typename Tile>
STEEPEST_INLINE void finishAndStore(const GemmArguments& g, int64_t loopStep, const Tile& tile, const Place& at,
                                    float (&v)[kRows][kRun]) {
  const int64_t left = g.n - tile.column - at.column;
  const bool whole = kRun > 1 && g.cQuads != 0;
  int64_t elements[kRows];
  finishRuns<kNarrow, kRowStep>(g, loopStep, tile, at, elements, v);
  float* const to = g.parts > 1 ? g.sums + tile.part * g.size : slid(g.c, loopStep * g.cSlide);
  const auto storeAll = [&](auto* at) {
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      if (elements[i] != kNoElement) storeSome(at + elements[i], left, whole, v[i]);
    }
  };
  if (kNarrow && g.finish.narrow && g.parts == 1) {
    storeAll(reinterpret_cast<uint16_t*>(to));
  } else {
    storeAll(to);
  }
}

// One number of c, finished.
STEEPEST_INLINE void storeOne(const GemmArguments& g, int64_t element, float v) {
  float* const c = slid(g.c, g.loopStep * g.cSlide);
  if (g.finish.narrow) {
    reinterpret_cast<uint16_t*>(c)[element] = static_cast<uint16_t>(bfloat16Bits(v));
  } else {
    c[element] = v;
  }
}

// Of the sums of a product (such as a Float32Tile), a few quads at a time by code that is there once: take(turn, quads) is those of
// a turn, placeOf(turn) where they begin.
template <typename Tile, typename Product>
STEEPEST_INLINE void finishProduct(const GemmArguments& g, int64_t loopStep, const Tile& tile, const Product& product) {
#pragma unroll 1
  for (int turn = 0; turn < Product::kTurns; ++turn) {
    float quads[4][4];
    product.take(turn, quads);
    finishAndStore<Product::kNarrow, Product::kRowStep>(g, loopStep, tile, product.placeOf(turn), quads);
  }
}

}  // namespace steepest::cuda
