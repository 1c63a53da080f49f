// Sorting numbers with what belongs to them.
#pragma once

#include <cstdint>
#include <utility>

namespace steepest {

// A key, and below it a number that belongs to it: equal keys keep their order, and comparing is one instruction.
using Pair = uint64_t;
inline Pair pairOf(uint32_t key, int64_t value) { return static_cast<Pair>(key) << 32 | static_cast<Pair>(value); }
inline uint32_t keyOfPair(Pair pair) { return static_cast<uint32_t>(pair >> 32); }
inline uint32_t valueOfPair(Pair pair) { return static_cast<uint32_t>(pair); }
// For two buffers of pairs.
constexpr int64_t floatsOfPairs(int64_t n) { return 2 * n * static_cast<int64_t>(sizeof(Pair) / sizeof(float)); }

// Sorts by one digit of the keys after the other, from the last to the first: those that are sorted by the later ones keep
// that order. `other`: as much memory as that of the pairs. What is sorted is in the one or the other.
inline Pair* sortByDigits(Pair* pairs, Pair* other, int64_t n) {
  constexpr int kDigit = 8;  // bits
  constexpr int kDigits = 32 / kDigit, kValues = 1 << kDigit;
  if (n == 0) return pairs;
  int32_t counts[kDigits][kValues]{};
  for (int64_t i = 0; i < n; ++i) {
    for (int d = 0; d < kDigits; ++d) ++counts[d][pairs[i] >> (32 + d * kDigit) & (kValues - 1)];
  }
  for (int d = 0; d < kDigits; ++d) {
    const int shift = 32 + d * kDigit;
    if (counts[d][pairs[0] >> shift & (kValues - 1)] == n) continue;  // all have the same
    int32_t places[kValues];
    for (int32_t value = 0, sum = 0; value < kValues; ++value) {
      places[value] = sum;
      sum += counts[d][value];
    }
    for (int64_t i = 0; i < n; ++i) other[places[pairs[i] >> shift & (kValues - 1)]++] = pairs[i];
    std::swap(pairs, other);
  }
  return pairs;
}

}  // namespace steepest
