// Rows of numbers in registers, shared by the threads of a warp or of a block.
#pragma once

#include "kernel.h"
#include "quads.h"
#include "row.h"

namespace steepest::cuda {

// The columns of a quad: neighbours, or where those are not one access, so far apart that the threads' are neighbours.
struct Columns {
  int first, step;
  STEEPEST_INLINE int at(int j) const { return first + j * step; }
};

// The threads that share a row. With one warp, a block has several rows.
template <int kWarps>
struct Sharers {
  static constexpr int kThreads = 32 * kWarps;
  static STEEPEST_INLINE int thread() { return static_cast<int>(threadIdx.x) % kThreads; }
  static STEEPEST_INLINE int64_t rowsAtOnce() { return blockDim.x / kThreads; }
  static STEEPEST_INLINE int64_t firstRow() { return blockIdx.x * rowsAtOnce() + threadIdx.x / kThreads; }
  static STEEPEST_INLINE int64_t nextRow() { return gridDim.x * rowsAtOnce(); }

  // Of the values of all of them, always in the same order. `combine` has to be commutative.
  template <typename T, typename Combine>
  static STEEPEST_INLINE T combine(T value, Combine combine) {
#pragma unroll
    for (int lanes = 16; lanes > 0; lanes /= 2) value = combine(value, __shfl_xor_sync(0xffffffffu, value, lanes));
    if constexpr (kWarps > 1) {
      __shared__ T shared[kWarps];
      if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = value;
      __syncthreads();
      value = shared[0];
#pragma unroll
      for (int w = 1; w < kWarps; ++w) value = combine(value, shared[w]);
      __syncthreads();
    }
    return value;
  }
  static STEEPEST_INLINE double sum(double value) {
    return combine(value, [](double a, double b) { return a + b; });
  }
  // NaN is left out.
  static STEEPEST_INLINE float max(float value) {
    return combine(value, [](float a, float b) { return a > b ? a : b; });
  }

  // f(i, columns) for the quads of this thread in a row of n columns. Those of quad i are the same in all rows that are held.
  template <bool kHeld, typename F>
  static STEEPEST_INLINE void each(int n, bool spread, F f) {
    const int first = spread ? thread() : thread() * 4, step = spread ? kThreads : 1;
    if constexpr (kHeld) {
#pragma unroll
      for (int i = 0; i < kHeldQuads; ++i) {
        const Columns columns = {i * kThreads * 4 + first, step};
        if (columns.first < n) f(i, columns);
      }
    } else {
#pragma unroll 2
      for (int column = first; column < n; column += kThreads * 4) f(0, Columns{column, step});
    }
  }
};

// A thread's quads of a row. `whole`: they lie at multiples of 16 bytes, and the last one has four numbers, too.
// With kSpreads the numbers of other rows are spread, which takes registers.
template <int kWarps, bool kHeld, bool kSpreads = false>
struct Row {
  const float* from;
  int n;
  bool whole;
  float fill;  // beyond the end
  Quad held[kHeld ? kHeldQuads : 1];

  STEEPEST_INLINE Row(const float* from_, int64_t n_, bool whole_, float fill_)
      : from(from_), n(static_cast<int>(n_)), whole(whole_), fill(fill_) {
    if constexpr (kHeld) each([&](int i, const Columns& columns) { held[i] = load(columns); });
  }
  template <typename F>
  STEEPEST_INLINE void each(F f) const {
    Sharers<kWarps>::template each<kHeld>(n, kSpreads && !whole, f);
  }
  STEEPEST_INLINE Quad operator()(int i, const Columns& columns) const {
    if constexpr (kHeld) return held[i];
    return load(columns);
  }
  STEEPEST_INLINE Quad load(const Columns& columns) const {
    if (whole) return *reinterpret_cast<const Quad*>(from + columns.first);
    Quad quad;
#pragma unroll
    for (int j = 0; j < 4; ++j) quad.x[j] = columns.at(j) < n ? from[columns.at(j)] : fill;
    return quad;
  }
};

// Stores a quad of a row of n columns.
STEEPEST_INLINE void storeQuad(float* row, const Columns& columns, int n, bool whole, const Quad& quad) {
  if (whole) {
    *reinterpret_cast<Quad*>(row + columns.first) = quad;
    return;
  }
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    if (columns.at(j) < n) row[columns.at(j)] = quad.x[j];
  }
}

// Kernels of the three kinds: name##Warp, name##Block, name##Stream, which call body<warps, held>(arguments).
#define STEEPEST_ROW_KERNELS(name, body, Arguments)                                                          \
  STEEPEST_TILED_KERNEL(32 * kRowWarps, 1, name##Warp, Arguments a) { body<1, true>(a); }                    \
  STEEPEST_TILED_KERNEL(32 * kRowBlockWarps, 1, name##Block, Arguments a) { body<kRowBlockWarps, true>(a); } \
  STEEPEST_TILED_KERNEL(32 * kRowStreamWarps, 2, name##Stream, Arguments a) { body<kRowStreamWarps, false>(a); }

}  // namespace steepest::cuda
