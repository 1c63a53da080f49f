// Normalization of rows, one table per CPU target: layer normalization and RMS normalization.
#pragma once

#include <cstdint>

namespace steepest {

struct NormalizeKernels {
  // y = (x - mean) inverse scale + offset with inverse = 1 / sqrt(mean((x - mean)^2) + epsilon), for each row of x
  // [rows, n]. The mean is 0 unless `centered`; scale and offset [n] may be null.
  void (*forward)(const float* x, const float* scale, const float* offset, float epsilon, bool centered, int64_t rows,
                  int64_t n, float* y, float* mean, float* inverse);
  // dx = inverse (g - mean(g) - normal mean(g normal)) with g = dy scale and normal = (x - mean) inverse; mean(g) only if
  // `centered`. Adds the rows of dy normal to dscale and those of dy to doffset, which may be null.
  void (*backward)(const float* x, const float* mean, const float* inverse, const float* dy, const float* scale,
                   float epsilon, bool centered, int64_t rows, int64_t n, float* dx, float* dscale, float* doffset);
};

}  // namespace steepest
