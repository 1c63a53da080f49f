// How the kernels of compute capability 9.0 divide a block: a thread of the first warp group asks for copies, the two other groups
// multiply what arrives, and get the registers that the first one does not need.
#pragma once

#include "ptx.h"

#ifdef STEEPEST_HAS_WGMMA
namespace steepest::cuda {

// A lane of each warp arrives where its group is done with something: waiting for products is for those of the warp that waits.
constexpr int kGroupWarps = 4;

// begin() is for one thread: barriers, which it fences, and what is to be read ahead. Then copy(), for one thread, and
// multiply(group), 0 or 1, run at the same time. From there on groups never meet: none may wait for the block. Of a cluster of
// kMembers blocks, all begin together, and all stay until none needs another one's shared memory.
template <int kFewRegisters, int kManyRegisters, int kMembers = 1, typename Begin, typename Copy, typename Multiply>
STEEPEST_INLINE void divideBlock(const Begin& begin, const Copy& copy, const Multiply& multiply) {
  // A thread of three groups begins with as many of the 65536 as there are for each, in eights.
  constexpr int kBegin = 65536 / 384 / 8 * 8;
  static_assert(kFewRegisters % 8 == 0 && kManyRegisters % 8 == 0, "as setmaxnreg wants them");
  static_assert(24 <= kFewRegisters && kFewRegisters <= kBegin && kBegin <= kManyRegisters && kManyRegisters <= 256 &&
                    kFewRegisters + 2 * kManyRegisters <= 3 * kBegin,
                "those who want more would wait for ever");
  if (threadIdx.x == 0) begin();
  if constexpr (kMembers > 1) {
    ptx::meetCluster();
  } else {
    __syncthreads();
  }
  const int group = static_cast<int>(threadIdx.x) / 128;
  if (group == 0) {
    ptx::fewerRegisters<kFewRegisters>();
    if (threadIdx.x == 0) copy();
  } else {
    ptx::moreRegisters<kManyRegisters>();
    multiply(group - 1);
  }
  if constexpr (kMembers > 1) ptx::meetCluster();
}

}  // namespace steepest::cuda
#endif
