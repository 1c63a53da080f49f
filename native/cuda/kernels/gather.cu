// Rows of a table by index, and the gradient: rows added up by index.
#include "gather.h"
#include "kernel.h"
#include "quads.h"
#include "report.h"
#include "strides.h"

namespace steepest::cuda {

template <typename T>
STEEPEST_INLINE void gatherElement(const GatherArguments& a, int64_t i, int64_t from, bool valid) {
  reinterpret_cast<T*>(a.out)[i] = valid ? reinterpret_cast<const T*>(a.table)[from] : T{};
}

STEEPEST_TILED_KERNEL(STEEPEST_BLOCK, 1, gatherRows, GatherArguments a) {
  STEEPEST_EACH(i, a.count * a.inner.size) {
    const int64_t index = a.indices[i / a.inner.size];
    const bool valid = index >= 0 && index < a.tableRows;
    if (!valid) report(a.state, kIndexError);
    const int64_t from = index * a.tableStride + offsetOf(a.inner, a.innerStrides, i % a.inner.size);
    if (a.elementBytes == 16) {
      gatherElement<Quad>(a, i, from, valid);
    } else if (a.elementBytes == 4) {
      gatherElement<uint32_t>(a, i, from, valid);
    } else if (a.elementBytes == 2) {
      gatherElement<uint16_t>(a, i, from, valid);
    } else {
      gatherElement<uint8_t>(a, i, from, valid);
    }
  }
}

// Zeros, and the pairs that are to be sorted.
STEEPEST_KERNEL(scatterBegin, ScatterArguments a) {
  const int64_t size = a.rows * a.inner, quads = (size + 3) / 4;
  STEEPEST_EACH(i, larger(quads, a.count)) {
    for (int64_t j = 4 * i; j < smaller(4 * i + 4, size); ++j) a.out[j] = 0;
    if (i >= a.count) continue;
    const int64_t index = a.indices[i];
    const bool valid = index >= 0 && index < a.rows;
    if (!valid) report(a.state, kIndexError);
    a.pairs[i] = static_cast<uint64_t>(valid ? index : a.rows) << 32 | static_cast<uint64_t>(i);
  }
}

STEEPEST_INLINE int64_t rowOf(const ScatterArguments& a, int64_t i) { return static_cast<int64_t>(a.sorted[i] >> 32); }
// A chunk begins with what the one before has ended with: its first sum is not all of that row's.
STEEPEST_INLINE bool isCarried(const ScatterArguments& a, int64_t chunk) {
  return chunk > 0 && rowOf(a, chunk * kScatterChunk - 1) == rowOf(a, chunk * kScatterChunk);
}

// A thread for kRun columns of a chunk. Sums go to their rows, but for one that is carried.
template <int kRun>
STEEPEST_INLINE void sumChunk(const ScatterArguments& a, int64_t chunk, int64_t column) {
  const int64_t first = chunk * kScatterChunk, end = smaller(first + kScatterChunk, a.count);
  int64_t row = rowOf(a, first);
  float* to = isCarried(a, chunk) ? a.carries + chunk * a.inner : a.out + row * a.inner;
  float sums[kRun] = {};
  for (int64_t i = first; row < a.rows; ++i) {
    const int64_t next = i < end ? rowOf(a, i) : -1;
    if (next != row) {
      storeRun<kRun>(to + column, sums);
      if (i == end) break;
      row = next;
      to = a.out + row * a.inner;
#pragma unroll
      for (int j = 0; j < kRun; ++j) sums[j] = 0;
      if (row >= a.rows) break;
    }
    float update[kRun];
    loadRun<kRun>(a.updates + static_cast<int64_t>(a.sorted[i] & UINT32_MAX) * a.inner + column, update);
#pragma unroll
    for (int j = 0; j < kRun; ++j) sums[j] += update[j];
  }
}

STEEPEST_KERNEL(scatterChunks, ScatterArguments a) {
  const int64_t run = a.quads != 0 ? 4 : 1, runs = a.inner / run;
  STEEPEST_EACH(i, (a.count + kScatterChunk - 1) / kScatterChunk * runs) {
    if (a.quads != 0) {
      sumChunk<4>(a, i / runs, i % runs * 4);
    } else {
      sumChunk<1>(a, i / runs, i % runs);
    }
  }
}

// The carried sums of a row, in order, by the thread of the chunk with the first of them.
STEEPEST_KERNEL(scatterCarries, ScatterArguments a) {
  const int64_t chunks = (a.count + kScatterChunk - 1) / kScatterChunk;
  STEEPEST_EACH(i, chunks * a.inner) {
    const int64_t chunk = i / a.inner, column = i % a.inner;
    if (!isCarried(a, chunk)) continue;
    const int64_t row = rowOf(a, chunk * kScatterChunk);
    if (row >= a.rows || (isCarried(a, chunk - 1) && rowOf(a, (chunk - 1) * kScatterChunk) == row)) continue;
    float* const to = a.out + row * a.inner + column;
    double sum = *to;
    for (int64_t c = chunk; c < chunks && rowOf(a, c * kScatterChunk) == row; ++c) {
      sum += a.carries[c * a.inner + column];
    }
    *to = static_cast<float>(sum);
  }
}

}  // namespace steepest::cuda
