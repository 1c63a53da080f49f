// A fair lock: who comes first is served first, so a reader of the state gets in between two steps of a running job, and
// a caller in a tight loop cannot keep the job out either.
#pragma once

#include <atomic>
#include <cstdint>

namespace steepest {

class Turnstile {
 public:
  void lock() {
    const uint32_t ticket = next_.fetch_add(1, std::memory_order_seq_cst);
    for (uint32_t now; (now = serving_.load(std::memory_order_seq_cst)) != ticket;) {
      serving_.wait(now, std::memory_order_seq_cst);
    }
  }

  void unlock() {
    const uint32_t now = serving_.load(std::memory_order_relaxed) + 1;
    serving_.store(now, std::memory_order_seq_cst);
    // A later arrival finds its ticket served, or its wait returns at once because the number has changed.
    if (next_.load(std::memory_order_seq_cst) != now) serving_.notify_all();
  }

  // For the holder: is somebody waiting?
  bool contended() const {
    return next_.load(std::memory_order_relaxed) != serving_.load(std::memory_order_relaxed) + 1;
  }

 private:
  std::atomic<uint32_t> next_{0};
  std::atomic<uint32_t> serving_{0};
};

}  // namespace steepest
