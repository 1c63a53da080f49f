// exp and the functions made of it, for float32 V (a SIMD vector, or float). Included inside the namespace of the
// vocabulary it uses: fma, copySign, vabs, atMost, atLeast, and V's operators.
//
// x = n ln 2 + r with |r| <= ln 2 / 2; ln 2 in two parts, the first with so few bits that n times it is exact.

constexpr float kLog2E = 1.44269504088896341f;
constexpr float kLn2High = 0.693359375f;
constexpr float kLn2Low = -2.12194440054690583e-4f;

// Rounds to the nearest integer, |x| < 2^22, and leaves that integer in the low bits too.
constexpr float kShifter = 12582912.0f;  // 1.5 * 2^23

// 2^n from n + kShifter, -126 <= n <= 127.
template <typename V>
STEEPEST_INLINE V powerOfTwo(V shifted) {
  return (V)(((I)shifted + (127 - 0x4b400000)) << 23);
}

// (e^r - 1 - r) / r^2 for |r| <= ln 2 / 2: minimax, 2^-33 of e^r.
template <typename V>
STEEPEST_INLINE V expTail(V r) {
  V p = fma(V{} + 1.9908906328120826e-4f, r, V{} + 1.3949782923742024e-3f);
  p = fma(p, r, V{} + 8.3332841034163145e-3f);
  p = fma(p, r, V{} + 4.1666223395368564e-2f);
  p = fma(p, r, V{} + 1.6666666761925833e-1f);
  return fma(p, r, V{} + 5.0000000857756917e-1f);
}

// p 2^n for an integer n in -151 .. 130, rounded once where the result is denormal.
template <typename V>
STEEPEST_INLINE V scaleByPower(V p, V n) {
#if defined(__AVX512F__)
  return (V)_mm512_scalef_ps((__m512)p, (__m512)n);
#else
  // In two factors; what is rounded is the last product.
  const V half = fma(n, V{} + 0.5f, V{} + kShifter);
  const V rest = (n - (half - kShifter)) + kShifter;
  return p * powerOfTwo(half) * powerOfTwo(rest);
#endif
}

// For bounded x; NaN passes.
template <typename V>
STEEPEST_INLINE V expBounded(V x) {
  const V n = fma(x, V{} + kLog2E, V{} + kShifter) - kShifter;
  const V r = fma(n, V{} - kLn2Low, fma(n, V{} - kLn2High, x));
  return scaleByPower(fma(expTail(r), r * r, r) + 1.0f, n);
}

// Beyond the bounds the result is infinity or zero.
template <typename V>
STEEPEST_INLINE V vexp(V x) {
  return expBounded(atLeast(atMost(x, 90.0f), -105.0f));
}

template <typename V>
STEEPEST_INLINE V vexpm1(V x) {
  V bounded = choose(x > 89.0f, V{} + 89.0f, x);  // n = 128 at most
  bounded = choose(x < -20.0f, V{} - 20.0f, bounded);
  const V shifted = fma(bounded, V{} + kLog2E, V{} + kShifter);
  const V n = shifted - kShifter;
  const V high = fma(n, V{} - kLn2High, bounded);
  const V r = fma(n, V{} - kLn2Low, high);
  const V p = fma(expTail(r), r * r, r);  // e^r - 1
  // 2^n (p + 1) - 1, by halves so that n = 128 does not overflow early.
  const V scale = powerOfTwo(shifted - 1.0f);
  const V y = 2.0f * fma(scale, p, scale - 0.5f);
  return choose(x == 0.0f, x, y);  // keeps -0
}

// 1 / (1 + e^-x), relative accuracy on both sides.
template <typename V>
STEEPEST_INLINE V vsigmoid(V x) {
  const V e = expBounded(atLeast(-vabs(x), -105.0f));
  return choose(x < 0.0f, e, V{} + 1.0f) / (e + 1.0f);
}

// e / (e + 2) with e = e^(2|x|) - 1 = 2^n (e^r - 1) + 2^n - 1.
template <typename V>
STEEPEST_INLINE V vtanh(V x) {
  const V a = atMost(vabs(x), 10.0f);  // tanh rounds to 1 from 9.02 on
  const V twice = a + a;
  const V shifted = fma(twice, V{} + kLog2E, V{} + kShifter);
  const V n = shifted - kShifter;
  const V r = fma(n, V{} - kLn2Low, fma(n, V{} - kLn2High, twice));
  const V p = fma(expTail(r), r * r, r);
  const V scale = powerOfTwo(shifted);
  const V e = fma(scale, p, scale - 1.0f);
  return copySign(e / (e + 2.0f), x);
}
