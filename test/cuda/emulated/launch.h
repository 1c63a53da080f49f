// Runs kernels on the CPU: blocks one after the other, but for those of a cluster, the threads of a block as fibers that switch at
// barriers. A block whose threads never wait is a plain loop on one fiber. Which blocks and threads come first is what the environment says: results
// are the same.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace steepest::emulated {

struct Dimensions {
  unsigned x = 1, y = 1, z = 1;
};
struct Block {
  Dimensions index, size, grid;
};

// Of the thread that runs.
Dimensions thread();
const Block& block();
unsigned lane();
// Of the thread that runs: its number among those of its cluster, its block's, and how many blocks that has.
unsigned threadNumber();
unsigned member();
unsigned members();
// Whether a block of the cluster has not ended.
bool isThere(unsigned member);

// __syncthreads: all threads of the block that have not ended.
void barrier();
// barrier.cluster: all threads of the cluster that have not ended.
void clusterBarrier();
// A value for each lane of the warp; returns that of lane `from`. Waits for the lanes in `mask` that have not ended. What they did
// to memory before is ordered by it when it is a barrier, __syncwarp, and not when it is a shuffle.
uint64_t exchange(unsigned mask, uint64_t value, unsigned from, bool isBarrier = false);

// At the end of a block: what of its copies and products goes on, or nothing. They are forgotten.
std::string leftBehind();

// Until `ready(what)`, which may be right now; others run before.
void waitUntil(bool (*ready)(void*), void* what);
// Ends the launch: the thread that runs has done what hardware does not allow.
[[noreturn]] void fail(const std::string& why);

// The block's dynamic shared memory. A new block finds numbers there that are none.
struct SharedMemory {
  unsigned char* data;
  unsigned bytes;
};
const SharedMemory& sharedMemory();
const SharedMemory& sharedMemoryOf(unsigned member);
namespace ptx {
struct Kernel;
}

struct Kernel {
  void (*run)(void** parameters);
  unsigned parameterBytes;             // of its one struct
  const ptx::Kernel* text = nullptr;  // instead of `run`, see ptx.h
  unsigned mostThreads = 1024;         // of a block: registers are given out by it
  unsigned members = 1;                // blocks of a cluster
};

template <typename Arguments>
constexpr unsigned parameterBytesOf(void (*)(Arguments)) {
  return sizeof(Arguments);
}
template <typename Arguments>
void callWith(void (*kernel)(Arguments), void** parameters) {
  kernel(*static_cast<const Arguments*>(parameters[0]));
}
template <auto kernel, unsigned mostThreads, unsigned members = 1>
constexpr Kernel entry = {[](void** parameters) { callWith(kernel, parameters); }, parameterBytesOf(kernel), nullptr,
                          mostThreads, members};

// In the list that findKernel looks through.
struct Registered {
  Registered(const char* name, const Kernel& kernel);
};
const Kernel* findKernel(const std::string& name);
std::string nameOf(const Kernel& kernel);

// Returns when all blocks are done, or says what went wrong: a barrier that not all threads reach, threads that wait for
// each other, or what `fail` was told.
std::string launch(const Kernel& kernel, const Dimensions& grid, const Dimensions& size, void** parameters,
                   unsigned sharedBytes = 0);

// The numbers below `count` in the order that the environment wants; another one at each call where it is drawn.
class Order {
 public:
  explicit Order(uint64_t seed = 1);
  const std::vector<unsigned>& of(unsigned count);
  bool isFirst() const { return kind_ == Kind::kFirst; }

 private:
  enum class Kind { kFirst, kLast, kMixed };
  Kind kind_;
  uint64_t drawn_;
  std::vector<unsigned> numbers_;
};

}  // namespace steepest::emulated
