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

}  // namespace steepest::cuda
