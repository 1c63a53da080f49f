// Normalization of rows and its gradients, a block for each row. In float64: the values of a row are so determined by each
// other that little is left of a gradient, and of that float32 would lose digits.
#include "kernel.h"
#include "normalize.h"
#include "rows.h"

namespace steepest::cuda {

struct Moments {
  double mean, inverse;  // deviation
};

STEEPEST_INLINE Moments momentsOf(const float* x, int64_t n, float epsilon, bool centered, double* shared) {
  double sum = 0, square = 0;
  for (int64_t i = threadIdx.x; i < n && centered; i += blockDim.x) sum += x[i];
  const double mean = sumBlock(sum, shared) / static_cast<double>(n);
  for (int64_t i = threadIdx.x; i < n; i += blockDim.x) square += (x[i] - mean) * (x[i] - mean);
  return {mean, 1 / ::sqrt(sumBlock(square, shared) / static_cast<double>(n) + epsilon)};
}

// y = (x - mean) / sqrt(variance + epsilon) scale + offset; without centering the mean counts as 0.
STEEPEST_KERNEL(normalize, NormalizeArguments a) {
  __shared__ double shared[STEEPEST_BLOCK];
  for (int64_t row = blockIdx.x; row < a.rows; row += gridDim.x) {
    const float* const x = a.x + row * a.columns;
    float* const y = a.y + row * a.columns;
    const Moments m = momentsOf(x, a.columns, a.epsilon, a.centered, shared);
    for (int64_t i = threadIdx.x; i < a.columns; i += blockDim.x) {
      const double scale = a.scale != nullptr ? a.scale[i] : 1, offset = a.offset != nullptr ? a.offset[i] : 0;
      y[i] = static_cast<float>((x[i] - m.mean) * m.inverse * scale + offset);
    }
    if (threadIdx.x == 0) {
      a.mean[row] = static_cast<float>(m.mean);
      a.inverse[row] = static_cast<float>(m.inverse);
    }
  }
}

// With n the normalized x and g = dy scale: dx = (g - mean(g) - n mean(g n)) / deviation.
STEEPEST_KERNEL(normalizeGrad, NormalizeGradArguments a) {
  __shared__ double shared[STEEPEST_BLOCK];
  for (int64_t row = blockIdx.x; row < a.rows; row += gridDim.x) {
    const float* const x = a.x + row * a.columns;
    const float* const dy = a.dy + row * a.columns;
    float* const dx = a.dx + row * a.columns;
    const Moments m = momentsOf(x, a.columns, a.epsilon, a.centered, shared);
    double flat = 0, along = 0;
    for (int64_t i = threadIdx.x; i < a.columns; i += blockDim.x) {
      const double g = static_cast<double>(dy[i]) * (a.scale != nullptr ? a.scale[i] : 1);
      flat += g;
      along += g * (x[i] - m.mean) * m.inverse;
    }
    flat = a.centered ? sumBlock(flat, shared) / static_cast<double>(a.columns) : 0;
    along = sumBlock(along, shared) / static_cast<double>(a.columns);
    for (int64_t i = threadIdx.x; i < a.columns; i += blockDim.x) {
      const double g = static_cast<double>(dy[i]) * (a.scale != nullptr ? a.scale[i] : 1);
      dx[i] = static_cast<float>((g - flat - (x[i] - m.mean) * m.inverse * along) * m.inverse);
    }
    if (threadIdx.x == 0) {
      a.mean[row] = m.mean;
      a.inverse[row] = m.inverse;
    }
  }
}

// dscale = sum of dy n over the rows, doffset that of dy. A thread for each column.
STEEPEST_KERNEL(normalizeColumns, NormalizeGradArguments a) {
  STEEPEST_EACH(i, a.columns) {
    double scale = 0, offset = 0;
    for (int64_t row = 0; row < a.rows; ++row) {
      const double dy = a.dy[row * a.columns + i];
      scale += dy * (a.x[row * a.columns + i] - a.mean[row]) * a.inverse[row];
      offset += dy;
    }
    if (a.dscale != nullptr) a.dscale[i] = static_cast<float>(scale);
    if (a.doffset != nullptr) a.doffset[i] = static_cast<float>(offset);
  }
}

}  // namespace steepest::cuda
