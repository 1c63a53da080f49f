// What the instructions of a plan take, while a job runs with a clock beside it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <vector>

#include "allocator.h"
#include "threads.h"

namespace steepest {

// Times are nanoseconds of a monotonic clock since the profile was made. Nothing is allocated while steps run.
class Profile : public ChunkWatch {
 public:
  // What an event is about: an instruction by its number (see Instruction), or a whole step.
  static constexpr uint32_t kStep = UINT32_MAX;

  struct Event {
    uint32_t what;
    uint32_t
        track;  // 0: the session's thread; i + 1: a chunk of the instruction, on thread i of the pool (0: the caller)
    uint64_t begin;
    uint64_t end;
  };

  // Keeps the first `events` events, chunks included; none with 0, and then chunks are not timed. Throws OutOfMemory.
  Profile(size_t instructions, uint64_t steps, uint64_t events);

  uint64_t now() const {
    const auto time = std::chrono::steady_clock::now() - start_;
    return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(time).count());
  }

  // On the session's thread. Loops contain what their body does.
  void enter(uint32_t instruction) { current_ = instruction; }
  void add(uint32_t instruction, uint64_t begin, uint64_t end) {
    nanoseconds_[instruction] += end - begin;
    ++calls_[instruction];
    if (capacity_ > 0) record({instruction, 0, begin, end});
  }
  void addStep(uint64_t begin, uint64_t end) {
    steps_.push_back(end - begin);
    if (capacity_ > 0) record({kStep, 0, begin, end});
  }

  void run(Threads::Body body, void* context, int64_t chunk, int thread) override;
  bool watchesChunks() const { return capacity_ > 0; }

  const std::vector<uint64_t>& nanoseconds() const { return nanoseconds_; }  // by instruction
  const std::vector<uint64_t>& calls() const { return calls_; }
  const std::vector<uint64_t>& steps() const { return steps_; }
  const Event* events() const { return reinterpret_cast<const Event*>(events_.data()); }
  uint64_t eventCount() const;
  uint64_t eventsLost() const { return found_.load(std::memory_order_relaxed) - eventCount(); }

 private:
  void record(const Event& event) {
    const uint64_t at = found_.fetch_add(1, std::memory_order_relaxed);
    if (at < capacity_) reinterpret_cast<Event*>(events_.data())[at] = event;
  }

  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  uint32_t current_ = 0;
  std::vector<uint64_t> nanoseconds_;
  std::vector<uint64_t> calls_;
  std::vector<uint64_t> steps_;
  const uint64_t capacity_;
  Allocation events_;
  std::atomic<uint64_t> found_{0};
};

}  // namespace steepest
