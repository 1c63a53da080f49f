// Along one axis: positions of extremes, running sums, and what sorting begins and ends with.
#include "axis.h"
#include "held.h"
#include "kernel.h"
#include "lanes.h"

namespace steepest::cuda {
namespace {

// Where line number `i` begins.
STEEPEST_INLINE int64_t startOf(const AxisArguments& a, int64_t i) {
  return i / a.inner * a.axis * a.inner + i % a.inner;
}

// Unsigned numbers in the order of the elements: -0 equals 0, NaN is beyond infinity.
STEEPEST_INLINE uint32_t keyOf(float x) {
  if (x != x) return UINT32_MAX;
  const uint32_t bits = scalar::sameBits<uint32_t>(x + 0.0f);
  return bits >> 31 != 0 ? ~bits : bits | 0x80000000u;
}
STEEPEST_INLINE uint32_t keyOf(int32_t x) { return static_cast<uint32_t>(x) ^ 0x80000000u; }
STEEPEST_INLINE uint32_t keyOf(const AxisArguments& a, int64_t i) {
  return a.dtype == kFloat32 ? keyOf(static_cast<const float*>(a.x)[i])
         : a.dtype == kInt32 ? keyOf(static_cast<const int32_t*>(a.x)[i])
                             : static_cast<const uint8_t*>(a.x)[i];
}

// ---- positions of extremes. Key and position in one number, the largest of which is wanted: the first one wins, and a NaN is
// beyond every number both ways.

STEEPEST_INLINE uint64_t candidate(const AxisArguments& a, int64_t i, int64_t k) {
  const uint32_t key = keyOf(a, i);
  const bool flips = a.flag != 0 && !(a.dtype == kFloat32 && key == UINT32_MAX);
  return static_cast<uint64_t>(flips ? ~key : key) << 32 | (UINT32_MAX - static_cast<uint32_t>(k));
}

// From this element of each line on, every so many.
STEEPEST_INLINE uint64_t bestOf(const AxisArguments& a, int64_t line, int64_t first, int64_t step) {
  const int64_t start = startOf(a, line);
  uint64_t best = 0;
  for (int64_t k = first; k < a.axis; k += step) best = larger(best, candidate(a, start + k * a.inner, k));
  return best;
}
STEEPEST_INLINE int32_t positionOf(uint64_t best) {
  return static_cast<int32_t>(UINT32_MAX - static_cast<uint32_t>(best & UINT32_MAX));
}

template <int kWarps>
STEEPEST_INLINE void argReduceLines(const AxisArguments& a) {
  using Team = Sharers<kWarps>;
  for (int64_t line = Team::firstRow(); line < a.outer * a.inner; line += Team::nextRow()) {
    const uint64_t best = Team::combine(bestOf(a, line, Team::thread(), Team::kThreads),
                                        [](uint64_t x, uint64_t y) { return x > y ? x : y; });
    if (Team::thread() == 0) static_cast<int32_t*>(a.y)[line] = positionOf(best);
  }
}

}  // namespace

// For lines of a few elements, or many beside each other.
STEEPEST_KERNEL(argReduceThread, AxisArguments a) {
  STEEPEST_EACH(i, a.outer * a.inner) static_cast<int32_t*>(a.y)[i] = positionOf(bestOf(a, i, 0, 1));
}
STEEPEST_TILED_KERNEL(32 * kRowWarps, 1, argReduceWarp, AxisArguments a) { argReduceLines<1>(a); }
STEEPEST_TILED_KERNEL(32 * kRowBlockWarps, 1, argReduceBlock, AxisArguments a) { argReduceLines<kRowBlockWarps>(a); }

namespace {

// ---- running sums: in float64, or of integers that wrap around

template <typename T, typename Sum>
struct Line {
  const T* x;
  T* y;
  const AxisArguments& a;
  STEEPEST_INLINE Line(const AxisArguments& arguments, int64_t line)
      : x(static_cast<const T*>(arguments.x) + startOf(arguments, line)),
        y(static_cast<T*>(arguments.y) + startOf(arguments, line)),
        a(arguments) {}
  STEEPEST_INLINE int64_t at(int64_t k) const { return (a.flag ? a.axis - 1 - k : k) * a.inner; }
  STEEPEST_INLINE Sum load(int64_t k) const { return static_cast<Sum>(x[at(k)]); }
  STEEPEST_INLINE void store(int64_t k, Sum sum) const { y[at(k)] = static_cast<T>(sum); }
};

template <typename T, typename Sum>
STEEPEST_INLINE void sumAlone(const AxisArguments& a, int64_t i) {
  const Line<T, Sum> line(a, i);
  Sum sum = 0;
  for (int64_t k = 0; k < a.axis; ++k) line.store(k, sum += line.load(k));
}

using ScanTeam = Sharers<kRowBlockWarps>;

template <typename Sum>
STEEPEST_INLINE Sum totalOf(Sum value) {
  return ScanTeam::combine(value, [](Sum x, Sum y) { return x + y; });
}

// The sum of a part of a line, which is block number `i` of the grid.
template <typename T, typename Sum>
STEEPEST_INLINE void sumPart(const AxisArguments& a) {
  const int64_t part = blockIdx.x % a.parts, end = smaller((part + 1) * a.partSize, a.axis);
  const Line<T, Sum> line(a, blockIdx.x / a.parts);
  Sum sum = 0;
  for (int64_t k = part * a.partSize + threadIdx.x; k < end; k += ScanTeam::kThreads) sum += line.load(k);
  sum = totalOf(sum);
  if (threadIdx.x == 0) static_cast<Sum*>(a.sums)[blockIdx.x] = sum;
}

// The sums of the values of the threads before this one, and of all.
template <typename Sum>
STEEPEST_INLINE Sum scanBlock(Sum value, Sum* all) {
  constexpr int kThreads = ScanTeam::kThreads;
  __shared__ Sum shared[2][kThreads];
  const int thread = static_cast<int>(threadIdx.x);
  int now = 0;
  shared[now][thread] = value;
  __syncthreads();
  for (int by = 1; by < kThreads; by *= 2, now ^= 1) {
    const Sum before = thread >= by ? shared[now][thread - by] : 0;
    shared[now ^ 1][thread] = before + shared[now][thread];
    __syncthreads();
  }
  const Sum before = thread > 0 ? shared[now][thread - 1] : 0;
  *all = shared[now][kThreads - 1];
  __syncthreads();
  return before;
}

template <typename T, typename Sum>
STEEPEST_INLINE void scanPart(const AxisArguments& a) {
  constexpr int kEach = 4;
  const int64_t part = blockIdx.x % a.parts, end = smaller((part + 1) * a.partSize, a.axis);
  const Line<T, Sum> line(a, blockIdx.x / a.parts);
  Sum before = 0;
  if (a.parts > 1) {
    const Sum* const sums = static_cast<const Sum*>(a.sums) + (blockIdx.x - part);
    before = totalOf(static_cast<int64_t>(threadIdx.x) < part ? sums[threadIdx.x] : Sum(0));
  }
  for (int64_t tile = part * a.partSize; tile < end; tile += ScanTeam::kThreads * kEach) {
    const int64_t first = tile + static_cast<int64_t>(threadIdx.x) * kEach;
    Sum sums[kEach], sum = 0, all;
#pragma unroll
    for (int j = 0; j < kEach; ++j) sums[j] = sum += first + j < end ? line.load(first + j) : Sum(0);
    const Sum mine = before + scanBlock(sum, &all);
#pragma unroll
    for (int j = 0; j < kEach; ++j) {
      if (first + j < end) line.store(first + j, mine + sums[j]);
    }
    before += all;
  }
}

}  // namespace

#define STEEPEST_BY_DTYPE(f, ...)      \
  if (a.dtype == kInt32) {             \
    f<int32_t, uint32_t>(__VA_ARGS__); \
  } else {                             \
    f<float, double>(__VA_ARGS__);     \
  }

// A thread for each line, or a block for each part of one.
STEEPEST_KERNEL(cumsumThread, AxisArguments a) {
  STEEPEST_EACH(i, a.outer * a.inner) { STEEPEST_BY_DTYPE(sumAlone, a, i) }
}
STEEPEST_TILED_KERNEL(32 * kRowBlockWarps, 1, cumsumParts, AxisArguments a){
    STEEPEST_BY_DTYPE(sumPart, a)} STEEPEST_TILED_KERNEL(32 * kRowBlockWarps, 1, cumsumBlock,
                                                         AxisArguments a){STEEPEST_BY_DTYPE(scanPart, a)}

// ---- sorting, see sort.cu

STEEPEST_KERNEL(argsortPairs, AxisArguments a) {
  const uint32_t flip = a.flag ? UINT32_MAX : 0;
  STEEPEST_EACH(i, a.outer * a.axis * a.inner) {
    const int64_t k = i / a.inner % a.axis, line = i / a.inner / a.axis * a.inner + i % a.inner;
    a.pairs[line * a.axis + k] = static_cast<uint64_t>(keyOf(a, i) ^ flip) << 32 | static_cast<uint64_t>(k);
  }
}

// The first `count` positions of each line.
STEEPEST_KERNEL(argsortPositions, AxisArguments a) {
  STEEPEST_EACH(i, a.outer * a.count * a.inner) {
    const int64_t k = i / a.inner % a.count, line = i / a.inner / a.count * a.inner + i % a.inner;
    static_cast<int32_t*>(a.y)[i] = static_cast<int32_t>(a.sorted[line * a.axis + k] & UINT32_MAX);
  }
}

}  // namespace steepest::cuda
