// Cutting work into chunks by its size alone, so that the bits never depend on the number of threads.
#pragma once

#include <algorithm>
#include <cstdint>

#include "../runtime/threads.h"

namespace steepest {

// Work of one chunk in units of about a nanosecond; up to twice as much runs inline.
constexpr int64_t kChunkCost = 10000;

// Equal parts of n items, so that those of neighbouring kernels have the same boundaries and a thread finds what it made before:
// as many as hold `most` items at most, rounded up to a power of two, which the products' blocks are as well.
inline int64_t partsOfAtMost(int64_t most, int64_t n) {
  int64_t parts = 1;
  while (parts * most < n) parts *= 2;
  return std::min(parts, n);
}
constexpr int64_t partBegin(int64_t n, int64_t parts, int64_t part) { return n * part / parts; }

// Calls f(begin, end) on ranges that cover 0 .. n-1, in parallel when n items of `cost` each are worth it.
template <typename F>
void eachRange(Threads& threads, int64_t n, int64_t cost, F f) {
  const int64_t size = std::max<int64_t>(1, kChunkCost / std::max<int64_t>(1, cost));
  if (n <= 2 * size) {
    if (n > 0) f(int64_t{0}, n);
    return;
  }
  const int64_t parts = partsOfAtMost(size, n);
  threads.each(parts, [=](int64_t part) { f(partBegin(n, parts, part), partBegin(n, parts, part + 1)); });
}

}  // namespace steepest
