// What goes lane by lane, with libm or the processor's division. Included inside the namespace of the vocabulary it uses, after
// double.inl.

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

// y, and sin(x) or cos(x) where the reduction of double.inl does not reach.
STEEPEST_INLINE F sinBeyond(F x, F y) {
  if (!anyLane(~(vabs(x) <= kTrigLimit))) return y;
  return patchLarge(x, y, [](float v) { return __builtin_sinf(v); });
}
STEEPEST_INLINE F cosBeyond(F x, F y) {
  if (!anyLane(~(vabs(x) <= kTrigLimit))) return y;
  return patchLarge(x, y, [](float v) { return __builtin_cosf(v); });
}

// C's fmod. Exact.
STEEPEST_INLINE F remainder(F a, F b) {
  F r;
  for (int64_t i = 0; i < kWidth; ++i) r[i] = __builtin_fmodf(a[i], b[i]);
  return r;
}

// Floored: the sign of the divisor.
STEEPEST_INLINE I vmod(I a, I b) {
  I r = {};
  for (int64_t i = 0; i < kWidth; ++i) {
    if (b[i] == 0 || b[i] == -1) continue;  // by zero: 0. By -1: 0, and INT32_MIN / -1 would trap
    const int32_t m = a[i] % b[i];
    r[i] = m != 0 && (m < 0) != (b[i] < 0) ? m + b[i] : m;
  }
  return r;
}
