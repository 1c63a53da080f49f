// The scalar operations of programs, each once: a struct whose `of` takes and gives lanes. Included inside the namespace of the
// vocabulary it uses, after the functions of this folder.

#define SCALAR_UNARY(Name, expression)    \
  struct Name {                           \
    template <typename V>                 \
    STEEPEST_INLINE static auto of(V x) { \
      return expression;                  \
    }                                     \
  };
#define SCALAR_BINARY(Name, expression)        \
  struct Name {                                \
    template <typename V>                      \
    STEEPEST_INLINE static auto of(V a, V b) { \
      return expression;                       \
    }                                          \
  };

// Predicates give 1 or 0 in float lanes.
STEEPEST_INLINE F truth(I mask) { return (F)(mask & 0x3f800000); }

// The nearest number of 8 bits of mantissa, the even one of two; what is below the normal numbers becomes zero, NaN stays one.
STEEPEST_INLINE F vbfloat16(F x) {
  const U bits = (U)(I)x, magnitude = bits & 0x7fffffffu;
  const U nearest = bits + 0x7fffu + ((bits >> 16u) & 1u);
  const I number = choose(magnitude > 0x7f800000u, (I)(bits | 0x00400000u), (I)nearest);
  return (F)(choose(magnitude < 0x00800000u, (I)(bits & 0x80000000u), number) &
             splat(static_cast<int32_t>(0xffff0000u)));
}

SCALAR_UNARY(Abs, vabs(x))
SCALAR_UNARY(Exp, vexp(x))
SCALAR_UNARY(Log, vlog(x))
SCALAR_UNARY(Log1p, vlog1p(x))
SCALAR_UNARY(Expm1, vexpm1(x))
SCALAR_UNARY(Sqrt, vsqrt(x))
SCALAR_UNARY(Rsqrt, 1.0f / vsqrt(x))
SCALAR_UNARY(Recip, 1.0f / x)
SCALAR_UNARY(Tanh, vtanh(x))
SCALAR_UNARY(Sigmoid, vsigmoid(x))
SCALAR_UNARY(Softplus, vsoftplus(x))
SCALAR_UNARY(Erf, verf(x))
SCALAR_UNARY(Gelu, vgelu(x))
SCALAR_UNARY(GeluGrad, vgeluGrad(x))
SCALAR_UNARY(Sin, vsin(x))
SCALAR_UNARY(Cos, vcos(x))
SCALAR_UNARY(Floor, vfloor(x))
SCALAR_UNARY(Ceil, vceil(x))
SCALAR_UNARY(Round, vround(x))
SCALAR_UNARY(Not, truth(x == 0))
SCALAR_UNARY(CastFloat, toFloat(x))
SCALAR_UNARY(CastInt, toInt(x))
SCALAR_UNARY(CastBool, truth(x != 0))
SCALAR_UNARY(CastBfloat16, vbfloat16(x))
SCALAR_UNARY(Copy, x)
SCALAR_BINARY(Div, a / b)
SCALAR_BINARY(Min, vmin(a, b))
SCALAR_BINARY(Max, vmax(a, b))
SCALAR_BINARY(Pow, vpow(a, b))
SCALAR_BINARY(Mod, vmod(a, b))
SCALAR_BINARY(Atan2, vatan2(a, b))
SCALAR_BINARY(Lt, truth(a < b))
SCALAR_BINARY(Le, truth(a <= b))
SCALAR_BINARY(Eq, truth(a == b))
SCALAR_BINARY(Ne, truth(a != b))
SCALAR_BINARY(Gt, truth(a > b))
SCALAR_BINARY(Ge, truth(a >= b))
// On 0 and 1 in float lanes.
SCALAR_BINARY(And, (F)((I)a & (I)b))
SCALAR_BINARY(Or, (F)((I)a | (I)b))

#undef SCALAR_UNARY
#undef SCALAR_BINARY

// Integers wrap around.
struct Neg {
  STEEPEST_INLINE static F of(F x) { return -x; }
  STEEPEST_INLINE static I of(I x) { return (I) - (U)x; }
};
struct Sign {
  STEEPEST_INLINE static F of(F x) { return choose(x > 0.0f, splat(1.0f), choose(x < 0.0f, splat(-1.0f), x)); }
  STEEPEST_INLINE static I of(I x) { return (x < 0) - (x > 0); }
};
struct Add {
  STEEPEST_INLINE static F of(F a, F b) { return a + b; }
  STEEPEST_INLINE static I of(I a, I b) { return (I)((U)a + (U)b); }
};
struct Sub {
  STEEPEST_INLINE static F of(F a, F b) { return a - b; }
  STEEPEST_INLINE static I of(I a, I b) { return (I)((U)a - (U)b); }
};
struct Mul {
  STEEPEST_INLINE static F of(F a, F b) { return a * b; }
  STEEPEST_INLINE static I of(I a, I b) { return (I)((U)a * (U)b); }
};
// Of whole numbers only.
struct BitAnd {
  STEEPEST_INLINE static I of(I a, I b) { return a & b; }
};
struct BitOr {
  STEEPEST_INLINE static I of(I a, I b) { return a | b; }
};
struct BitXor {
  STEEPEST_INLINE static I of(I a, I b) { return a ^ b; }
};
// C++ leaves shifts by more than 31 bits open, and x86 takes the count modulo 32 in one instruction but not in another.
struct ShiftLeft {
  STEEPEST_INLINE static I of(I a, I b) { return choose((U)b < 32u, (I)((U)a << ((U)b & 31u)), I{}); }
};
struct ShiftRight {
  STEEPEST_INLINE static I of(I a, I b) { return a >> choose((U)b < 32u, b, splat(31)); }
};
struct Fma {
  STEEPEST_INLINE static F of(F a, F b, F c) { return fma(a, b, c); }
};
struct Select {
  STEEPEST_INLINE static F of(F condition, F a, F b) { return choose(condition != 0.0f, a, b); }
  STEEPEST_INLINE static I of(F condition, I a, I b) { return choose(condition != 0.0f, a, b); }
};
