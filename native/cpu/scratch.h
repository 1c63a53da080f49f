// Memory that a kernel needs while it runs, allocated when it is bound.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "../runtime/allocator.h"
#include "../runtime/threads.h"

namespace steepest {

class Floats {
 public:
  Floats() = default;
  explicit Floats(int64_t count) : buffer_(static_cast<uint64_t>(count) * sizeof(float)) {}
  float* data() const { return reinterpret_cast<float*>(buffer_.data()); }

 private:
  Allocation buffer_;
};

// One buffer for each chunk that runs at the same time. Which of them a chunk gets does not matter to its result.
class Slots {
 public:
  void allocate(int64_t count, int64_t floats) {
    each_ = (floats < 1 ? 1 : (floats + 15) / 16) * 16;  // aligned as the first is
    memory_ = Floats(count * each_);
    busy_ = std::make_unique<std::atomic<bool>[]>(static_cast<size_t>(count));
    count_ = count;
  }
  // Null when nothing was allocated. With more threads than slots, waits for a chunk to end. A thread gets the slot that it
  // had before if it can: memory that another core has written is slow to write.
  float* acquire() {
    if (count_ == 0) return nullptr;
    for (int64_t i = Threads::current() % count_;; i = (i + 1) % count_) {
      if (!busy_[i].exchange(true, std::memory_order_acquire)) return memory_.data() + i * each_;
    }
  }
  // For a kernel that runs one chunk at a time.
  float* first() const { return memory_.data(); }
  void release(const float* slot) {
    if (slot) busy_[(slot - memory_.data()) / each_].store(false, std::memory_order_release);
  }

 private:
  Floats memory_;
  std::unique_ptr<std::atomic<bool>[]> busy_;
  int64_t count_ = 0, each_ = 0;
};

}  // namespace steepest
