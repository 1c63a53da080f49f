// Stands in for CUDA's language where the kernels of native/cuda are compiled as C++ for the CPU: keywords, the built-in
// variables, barriers, shuffles and atomics. Included before a kernel's source by the build (-include).
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "launch.h"
#include "races.h"

// native/cuda/kernels/ptx.h includes it in place of itself.
#define STEEPEST_PTX_TWIN "../../../test/cuda/emulated/ptx.h"

#define __device__
#define __global__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
// Blocks run one after the other.
#define __shared__ static

#define threadIdx (steepest::emulated::thread())
#define blockIdx (steepest::emulated::block().index)
#define blockDim (steepest::emulated::block().size)
#define gridDim (steepest::emulated::block().grid)

#define STEEPEST_KERNEL(name, argument) STEEPEST_TILED_KERNEL(1024, 1, name, argument)
#define STEEPEST_TILED_KERNEL(threads, blocks, name, argument) STEEPEST_CLUSTER_KERNEL(threads, 1, name, argument)
#define STEEPEST_CLUSTER_KERNEL(threads, members, name, argument)                                  \
  static void name(const argument);                                                                \
  static const steepest::emulated::Registered name##Registered(                                    \
      #name, steepest::emulated::entry<&name, (threads), (members)>);                              \
  static void name(const argument)

inline void __syncthreads() { steepest::emulated::barrier(); }
inline void __syncwarp(unsigned mask = 0xffffffffu) { steepest::emulated::exchange(mask, 0, 0, true); }

template <typename T>
T __shfl_sync(unsigned mask, T value, int lane) {
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = steepest::emulated::exchange(mask, bits, static_cast<unsigned>(lane) % 32);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int lanes) {
  return __shfl_sync(mask, value, static_cast<int>(steepest::emulated::lane() ^ static_cast<unsigned>(lanes)));
}
template <typename T>
T __shfl_down_sync(unsigned mask, T value, unsigned by) {
  const unsigned lane = steepest::emulated::lane();
  return __shfl_sync(mask, value, static_cast<int>(lane + by < 32 ? lane + by : lane));
}

// A product of its own, whatever is added to it: this build joins none.
inline float __fmul_rn(float a, float b) { return a * b; }
inline double __dmul_rn(double a, double b) { return a * b; }

// One thread at a time runs, so plain operations are atomic.
#define STEEPEST_ATOMIC __attribute__((no_sanitize("thread")))
template <typename T>
STEEPEST_ATOMIC T atomicAdd(T* at, T value) {
  steepest::emulated::races::check(at, sizeof *at, steepest::emulated::races::Kind::kAtomic);
  const T before = *at;
  *at += value;
  return before;
}
template <typename T>
STEEPEST_ATOMIC T atomicMax(T* at, T value) {
  steepest::emulated::races::check(at, sizeof *at, steepest::emulated::races::Kind::kAtomic);
  const T before = *at;
  if (value > before) *at = value;
  return before;
}
template <typename T>
STEEPEST_ATOMIC T atomicCAS(T* at, T expected, T value) {
  steepest::emulated::races::check(at, sizeof *at, steepest::emulated::races::Kind::kAtomic);
  const T before = *at;
  if (before == expected) *at = value;
  return before;
}
inline void __threadfence() {}
