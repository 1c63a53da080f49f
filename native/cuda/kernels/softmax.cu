// softmax and log-softmax over the last axis, their gradients, and cross-entropy with integer labels. A block for each row, which
// it goes through once for the maximum and the sum of exponentials (Milakov and Gimelshein, "Online normalizer calculation
// for softmax", 2018), and once more for what is made of them: no probabilities in memory but those that are asked for.
#include "gemm_result.h"
#include "kernel.h"
#include "report.h"
#include "rows.h"
#include "scalar.h"
#include "softmax.h"

namespace steepest::cuda {

STEEPEST_INLINE float exponential(float x) { return scalar::vexp(scalar::F(x)).v; }
STEEPEST_INLINE float logarithm(float x) { return scalar::vlog(scalar::F(x)).v; }

// Four elements of a row: neighbours, or where those cannot be read at once, so far apart that the block's are neighbours.
struct Four {
  int64_t first, step, columns;
  bool quads;

  STEEPEST_INLINE int64_t at(int j) const { return first + j * step; }
  // `fill` behind the end.
  STEEPEST_INLINE Quad load(const float* row, float fill) const {
    if (quads && first < columns) return *reinterpret_cast<const Quad*>(row + first);
    Quad x;
#pragma unroll
    for (int j = 0; j < 4; ++j) x.x[j] = at(j) < columns ? row[at(j)] : fill;
    return x;
  }
  STEEPEST_INLINE void store(float* row, const Quad& x) const {
    if (quads && first < columns) {
      *reinterpret_cast<Quad*>(row + first) = x;
    } else {
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        if (at(j) < columns) row[at(j)] = x.x[j];
      }
    }
  }
};

// f(four) for all elements of this thread.
template <typename F>
STEEPEST_INLINE void eachFour(int64_t columns, bool quads, F f) {
  const int64_t threads = blockDim.x, thread = threadIdx.x;
  for (int64_t base = 0; base < columns; base += 4 * threads) {
    f(Four{base + (quads ? 4 * thread : thread), quads ? 1 : threads, columns, quads});
  }
}

struct Partition {
  float max;
  float sum;  // of exp(x - max)
};

STEEPEST_INLINE Partition partition(const float* x, int64_t n, bool quads, double* shared) {
  float max = -INFINITY, sum = 0;
  eachFour(n, quads, [&](const Four& four) {
    const Quad v = four.load(x, -INFINITY);
    float top = max;
#pragma unroll
    for (int j = 0; j < 4; ++j) top = v.x[j] > top ? v.x[j] : top;  // NaN shows in the sum
    if (top > max) {
      sum *= exponential(max - top);
      max = top;
    }
    const float shift = max == -INFINITY ? 0.0f : max;  // nothing but -infinity so far
    float part = 0;
#pragma unroll
    for (int j = 0; j < 4; ++j) part += exponential(v.x[j] - shift);
    sum += part;
  });
  const float most = static_cast<float>(maxBlock(static_cast<double>(max), shared));
  if (max != most) sum *= exponential(max - most);
  return {most, static_cast<float>(sumBlock(static_cast<double>(sum), shared))};
}

STEEPEST_KERNEL(softmax, SoftmaxArguments a) {
  __shared__ double shared[kSoftmaxThreads / 32];
  for (int64_t row = blockIdx.x; row < a.rows; row += gridDim.x) {
    const float* const x = a.x + row * a.columns;
    float* const y = a.y + row * a.columns;
    const Partition p = partition(x, a.columns, a.quads != 0, shared);
    const float log = logarithm(p.sum), scale = 1.0f / p.sum;
    eachFour(a.columns, a.quads != 0, [&](const Four& four) {
      Quad v = four.load(x, 0);
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        v.x[j] = a.log ? (v.x[j] - p.max) - log : exponential(v.x[j] - p.max) * scale;
      }
      four.store(y, v);
    });
  }
}

// dx = y (dy - sum(y dy)); of the logarithm: dx = dy - exp(y) sum(dy)
STEEPEST_KERNEL(softmaxGrad, SoftmaxGradArguments a) {
  __shared__ double shared[kSoftmaxThreads / 32];
  for (int64_t row = blockIdx.x; row < a.rows; row += gridDim.x) {
    const float* const y = a.y + row * a.columns;
    const float* const dy = a.dy + row * a.columns;
    float* const dx = a.dx + row * a.columns;
    double sum = 0;
    eachFour(a.columns, a.quads != 0, [&](const Four& four) {
      const Quad p = four.load(y, 0), d = four.load(dy, 0);
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        sum += a.log ? static_cast<double>(d.x[j]) : static_cast<double>(p.x[j]) * static_cast<double>(d.x[j]);
      }
    });
    const float total = static_cast<float>(sumBlock(sum, shared));
    eachFour(a.columns, a.quads != 0, [&](const Four& four) {
      const Quad p = four.load(y, 0), d = four.load(dy, 0);
      Quad v;
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        v.x[j] = a.log ? d.x[j] - exponential(p.x[j]) * total : p.x[j] * (d.x[j] - total);
      }
      four.store(dx, v);
    });
  }
}

// loss = (max - x[label]) + log(sum exp(x - max)); NaN where the label is out of range
STEEPEST_KERNEL(crossEntropy, CrossEntropyArguments a) {
  __shared__ double shared[kSoftmaxThreads / 32];
  for (int64_t row = blockIdx.x; row < a.rows; row += gridDim.x) {
    const float* const x = a.logits + row * a.columns;
    const Partition p = partition(x, a.columns, a.quads != 0, shared);
    if (threadIdx.x > 0) continue;
    const int32_t label = a.labels[row];
    const bool valid = label >= 0 && label < a.columns;
    if (!valid) report(a.state, kLabelError);
    a.loss[row] = valid ? (p.max - x[label]) + logarithm(p.sum) : ::nanf("");
  }
}

// dx = (softmax(x) - [i = label]) dloss; 0 where the label is out of range
STEEPEST_KERNEL(crossEntropyGrad, CrossEntropyArguments a) {
  __shared__ double shared[kSoftmaxThreads / 32];
  for (int64_t row = blockIdx.x; row < a.rows; row += gridDim.x) {
    const float* const x = a.logits + row * a.columns;
    float* const dx = a.dlogits + row * a.columns;
    const Partition p = partition(x, a.columns, a.quads != 0, shared);
    const int32_t label = a.labels[row];
    const bool valid = label >= 0 && label < a.columns;
    if (!valid && threadIdx.x == 0) report(a.state, kLabelError);
    const float scale = 1.0f / p.sum, dloss = a.dloss[row];
    eachFour(a.columns, a.quads != 0, [&](const Four& four) {
      Quad v = four.load(x, 0);
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const float hit = four.at(j) == label ? 1.0f : 0.0f;
        v.x[j] = valid ? (exponential(v.x[j] - p.max) * scale - hit) * dloss : 0.0f;
      }
      four.store(dx, v);
    });
  }
}

}  // namespace steepest::cuda
