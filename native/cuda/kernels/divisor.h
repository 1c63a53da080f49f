// What a kernel divides by, see divide.h.
#pragma once

#include <stdint.h>

namespace steepest::cuda {

struct Divisor {
  uint32_t by, magic, shift;
};

// Of numbers below 2^31, by 1 to 2^31 - 1.
inline Divisor divisorOf(int64_t by) {
  uint32_t bits = 0;  // 2^(bits - 1) < by <= 2^bits
  while ((int64_t{1} << bits) < by) ++bits;
  const auto magic = static_cast<uint32_t>((uint64_t{1} << (31 + bits)) / static_cast<uint64_t>(by) + 1);
  return {static_cast<uint32_t>(by), magic, 31 + bits};
}

}  // namespace steepest::cuda
