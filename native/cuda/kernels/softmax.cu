// softmax and log-softmax over the last axis, their gradients, and cross-entropy with integer labels. A block for each row.
#include "kernel.h"
#include "report.h"
#include "rows.h"
#include "scalar.h"
#include "softmax.h"

namespace steepest::cuda {

STEEPEST_INLINE float exponential(float x) { return scalar::vexp(scalar::F(x)).v; }
STEEPEST_INLINE float logarithm(float x) { return scalar::vlog(scalar::F(x)).v; }

struct Partition {
  float max;
  float sum;  // of exp(x - max)
};

STEEPEST_INLINE Partition partition(const float* x, int64_t n, double* shared) {
  double top = -static_cast<double>(INFINITY);
  for (int64_t i = threadIdx.x; i < n; i += blockDim.x) top = x[i] > top ? static_cast<double>(x[i]) : top;
  const float max = static_cast<float>(maxBlock(top, shared));
  double sum = 0;
  for (int64_t i = threadIdx.x; i < n; i += blockDim.x) sum += static_cast<double>(exponential(x[i] - max));
  return {max, static_cast<float>(sumBlock(sum, shared))};
}

STEEPEST_KERNEL(softmax, SoftmaxArguments a) {
  __shared__ double shared[STEEPEST_BLOCK];
  for (int64_t row = blockIdx.x; row < a.rows; row += gridDim.x) {
    const float* const x = a.x + row * a.columns;
    float* const y = a.y + row * a.columns;
    const Partition p = partition(x, a.columns, shared);
    const float log = logarithm(p.sum), scale = 1.0f / p.sum;
    for (int64_t i = threadIdx.x; i < a.columns; i += blockDim.x) {
      y[i] = a.log ? (x[i] - p.max) - log : exponential(x[i] - p.max) * scale;
    }
  }
}

// dx = y (dy - sum(y dy)); of the logarithm: dx = dy - exp(y) sum(dy)
STEEPEST_KERNEL(softmaxGrad, SoftmaxGradArguments a) {
  __shared__ double shared[STEEPEST_BLOCK];
  for (int64_t row = blockIdx.x; row < a.rows; row += gridDim.x) {
    const float* const y = a.y + row * a.columns;
    const float* const dy = a.dy + row * a.columns;
    float* const dx = a.dx + row * a.columns;
    double sum = 0;
    for (int64_t i = threadIdx.x; i < a.columns; i += blockDim.x) {
      sum += a.log ? static_cast<double>(dy[i]) : static_cast<double>(y[i]) * static_cast<double>(dy[i]);
    }
    const float total = static_cast<float>(sumBlock(sum, shared));
    for (int64_t i = threadIdx.x; i < a.columns; i += blockDim.x) {
      dx[i] = a.log ? dy[i] - exponential(y[i]) * total : y[i] * (dy[i] - total);
    }
  }
}

// loss = (max - x[label]) + log(sum exp(x - max)); NaN where the label is out of range
STEEPEST_KERNEL(crossEntropy, CrossEntropyArguments a) {
  __shared__ double shared[STEEPEST_BLOCK];
  for (int64_t row = blockIdx.x; row < a.rows; row += gridDim.x) {
    const float* const x = a.logits + row * a.columns;
    const Partition p = partition(x, a.columns, shared);
    if (threadIdx.x > 0) continue;
    const int32_t label = a.labels[row];
    const bool valid = label >= 0 && label < a.columns;
    if (!valid) report(a.state, kLabelError);
    a.loss[row] = valid ? (p.max - x[label]) + logarithm(p.sum) : ::nanf("");
  }
}

// dx = (softmax(x) - [i = label]) dloss; 0 where the label is out of range
STEEPEST_KERNEL(crossEntropyGrad, CrossEntropyArguments a) {
  __shared__ double shared[STEEPEST_BLOCK];
  for (int64_t row = blockIdx.x; row < a.rows; row += gridDim.x) {
    const float* const x = a.logits + row * a.columns;
    float* const dx = a.dlogits + row * a.columns;
    const Partition p = partition(x, a.columns, shared);
    const int32_t label = a.labels[row];
    const bool valid = label >= 0 && label < a.columns;
    if (!valid && threadIdx.x == 0) report(a.state, kLabelError);
    for (int64_t i = threadIdx.x; i < a.columns; i += blockDim.x) {
      const float probability = exponential(x[i] - p.max) / p.sum;
      dx[i] = valid ? (probability - (i == label ? 1.0f : 0.0f)) * a.dloss[row] : 0.0f;
    }
  }
}

}  // namespace steepest::cuda
