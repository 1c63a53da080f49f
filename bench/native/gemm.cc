// Matrix products of our kernels beside OpenBLAS in the same run, as a share of the machine's measured peak
// (of multiply-adds in float32, or of products of bfloat16 pairs).
//
//   gemm_bench [threads, default 1] [target: avx512, avx2 or baseline; default the best] [milliseconds per case, default 300]
//              [only cases whose name, "NN 128 784 256", holds this; "odd": 260 others, drawn once and for all] [float32 or bfloat16]
//
// The two are timed in turns, so that a change of the machine's mood hits both; the numbers are the best turns. With several
// threads there is a rest before our turns, because OpenBLAS's threads keep the other cores busy for a while.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "../../native/cpu/blas.h"
#include "../../native/cpu/limits.h"
#include "../../native/runtime/allocator.h"
#include "../../native/cpu/simd/table.h"
#include "../../native/cpu/tile.h"
#include "../../native/plan/ops.h"

using namespace steepest;

namespace {

struct Case {
  const char* form;
  int64_t m, k, n;
};
constexpr Case kCases[] = {
    {"NN", 10, 8, 10},       {"TN", 8, 10, 10},       {"NN", 32, 2, 64},       {"TN", 2, 32, 64},
    {"NT", 32, 1, 64},       {"NN", 32, 64, 1},       {"TN", 64, 32, 1},
    {"NN", 32, 100, 64},     {"NN", 32, 128, 64},     {"NN", 32, 784, 128},
    {"TN", 784, 32, 128},    {"NT", 32, 64, 128},     {"NN", 128, 256, 128},   {"NN", 128, 784, 256},
    {"TN", 784, 128, 256},   {"NT", 128, 256, 784},   {"NN", 128, 64, 10},     {"TN", 64, 128, 10},
    {"NT", 128, 10, 64},     {"NN", 256, 256, 256},   {"NT", 256, 256, 256},   {"TN", 256, 256, 256},
    {"NN", 257, 253, 259},   {"NN", 512, 512, 512},   {"NN", 256, 1024, 1024}, {"NT", 256, 1024, 1024},
    {"TN", 1024, 256, 1024}, {"NN", 1024, 1024, 1024}, {"NN", 2048, 2048, 2048},
    {"NN", 2048, 384, 1536}, {"NT", 2048, 1536, 384}, {"TN", 384, 2048, 1536}, {"TN", 1536, 2048, 384},
    {"NN", 1, 784, 256},
    {"NT", 1, 784, 256},     {"NN", 128, 1024, 1},    {"TN", 1024, 128, 1},
};

// Sizes beside those that vectors and tiles have.
std::vector<Case> oddCases() {
  constexpr int64_t kSizes[] = {1,  2,  3,  4,  5,  7,   8,   10,  13,  16,  17,  24,  31,
                                33, 48, 64, 65, 100, 127, 129, 200, 255, 257, 300, 500, 513};
  constexpr const char* kForms[] = {"NN", "NT", "TN"};
  std::mt19937 random(7);  // the standard says what it draws
  const auto size = [&] { return kSizes[random() % std::size(kSizes)]; };
  std::vector<Case> cases;
  while (cases.size() < 260) {
    const Case c{kForms[random() % 3], size(), size(), size()};
    if (c.m * c.k * c.n >= 2000) cases.push_back(c);
  }
  return cases;
}

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}
double fastest(const std::vector<double>& v) { return v.empty() ? 0 : *std::min_element(v.begin(), v.end()); }

#if defined(__x86_64__)
__attribute__((target("avx512f"))) void fma512(int64_t n) {
  __m512 sum[24];
  for (__m512& s : sum) s = _mm512_setzero_ps();
  __m512 x = _mm512_set1_ps(1e-9f);
  for (; n > 0; --n) {
    asm volatile("" : "+v"(x));
#pragma GCC unroll 24
    for (int i = 0; i < 24; ++i) sum[i] = _mm512_fmadd_ps(x, x, sum[i]);
  }
  for (__m512& s : sum) asm volatile("" ::"v"(s));
}
__attribute__((target("avx2,fma"))) void fma256(int64_t n) {
  __m256 sum[12];
  for (__m256& s : sum) s = _mm256_setzero_ps();
  __m256 x = _mm256_set1_ps(1e-9f);
  for (n *= 4; n > 0; --n) {
    asm volatile("" : "+x"(x));
#pragma GCC unroll 12
    for (int i = 0; i < 12; ++i) sum[i] = _mm256_fmadd_ps(x, x, sum[i]);
  }
  for (__m256& s : sum) asm volatile("" ::"x"(s));
}
#endif

// Multiply-adds per second of all threads, times two; zero where it cannot be measured.
double peak(bool bf16) {
  if (bf16) return measureLimits().bfloat16Flops;
#if defined(__x86_64__)
  void (*loop)(int64_t) = __builtin_cpu_supports("avx512f") ? fma512 : __builtin_cpu_supports("avx2") ? fma256 : nullptr;
  if (!loop) return 0;
  constexpr int64_t kSteps = 100000;
  std::vector<double> seconds;
  for (int i = 0; i < 30; ++i) {
    const double start = now();
    Threads::pool().each(4 * Threads::pool().count(), [loop](int64_t) { loop(kSteps); });
    seconds.push_back(now() - start);
  }
  return 4 * Threads::pool().count() * kSteps * 24 * 16 * 2.0 / fastest(seconds);
#else
  return 0;
#endif
}

View matrix(std::vector<float>& memory, int64_t rows, int64_t columns, bool transposed) {
  View v{};
  v.dtype = DType::kFloat32;
  v.rank = 2;
  v.base = memory.size() * sizeof(float);
  v.shape[0] = rows;
  v.shape[1] = columns;
  v.strides[0] = transposed ? 1 : columns;
  v.strides[1] = transposed ? rows : 1;
  for (int64_t i = (rows * columns + 15) / 16 * 16; i > 0; --i) memory.push_back(std::rand() % 1000 / 1000.f - 0.5f);
  return v;
}

double seconds(Kernel& kernel, RunContext& context, int64_t calls) {
  const double start = now();
  for (int64_t i = 0; i < calls; ++i) kernel.run(context);
  return (now() - start) / static_cast<double>(calls);
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 1;
  if (argc > 2 && !selectSimd(argv[2])) return std::fprintf(stderr, "no target %s\n", argv[2]), 1;
  const double limit = (argc > 3 ? std::atof(argv[3]) : 300) / 1000;
  Threads::pool().setCount(threads);
  const bool bf16 = argc > 5 && std::string(argv[5]) == "bfloat16";
  bool blas = true;
  try {
    selectBlas("auto");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    blas = false;
  }
  double best = peak(bf16);
  std::printf("%d threads, %s, peak %.0f GFLOP/s; beside %s\n", threads, simd().name, best / 1e9,
              blas ? blasName() : "nothing");
  std::printf("%4s %16s %10s %8s %6s %8s %6s\n", "form", "m k n", "us", "GFLOP/s", "peak", "BLAS", "peak");
  const bool odd = argc > 4 && std::string(argv[4]) == "odd";
  double logarithms = 0;
  int slower = 0;
  const std::vector<Case> cases = odd ? oddCases() : std::vector<Case>(std::begin(kCases), std::end(kCases));
  for (const Case& c : cases) {
    const std::string shape = std::to_string(c.m) + " " + std::to_string(c.k) + " " + std::to_string(c.n);
    if (!odd && argc > 4 && (std::string(c.form) + " " + shape).find(argv[4]) == std::string::npos) continue;
    std::vector<float> memory;
    Instruction instruction{};
    instruction.opcode = static_cast<uint32_t>(Opcode::kMatmul);
    instruction.inputs = {matrix(memory, c.m, c.k, c.form[0] == 'T'), matrix(memory, c.k, c.n, c.form[1] == 'T')};
    instruction.outputs = {matrix(memory, c.m, c.n, false)};
    instruction.attrs = {0, bf16 ? 1u : 0u};
    const Allocation arena(memory.size() * sizeof(float));  // as that of a model, with large pages
    std::memcpy(arena.data(), memory.data(), memory.size() * sizeof(float));
    const Memory space{arena.data(), nullptr, nullptr};
    RunContext context{Threads::pool(), nullptr, nullptr, nullptr, 0, {}};
    selectBlas("own");
    const std::unique_ptr<Kernel> own = bindMatmul(instruction, space);
    std::unique_ptr<Kernel> theirs;
    if (blas) {
      selectBlas("auto");
      theirs = bindMatmul(instruction, space);
    }
    seconds(*own, context, 2);
    const int64_t calls = std::max<int64_t>(1, static_cast<int64_t>(1e-3 / seconds(*own, context, 3)));
    std::vector<double> mine, other;
    best = std::max(best, peak(bf16));
    for (const double start = now(); mine.size() < 10 || now() - start < limit;) {
      if (theirs && threads > 1) std::this_thread::sleep_for(std::chrono::milliseconds(40));
      for (int i = 0; i < 10; ++i) mine.push_back(seconds(*own, context, calls));
      for (int i = 0; theirs && i < 10; ++i) other.push_back(seconds(*theirs, context, calls));
    }
    const double flops = 2.0 * static_cast<double>(c.m * c.k * c.n), us = fastest(mine), blasUs = fastest(other);
    std::printf("%4s %16s %10.3f %8.1f %5.0f%%", c.form, shape.c_str(), us * 1e6, flops / us / 1e9, flops / us / best * 100);
    if (theirs) std::printf(" %8.1f %5.0f%%", flops / blasUs / 1e9, flops / blasUs / best * 100);
    if (theirs) logarithms += std::log(blasUs / us);
    slower += theirs && blasUs < 0.9 * us;
    std::printf("\n");
    std::fflush(stdout);
  }
  if (odd && blas) {
    std::printf("BLAS's time over ours, geometric mean: %.3f; below 0.9 in %d of %zu\n",
                std::exp(logarithms / static_cast<double>(cases.size())), slower, cases.size());
  }
}
