// What is a race, and what is none: each kernel, or PTX of a cluster, is run by test/cuda/races.test.ts, with the emulated driver that looks for
// races. Prints the driver's result.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "check_device.h"
#include "cuda.h"
#include STEEPEST_PTX_TWIN

using namespace steepest::cuda;

namespace {

constexpr unsigned kThreads = 64, kBlocks = 2;

struct Words {
  uint32_t* words;  // kThreads * kBlocks, of 1, 1, 1, ...
};

// Each thread leaves a word in shared memory, and takes what another one left.
template <typename Between>
void pass(const Words& a, unsigned from, Between between) {
  __shared__ uint32_t shared[kThreads];
  const unsigned i = blockIdx.x * kThreads + threadIdx.x;
  shared[threadIdx.x] = a.words[i];
  between();
  a.words[i] = shared[from];
}
unsigned behind() { return (threadIdx.x + 1) % kThreads; }
unsigned inWarp() { return threadIdx.x ^ 1; }

STEEPEST_KERNEL(barrier, Words a) { pass(a, behind(), [] { __syncthreads(); }); }
STEEPEST_KERNEL(noBarrier, Words a) { pass(a, behind(), [] {}); }
STEEPEST_KERNEL(warp, Words a) { pass(a, inWarp(), [] { __syncwarp(); }); }
STEEPEST_KERNEL(warpOfBlock, Words a) { pass(a, behind(), [] { __syncwarp(); }); }
STEEPEST_KERNEL(shuffle, Words a) { pass(a, inWarp(), [] { __shfl_sync(0xffffffffu, 0, 0); }); }
STEEPEST_KERNEL(pairs, Words a) {
  pass(a, inWarp(), [] { __syncwarp(3u << threadIdx.x / 2 * 2 % 32); });
}
STEEPEST_KERNEL(otherPairs, Words a) {
  pass(a, threadIdx.x ^ 2, [] { __syncwarp(3u << threadIdx.x / 2 * 2 % 32); });
}

// The threads before it have read when the first one writes.
STEEPEST_KERNEL(overwritten, Words a) {
  __shared__ uint32_t shared[1];
  if (threadIdx.x == 0) shared[0] = 1;
  __syncthreads();
  a.words[blockIdx.x * kThreads + threadIdx.x] = shared[0];
  if (threadIdx.x == 0) shared[0] = 2;
}

STEEPEST_KERNEL(blocks, Words a) {
  if (threadIdx.x == 0) a.words[0] = 3;
}
STEEPEST_KERNEL(blocksRead, Words a) { a.words[blockIdx.x * kThreads + threadIdx.x] += a.words[kThreads * kBlocks - 1]; }
STEEPEST_KERNEL(blocksOnlyRead, Words a) { a.words[blockIdx.x * kThreads + threadIdx.x] += a.words[kThreads * kBlocks]; }

STEEPEST_KERNEL(counted, Words a) {
  __shared__ uint32_t count[1];
  if (threadIdx.x == 0) count[0] = 0;
  __syncthreads();
  atomicAdd(count, 1u);
  __syncthreads();
  a.words[blockIdx.x * kThreads + threadIdx.x] = count[0];
}
STEEPEST_KERNEL(readWhileCounted, Words a) {
  __shared__ uint32_t count[1];
  if (threadIdx.x == 0) count[0] = 0;
  __syncthreads();
  atomicAdd(count, 1u);
  a.words[blockIdx.x * kThreads + threadIdx.x] = count[0];
}

// Neighbours in one word.
STEEPEST_KERNEL(bytes, Words a) {
  reinterpret_cast<uint8_t*>(a.words)[blockIdx.x * kThreads + threadIdx.x] = 1;
}
STEEPEST_KERNEL(bytesAndWords, Words a) {
  reinterpret_cast<uint8_t*>(a.words)[threadIdx.x] = 1;
  __syncwarp();
  if (blockIdx.x == 0) a.words[threadIdx.x / 4] += 1;
}

// Words that come to shared memory on their own, for the neighbour.
template <typename First, typename Second>
void copy(const Words& a, First first, Second second) {
  STEEPEST_DYNAMIC_SHARED(shared);
  auto* const words = reinterpret_cast<uint32_t*>(shared);
  ptx::copyAsync<4>(words + threadIdx.x, a.words + blockIdx.x * kThreads + threadIdx.x, true);
  ptx::closeCopies();
  first();
  second();
  a.words[blockIdx.x * kThreads + behind()] = words[behind()];
}
STEEPEST_KERNEL(copies, Words a) {
  copy(a, [] { ptx::awaitCopies<0>(); }, [] { __syncthreads(); });
}
STEEPEST_KERNEL(copiesTooEarly, Words a) {
  copy(a, [] { __syncthreads(); }, [] { ptx::awaitCopies<0>(); });
}

// An mbarrier that one arrival ends, in shared memory behind a word for each thread.
uint64_t* makeBarrier(uint32_t* words) {
  auto* const barrier = reinterpret_cast<uint64_t*>(words + kThreads);
  if (threadIdx.x == 0) {
    ptx::initBarrier(barrier, 1);
    ptx::fenceBarriers();
  }
  return barrier;
}

// The same by one copy for all, whose bytes arrive at an mbarrier.
template <typename Wait>
void copyAll(const Words& a, Wait wait) {
  STEEPEST_DYNAMIC_SHARED(shared);
  auto* const words = reinterpret_cast<uint32_t*>(shared);
  uint64_t* const barrier = makeBarrier(words);
  __syncthreads();
  if (threadIdx.x == 0) {
    ptx::arriveExpecting(barrier, kThreads * 4);
    ptx::copyBytes(words, a.words + kThreads * kBlocks, kThreads * 4, barrier);
  }
  wait(barrier);
  a.words[blockIdx.x * kThreads + threadIdx.x] = words[threadIdx.x];
}
STEEPEST_KERNEL(bulk, Words a) {
  copyAll(a, [](uint64_t* barrier) { ptx::awaitPhase(barrier, 0); });
}
STEEPEST_KERNEL(bulkForOne, Words a) {
  copyAll(a, [](uint64_t* barrier) {
    if (threadIdx.x == 0) ptx::awaitPhase(barrier, 0);
  });
}
STEEPEST_KERNEL(bulkForOneWhoTells, Words a) {
  copyAll(a, [](uint64_t* barrier) {
    if (threadIdx.x == 0) ptx::awaitPhase(barrier, 0);
    __syncthreads();
  });
}

// A thread of one block waits for one of the other block, which has met its own block: that tells nothing of the first block.
template <typename Between>
void awaitOther(const Words& a, Between between) {
  STEEPEST_DYNAMIC_SHARED(shared);
  auto* const words = reinterpret_cast<uint32_t*>(shared);
  uint64_t* const barrier = makeBarrier(words);
  ptx::meetCluster();
  if (ptx::memberOfCluster() == 0) {
    if (threadIdx.x == kThreads - 1) words[0] = 1;
    between();
    if (threadIdx.x == 0) {
      ptx::awaitPhase(barrier, 0);
      a.words[0] = words[0];
    }
  } else {
    __syncthreads();
    if (threadIdx.x == 0) ptx::arriveAt(barrier, 0);
  }
  ptx::meetCluster();
}
STEEPEST_CLUSTER_KERNEL(kThreads, kBlocks, otherBlock, Words a) {
  awaitOther(a, [] {});
}
STEEPEST_CLUSTER_KERNEL(kThreads, kBlocks, bothBlocks, Words a) {
  awaitOther(a, [] { __syncthreads(); });
}
// Nor what the rest of that block has done: an arrival is a release for the own block only.
STEEPEST_CLUSTER_KERNEL(kThreads, kBlocks, restOfOther, Words a) {
  STEEPEST_DYNAMIC_SHARED(shared);
  uint64_t* const barrier = makeBarrier(reinterpret_cast<uint32_t*>(shared));
  ptx::meetCluster();
  if (ptx::memberOfCluster() == 1) {
    if (threadIdx.x == kThreads - 1) a.words[0] = 2;
    __syncthreads();
    if (threadIdx.x == 0) ptx::arriveAt(barrier, 0);
  } else if (threadIdx.x == 0) {
    ptx::awaitPhase(barrier, 0);
    a.words[1] = a.words[0];
  }
  ptx::meetCluster();
}

}  // namespace

// A name, or a file of PTX and how many blocks.
int main(int count, char** words) {
  CUmodule module;
  CUfunction function;
  CUdeviceptr device;
  const CUstream stream = openStream();
  uint32_t ones[kThreads * (kBlocks + 1)];
  for (uint32_t& one : ones) one = 1;
  cuMemAlloc(&device, sizeof ones);
  cuMemcpyHtoDAsync(device, ones, sizeof ones, stream);
  if (count > 2) {
    std::ifstream in(words[1]);
    const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    cuModuleLoadDataEx(&module, text.c_str(), 0, nullptr, nullptr);
  } else {
    cuModuleLoadData(&module, nullptr);
  }
  CUresult result = cuModuleGetFunction(&function, module, count > 2 ? words[2] : words[1]);
  Words arguments{reinterpret_cast<uint32_t*>(device)};
  void* parameters[] = {&arguments};
  if (result == 0) result = cuLaunchKernel(function, kBlocks, 1, 1, kThreads, 1, 1, 1024, stream, parameters, nullptr);
  if (result == 0) result = cuStreamSynchronize(stream);
  std::printf("%d\n", result);
  return 0;
}
