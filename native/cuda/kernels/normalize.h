#pragma once

#include <stdint.h>

namespace steepest::cuda {

// Rows of up to so many columns are normalized in float64: the values of a row are so determined by each other that almost
// nothing is left of a gradient, and of that float32 would keep no digit.
constexpr int64_t kNarrowRow = 16;

// Rows of `columns`, contiguous. scale and offset are null where there are none.
struct NormalizeArguments {
  const float* x;
  const float* scale;
  const float* offset;
  float* y;
  float* mean;
  float* inverse;
  int64_t rows, columns;
  float epsilon;
  uint32_t centered;
  uint32_t quads;  // rows, scale and offset begin at multiples of 16 bytes
  uint32_t unused;
};

// dscale and doffset are [blocks, columns], what a block has of their sums, or null.
struct NormalizeGradArguments {
  const float* x;
  const float* mean;
  const float* inverse;
  const float* dy;
  const float* scale;
  float* dx;
  float* dscale;
  float* doffset;
  int64_t rows, columns;
  float epsilon;
  uint32_t centered;
  uint32_t quads;
  uint32_t unused;
};

}  // namespace steepest::cuda
