// The error function for float32 V. Included inside the namespace of the vocabulary it uses.

// Near zero x times a polynomial in x^2; from 0.927 on 1 - e^q(|x|), where q approximates log(erfc) so that the error is
// 2^-30 of erf. Both minimax.
template <typename V>
STEEPEST_INLINE V verf(V x) {
  const V t = x * x;
  V p = fma(V{} + 8.3622810351959714e-5f, t, V{} - 8.1414732146972357e-4f);
  p = fma(p, t, V{} + 5.2009892443906778e-3f);
  p = fma(p, t, V{} - 2.6859413129361429e-2f);
  p = fma(p, t, V{} + 1.1283696488301899e-1f);
  p = fma(p, t, V{} - 3.7612633860903472e-1f);
  // The first coefficient, 2/sqrt(pi), is 1 + 0.128...: x + x (0.128... + ...) rounds less.
  p = fma(p, t, V{} + 0.1283791666591352f);
  const V near = fma(p, x, x);

  V a = vabs(x);
  a = choose(a > 3.95f, V{} + 3.95f, a);  // erf rounds to 1 from 3.92 on
  V q = fma(V{} + 1.2718930141848832e-6f, a, V{} - 4.0029205803549752e-5f);
  q = fma(q, a, V{} + 5.542394614671314e-4f);
  q = fma(q, a, V{} - 4.5917501251329976e-3f);
  q = fma(q, a, V{} + 2.6016958153711941e-2f);
  q = fma(q, a, V{} - 1.0947157024524089e-1f);
  q = fma(q, a, V{} - 6.3238537065344492e-1f);
  q = fma(q, a, V{} - 1.1299464825862771f);
  q = fma(q, a, V{} + 2.5722363753254375e-4f);
  const V far = copySign(1.0f - vexp(q), x);
  return choose(t < 0.86f, near, choose(x == x, far, x));
}
