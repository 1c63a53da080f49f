// What every kernel is written in. Kernels are CUDA C++ with the C library's types only; each takes one struct by value,
// which its family's header (softmax.h beside softmax.cu) shares with the code that binds it.
//
// The tests compile the same files as C++ for the CPU (test/cuda/emulated/cuda.h stands in for CUDA's keywords), so use of
// what is not in the language (inline PTX, cp.async, wgmma) belongs in a header of its own that they can replace.
#pragma once

#include <stdint.h>

// A kernel that the host finds by its name.
#ifndef STEEPEST_KERNEL
#define STEEPEST_KERNEL(name, argument) extern "C" __global__ void __launch_bounds__(1024) name(const argument)
#endif

// One whose blocks always have so many threads, of which a multiprocessor is to have room for so many, and which may take
// addresses in its argument.
#ifndef STEEPEST_TILED_KERNEL
#define STEEPEST_TILED_KERNEL(threads, blocks, name, argument) \
  extern "C" __global__ void __launch_bounds__(threads, blocks) name(const __grid_constant__ argument)
#endif

// One whose blocks come in clusters of so many, which compute capability 9.0 has. Others compile nothing but its name.
#ifndef STEEPEST_CLUSTER_KERNEL
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
#define STEEPEST_CLUSTER(members) __cluster_dims__(members, 1, 1)
#else
#define STEEPEST_CLUSTER(members)
#endif
#define STEEPEST_CLUSTER_KERNEL(threads, members, name, argument)                    \
  extern "C" __global__ void STEEPEST_CLUSTER(members) __launch_bounds__(threads, 1) \
      name(const __grid_constant__ argument)
#endif

#define STEEPEST_INLINE __device__ __forceinline__

namespace steepest::cuda {

// The range of 0 .. n-1 that a thread of a one-dimensional grid goes through.
#define STEEPEST_EACH(i, n)                                                              \
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < (n); \
       i += static_cast<int64_t>(gridDim.x) * blockDim.x)

template <typename T>
STEEPEST_INLINE T smaller(T a, T b) {
  return b < a ? b : a;
}
template <typename T>
STEEPEST_INLINE T larger(T a, T b) {
  return a < b ? b : a;
}

}  // namespace steepest::cuda
