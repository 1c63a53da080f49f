// What the machine can do at most, see ../limits.h. Included once per target, inside its namespace, after vector.inl.

namespace limits {
namespace {

// Enough chains to hide the latency of two units: 4 cycles each, and 16 registers on the smallest target.
constexpr int64_t kChains = 12;

// fma(chain, f, s), or with AVX512_BF16 s + two products of bfloat16 numbers: what is multiplied does not matter.
struct Float {
  static constexpr int64_t kFlops = 2 * kWidth;
  static STEEPEST_INLINE F step(F chain, F f, F s) { return fma(chain, f, s); }
};
#if defined(__AVX512BF16__)
struct Bfloat16 {
  static constexpr int64_t kFlops = 4 * kWidth;
  static STEEPEST_INLINE F step(F chain, F f, F s) {
    return (F)_mm512_dpbf16_ps((__m512)chain, (__m512bh)f, (__m512bh)s);
  }
};
#else
using Bfloat16 = Float;
#endif

template <typename Type>
float multiplyAdd(int64_t rounds, float factor, float summand) {
  F chains[kChains];
  for (int64_t i = 0; i < kChains; ++i) chains[i] = splat(static_cast<float>(i));
  const F f = splat(factor), s = splat(summand);
  for (int64_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (int64_t i = 0; i < kChains; ++i) chains[i] = Type::step(chains[i], f, s);
  }
  F total = chains[0];
  for (int64_t i = 1; i < kChains; ++i) total += chains[i];
  float result = 0;
  for (int64_t i = 0; i < kWidth; ++i) result += total[i];
  return result;
}

float sum(const float* x, int64_t n) {
  F a = {}, b = {}, c = {}, d = {};
  for (int64_t i = 0; i < n; i += 4 * kWidth) {
    a += load(x + i);
    b += load(x + i + kWidth);
    c += load(x + i + 2 * kWidth);
    d += load(x + i + 3 * kWidth);
  }
  const F total = (a + b) + (c + d);
  float result = 0;
  for (int64_t i = 0; i < kWidth; ++i) result += total[i];
  return result;
}

void triad(float* a, const float* b, const float* c, float factor, int64_t n) {
  const F f = splat(factor);
  for (int64_t i = 0; i < n; i += 4 * kWidth) {
#pragma GCC unroll 4
    for (int64_t j = i; j < i + 4 * kWidth; j += kWidth) store(a + j, fma(load(c + j), f, load(b + j)));
  }
}

}  // namespace
}  // namespace limits

extern const LimitKernels limitKernels;
const LimitKernels limitKernels = {
    limits::kChains * limits::Float::kFlops,
    limits::multiplyAdd<limits::Float>,
    limits::kChains * limits::Bfloat16::kFlops,
    limits::multiplyAdd<limits::Bfloat16>,
    limits::sum,
    limits::triad,
};
