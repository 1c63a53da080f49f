// What the machine can do at most, see ../limits.h. Included once per target, inside its namespace, after vector.inl.

namespace limits {
namespace {

// Enough chains to hide the latency of two units: 4 cycles each, and 16 registers on the smallest target.
constexpr int64_t kChains = 12;

float multiplyAdd(int64_t rounds, float factor, float summand) {
  F chains[kChains];
  for (int64_t i = 0; i < kChains; ++i) chains[i] = splat(static_cast<float>(i));
  const F f = splat(factor), s = splat(summand);
  for (int64_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (int64_t i = 0; i < kChains; ++i) chains[i] = fma(chains[i], f, s);
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
const LimitKernels limitKernels = {2 * limits::kChains * kWidth, limits::multiplyAdd, limits::sum, limits::triad};
