// Neighbouring channels that a thread reads and writes at once.
#pragma once

#include "kernel.h"

namespace steepest::cuda {

template <int kCount>
struct alignas(4 * kCount) Numbers {
  float x[kCount];
};

template <int kCount>
STEEPEST_INLINE Numbers<kCount> numbersAt(const float* p) {
  return *reinterpret_cast<const Numbers<kCount>*>(p);
}

}  // namespace steepest::cuda
