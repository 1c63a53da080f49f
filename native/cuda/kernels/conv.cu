// Convolution and its gradients, one thread for each element of the result.
#include "bfloat16.h"
#include "kernel.h"
#include "spatial.h"

namespace steepest::cuda {

STEEPEST_INLINE void addProduct(ProductSum& sum, float a, float b, bool rounds) {
  if (rounds) {
    sum.add(toBfloat16(a), toBfloat16(b));
  } else {
    sum.add(a, b);
  }
}

// Number `i` of the cells of a box, as coordinates.
STEEPEST_INLINE void unravel(int64_t i, const int64_t* box, int64_t* at) {
  at[2] = i % box[2];
  at[1] = i / box[2] % box[1];
  at[0] = i / box[2] / box[1];
}
STEEPEST_INLINE int64_t ravel(const int64_t* at, const int64_t* box) {
  return (at[0] * box[1] + at[1]) * box[2] + at[2];
}
STEEPEST_INLINE int64_t volume(const int64_t* box) { return box[0] * box[1] * box[2]; }

// The cell of x that a tap sees from a position of y. False: outside.
STEEPEST_INLINE bool cellAt(const Windows& w, const int64_t* position, const int64_t* tap, int64_t* cell) {
  bool inside = true;
  for (int d = 0; d < kSpatial; ++d) {
    cell[d] = position[d] * w.stride[d] + tap[d] * w.dilation[d] - w.padding[d];
    inside = inside && cell[d] >= 0 && cell[d] < w.x[d];
  }
  return inside;
}

// The position of y from which a tap sees a cell of x. False: there is none.
STEEPEST_INLINE bool positionAt(const Windows& w, const int64_t* cell, const int64_t* tap, int64_t* position) {
  bool exists = true;
  for (int d = 0; d < kSpatial; ++d) {
    const int64_t from = cell[d] + w.padding[d] - tap[d] * w.dilation[d];
    position[d] = from / w.stride[d];
    exists = exists && from >= 0 && from % w.stride[d] == 0 && position[d] < w.y[d];
  }
  return exists;
}

// y [n, position, f] = sum over taps and channels of x [n, cell, c] kernel [tap, c, f]
STEEPEST_KERNEL(conv, ConvArguments a) {
  const Windows& w = a.windows;
  const int64_t positions = volume(w.y), cells = volume(w.x), taps = volume(w.window);
  const int64_t groupChannels = a.channels / a.groups, groupFilters = a.filters / a.groups;
  STEEPEST_EACH(i, w.images * positions * a.filters) {
    const int64_t f = i % a.filters, image = i / a.filters / positions;
    int64_t position[kSpatial], tap[kSpatial], cell[kSpatial];
    unravel(i / a.filters % positions, w.y, position);
    ProductSum sum;
    for (int64_t t = 0; t < taps; ++t) {
      unravel(t, w.window, tap);
      if (!cellAt(w, position, tap, cell)) continue;
      const float* const x = a.x + (image * cells + ravel(cell, w.x)) * a.channels + f / groupFilters * groupChannels;
      const float* const kernel = a.kernel + t * groupChannels * a.filters + f;
      for (int64_t c = 0; c < groupChannels; ++c) addProduct(sum, x[c], kernel[c * a.filters], a.bfloat16);
    }
    a.out[i] = sum.result();
  }
}

// dx [n, cell, c] = sum over taps and filters of dy [n, position, f] kernel [tap, c, f]
STEEPEST_KERNEL(convInputGrad, ConvArguments a) {
  const Windows& w = a.windows;
  const int64_t positions = volume(w.y), cells = volume(w.x), taps = volume(w.window);
  const int64_t groupChannels = a.channels / a.groups, groupFilters = a.filters / a.groups;
  STEEPEST_EACH(i, w.images * cells * a.channels) {
    const int64_t c = i % a.channels, image = i / a.channels / cells, group = c / groupChannels;
    int64_t position[kSpatial], tap[kSpatial], cell[kSpatial];
    unravel(i / a.channels % cells, w.x, cell);
    ProductSum sum;
    for (int64_t t = 0; t < taps; ++t) {
      unravel(t, w.window, tap);
      if (!positionAt(w, cell, tap, position)) continue;
      const float* const dy = a.y + (image * positions + ravel(position, w.y)) * a.filters + group * groupFilters;
      const float* const kernel = a.kernel + (t * groupChannels + c % groupChannels) * a.filters + group * groupFilters;
      for (int64_t f = 0; f < groupFilters; ++f) addProduct(sum, dy[f], kernel[f], a.bfloat16);
    }
    a.out[i] = sum.result();
  }
}

// dkernel [tap, c, f] = sum over images and positions of x [n, cell, c] dy [n, position, f]
STEEPEST_KERNEL(convKernelGrad, ConvArguments a) {
  const Windows& w = a.windows;
  const int64_t positions = volume(w.y), cells = volume(w.x), taps = volume(w.window);
  const int64_t groupChannels = a.channels / a.groups, groupFilters = a.filters / a.groups;
  STEEPEST_EACH(i, taps * groupChannels * a.filters) {
    const int64_t f = i % a.filters, c = f / groupFilters * groupChannels + i / a.filters % groupChannels;
    int64_t position[kSpatial], tap[kSpatial], cell[kSpatial];
    unravel(i / a.filters / groupChannels, w.window, tap);
    ProductSum sum;
    for (int64_t p = 0; p < w.images * positions; ++p) {
      unravel(p % positions, w.y, position);
      if (!cellAt(w, position, tap, cell)) continue;
      const float x = a.x[(p / positions * cells + ravel(cell, w.x)) * a.channels + c];
      addProduct(sum, x, a.y[p * a.filters + f], a.bfloat16);
    }
    a.out[i] = sum.result();
  }
}

// ---- pooling, of each channel for itself

STEEPEST_KERNEL(maxPool, PoolArguments a) {
  const Windows& w = a.windows;
  const int64_t positions = volume(w.y), cells = volume(w.x), taps = volume(w.window);
  STEEPEST_EACH(i, w.images * positions * a.channels) {
    const int64_t c = i % a.channels, image = i / a.channels / positions;
    int64_t position[kSpatial], tap[kSpatial], cell[kSpatial];
    unravel(i / a.channels % positions, w.y, position);
    float best = -INFINITY;
    for (int64_t t = 0; t < taps; ++t) {
      unravel(t, w.window, tap);
      if (!cellAt(w, position, tap, cell)) continue;
      const float value = a.x[(image * cells + ravel(cell, w.x)) * a.channels + c];
      best = best != best || best > value ? best : value;
    }
    a.out[i] = best;
  }
}

// 1 / cells that an average counts: those of the input, and some of the padding.
STEEPEST_INLINE float shareOf(const PoolArguments& a, const int64_t* position) {
  const Windows& w = a.windows;
  int64_t cells = 1;
  for (int d = 0; d < kSpatial; ++d) {
    const int64_t first = position[d] * w.stride[d] - w.padding[d], begin = larger(first, -a.before[d]);
    cells *= larger<int64_t>(1, smaller(first + w.window[d], w.x[d] + a.after[d]) - begin);
  }
  return 1.0f / static_cast<float>(cells);
}

STEEPEST_KERNEL(averagePool, PoolArguments a) {
  const Windows& w = a.windows;
  const int64_t positions = volume(w.y), cells = volume(w.x), taps = volume(w.window);
  STEEPEST_EACH(i, w.images * positions * a.channels) {
    const int64_t c = i % a.channels, image = i / a.channels / positions;
    int64_t position[kSpatial], tap[kSpatial], cell[kSpatial];
    unravel(i / a.channels % positions, w.y, position);
    float sum = 0;
    for (int64_t t = 0; t < taps; ++t) {
      unravel(t, w.window, tap);
      if (cellAt(w, position, tap, cell)) sum += a.x[(image * cells + ravel(cell, w.x)) * a.channels + c];
    }
    a.out[i] = sum * shareOf(a, position);
  }
}

STEEPEST_KERNEL(averagePoolGrad, PoolArguments a) {
  const Windows& w = a.windows;
  const int64_t positions = volume(w.y), cells = volume(w.x), taps = volume(w.window);
  STEEPEST_EACH(i, w.images * cells * a.channels) {
    const int64_t c = i % a.channels, image = i / a.channels / cells;
    int64_t position[kSpatial], tap[kSpatial], cell[kSpatial];
    unravel(i / a.channels % cells, w.x, cell);
    float sum = 0;
    for (int64_t t = taps; t-- > 0;) {  // so positions come in order
      unravel(t, w.window, tap);
      if (!positionAt(w, cell, tap, position)) continue;
      sum += a.dy[(image * positions + ravel(position, w.y)) * a.channels + c] * shareOf(a, position);
    }
    a.out[i] = sum;
  }
}

// The first maximum of a window in row-major order has its gradient: a cell asks each window that sees it.
STEEPEST_KERNEL(maxPoolGrad, PoolArguments a) {
  const Windows& w = a.windows;
  const int64_t positions = volume(w.y), cells = volume(w.x), taps = volume(w.window);
  STEEPEST_EACH(i, w.images * cells * a.channels) {
    const int64_t c = i % a.channels, image = i / a.channels / cells;
    int64_t position[kSpatial], tap[kSpatial], cell[kSpatial], other[kSpatial], seen[kSpatial];
    unravel(i / a.channels % cells, w.x, cell);
    const float own = a.x[i];
    float sum = 0;
    for (int64_t t = taps; t-- > 0;) {
      unravel(t, w.window, tap);
      if (!positionAt(w, cell, tap, position)) continue;
      const int64_t at = (image * positions + ravel(position, w.y)) * a.channels + c;
      const float best = a.y[at];
      bool first = own == best || (own != own && best != best);
      for (int64_t before = 0; before < t && first; ++before) {
        unravel(before, w.window, other);
        if (!cellAt(w, position, other, seen)) continue;
        const float value = a.x[(image * cells + ravel(seen, w.x)) * a.channels + c];
        first = !(value == best || (value != value && best != best));
      }
      if (first) sum += a.dy[at];
    }
    a.out[i] = sum;
  }
}

}  // namespace steepest::cuda
