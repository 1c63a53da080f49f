// Pooling over windows, of each channel for itself: threads have neighbouring channels, so what a warp reads lies together. A
// gradient is gathered by the cells that get it, in the order of the windows.
#include "pool.h"
#include "vectors.h"

namespace steepest::cuda {
namespace {

// The cells begin .. end - 1 of the source along each axis.
template <typename Index>
struct Box {
  Index begin[kSpatial], end[kSpatial];
};

// f(number of the cell in its image, c0, c1, c2) in row-major order.
template <typename Index, typename F>
STEEPEST_INLINE void eachCell(const Box<Index>& box, const int64_t* extent, F f) {
  for (Index i = box.begin[0]; i < box.end[0]; ++i) {
    for (Index j = box.begin[1]; j < box.end[1]; ++j) {
      const int64_t row = (i * extent[1] + j) * extent[2];
      for (Index k = box.begin[2]; k < box.end[2]; ++k) f(row + k, i, j, k);
    }
  }
}

// Cells that a position sees.
template <typename Index>
STEEPEST_INLINE Box<Index> cellsOf(const Windows& w, const Index* position) {
  Box<Index> box;
#pragma unroll
  for (int d = 0; d < kSpatial; ++d) {
    const Index first = position[d] * static_cast<Index>(w.stride[d]) - static_cast<Index>(w.padding[d]);
    box.begin[d] = larger<Index>(first, 0);
    box.end[d] = smaller<Index>(first + static_cast<Index>(w.window[d]), static_cast<Index>(w.x[d]));
  }
  return box;
}

// Positions that see a cell.
template <typename Index>
STEEPEST_INLINE Box<Index> positionsOf(const Windows& w, const Index* cell) {
  Box<Index> box;
#pragma unroll
  for (int d = 0; d < kSpatial; ++d) {
    const Index stride = static_cast<Index>(w.stride[d]), last = cell[d] + static_cast<Index>(w.padding[d]);
    const Index before = last - static_cast<Index>(w.window[d]);  // of a window that ends in front of the cell
    box.begin[d] = before < 0 ? 0 : before / stride + 1;
    box.end[d] = smaller<Index>(last / stride + 1, static_cast<Index>(w.y[d]));
  }
  return box;
}

// f(image, coordinates, channel) for each group of kWide channels of the cells of a box.
template <typename Index, int kWide, typename F>
STEEPEST_INLINE void eachVector(const PoolArguments& a, const int64_t* box, F f) {
  const Index vectors = static_cast<Index>(a.channels / kWide);
  STEEPEST_EACH(item, a.windows.images * box[0] * box[1] * box[2] * (a.channels / kWide)) {
    const Index i = static_cast<Index>(item);
    Index at[kSpatial], rest = i / vectors;
#pragma unroll
    for (int d = kSpatial - 1; d >= 0; --d) {
      const Index size = static_cast<Index>(box[d]), next = rest / size;
      at[d] = rest - next * size;
      rest = next;
    }
    f(static_cast<int64_t>(rest), at, static_cast<int64_t>(i % vectors) * kWide);
  }
}

STEEPEST_INLINE int64_t volumeOf(const int64_t* box) { return box[0] * box[1] * box[2]; }
template <typename Index>
STEEPEST_INLINE int64_t numberOf(const Index* at, const int64_t* box) {
  return (at[0] * box[1] + at[1]) * box[2] + at[2];
}

template <int kWide>
STEEPEST_INLINE void store(const PoolArguments& a, int64_t cell, int64_t channel, const Numbers<kWide>& v) {
  *reinterpret_cast<Numbers<kWide>*>(a.out + cell * a.channels + channel) = v;
}

// 1 / cells that an average counts: those of the input, and some of the padding.
template <typename Index>
STEEPEST_INLINE float shareOf(const PoolArguments& a, const Index* position) {
  const Windows& w = a.windows;
  int64_t cells = 1;
#pragma unroll
  for (int d = 0; d < kSpatial; ++d) {
    const int64_t first = position[d] * w.stride[d] - w.padding[d], begin = larger(first, -a.before[d]);
    cells *= larger<int64_t>(1, smaller(first + w.window[d], w.x[d] + a.after[d]) - begin);
  }
  return 1.0f / static_cast<float>(cells);
}

STEEPEST_INLINE bool isSame(float a, float b) { return a == b || (a != a && b != b); }

struct MaxPool {
  template <typename Index, int kWide>
  static STEEPEST_INLINE void run(const PoolArguments& a) {
    const Windows& w = a.windows;
    eachVector<Index, kWide>(a, w.y, [&](int64_t image, const Index* position, int64_t channel) {
      const float* const x = a.x + image * volumeOf(w.x) * a.channels + channel;
      Numbers<kWide> best;
#pragma unroll
      for (int j = 0; j < kWide; ++j) best.x[j] = -INFINITY;
      eachCell(cellsOf(w, position), w.x, [&](int64_t cell, Index, Index, Index) {
        const Numbers<kWide> v = numbersAt<kWide>(x + cell * a.channels);
#pragma unroll
        for (int j = 0; j < kWide; ++j) {
          best.x[j] = best.x[j] != best.x[j] || best.x[j] > v.x[j] ? best.x[j] : v.x[j];
        }
      });
      store(a, image * volumeOf(w.y) + numberOf(position, w.y), channel, best);
    });
  }
};

struct AveragePool {
  template <typename Index, int kWide>
  static STEEPEST_INLINE void run(const PoolArguments& a) {
    const Windows& w = a.windows;
    eachVector<Index, kWide>(a, w.y, [&](int64_t image, const Index* position, int64_t channel) {
      const float* const x = a.x + image * volumeOf(w.x) * a.channels + channel;
      Numbers<kWide> sum = {};
      eachCell(cellsOf(w, position), w.x, [&](int64_t cell, Index, Index, Index) {
        const Numbers<kWide> v = numbersAt<kWide>(x + cell * a.channels);
#pragma unroll
        for (int j = 0; j < kWide; ++j) sum.x[j] += v.x[j];
      });
      const float share = shareOf(a, position);
#pragma unroll
      for (int j = 0; j < kWide; ++j) sum.x[j] *= share;
      store(a, image * volumeOf(w.y) + numberOf(position, w.y), channel, sum);
    });
  }
};

struct AveragePoolGrad {
  template <typename Index, int kWide>
  static STEEPEST_INLINE void run(const PoolArguments& a) {
    const Windows& w = a.windows;
    eachVector<Index, kWide>(a, w.x, [&](int64_t image, const Index* cell, int64_t channel) {
      const float* const dy = a.dy + image * volumeOf(w.y) * a.channels + channel;
      Numbers<kWide> sum = {};
      eachCell(positionsOf(w, cell), w.y, [&](int64_t number, Index i, Index j, Index k) {
        const Index position[kSpatial] = {i, j, k};
        const float share = shareOf(a, position);
        const Numbers<kWide> v = numbersAt<kWide>(dy + number * a.channels);
#pragma unroll
        for (int c = 0; c < kWide; ++c) sum.x[c] += v.x[c] * share;
      });
      store(a, image * volumeOf(w.x) + numberOf(cell, w.x), channel, sum);
    });
  }
};

// The first maximum of a window in row-major order has its gradient: a cell asks each window that sees it, and one that is the
// maximum looks at those in front of it.
struct MaxPoolGrad {
  template <typename Index, int kWide>
  static STEEPEST_INLINE void run(const PoolArguments& a) {
    const Windows& w = a.windows;
    eachVector<Index, kWide>(a, w.x, [&](int64_t image, const Index* cell, int64_t channel) {
      const float* const x = a.x + image * volumeOf(w.x) * a.channels + channel;
      const int64_t offset = image * volumeOf(w.y) * a.channels + channel, own = numberOf(cell, w.x);
      const Numbers<kWide> mine = numbersAt<kWide>(x + own * a.channels);
      Numbers<kWide> sum = {};
      eachCell(positionsOf(w, cell), w.y, [&](int64_t number, Index i, Index j, Index k) {
        const Index position[kSpatial] = {i, j, k};
        const int64_t at = offset + number * a.channels;
        const Numbers<kWide> best = numbersAt<kWide>(a.y + at);
        bool first[kWide], any = false;
#pragma unroll
        for (int c = 0; c < kWide; ++c) any |= first[c] = isSame(mine.x[c], best.x[c]);
        if (!any) return;
        Box<Index> before = cellsOf(w, position);
        before.end[0] = cell[0] + 1;
        eachCell(before, w.x, [&](int64_t other, Index, Index, Index) {
          if (other >= own) return;
          const Numbers<kWide> v = numbersAt<kWide>(x + other * a.channels);
#pragma unroll
          for (int c = 0; c < kWide; ++c) first[c] = first[c] && !isSame(v.x[c], best.x[c]);
        });
        const Numbers<kWide> dy = numbersAt<kWide>(a.dy + at);
#pragma unroll
        for (int c = 0; c < kWide; ++c) sum.x[c] += first[c] ? dy.x[c] : 0;
      });
      store(a, image * volumeOf(w.x) + own, channel, sum);
    });
  }
};

// With 32-bit indices where they do.
template <typename Pool, int kWide>
STEEPEST_INLINE void pool(const PoolArguments& a) {
  if (a.isShort != 0) {
    Pool::template run<int32_t, kWide>(a);
  } else {
    Pool::template run<int64_t, kWide>(a);
  }
}

}  // namespace

#define STEEPEST_POOL(name, Pool)                                                          \
  STEEPEST_TILED_KERNEL(STEEPEST_BLOCK, 5, name##4, PoolArguments a) { pool<Pool, 4>(a); } \
  STEEPEST_TILED_KERNEL(STEEPEST_BLOCK, 5, name##1, PoolArguments a) { pool<Pool, 1>(a); }
STEEPEST_POOL(maxPool, MaxPool)
STEEPEST_POOL(averagePool, AveragePool)
STEEPEST_POOL(maxPoolGrad, MaxPoolGrad)
STEEPEST_POOL(averagePoolGrad, AveragePoolGrad)

}  // namespace steepest::cuda
