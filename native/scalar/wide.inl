// float32 functions made of double.inl, with their special cases; and the floored modulo.

// libm for the lanes beyond the reduction: one lane in a million programs.
template <typename Scalar>
STEEPEST_INLINE F patchLarge(F x, F y, Scalar scalar) {
  for (int64_t i = 0; i < kWidth; ++i) {
    if (!(__builtin_fabsf(x[i]) <= kTrigLimit)) y[i] = scalar(x[i]);
  }
  return y;
}

STEEPEST_INLINE bool anyLane(I mask) {
  int32_t any = 0;
  for (int64_t i = 0; i < kWidth; ++i) any |= mask[i];
  return any != 0;
}

STEEPEST_INLINE F vsin(F x) {
  F y = joinDouble(sinQuarter(lowDouble(x), 0), sinQuarter(highDouble(x), 0));
  y = x == 0.0f ? x : y;  // keeps -0
  if (anyLane(~(vabs(x) <= kTrigLimit))) y = patchLarge(x, y, [](float v) { return __builtin_sinf(v); });
  return y;
}

STEEPEST_INLINE F vcos(F x) {
  F y = joinDouble(sinQuarter(lowDouble(x), 1), sinQuarter(highDouble(x), 1));
  if (anyLane(~(vabs(x) <= kTrigLimit))) y = patchLarge(x, y, [](float v) { return __builtin_cosf(v); });
  return y;
}

STEEPEST_INLINE F vatan2(F y, F x) {
  const F a = vabs(y);
  const F angle = joinDouble(atan2Magnitude(lowDouble(a), lowDouble(x)), atan2Magnitude(highDouble(a), highDouble(x)));
  const F nan = x + y;  // NaN when either is
  return (x == x) & (y == y) ? copySign(angle, y) : nan;
}

// Every special case of C's pow.
STEEPEST_INLINE F vpow(F x, F y) {
  const F a = vabs(x);
  F p = joinDouble(powPositive(lowDouble(a), lowDouble(y)), powPositive(highDouble(a), highDouble(y)));
  p = a == 1.0f ? splat(1.0f) : p;  // also for infinite y
  const auto integer = vfloor(y) == y;
  const F half = y * 0.5f;
  const auto odd = integer & (vfloor(half) != half);
  p = odd ? copySign(p, x) : p;
  const F nan = splat(__builtin_nanf(""));
  p = (x < 0.0f) & (a != __builtin_inff()) & ~integer ? nan : p;
  p = (x == x) & (y == y) ? p : nan;
  return (x == 1.0f) | (y == 0.0f) ? splat(1.0f) : p;
}

// Floored: the sign of the divisor. Exact, so lane by lane.
STEEPEST_INLINE F vmod(F a, F b) {
  F r;
  for (int64_t i = 0; i < kWidth; ++i) r[i] = __builtin_fmodf(a[i], b[i]);
  const F shifted = (r < 0.0f) != (b < 0.0f) ? r + b : r;
  return r == 0.0f ? copySign(r, b) : shifted;
}

STEEPEST_INLINE I vmod(I a, I b) {
  I r = {};
  for (int64_t i = 0; i < kWidth; ++i) {
    if (b[i] == 0 || b[i] == -1) continue;  // by zero: 0. By -1: 0, and INT32_MIN / -1 would trap
    const int32_t m = a[i] % b[i];
    r[i] = m != 0 && (m < 0) != (b[i] < 0) ? m + b[i] : m;
  }
  return r;
}
