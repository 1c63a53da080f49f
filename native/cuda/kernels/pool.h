#pragma once

#include "spatial.h"

namespace steepest::cuda {

struct PoolArguments {
  Windows windows;
  const float* x;   // of the maximum
  const float* y;   // of the maximum's gradient
  const float* dy;  // of gradients
  float* out;
  int64_t channels;
  int64_t before[kSpatial], after[kSpatial];  // padding that an average counts
  uint32_t isShort;                           // coordinates and numbers of groups of channels fit 31 bits
  uint32_t unused;
};

}  // namespace steepest::cuda
