// Blocks that work on a row: what their threads found becomes one number, always in the same order.
#pragma once

#include "kernel.h"
#include "operand.h"

namespace steepest::cuda {

// All threads of a block of 2^n threads call it, each with its value; `shared` has room for one of each. All get the result.
template <typename T, typename Combine>
STEEPEST_INLINE T combineBlock(T value, T* shared, Combine combine) {
  shared[threadIdx.x] = value;
  __syncthreads();
  for (unsigned half = blockDim.x / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) shared[threadIdx.x] = combine(shared[threadIdx.x], shared[threadIdx.x + half]);
    __syncthreads();
  }
  const T result = shared[0];
  __syncthreads();
  return result;
}

STEEPEST_INLINE double sumBlock(double value, double* shared) {
  return combineBlock(value, shared, [](double a, double b) { return a + b; });
}
// NaN is left out, as it shows in the sums that follow.
STEEPEST_INLINE double maxBlock(double value, double* shared) {
  return combineBlock(value, shared, [](double a, double b) { return a > b ? a : b; });
}

}  // namespace steepest::cuda
