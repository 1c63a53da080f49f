// x Phi(x) and its derivative for float32 V. Included inside the namespace of the vocabulary it uses, after exp.inl.

// e^-(x^2 / 2) and, for a = |x|, the tail Q(a) = 1 - Phi(a) as a multiple of it: Q(a) = e r.
template <typename V>
struct NormalTail {
  V e, r;
};

template <typename V>
STEEPEST_INLINE NormalTail<V> normalTail(V x) {
  V a = vabs(x);
  a = choose(a > 15.0f, V{} + 15.0f, a);  // where e is zero
  // x^2 / 2 in two parts, or its rounding would show in e: the square of the leading bits is exact.
  const V high = (V)((I)a & static_cast<int32_t>(0xfffff000u));
  const V rest = (a - high) * (a + high) * -0.5f;
  const V q = high * high * -0.5f;
  const V shifted = fma(q, V{} + kLog2E, V{} + kShifter);
  const V n = shifted - kShifter;
  const V s = fma(n, V{} - kLn2Low, fma(n, V{} - kLn2High, q)) + rest;
  const V p = fma(expTail(s), s * s, s) + 1.0f;
  const V half = fma(n, V{} + 0.5f, V{} + kShifter);
  const V e = p * powerOfTwo(half) * powerOfTwo((n - (half - kShifter)) + kShifter);
  // The ratio of tail and density falls like 1 / a: a polynomial in t = 1 / (1 + 0.26 a), minimax, 2^-25 of r.
  const V t = 1.0f / fma(a, V{} + 0.26f, V{} + 1.0f);
  V r = fma(V{} + 0.029960340941253983f, t, V{} - 0.1501881264334792f);
  r = fma(r, t, V{} + 0.24604648527877543f);
  r = fma(r, t, V{} - 0.1447290883124356f);
  r = fma(r, t, V{} + 0.15665259679452379f);
  r = fma(r, t, V{} + 0.05285950045688656f);
  r = fma(r, t, V{} + 0.10256011846520016f);
  r = fma(r, t, V{} + 0.10308302055640556f);
  r = fma(r, t, V{} + 0.10375513648157479f);
  return {e, r * t};
}

template <typename V>
STEEPEST_INLINE V vgelu(V x) {
  const NormalTail<V> tail = normalTail(x);
  // In this order: e r leaves the normal numbers before the result does.
  const V lower = x * tail.e * tail.r;
  return choose(x > 15.0f, x, choose(x > 0.0f, x - lower, lower));
}

template <typename V>
STEEPEST_INLINE V vgeluGrad(V x) {
  const NormalTail<V> tail = normalTail(x);
  const V lower = tail.e * fma(vabs(x), V{} - 0.3989422804014327f, tail.r);
  return choose(x > 0.0f, 1.0f - lower, lower);
}
