// Transforms of tiles for minimal filtering (see winograd.h), one table per CPU target.
#pragma once

#include <cstdint>

namespace steepest {

// A row of tiles of the source: pixels of 4 rows, of which tile t sees columns first + 2 t to first + 2 t + 3.
struct WinogradSource {
  const float* rows[4];   // null: zeros
  int64_t first, extent;  // columns outside 0 .. extent-1 are zeros
  int64_t channels;       // of a pixel
};

// A row of tiles of the result, 2 pixels high and `columns` wide; the second row and the last column may be missing.
struct WinogradResult {
  float* rows[2];
  int64_t columns, channels;
};

// Transformed tiles lie as 16 matrices [tiles, channels], `step` floats apart.
struct WinogradKernels {
  void (*source)(const WinogradSource& from, int64_t tiles, float* to, int64_t step);        // B^T x B
  void (*result)(const float* from, int64_t step, int64_t tiles, const WinogradResult& to);  // A^T m A
  // A dy A^T: the adjoint of `result`.
  void (*resultGrad)(const WinogradResult& from, int64_t tiles, float* to, int64_t step);
  // n elements of 9 taps to 16 matrices, G w G^T; and its adjoint.
  void (*kernel)(const float* const* taps, int64_t n, float* to, int64_t step);
  void (*kernelGrad)(const float* from, int64_t step, int64_t n, float* const* taps);
};

}  // namespace steepest
