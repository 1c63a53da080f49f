#pragma once

#include "operand.h"

namespace steepest::cuda {

constexpr int kSpatial = 3;

// Windows over the spatial axes of x [N, ...x, C], whose positions are those of y [N, ...y, F]. Missing axes come first and
// have one cell.
struct Windows {
  int64_t images;
  int64_t x[kSpatial], y[kSpatial], window[kSpatial];
  int64_t stride[kSpatial], dilation[kSpatial], padding[kSpatial];
};

// kernel [...window, C / groups, F]; two of the three operands are inputs, all contiguous.
struct ConvArguments {
  Windows windows;
  const float* x;
  const float* kernel;
  const float* y;
  float* out;
  int64_t channels, filters, groups;
  uint32_t bfloat16;
  uint32_t unused;
};

struct PoolArguments {
  Windows windows;
  const float* x;   // of the maximum
  const float* y;   // of the maximum's gradient
  const float* dy;  // of gradients
  float* out;
  int64_t channels;
  int64_t before[kSpatial], after[kSpatial];  // padding that an average counts
};

}  // namespace steepest::cuda
