// Convolution and its gradients, one thread for each element of the result: for what is too large for 32-bit positions.
#include "bfloat16.h"
#include "conv.h"
#include "kernel.h"

namespace steepest::cuda {

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

STEEPEST_INLINE void addProduct(ProductSum& sum, float a, float b, bool rounds) {
  if (rounds) {
    sum.add(toBfloat16(a), toBfloat16(b));
  } else {
    sum.add(a, b);
  }
}

// y [n, position, f] = sum over taps and channels of x [n, cell, c] kernel [tap, c, f]
STEEPEST_KERNEL(convByElement, ConvByElementArguments a) {
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
STEEPEST_KERNEL(convInputGradByElement, ConvByElementArguments a) {
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
STEEPEST_KERNEL(convKernelGradByElement, ConvByElementArguments a) {
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

}  // namespace steepest::cuda
