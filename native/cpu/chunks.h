// Cutting work into chunks by its size alone, so that the bits never depend on the number of threads.
#pragma once

#include <algorithm>
#include <cstdint>

#include "../runtime/threads.h"

namespace steepest {

// Work of one chunk in units of about a nanosecond; up to twice as much runs inline.
constexpr int64_t kChunkCost = 10000;

// Calls f(begin, end) on ranges that cover 0 .. n-1, in parallel when n items of `cost` each are worth it.
template <typename F>
void eachRange(Threads& threads, int64_t n, int64_t cost, F f) {
  const int64_t size = std::max<int64_t>(1, kChunkCost / std::max<int64_t>(1, cost));
  if (n <= 2 * size) {
    if (n > 0) f(int64_t{0}, n);
    return;
  }
  threads.each((n + size - 1) / size, [=](int64_t chunk) { f(chunk * size, std::min(n, (chunk + 1) * size)); });
}

}  // namespace steepest
