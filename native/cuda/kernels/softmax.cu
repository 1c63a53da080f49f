// softmax and log-softmax over the last axis, their gradients, and cross-entropy with integer labels: a row for a warp or a
// block, in registers, or read again where it is too long for them.
#include "held.h"
#include "kernel.h"
#include "report.h"
#include "scalar.h"
#include "softmax.h"

namespace steepest::cuda {
namespace {

constexpr float kLowest = -INFINITY;

STEEPEST_INLINE float exponential(float x) { return scalar::vexp(scalar::F(x)).v; }
STEEPEST_INLINE float logarithm(float x) { return scalar::vlog(scalar::F(x)).v; }

struct Partition {
  float max;
  float sum;  // of exp(x - max)
};

// Of a row whose fill is -inf. NaN shows in the sum.
template <int kWarps, bool kHeld>
STEEPEST_INLINE Partition partition(const Row<kWarps, kHeld, true>& x) {
  using Team = Sharers<kWarps>;
  float top = kLowest;
  if constexpr (kHeld) {
    x.each([&](int i, const Columns& columns) {
      const Quad quad = x(i, columns);
#pragma unroll
      for (int j = 0; j < 4; ++j) top = quad.x[j] > top ? quad.x[j] : top;
    });
    const float max = Team::max(top);
    double sum = 0;
    x.each([&](int i, const Columns& columns) {
      const Quad quad = x(i, columns);
      float part = 0;
#pragma unroll
      for (int j = 0; j < 4; ++j) part += columns.at(j) < x.n ? exponential(quad.x[j] - max) : 0.0f;
      sum += static_cast<double>(part);
    });
    return {max, static_cast<float>(Team::sum(sum))};
  } else {
    // In one pass: each thread sums exponentials below the largest number that it has seen.
    double sum = 0;
    x.each([&](int i, const Columns& columns) {
      const Quad quad = x(i, columns);
      float largest = top;
#pragma unroll
      for (int j = 0; j < 4; ++j) largest = quad.x[j] > largest ? quad.x[j] : largest;
      if (largest > top) {
        sum = top == kLowest ? sum : sum * static_cast<double>(exponential(top - largest));
        top = largest;
      }
      float part = 0;
#pragma unroll
      for (int j = 0; j < 4; ++j) part += quad.x[j] == kLowest ? 0.0f : exponential(quad.x[j] - top);
      sum += static_cast<double>(part);
    });
    const float max = Team::max(top);
    if (top != kLowest) sum *= static_cast<double>(exponential(top - max));
    return {max, static_cast<float>(Team::sum(sum))};
  }
}

template <int kWarps, bool kHeld>
STEEPEST_INLINE void softmaxRows(const SoftmaxArguments& a) {
  using Team = Sharers<kWarps>;
  for (int64_t row = Team::firstRow(); row < a.rows; row += Team::nextRow()) {
    const Row<kWarps, kHeld, true> x(a.x + row * a.columns, a.columns, a.quads != 0, kLowest);
    const Partition p = partition(x);
    const float log = logarithm(p.sum), scale = 1.0f / p.sum;
    x.each([&](int i, const Columns& columns) {
      Quad quad = x(i, columns);
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const float below = quad.x[j] - p.max;
        quad.x[j] = a.log ? below - log : exponential(below) * scale;
      }
      storeQuad(a.y + row * a.columns, columns, x.n, x.whole, quad);
    });
  }
}

// dx = y (dy - sum(y dy)); of the logarithm: dx = dy - exp(y) sum(dy)
template <int kWarps, bool kHeld>
STEEPEST_INLINE void softmaxGradRows(const SoftmaxGradArguments& a) {
  using Team = Sharers<kWarps>;
  for (int64_t row = Team::firstRow(); row < a.rows; row += Team::nextRow()) {
    const Row<kWarps, kHeld, true> y(a.y + row * a.columns, a.columns, a.quads != 0, 0);
    const Row<kWarps, kHeld, true> dy(a.dy + row * a.columns, a.columns, a.quads != 0, 0);
    double sum = 0;
    y.each([&](int i, const Columns& columns) {
      const Quad value = y(i, columns), upstream = dy(i, columns);
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        sum += a.log ? static_cast<double>(upstream.x[j])
                     : static_cast<double>(value.x[j]) * static_cast<double>(upstream.x[j]);
      }
    });
    const float total = static_cast<float>(Team::sum(sum));
    y.each([&](int i, const Columns& columns) {
      const Quad value = y(i, columns), upstream = dy(i, columns);
      Quad quad;
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        quad.x[j] = a.log ? upstream.x[j] - exponential(value.x[j]) * total : value.x[j] * (upstream.x[j] - total);
      }
      storeQuad(a.dx + row * a.columns, columns, y.n, y.whole, quad);
    });
  }
}

STEEPEST_INLINE float lossOf(const Partition& p, const float* x, int32_t label, bool valid) {
  return valid ? (p.max - x[label]) + logarithm(p.sum) : ::nanf("");
}

// loss = (max - x[label]) + log(sum exp(x - max)); NaN where the label is out of range
template <int kWarps, bool kHeld>
STEEPEST_INLINE void crossEntropyRows(const CrossEntropyArguments& a) {
  using Team = Sharers<kWarps>;
  for (int64_t row = Team::firstRow(); row < a.rows; row += Team::nextRow()) {
    const Row<kWarps, kHeld, true> x(a.logits + row * a.columns, a.columns, a.quads != 0, kLowest);
    const Partition p = partition(x);
    if (Team::thread() > 0) continue;
    const int32_t label = a.labels[row];
    const bool valid = label >= 0 && label < a.columns;
    if (!valid) report(a.state, kLabelError);
    a.loss[row] = lossOf(p, x.from, label, valid);
  }
}

// dx = (softmax(x) - [i = label]) dloss; 0 where the label is out of range
template <int kWarps, bool kHeld>
STEEPEST_INLINE void crossEntropyGradRows(const CrossEntropyArguments& a) {
  using Team = Sharers<kWarps>;
  for (int64_t row = Team::firstRow(); row < a.rows; row += Team::nextRow()) {
    const Row<kWarps, kHeld, true> x(a.logits + row * a.columns, a.columns, a.quads != 0, kLowest);
    const Partition p = partition(x);
    const int32_t label = a.labels[row];
    const bool valid = label >= 0 && label < a.columns;
    if (Team::thread() == 0) {
      if (!valid) report(a.state, kLabelError);
      if (a.loss != nullptr) a.loss[row] = lossOf(p, x.from, label, valid);
    }
    const float scale = 1.0f / p.sum, upstream = a.dloss[row * a.dlossStep];
    x.each([&](int i, const Columns& columns) {
      Quad quad = x(i, columns);
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const float probability = exponential(quad.x[j] - p.max) * scale;
        quad.x[j] = valid ? (probability - (columns.at(j) == label ? 1.0f : 0.0f)) * upstream : 0.0f;
      }
      storeQuad(a.dlogits + row * a.columns, columns, x.n, x.whole, quad);
    });
  }
}

}  // namespace

STEEPEST_ROW_KERNELS(softmax, softmaxRows, SoftmaxArguments)
STEEPEST_ROW_KERNELS(softmaxGrad, softmaxGradRows, SoftmaxGradArguments)
STEEPEST_ROW_KERNELS(crossEntropy, crossEntropyRows, CrossEntropyArguments)
STEEPEST_ROW_KERNELS(crossEntropyGrad, crossEntropyGradRows, CrossEntropyArguments)

}  // namespace steepest::cuda
