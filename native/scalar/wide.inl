// float32 functions made of double.inl, with their special cases; and the floored modulo. After what goes lane by lane
// (lanes.inl, unless the vocabulary has its own).

STEEPEST_INLINE F vsin(F x) {
  F y = joinDouble(sinQuarter(lowDouble(x), 0), sinQuarter(highDouble(x), 0));
  y = choose(x == 0.0f, x, y);  // keeps -0
  return sinBeyond(x, y);
}

STEEPEST_INLINE F vcos(F x) {
  F y = joinDouble(sinQuarter(lowDouble(x), 1), sinQuarter(highDouble(x), 1));
  return cosBeyond(x, y);
}

STEEPEST_INLINE F vatan2(F y, F x) {
  const F a = vabs(y);
  const F angle = joinDouble(atan2Magnitude(lowDouble(a), lowDouble(x)), atan2Magnitude(highDouble(a), highDouble(x)));
  const F nan = x + y;  // NaN when either is
  return choose((x == x) & (y == y), copySign(angle, y), nan);
}

// Every special case of C's pow.
STEEPEST_INLINE F vpow(F x, F y) {
  const F a = vabs(x);
  F p = joinDouble(powPositive(lowDouble(a), lowDouble(y)), powPositive(highDouble(a), highDouble(y)));
  p = choose(a == 1.0f, splat(1.0f), p);  // also for infinite y
  const auto integer = vfloor(y) == y;
  const F half = y * 0.5f;
  const auto odd = integer & (vfloor(half) != half);
  p = choose(odd, copySign(p, x), p);
  const F nan = splat(__builtin_nanf(""));
  p = choose((x < 0.0f) & (a != __builtin_inff()) & ~integer, nan, p);
  p = choose((x == x) & (y == y), p, nan);
  return choose((x == 1.0f) | (y == 0.0f), splat(1.0f), p);
}

// Floored: the sign of the divisor.
STEEPEST_INLINE F vmod(F a, F b) {
  const F r = remainder(a, b);
  const F shifted = choose((r < 0.0f) != (b < 0.0f), r + b, r);
  return choose(r == 0.0f, copySign(r, b), shifted);
}
