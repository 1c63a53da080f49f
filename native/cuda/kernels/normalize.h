#pragma once

#include <stdint.h>

namespace steepest::cuda {

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
};

// dscale and doffset [columns], or null.
struct NormalizeGradArguments {
  const float* x;
  const float* dy;
  const float* scale;
  float* dx;
  float* dscale;
  float* doffset;
  double* mean;  // scratch, of each row
  double* inverse;
  int64_t rows, columns;
  float epsilon;
  uint32_t centered;
};

}  // namespace steepest::cuda
