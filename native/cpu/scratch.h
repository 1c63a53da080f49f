// Memory that a kernel needs while it runs.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "../runtime/allocator.h"
#include "../runtime/kernel.h"
#include "../runtime/threads.h"

namespace steepest {

// The same memory for all kernels of a plan, which run one after the other: so it stays in the caches, and a plan needs no more
// than its largest kernel. Where all together need little, each has its own: what a core has written, or read, is slow to write
// for another one. For the same reason one part is for all threads, and one for each of them.
//
// Kernels say when they are bound what they will need; addresses are known once all are.
class Workspace {
 public:
  // Where something is, if kernels have the same memory, and if each has its own.
  struct Place {
    int64_t together = 0, apart = 0;
  };

  // The next kernel is bound.
  void begin() { shared_.used.together = own_.used.together = 0; }
  // Throws OutOfMemory.
  void allocate();
  // Fills it with NaN.
  void spoil();

  // For all threads.
  Place take(int64_t floats) { return shared_.take(floats); }
  // For each of `count` threads.
  Place takeEach(int64_t count, int64_t floats);

  float* at(const Place& place) const { return data_ + offsetOf(place); }
  float* at(int64_t thread, const Place& place) const { return own(thread) + offsetOf(place); }
  int64_t floatsEach() const { return floatsOf(own_); }

 private:
  struct Part {
    Place used;
    int64_t most = 0;  // of any kernel
    Place take(int64_t floats);
  };

  int64_t offsetOf(const Place& place) const { return apart_ ? place.apart : place.together; }
  int64_t floatsOf(const Part& part) const { return apart_ ? part.used.apart : part.most; }
  float* own(int64_t thread) const { return data_ + floatsOf(shared_) + thread * floatsOf(own_); }

  Part shared_, own_;
  int64_t threads_ = 0;
  bool apart_ = false;
  float* data_ = nullptr;
  Allocation memory_;
};

// For tests: kernels bound from now on find nothing but NaN in what they have of a workspace.
void spoilWorkspaces(bool on);
bool spoilsWorkspaces();

// Nothing is known of what they hold when a kernel begins, but for those of its own.
class Floats {
 public:
  Floats() = default;
  // Of the kernel's own, for what it keeps from run to run. Zeros at first.
  explicit Floats(int64_t count) : own_(static_cast<uint64_t>(count) * sizeof(float)) {}
  // Of the plan's workspace, if it has one.
  Floats(const Memory& memory, int64_t count) : workspace_(memory.workspace) {
    if (workspace_) {
      place_ = workspace_->take(count);
    } else {
      *this = Floats(count);
    }
  }

  bool any() const { return workspace_ != nullptr || own_.data() != nullptr; }
  float* data() const { return workspace_ ? workspace_->at(place_) : reinterpret_cast<float*>(own_.data()); }
  template <typename T>
  T* as() const {
    return reinterpret_cast<T*>(data());
  }

 private:
  std::shared_ptr<Workspace> workspace_;
  Workspace::Place place_;
  Allocation own_;
};

inline int64_t floatsFor(int64_t bytes) { return (bytes + 3) / 4; }

// One buffer for each chunk that runs at the same time. Which of them a chunk gets does not matter to its result.
class Slots {
 public:
  void allocate(const Memory& memory, int64_t count, int64_t floats);
  // Null when nothing was allocated. With more threads than slots, waits for a chunk to end. A thread gets the slot that it
  // had before if it can: memory that another core has written is slow to write.
  float* acquire() {
    if (count_ == 0) return nullptr;
    for (int64_t i = Threads::current() % count_;; i = (i + 1) % count_) {
      if (!busy_[i].exchange(true, std::memory_order_acquire)) return at(i);
    }
  }
  // For a kernel that runs one chunk at a time.
  float* first() const { return count_ == 0 ? nullptr : at(0); }
  void release(const float* slot) {
    if (slot) busy_[(slot - at(0)) / each()].store(false, std::memory_order_release);
  }

 private:
  float* at(int64_t i) const { return workspace_ ? workspace_->at(i, place_) : own_.data() + i * each_; }
  int64_t each() const { return workspace_ ? workspace_->floatsEach() : each_; }

  std::shared_ptr<Workspace> workspace_;
  Workspace::Place place_;
  Floats own_;
  std::unique_ptr<std::atomic<bool>[]> busy_;
  int64_t count_ = 0, each_ = 0;
};

}  // namespace steepest
