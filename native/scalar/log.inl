// log and log1p for float32 V. Included inside the namespace of the vocabulary it uses.
//
// x = 2^n (1 + f) with 1 + f in [sqrt 1/2, sqrt 2): log x = n ln 2 + log(1 + f).

// log(1 + f) - f + f^2 / 2, over f^3: minimax, 2^-32 of f.
template <typename V>
STEEPEST_INLINE V logTail(V f) {
  V p = fma(V{} - 6.164057801941934e-2f, f, V{} + 1.0762675288484494e-1f);
  p = fma(p, f, V{} - 1.0798899325000944e-1f);
  p = fma(p, f, V{} + 1.1009145359604752e-1f);
  p = fma(p, f, V{} - 1.2424036296974004e-1f);
  p = fma(p, f, V{} + 1.4287077438769316e-1f);
  p = fma(p, f, V{} - 1.6669493693960064e-1f);
  p = fma(p, f, V{} + 2.0000033855953984e-1f);
  p = fma(p, f, V{} - 2.4999965081332802e-1f);
  return fma(p, f, V{} + 3.3333332869942034e-1f);
}

// n ln 2 + log(1 + f) + c, c tiny.
template <typename V>
STEEPEST_INLINE V logSum(V n, V f, V c) {
  const V square = f * f;
  V low = fma(n, V{} + kLn2Low, c);
  low = fma(f * square, logTail(f), low);
  low = fma(V{} - 0.5f, square, low);
  return fma(n, V{} + kLn2High, low + f);
}

// Bits of a positive normal number: n and 1 + f.
constexpr int32_t kSqrtHalfBits = 0x3f3504f3;
constexpr int32_t kMantissa = 0x007fffff;

// log of 0, of negative numbers, of infinity; NaN stays in y.
template <typename V>
STEEPEST_INLINE V logEdges(V x, V y) {
  const float infinity = __builtin_inff();
  y = choose(x == infinity, x, y);
  y = choose(x < 0.0f, V{} + __builtin_nanf(""), y);
  return choose(x == 0.0f, V{} - infinity, y);
}

template <typename V>
STEEPEST_INLINE V vlog(V x) {
  const auto denormal = x < 1.17549435e-38f;
  const V scaled = choose(denormal, x * 8388608.0f, x);
  const I bits = (I)scaled - kSqrtHalfBits;
  const V n = toFloat((bits >> 23) - choose(denormal, I{} + 23, I{}));
  const V f = (V)((bits & kMantissa) + kSqrtHalfBits) - 1.0f;
  const V y = logSum(n, f, V{});
  return logEdges(x, choose(x == x, y, x));
}

template <typename V>
STEEPEST_INLINE V vlog1p(V x) {
  const V u = x + 1.0f;
  const I bits = (I)u - kSqrtHalfBits;
  const I exponent = bits >> 23;
  const V n = toFloat(exponent);
  const V m = (V)((bits & kMantissa) + kSqrtHalfBits) - 1.0f;
  // With n = 0 the sum above is left out: f = x. Otherwise what it rounded away comes back as a correction.
  const V lost = choose(x > 1.0f, 1.0f - (u - x), x - (u - 1.0f));
  const V f = choose(exponent == 0, x, m);
  const V c = choose(exponent == 0, V{}, lost / u);
  const V y = choose(x == 0.0f, x, logSum(n, f, c));  // keeps -0
  return logEdges(u, choose(x == x, y, x));
}
