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

// The same for numbers, first within each warp; `shared` has room for one of each warp.
template <typename Combine>
STEEPEST_INLINE double combineWarps(double value, double* shared, Combine combine) {
#pragma unroll
  for (int lanes = 16; lanes > 0; lanes /= 2) value = combine(value, __shfl_xor_sync(0xffffffffu, value, lanes));
  if (blockDim.x <= 32) return value;
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = value;
  __syncthreads();
  double result = shared[0];
  for (unsigned warp = 1; warp < blockDim.x / 32; ++warp) result = combine(result, shared[warp]);
  __syncthreads();
  return result;
}

STEEPEST_INLINE double sumBlock(double value, double* shared) {
  return combineWarps(value, shared, [](double a, double b) { return a + b; });
}
// NaN is left out, as it shows in the sums that follow.
STEEPEST_INLINE double maxBlock(double value, double* shared) {
  return combineWarps(value, shared, [](double a, double b) { return a > b ? a : b; });
}

}  // namespace steepest::cuda
