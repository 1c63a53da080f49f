// The best of a few repetitions counts: whatever disturbs a repetition makes it slower.
#include "limits.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>

#include "../runtime/allocator.h"
#include "../runtime/threads.h"
#include "gemm_int8.h"
#include "simd/table.h"

namespace steepest {
namespace {

constexpr int kRepetitions = 5;
constexpr double kSeconds =
    0.001;  // at least, of a repetition: short, so that some are not interrupted on a busy machine
constexpr uint64_t kLargest = uint64_t{64} << 20;

template <typename F>
double secondsOf(F f) {
  const auto begin = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// Calls run(thread, rounds) once for each thread, at the same time, and returns rounds per second, of all threads.
template <typename F>
double rate(int threads, F run) {
  Threads& pool = Threads::pool();
  const auto fastest = [&](int64_t rounds) {
    double best = INFINITY;
    for (int i = 0; i < kRepetitions; ++i) {
      best = std::min(best, secondsOf([&] { pool.each(threads, [&](int64_t thread) { run(thread, rounds); }); }));
    }
    return best;
  };
  int64_t rounds = 1;
  double seconds = fastest(rounds);
  for (; seconds < kSeconds && rounds < (int64_t{1} << 40); seconds = fastest(rounds)) rounds *= 4;
  return static_cast<double>(rounds) * threads / seconds;
}

// Keeps results alive without anyone reading them.
std::atomic<float> sink{0};

}  // namespace

Limits measureLimits() {
  const LimitKernels& kernels = *simd().limits;
  Limits limits{};
  const int threads = limits.threads = Threads::pool().count();
  limits.flops = kernels.flopsPerRound * rate(threads, [&](int64_t, int64_t rounds) {
                   sink.store(kernels.multiplyAdd(rounds, 0.5f, 1.0f), std::memory_order_relaxed);
                 });
  limits.bfloat16Flops = kernels.bfloat16FlopsPerRound * rate(threads, [&](int64_t, int64_t rounds) {
                           sink.store(kernels.multiplyAddBfloat16(rounds, 0.5f, 1.0f), std::memory_order_relaxed);
                         });
  const Int8Kernels& int8 = *simd().int8;
  limits.int8Ops = int8.opsPerRound * rate(threads, [&](int64_t, int64_t rounds) {
                     sink.store(static_cast<float>(int8.multiplyAdd(rounds, 1)), std::memory_order_relaxed);
                   });

  const uint64_t n = static_cast<uint64_t>(threads);
  const uint64_t sizes[] = {n * (16 << 10), n * (256 << 10), std::max<uint64_t>(n * (512 << 10), 8 << 20),
                            std::max<uint64_t>(n << 20, kLargest)};
  Allocation memory(sizes[3]);
  float* const data = reinterpret_cast<float*>(memory.data());
  for (size_t i = 0; i < limits.bandwidth.size(); ++i) {
    // Of a thread: a multiple of 64 for the sum, and of that for a third of it.
    const int64_t floats = static_cast<int64_t>(sizes[i] / sizeof(float) / n) / 192 * 192;
    Limits::Bandwidth& level = limits.bandwidth[i];
    level.bytes = sizes[i];
    const double bytes = static_cast<double>(floats) * sizeof(float);
    level.triad = bytes * rate(threads, [&](int64_t thread, int64_t rounds) {
                    float* const a = data + thread * floats;
                    const int64_t third = floats / 3;
                    for (int64_t r = 0; r < rounds; ++r) kernels.triad(a, a + third, a + 2 * third, 0.5f, third);
                  });
    level.read = bytes * rate(threads, [&](int64_t thread, int64_t rounds) {
                   float total = 0;
                   for (int64_t r = 0; r < rounds; ++r) total += kernels.sum(data + thread * floats, floats);
                   sink.store(total, std::memory_order_relaxed);
                 });
  }
  return limits;
}

}  // namespace steepest
