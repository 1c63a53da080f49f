// Division of numbers below 2^31 by one that is known when an instruction is bound, as a multiplication (Granlund and Montgomery,
// "Division by invariant integers using multiplication", 1994).
#pragma once

#include "divisor.h"
#include "kernel.h"

namespace steepest::cuda {

// i / d; the rest goes to *rest.
STEEPEST_INLINE uint32_t divide(uint32_t i, const Divisor& d, uint32_t* rest) {
  const auto quotient = static_cast<uint32_t>(uint64_t{i} * d.magic >> d.shift);
  *rest = i - quotient * d.by;
  return quotient;
}

}  // namespace steepest::cuda
