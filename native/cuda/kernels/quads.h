// Four neighbours in one access.
#pragma once

#include "kernel.h"

namespace steepest::cuda {

// Four numbers that lie at a multiple of 16 bytes.
struct alignas(16) Quad {
  float x[4];
};

// Neighbours, one or four; four lie at a multiple of 16 bytes.
template <int kRun>
STEEPEST_INLINE void loadRun(const float* from, float (&to)[kRun]) {
  if constexpr (kRun == 4) {
    const Quad quad = *reinterpret_cast<const Quad*>(from);
#pragma unroll
    for (int j = 0; j < 4; ++j) to[j] = quad.x[j];
  } else {
    static_assert(kRun == 1, "one or four");
    to[0] = *from;
  }
}
template <int kRun>
STEEPEST_INLINE void storeRun(float* to, const float (&from)[kRun]) {
  if constexpr (kRun == 4) {
    *reinterpret_cast<Quad*>(to) = {{from[0], from[1], from[2], from[3]}};
  } else {
    static_assert(kRun == 1, "one or four");
    *to = from[0];
  }
}

}  // namespace steepest::cuda
