#include "functions.h"

#include "../../plan/ops.h"
#include "kernel.h"
#include "lanes.h"

namespace steepest::cuda::emit {
namespace {

#define STEEPEST_INLINE inline
#include "../../scalar/double.inl"

// sin(x + quarter pi/2) for |x| > 10^6: |x| = m 2^e with a whole number m of 24 bits. 96 bits of 2/pi from the first one on that
// counts modulo 4 give the product to 2^-62 (Payne and Hanek, "Radian reduction for trigonometric functions", 1983).
F sinLarge(F x, int64_t quarter) {
  constexpr uint32_t kTwoOverPi[] = {0,           0xa2f9836eu, 0x4e441529u, 0xfc2757d1u,
                                     0xf534ddc0u, 0xdb629599u, 0x3c439041u, 0xfe5163abu};
  const I bits = (I)x;
  const U m = (U)((bits & 0x007fffff) | 0x00800000);
  const U from = (U)(((bits >> 23) & 0xff) - 120);  // e + 30, 26 .. 134 for finite numbers
  const U index = from >> 5u, shift = from & 31u;
  U words[4], window[3];
  for (uint32_t k = 0; k < 4; ++k) {
    words[k] = U(kTwoOverPi[4 + k]);
    for (uint32_t i = 0; i < 4; ++i) words[k] = choose(index == U(i), U(kTwoOverPi[i + k]), words[k]);
  }
  for (int k = 0; k < 3; ++k) window[k] = (words[k] << shift) | (words[k + 1] >> (32u - shift));
  const U middle = m * window[1];
  const U low = middle + multiplyHigh(m, window[2]);
  const U carry = choose(low < middle, U(1u), U(0u));
  const U high = m * window[0] + multiplyHigh(m, window[1]) + carry;
  // The top two bits are the quadrant, the others its fraction; from one half on it is the next one less something.
  const U quadrant = (high >> 30u) + ((high >> 29u) & 1u);
  Text& out = Text::now();
  const Value product = out.fresh(Bank::kLong);
  out.line("mov.b64 $, {$, $};", {product, low.v, high.v});
  const D fraction(make(Bank::kDouble, "cvt.rn.f64.s64", {(L(product) << 2).v}));
  const L turns = L(make(Bank::kLong, "cvt.u64.u32", {quadrant.v})) + L(quarter);
  const F y = joinDouble(sinReduced(fraction * 8.5153039502163873e-20, turns), D());  // pi/2 2^-64
  const F signedY = quarter == 0 ? choose(x < 0.0f, -y, y) : y;
  return choose(vabs(x) < __builtin_inff(), signedY, x - x);
}

F beyond(F x, F y, int64_t quarter) {
  Text& out = Text::now();
  const Value result = out.variable(Bank::kFloat);
  const int done = out.label();
  out.assign(result, y.v);
  out.branchIf((vabs(x) <= kTrigLimit).v, done);
  out.assign(result, sinLarge(x, quarter).v);
  out.place(done);
  return F(result);
}
F sinBeyond(F x, F y) { return beyond(x, y, 0); }
F cosBeyond(F x, F y) { return beyond(x, y, 1); }
F remainder(F, F) { return F(Value{}); }  // see canEmit

I vmod(I a, I b) {
  const I divisor = choose((b == 0) | (b == -1), I(1), b);  // the remainder of these is 0
  const I m(make(Bank::kWord, "rem.s32", {a.v, divisor.v}));
  return choose((m != 0) & ((m < 0) != (b < 0)), m + b, m);
}

// In this order.
#include "../../scalar/exp.inl"
#include "../../scalar/log.inl"
// with exp
#include "../../scalar/erf.inl"
#include "../../scalar/gelu.inl"
#include "../../scalar/softplus.inl"
#include "../../scalar/wide.inl"
// with all of them
#include "../../scalar/ops.inl"
#undef STEEPEST_INLINE

// Philox4x32-10, see native/runtime/philox.h: the four words of block `q`.
void philox(U seed, uint32_t stream, U step, U q, U* words) {
  U c0 = q, c1, c2 = step, c3, k0 = seed;
  uint32_t k1 = stream;
  for (int round = 0; round < 10; ++round) {
    const U m0(0xd2511f53u), m1(0xcd9e8d57u);
    const U high0 = multiplyHigh(m0, c0), low0 = m0 * c0, high1 = multiplyHigh(m1, c2), low1 = m1 * c2;
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ U(k1);
    c3 = low0;
    k0 = k0 + U(0x9e3779b9u);
    k1 += 0xbb67ae85u;
  }
  words[0] = c0, words[1] = c1, words[2] = c2, words[3] = c3;
}

F uniform(U word) { return toFloat((I)(word >> 8u)) * 5.9604644775390625e-8f; }

}  // namespace

Value evaluate(const Step& step, const Value& x, const Value& y, const Value& z, const Value& position) {
  const bool whole = step.lanes == STEEPEST_LANES_I;
  const auto f = [](const Value& v) { return asFloat(v); };
  const auto i = [](const Value& v) { return asWhole(v); };
#define EMIT_UNARY(Name)  \
  case ScalarOp::k##Name: \
    return Name::of(f(x)).v;
#define EMIT_UNARY_BOTH(Name) \
  case ScalarOp::k##Name:     \
    return whole ? Name::of(i(x)).v : Name::of(f(x)).v;
#define EMIT_BINARY(Name) \
  case ScalarOp::k##Name: \
    return Name::of(f(x), f(y)).v;
#define EMIT_BINARY_BOTH(Name) \
  case ScalarOp::k##Name:      \
    return whole ? Name::of(i(x), i(y)).v : Name::of(f(x), f(y)).v;
#define EMIT_WHOLE(Name)  \
  case ScalarOp::k##Name: \
    return Name::of(i(x), i(y)).v;
  switch (static_cast<ScalarOp>(step.op)) {
    EMIT_UNARY_BOTH(Neg)
    EMIT_UNARY_BOTH(Abs)
    EMIT_UNARY_BOTH(Sign)
    EMIT_UNARY(Exp)
    EMIT_UNARY(Log)
    EMIT_UNARY(Log1p)
    EMIT_UNARY(Expm1)
    EMIT_UNARY(Sqrt)
    EMIT_UNARY(Rsqrt)
    EMIT_UNARY(Recip)
    EMIT_UNARY(Tanh)
    EMIT_UNARY(Sigmoid)
    EMIT_UNARY(Softplus)
    EMIT_UNARY(Erf)
    EMIT_UNARY(Gelu)
    EMIT_UNARY(GeluGrad)
    EMIT_UNARY(Sin)
    EMIT_UNARY(Cos)
    EMIT_UNARY(Floor)
    EMIT_UNARY(Ceil)
    EMIT_UNARY(Round)
    EMIT_UNARY(Not)
    EMIT_UNARY(CastInt)
    EMIT_UNARY(CastBfloat16)
    EMIT_UNARY_BOTH(CastBool)
    EMIT_BINARY_BOTH(Add)
    EMIT_BINARY_BOTH(Sub)
    EMIT_BINARY_BOTH(Mul)
    EMIT_BINARY(Div)
    EMIT_BINARY_BOTH(Min)
    EMIT_BINARY_BOTH(Max)
    EMIT_BINARY(Pow)
    EMIT_BINARY_BOTH(Mod)
    EMIT_BINARY(Atan2)
    EMIT_WHOLE(BitAnd)
    EMIT_WHOLE(BitOr)
    EMIT_WHOLE(BitXor)
    EMIT_WHOLE(ShiftLeft)
    EMIT_WHOLE(ShiftRight)
    EMIT_BINARY_BOTH(Lt)
    EMIT_BINARY_BOTH(Le)
    EMIT_BINARY_BOTH(Eq)
    EMIT_BINARY_BOTH(Ne)
    EMIT_BINARY_BOTH(Gt)
    EMIT_BINARY_BOTH(Ge)
    EMIT_BINARY(And)
    EMIT_BINARY(Or)
    case ScalarOp::kCastFloat:
      return CastFloat::of(i(x)).v;
    case ScalarOp::kWiden:
      return f(x).v;
    case ScalarOp::kFma:
      return Fma::of(f(x), f(y), f(z)).v;
    case ScalarOp::kSelect:
      return whole ? Select::of(f(x), i(y), i(z)).v : Select::of(f(x), f(y), f(z)).v;
    case ScalarOp::kIota: {
      // position / inner % size
      const U inner(divide(position, step.immediates[0]));
      return (inner - U(divide(inner.v, step.immediates[1])) * U(step.immediates[1])).v;
    }
    case ScalarOp::kRandom: {
      U words[4];
      philox(U(i(x).v), step.immediates[0], U(i(y).v), U(position) >> 2u, words);
      const U which = U(position) & 3u;
      const U chosen =
          choose(which < 2u, choose(which == U(0u), words[0], words[1]), choose(which == U(2u), words[2], words[3]));
      return uniform(chosen).v;
    }
  }
#undef EMIT_UNARY
#undef EMIT_UNARY_BOTH
#undef EMIT_BINARY
#undef EMIT_BINARY_BOTH
#undef EMIT_WHOLE
  return {};
}

void randomBlock(const Step& step, const Value& seed, const Value& counter, const Value& position, Value* lanes) {
  U words[4];
  philox(U(asWhole(seed)), step.immediates[0], U(asWhole(counter)), U(position) >> 2u, words);
  for (int lane = 0; lane < 4; ++lane) lanes[lane] = uniform(words[lane]).v;
}

}  // namespace steepest::cuda::emit
