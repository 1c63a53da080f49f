// softplus for float32 V. Included inside the namespace of the vocabulary it uses, after exp.inl.

// log(1 + e^x) = max(x, 0) + log(1 + e), e = e^-|x|. e is in [0, 1], where a polynomial needs no logarithm's range reduction:
// e + e^2 q(e), minimax, 2^-30 of log(1 + e).
template <typename V>
STEEPEST_INLINE V vsoftplus(V x) {
  const V e = expBounded(atLeast(-vabs(x), -105.0f));
  V q = fma(V{} + 0.0020729515235871077f, e, V{} - 0.01363150030374527f);
  q = fma(q, e, V{} + 0.04198140278458595f);
  q = fma(q, e, V{} - 0.08307411521673203f);
  q = fma(q, e, V{} + 0.12467125803232193f);
  q = fma(q, e, V{} - 0.1612933725118637f);
  q = fma(q, e, V{} + 0.19897931814193726f);
  q = fma(q, e, V{} - 0.24988579750061035f);
  q = fma(q, e, V{} + 0.33332690596580505f);
  q = fma(q, e, V{} - 0.49999988079071045f);
  return atLeast(x, 0.0f) + fma(e * e, q, e);
}
