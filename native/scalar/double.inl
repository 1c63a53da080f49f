// Functions that need more than float32 inside: sin, cos, atan2, pow. For vectors D of doubles; the float32 result is
// rounded once, so nearly always correctly. Included inside the namespace of the vocabulary it uses.

// --- sin and cos, |x| <= kTrigLimit

constexpr float kTrigLimit = 1.0e6f;

// sin(r + quadrant * pi/2), |r| <= pi/4.
STEEPEST_INLINE D sinReduced(D r, L quadrant) {
  const D t = r * r;
  const D sin = r * (0.99999999999473892 +
                     t * (-0.1666666662564101 +
                          t * (0.0083333282145036106 + t * (-1.9839033598701649e-4 + t * 2.7158134868956105e-6))));
  const D cos = 0.99999999999992965 +
                t * (-0.49999999999210304 +
                     t * (0.041666666523017168 +
                          t * (-0.0013888879330905214 + t * (2.4798711522007368e-5 - t * 2.7158081646794537e-7))));
  const D value = choose((quadrant & 1) == 0, sin, cos);
  return choose((quadrant & 2) == 0, value, -value);
}

// sin(x + quarter * pi/2): x = n pi/2 + r, pi/2 in two parts of which the first times n is exact.
STEEPEST_INLINE D sinQuarter(D x, int64_t quarter) {
  constexpr double kShift = 6755399441055744.0;  // 1.5 * 2^52
  const D shifted = x * 0.63661977236758134308 + kShift;
  const D n = shifted - kShift;
  const D r = (x - n * 1.57079632673412561417) - n * 6.07710050650619224932e-11;
  return sinReduced(r, (L)shifted + quarter);
}

// --- atan2

// atan(a), 0 <= a <= 1.
STEEPEST_INLINE D atanUnit(D a) {
  const auto large = a > 0.41421356237309503;  // tan(pi/8)
  const D x = choose(large, (a - 1.0) / (a + 1.0), a);
  const D t = x * x;
  D p = t * 0.046752964821017754 - 0.08441424105032227;
  p = p * t + 0.11037979604795578;
  p = p * t - 0.14281396527187164;
  p = p * t + 0.19999877402025732;
  p = p * t - 0.33333332021911511;
  p = p * t + 0.99999999997706755;
  return p * x + choose(large, splat(0.78539816339744831), D{});
}

STEEPEST_INLINE D atan2Magnitude(D y, D x) {  // of |y|; x may be negative, -0 included
  const double infinity = __builtin_inf();
  const D magnitude = (D)((L)x & 0x7fffffffffffffff);
  const auto steep = y > magnitude;
  const D small = choose(steep, magnitude, y), big = choose(steep, y, magnitude);
  D ratio = small / big;
  ratio = choose(big == 0.0, D{}, ratio);
  ratio = choose((small == infinity) & (big == infinity), splat(1.0), ratio);
  D angle = atanUnit(ratio);
  angle = choose(steep, 1.57079632679489662 - angle, angle);
  return choose((L)x < 0, 3.14159265358979324 - angle, angle);
}

// --- pow

// log2(x), x >= 0: 2 / ln 2 * atanh(s), s = (m - 1) / (m + 1), 2^-43.
STEEPEST_INLINE D log2Positive(D x) {
  const L sqrtHalf = L{} + 0x3fe6a09e667f3bcd;
  const L bits = (L)x - sqrtHalf;
  // The exponent as a double, without a conversion of 64-bit integers: the bits of 1.5 * 2^52 + n.
  const D n = (D)((bits >> 52) + 0x4338000000000000) - 6755399441055744.0;
  const D m = (D)((bits & 0x000fffffffffffff) + sqrtHalf);
  const D s = (m - 1.0) / (m + 1.0);
  const D t = s * s;
  D p = t * 0.28294030266958795 + 0.31990296963067645;
  p = p * t + 0.41220931677680525;
  p = p * t + 0.57707794174930886;
  p = p * t + 0.96179669411538107;
  p = p * t + 2.8853900817778489;
  const double infinity = __builtin_inf();
  const D y = choose(x == infinity, x, n + s * p);
  return choose(x == 0.0, D{} - infinity, y);
}

// 2^x, zero and infinity beyond the range of float32; NaN passes.
STEEPEST_INLINE D exp2Clamped(D x) {
  x = choose(x > 300.0, splat(300.0), x);
  x = choose(x < -300.0, splat(-300.0), x);
  constexpr double kShift = 6755399441055744.0;
  const D shifted = x + kShift;
  const D r = x - (shifted - kShift);
  D p = r * 1.5316694755482666e-5 + 1.5469996636430137e-4;
  p = p * r + 0.0013333421659469242;
  p = p * r + 0.0096180247750648661;
  p = p * r + 0.05550410977299857;
  p = p * r + 0.24022651219809072;
  p = p * r + 0.69314718053466819;
  p = p * r + 0.99999999995890091;
  const D scale = (D)(((L)shifted + 1023) << 52);
  return p * scale;
}

STEEPEST_INLINE D powPositive(D x, D y) { return exp2Clamped(y * log2Positive(x)); }
