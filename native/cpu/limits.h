// What this machine can do at most: arithmetic, and bytes per second for data of several sizes. Estimates.
#pragma once

#include <array>
#include <cstdint>

namespace steepest {

// Inner loops, one table per CPU target.
struct LimitKernels {
  int64_t flopsPerRound;  // of `multiplyAdd`
  // Independent multiply-adds on registers, as many as the units can take. Returns a value that depends on all of them.
  float (*multiplyAdd)(int64_t rounds, float factor, float summand);
  // The same with operands in bfloat16, in the fastest way that there is.
  int64_t bfloat16FlopsPerRound;
  float (*multiplyAddBfloat16)(int64_t rounds, float factor, float summand);
  // The sum of n floats, n a multiple of 64.
  float (*sum)(const float* x, int64_t n);
  // a = b + factor * c
  void (*triad)(float* a, const float* b, const float* c, float factor, int64_t n);
};

struct Limits {
  struct Bandwidth {
    uint64_t bytes;  // all threads together go through so many again and again
    double read;     // bytes per second: sum of an array
    double triad;    // bytes per second, two arrays read and one written
  };
  int threads;
  double flops;                        // per second: multiply-adds, two each
  double bfloat16Flops;                // with operands rounded to bfloat16
  double int8Ops;                      // with whole numbers of 8 bits
  std::array<Bandwidth, 4> bandwidth;  // by size; the last is main memory unless caches are larger than 64 MB
};

// Measures with the target in use and the threads of the pool, in about 0.2 s. Throws OutOfMemory.
Limits measureLimits();

}  // namespace steepest
