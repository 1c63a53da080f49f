// Numbers too small to be normal (below 2^-126), which processors multiply and divide several times slower.
#pragma once

#include <cstdint>

namespace steepest {

// How the calling thread computes with floating-point numbers: the processor's control register.
struct FloatMode {
#if defined(__SSE2__)
  static constexpr uint64_t kFlush = 0x8040;                                    // results and operands
  static uint64_t get() { return __builtin_ia32_stmxcsr() & ~uint64_t{0x3f}; }  // without what happened so far
  static void set(uint64_t mode) { __builtin_ia32_ldmxcsr(static_cast<uint32_t>(mode)); }
#elif defined(__aarch64__)
  static constexpr uint64_t kFlush = uint64_t{1} << 24;
  static uint64_t get() {
    uint64_t mode;
    asm volatile("mrs %0, fpcr" : "=r"(mode));
    return mode;
  }
  static void set(uint64_t mode) { asm volatile("msr fpcr, %0" : : "r"(mode)); }
#else
  static constexpr uint64_t kFlush = 0;
  static uint64_t get() { return 0; }
  static void set(uint64_t) {}
#endif
};

// While it lives, such numbers count as zero on this thread (and in chunks that others run for it, see threads.h), if `flush`.
// Training makes them for ever: the moments of a unit that has died fade by a factor in each step.
class FlushSubnormals {
 public:
  explicit FlushSubnormals(bool flush) : before_(FloatMode::get()), flush_(flush) {
    if (flush_) FloatMode::set(before_ | FloatMode::kFlush);
  }
  ~FlushSubnormals() {
    if (flush_) FloatMode::set(before_);
  }
  FlushSubnormals(const FlushSubnormals&) = delete;
  FlushSubnormals& operator=(const FlushSubnormals&) = delete;

 private:
  const uint64_t before_;
  const bool flush_;
};

}  // namespace steepest
