// What the executor knows of a kernel: an instruction bound to memory once, then run many times.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "../plan/plan.h"
#include "threads.h"

namespace steepest {

class Workspace;  // of a backend that has one

// Where the spaces of a plan begin, on the device. Fixed for the life of the executor.
struct Memory {
  uint8_t* arena;
  uint8_t* state;
  uint8_t* constants;
  std::shared_ptr<Workspace> workspace = nullptr;  // of all kernels that are bound together

  template <typename T>
  T* at(const View& v) const {
    return reinterpret_cast<T*>(spaceOf(v) + v.base) + v.offset;
  }
  // Of any dtype.
  uint8_t* bytesAt(const View& v) const {
    return spaceOf(v) + v.base + v.offset * static_cast<int64_t>(sizeOf(v.dtype));
  }
  uint8_t* spaceOf(const View& v) const {
    return v.space == Space::kArena ? arena : v.space == Space::kState ? state : constants;
  }
};

// How far a view moves with every step of a loop, in bytes.
inline int64_t slideOf(const View& v) { return v.slide * static_cast<int64_t>(sizeOf(v.dtype)); }

template <typename T>
T* moved(T* address, int64_t bytes) {
  return reinterpret_cast<T*>(reinterpret_cast<uintptr_t>(address) + static_cast<uintptr_t>(bytes));
}

// Rows that a feed copies in: rows first, first + 1, ... or, with a permutation, rows order[first], order[first + 1], ...
// `rows` is the number of rows the memory holds. The host dtype may differ from the feed's (uint8 -> float32).
class Storage;
enum class HostType : uint8_t { kFloat32, kInt32, kUint8, kBool, kInt8, kBfloat16 };
struct FeedSource {
  const void* data;
  HostType type;
  uint64_t rows;
  Storage* storage = nullptr;  // whose memory it is; null: the caller's, for one step
};
struct FetchTarget {
  void* data;
  uint64_t rows;
  bool whole = false;  // one step writes all rows
};

// Set by a kernel that meets a value it cannot use (label or index out of range); the run stops after the step.
enum class DataError : uint32_t { kNone = 0, kLabel = 1, kIndex = 2 };

class Backend;
class Profile;

// What a backend keeps for a job or a single step, from Backend::begin on.
class BackendRun {
 public:
  virtual ~BackendRun() = default;
};

struct RunContext {
  Threads& threads;
  const FeedSource* feeds;
  const FetchTarget* fetches;
  const uint32_t* order;  // permutation of rows, or null
  uint64_t firstRow;      // of this step
  uint64_t rows = 0;      // of this step: the next one's first row comes so many later
  uint64_t endRow = 0;    // behind the last row of the steps that follow with this plan in this epoch
  uint64_t step = 0;      // its number
  // Nobody wants the results any more: loops end early, and the step does not count. Null: always wanted.
  const std::atomic<bool>* abandoned = nullptr;
  std::atomic<uint32_t> error{0};
  int64_t errorStep = -1;      // whose error it is, when that is not the last step that ran
  Profile* profile = nullptr;  // measures when there is one

  // A number on the device to look at after each step, or null, and the first step that left it NaN or infinite, or -1.
  const uint8_t* watched = nullptr;
  bool stopsAtNonFinite = false;
  int64_t nonFiniteStep = -1;

  std::unique_ptr<BackendRun> run = nullptr;

  // This step's rows of a feed of float32 where the caller has them, of so many bytes each; null where they have to be copied.
  const uint8_t* rowsOf(uint32_t feed, uint64_t bytes) const {
    if (order != nullptr || feeds[feed].type != HostType::kFloat32) return nullptr;
    return static_cast<const uint8_t*>(feeds[feed].data) + firstRow * bytes;
  }

  bool isAbandoned() const { return abandoned != nullptr && abandoned->load(std::memory_order_relaxed); }
};

class Kernel {
 public:
  virtual ~Kernel() = default;
  // Work is cut into chunks by the size of the problem only, never by the number of threads: the bits must not depend
  // on it. Small work runs inline. Must not allocate and must not throw.
  virtual void run(RunContext& context) = 0;
  // In a loop: operands that slide go on by so many steps. Kernels that let their operands slide (see the operation
  // table) keep addresses of views only, and move them here.
  virtual void move(int64_t) {}
  // A loop begins, or the state has changed: what was kept of steady operands (see Instruction) is out of date.
  virtual void enter() {}
  // Its first operand is all of what this feed copies, and with `alone` nobody else's is any of it. True: it reads rows where they
  // lie when it can (RunContext::rowsOf), and the feed need not copy them.
  virtual bool readsFeed(uint32_t /*slot*/, const View& /*fed*/, bool /*alone*/) { return false; }
  // Of a feed: whoever reads it reads rows where they lie when it can.
  virtual void lend() {}
  // Of a feed, and of a kernel whose first operand is all of what it copies, [rows, elements]: whether elements can lie in so many equal
  // slices, [slices, rows, elements / slices], as they do from slice() on. Where a thread reads its slice of each row, its processor
  // fetches what lies behind. That is its own then. If it is another thread's, that one's next write costs as much as the copy.
  virtual bool canSlice(const View& /*fed*/, int64_t /*slices*/) const { return false; }
  virtual void slice(int64_t /*slices*/) {}
};

// Runs the instructions of its body in order, again and again. The same for all backends.
std::unique_ptr<Kernel> bindLoop(const Instruction& instruction, const Memory& memory, Backend& backend);

}  // namespace steepest
