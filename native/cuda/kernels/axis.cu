// Along one axis: positions of extremes, running sums, sorting. A thread for each line.
#include "axis.h"
#include "kernel.h"
#include "lanes.h"

namespace steepest::cuda {

// Where line number `i` begins.
STEEPEST_INLINE int64_t startOf(const AxisArguments& a, int64_t i) {
  return i / a.inner * a.axis * a.inner + i % a.inner;
}

// The first one wins; a NaN is beyond every number.
template <typename T>
STEEPEST_INLINE int32_t extreme(const T* x, const AxisArguments& a) {
  T best = x[0];
  int32_t at = 0;
  for (int64_t k = 1; k < a.axis && best == best; ++k) {
    const T value = x[k * a.inner];
    if (value != value || (a.flag ? value < best : value > best)) {
      best = value;
      at = static_cast<int32_t>(k);
    }
  }
  return at;
}

STEEPEST_KERNEL(argReduce, AxisArguments a) {
  int32_t* const y = static_cast<int32_t*>(a.y);
  STEEPEST_EACH(i, a.outer * a.inner) {
    const int64_t start = startOf(a, i);
    y[i] = a.dtype == kFloat32 ? extreme(static_cast<const float*>(a.x) + start, a)
           : a.dtype == kInt32 ? extreme(static_cast<const int32_t*>(a.x) + start, a)
                               : extreme(static_cast<const uint8_t*>(a.x) + start, a);
  }
}

template <typename T, typename Sum>
STEEPEST_INLINE void runningSum(const T* x, T* y, const AxisArguments& a) {
  Sum sum = 0;
  for (int64_t k = 0; k < a.axis; ++k) {
    const int64_t at = (a.flag ? a.axis - 1 - k : k) * a.inner;
    sum += static_cast<Sum>(x[at]);
    y[at] = static_cast<T>(sum);
  }
}

STEEPEST_KERNEL(cumsum, AxisArguments a) {
  STEEPEST_EACH(i, a.outer * a.inner) {
    const int64_t start = startOf(a, i);
    if (a.dtype == kInt32) {
      runningSum<int32_t, uint32_t>(static_cast<const int32_t*>(a.x) + start, static_cast<int32_t*>(a.y) + start, a);
    } else {
      runningSum<float, double>(static_cast<const float*>(a.x) + start, static_cast<float*>(a.y) + start, a);
    }
  }
}

// Unsigned numbers in the order of the elements: -0 equals 0, NaN is beyond infinity.
STEEPEST_INLINE uint32_t keyOf(float x) {
  if (x != x) return UINT32_MAX;
  const uint32_t bits = scalar::sameBits<uint32_t>(x + 0.0f);
  return bits >> 31 != 0 ? ~bits : bits | 0x80000000u;
}
STEEPEST_INLINE uint32_t keyOf(int32_t x) { return static_cast<uint32_t>(x) ^ 0x80000000u; }

// Heapsort of key and position in one number, so that equal keys keep their order.
STEEPEST_INLINE void sift(uint64_t* heap, int64_t root, int64_t n) {
  const uint64_t value = heap[root];
  for (int64_t child; (child = 2 * root + 1) < n; root = child) {
    if (child + 1 < n && heap[child + 1] > heap[child]) ++child;
    if (heap[child] <= value) break;
    heap[root] = heap[child];
    heap[child] = value;
  }
}

STEEPEST_KERNEL(argsort, AxisArguments a) {
  int32_t* const y = static_cast<int32_t*>(a.y);
  const uint32_t flip = a.flag ? UINT32_MAX : 0;
  STEEPEST_EACH(i, a.outer * a.inner) {
    const int64_t start = startOf(a, i);
    uint64_t* const pairs = a.pairs + i * a.axis;
    for (int64_t k = 0; k < a.axis; ++k) {
      const int64_t at = start + k * a.inner;
      const uint32_t key =
          a.dtype == kInt32 ? keyOf(static_cast<const int32_t*>(a.x)[at]) : keyOf(static_cast<const float*>(a.x)[at]);
      pairs[k] = static_cast<uint64_t>(key ^ flip) << 32 | static_cast<uint64_t>(k);
    }
    for (int64_t root = a.axis / 2; root-- > 0;) sift(pairs, root, a.axis);
    for (int64_t n = a.axis; n-- > 1;) {
      const uint64_t largest = pairs[0];
      pairs[0] = pairs[n];
      pairs[n] = largest;
      sift(pairs, 0, n);
    }
    int32_t* const out = y + i / a.inner * a.count * a.inner + i % a.inner;
    for (int64_t k = 0; k < a.count; ++k) out[k * a.inner] = static_cast<int32_t>(pairs[k] & UINT32_MAX);
  }
}

}  // namespace steepest::cuda
