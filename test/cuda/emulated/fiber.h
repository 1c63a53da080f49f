// A stack of its own that can be left and entered again.
#pragma once

#include <ucontext.h>

#include <cstddef>
#include <memory>

namespace steepest::emulated {

class Fiber {
 public:
  // Runs `body`, which never returns, from the first `enter` on.
  explicit Fiber(void (*body)());
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Goes on with it; returns when it leaves.
  void enter();
  // Called on a fiber: back to who entered it.
  static void leave();
  static Fiber* current();

  static constexpr size_t kStackBytes = 128 << 10;
  const void* stack() const { return stack_.get(); }

 private:
  std::unique_ptr<unsigned char[]> stack_;
#if defined(__x86_64__)
  void* top_ = nullptr;  // of the stack, where its registers are
  void* caller_ = nullptr;
#else
  ucontext_t own_, caller_;
#endif
};

}  // namespace steepest::emulated
