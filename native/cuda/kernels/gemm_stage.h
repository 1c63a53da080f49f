// A tile of an operand on its way from memory to shared memory.
#pragma once

#include "bfloat16.h"
#include "gemm_result.h"

namespace steepest::cuda {

// kRows x kDepth of an operand, in the registers of kThreads threads: quads of neighbours in memory. Element (row, depth) lies
// at p[row * stride + depth] when the operand is contiguous along k, otherwise at p[depth * stride + row]. Zeros beyond it.
template <int kRows, int kDepth, bool kAlongK_, int kThreads>
struct Staged {
  static constexpr bool kAlongK = kAlongK_;
  static constexpr int kQuads = kRows * kDepth / 4;
  static constexpr int kEach = (kQuads + kThreads - 1) / kThreads;
  Quad quads[kEach];

  // `whole`: quads begin at multiples of their size. Those of a thread are all within their lines, or none is: one branch.
  // `narrow`: p is the address of bfloat16 numbers.
  STEEPEST_INLINE void load(const float* p, int64_t stride, int64_t firstRow, int64_t rows, int64_t firstDepth,
                            int64_t depths, bool whole, bool narrow = false) {
    if (narrow) {
      const auto one = [](const uint16_t* at) { return widened(*at); };
      const auto four = [](const uint16_t* at) { return widenedQuad(at); };
      loadNumbers(reinterpret_cast<const uint16_t*>(p), stride, firstRow, rows, firstDepth, depths, whole, one, four);
    } else {
      const auto one = [](const float* at) { return *at; };
      const auto four = [](const float* at) { return *reinterpret_cast<const Quad*>(at); };
      loadNumbers(p, stride, firstRow, rows, firstDepth, depths, whole, one, four);
    }
  }

  template <typename T, typename One, typename Four>
  STEEPEST_INLINE void loadNumbers(const T* p, int64_t stride, int64_t firstRow, int64_t rows, int64_t firstDepth,
                                   int64_t depths, bool whole, One one, Four four) {
    const int rowsLeft = static_cast<int>(smaller<int64_t>(rows - firstRow, kRows));
    const int depthsLeft = static_cast<int>(smaller<int64_t>(depths - firstDepth, kDepth));
    const int lines = kAlongK ? rowsLeft : depthsLeft, left = (kAlongK ? depthsLeft : rowsLeft) - along();
    const T* const from =
        p + ((kAlongK ? firstRow : firstDepth) + line(0)) * stride + (kAlongK ? firstDepth : firstRow) + along();
    const int64_t step = kThreads / kLine * stride;
    if (whole && left >= 4) {
#pragma unroll
      for (int i = 0; i < kEach; ++i) {
        if (has(i)) quads[i] = line(i) < lines ? four(from + i * step) : Quad{};
      }
    } else {
#pragma unroll
      for (int i = 0; i < kEach; ++i) {
#pragma unroll
        for (int j = 0; j < 4; ++j) {
          if (has(i)) quads[i].x[j] = line(i) < lines && j < left ? one(from + i * step + j) : 0;
        }
      }
    }
  }

  // Of quad i of this thread: whether there is one, and its first element in the tile. Quads of a thread are parts of the same
  // columns of quads in memory.
  static constexpr int kLine = (kAlongK ? kDepth : kRows) / 4;  // quads beside each other in memory
  static_assert(kThreads % kLine == 0);
  static STEEPEST_INLINE bool has(int i) {
    return kQuads % kThreads == 0 || i * kThreads + static_cast<int>(threadIdx.x) < kQuads;
  }
  static STEEPEST_INLINE int line(int i) { return i * (kThreads / kLine) + static_cast<int>(threadIdx.x) / kLine; }
  static STEEPEST_INLINE int along() { return static_cast<int>(threadIdx.x) % kLine * 4; }
  static STEEPEST_INLINE int row(int i) { return kAlongK ? line(i) : along(); }
  static STEEPEST_INLINE int depth(int i) { return kAlongK ? along() : line(i); }

  // f(row, depth, quad) for each quad of this thread.
  template <typename F>
  STEEPEST_INLINE void each(F f) {
#pragma unroll
    for (int i = 0; i < kEach; ++i) {
      if (!has(i)) break;
      f(row(i), depth(i), quads[i]);
    }
  }
};

}  // namespace steepest::cuda
