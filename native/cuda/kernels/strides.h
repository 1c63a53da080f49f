// Walking through strided operands.
#pragma once

#include "kernel.h"
#include "operand.h"

namespace steepest::cuda {

// Where the element number `i` of the domain lies, in elements from the first one.
STEEPEST_INLINE int64_t offsetOf(const Domain& domain, const int64_t* strides, int64_t i) {
  int64_t offset = 0;
  for (int d = domain.rank - 1; d >= 0; --d) {
    offset += i % domain.shape[d] * strides[d];
    i /= domain.shape[d];
  }
  return offset;
}

}  // namespace steepest::cuda
