// Attention forward and backward in their simplest form: a block for each query, whose scores are in memory. What a query does
// not see has no weight; one that sees nothing gives zeros, and infinity as the logarithm of its sum.
#include "attention.h"
#include "bfloat16.h"
#include "kernel.h"
#include "rows.h"
#include "scalar.h"

namespace steepest::cuda {

// Of query number `row` of [N, H, T].
struct Query {
  int64_t n, h, t, kv;
  STEEPEST_INLINE Query(const AttentionArguments& a, int64_t row)
      : n(row / a.t / a.h), h(row / a.t % a.h), t(row % a.t), kv(h / (a.h / a.k)) {}
  STEEPEST_INLINE int64_t inQueries(const AttentionArguments& a) const { return (n * a.t + t) * a.h + h; }
  STEEPEST_INLINE int64_t inKeys(const AttentionArguments& a, int64_t s) const { return (n * a.s + s) * a.k + kv; }
};

STEEPEST_INLINE bool sees(const AttentionArguments& a, int64_t row, int64_t t, int64_t s) {
  return !(a.causal && s > t) && (a.mask == nullptr || a.mask[row * a.s + s] != 0);
}

STEEPEST_INLINE float dot(const float* x, const float* y, int64_t n) {
  ProductSum sum;
  for (int64_t i = 0; i < n; ++i) sum.add(x[i], y[i]);
  return sum.result();
}

STEEPEST_KERNEL(attention, AttentionArguments a) {
  __shared__ double shared[STEEPEST_BLOCK];
  for (int64_t row = blockIdx.x; row < a.n * a.h * a.t; row += gridDim.x) {
    const Query q(a, row);
    float* const p = a.p + row * a.s;
    double top = -static_cast<double>(INFINITY);
    for (int64_t s = threadIdx.x; s < a.s; s += blockDim.x) {
      if (!sees(a, row, q.t, s)) continue;
      p[s] = a.scale * dot(a.query + q.inQueries(a) * a.d, a.key + q.inKeys(a, s) * a.d, a.d);
      top = p[s] > top ? static_cast<double>(p[s]) : top;
    }
    const float max = static_cast<float>(maxBlock(top, shared)), shift = max == -INFINITY ? 0.0f : max;
    double sum = 0;
    for (int64_t s = threadIdx.x; s < a.s; s += blockDim.x) {
      p[s] = sees(a, row, q.t, s) ? scalar::vexp(scalar::F(p[s] - shift)).v : 0.0f;
      sum += static_cast<double>(p[s]);
    }
    const float total = static_cast<float>(sumBlock(sum, shared));  // and all of p is written
    for (int64_t e = threadIdx.x; e < a.e; e += blockDim.x) {
      ProductSum joint;
      for (int64_t s = 0; s < a.s; ++s) {
        if (sees(a, row, q.t, s)) joint.add(p[s], a.value[q.inKeys(a, s) * a.e + e]);
      }
      a.y[q.inQueries(a) * a.e + e] = total == 0.0f ? 0.0f : joint.result() / total;
    }
    if (threadIdx.x == 0) a.logSum[row] = total == 0.0f ? INFINITY : shift + scalar::vlog(scalar::F(total)).v;
    __syncthreads();
  }
}

// ds = p (dp - sum(p dp)) scale with dp = dy value^T, and dquery = ds key.
STEEPEST_KERNEL(attentionScoresGrad, AttentionArguments a) {
  __shared__ double shared[STEEPEST_BLOCK];
  for (int64_t row = blockIdx.x; row < a.n * a.h * a.t; row += gridDim.x) {
    const Query q(a, row);
    float* const p = a.p + row * a.s;
    float* const ds = a.ds + row * a.s;
    double weighted = 0, weights = 0;
    for (int64_t s = threadIdx.x; s < a.s; s += blockDim.x) {
      const bool seen = sees(a, row, q.t, s);
      const float score = seen ? a.scale * dot(a.query + q.inQueries(a) * a.d, a.key + q.inKeys(a, s) * a.d, a.d) : 0;
      p[s] = seen ? scalar::vexp(scalar::F(score - a.logSum[row])).v : 0.0f;
      ds[s] = seen ? dot(a.dy + q.inQueries(a) * a.e, a.value + q.inKeys(a, s) * a.e, a.e) : 0.0f;
      weighted += static_cast<double>(p[s]) * static_cast<double>(ds[s]);
      weights += static_cast<double>(p[s]);
    }
    // The weights add up to 1 but for rounding errors, which are much alike in a row.
    const double all = sumBlock(weights, shared), mean = sumBlock(weighted, shared) / (all > 0 ? all : 1);
    for (int64_t s = threadIdx.x; s < a.s; s += blockDim.x) {
      ds[s] = p[s] == 0.0f ? 0.0f : static_cast<float>(p[s] * (ds[s] - mean) * a.scale);
    }
    __syncthreads();
    for (int64_t d = threadIdx.x; d < a.d; d += blockDim.x) {
      ProductSum sum;
      for (int64_t s = 0; s < a.s; ++s) {
        if (p[s] != 0.0f) sum.add(ds[s], a.key[q.inKeys(a, s) * a.d + d]);
      }
      a.dquery[q.inQueries(a) * a.d + d] = sum.result();
    }
    __syncthreads();
  }
}

// dkey = ds^T query and dvalue = p^T dy, over all heads that ask. A thread for each element.
STEEPEST_KERNEL(attentionKeysGrad, AttentionArguments a) {
  const int64_t keys = a.n * a.s * a.k;
  STEEPEST_EACH(i, keys * (a.d + a.e)) {
    const bool isKey = i < keys * a.d;
    const int64_t width = isKey ? a.d : a.e, at = isKey ? i : i - keys * a.d;
    const int64_t column = at % width, kv = at / width % a.k, s = at / width / a.k % a.s, n = at / width / a.k / a.s;
    const int64_t heads = a.h / a.k;
    ProductSum sum;
    for (int64_t h = kv * heads; h < (kv + 1) * heads; ++h) {
      for (int64_t t = 0; t < a.t; ++t) {
        const int64_t row = (n * a.h + h) * a.t + t, query = (n * a.t + t) * a.h + h;
        if (a.p[row * a.s + s] == 0.0f) continue;
        if (isKey) {
          sum.add(a.ds[row * a.s + s], a.query[query * a.d + column]);
        } else {
          sum.add(a.p[row * a.s + s], a.dy[query * a.e + column]);
        }
      }
    }
    (isKey ? a.dkey : a.dvalue)[at] = sum.result();
  }
}

}  // namespace steepest::cuda
