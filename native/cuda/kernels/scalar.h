// The vocabulary of native/scalar for one lane: numbers whose casts keep the bits and whose comparisons are masks, as those of
// SIMD vectors do. The functions, and so their rounding, are those of the CPU.
#pragma once

#include <string.h>

#include "kernel.h"

namespace steepest::cuda::scalar {

template <typename To, typename From>
STEEPEST_INLINE To sameBits(From from) {
  To to;
  memcpy(&to, &from, sizeof to);
  return to;
}

constexpr int64_t kWidth = 1;

struct I;  // int32, and masks of 32-bit lanes: 0 or -1
struct U;  // uint32
struct L;  // int64, and masks of 64-bit lanes

struct F {  // float32
  float v;
  F() = default;
  STEEPEST_INLINE F(float x) : v(x) {}
  STEEPEST_INLINE explicit F(I bits);
  STEEPEST_INLINE float& operator[](int64_t) { return v; }
  STEEPEST_INLINE float operator[](int64_t) const { return v; }
};
struct D {  // float64
  double v;
  D() = default;
  STEEPEST_INLINE D(double x) : v(x) {}
  STEEPEST_INLINE explicit D(L bits);
};
struct I {
  int32_t v;
  I() = default;
  STEEPEST_INLINE I(int32_t x) : v(x) {}
  STEEPEST_INLINE explicit I(F x) : v(sameBits<int32_t>(x.v)) {}
  STEEPEST_INLINE explicit I(U x);
  STEEPEST_INLINE explicit operator bool() const { return v != 0; }
  STEEPEST_INLINE int32_t& operator[](int64_t) { return v; }
  STEEPEST_INLINE int32_t operator[](int64_t) const { return v; }
};
struct U {
  uint32_t v;
  U() = default;
  STEEPEST_INLINE U(uint32_t x) : v(x) {}
  STEEPEST_INLINE explicit U(I x) : v(static_cast<uint32_t>(x.v)) {}
};
struct L {
  int64_t v;
  L() = default;
  STEEPEST_INLINE L(int64_t x) : v(x) {}
  STEEPEST_INLINE explicit L(D x) : v(sameBits<int64_t>(x.v)) {}
  STEEPEST_INLINE explicit operator bool() const { return v != 0; }
};
STEEPEST_INLINE F::F(I bits) : v(sameBits<float>(bits.v)) {}
STEEPEST_INLINE I::I(U x) : v(static_cast<int32_t>(x.v)) {}
STEEPEST_INLINE D::D(L bits) : v(sameBits<double>(bits.v)) {}

#define SCALAR_ARITHMETIC(T, op) \
  STEEPEST_INLINE T operator op(T a, T b) { return a.v op b.v; }
#define SCALAR_COMPARISON(T, Mask, op) \
  STEEPEST_INLINE Mask operator op(T a, T b) { return a.v op b.v ? -1 : 0; }
#define SCALAR_COMPARISONS(T, Mask) \
  SCALAR_COMPARISON(T, Mask, <)     \
  SCALAR_COMPARISON(T, Mask, <=)    \
  SCALAR_COMPARISON(T, Mask, >)     \
  SCALAR_COMPARISON(T, Mask, >=) SCALAR_COMPARISON(T, Mask, ==) SCALAR_COMPARISON(T, Mask, !=)
// Whole numbers wrap around.
#define SCALAR_WRAPPING(T, Unsigned, op)                                                         \
  STEEPEST_INLINE T operator op(T a, T b) {                                                      \
    return static_cast<decltype(a.v)>(static_cast<Unsigned>(a.v) op static_cast<Unsigned>(b.v)); \
  }
#define SCALAR_WHOLE(T, Unsigned)                                                                                   \
  SCALAR_WRAPPING(T, Unsigned, +)                                                                                   \
  SCALAR_WRAPPING(T, Unsigned, -)                                                                                   \
  SCALAR_WRAPPING(T, Unsigned, *)                                                                                   \
  SCALAR_WRAPPING(T, Unsigned, &)                                                                                   \
  SCALAR_WRAPPING(T, Unsigned, |) SCALAR_WRAPPING(T, Unsigned, ^) STEEPEST_INLINE T operator~(T a) { return ~a.v; } \
  STEEPEST_INLINE T operator-(T a) { return static_cast<decltype(a.v)>(0 - static_cast<Unsigned>(a.v)); }           \
  STEEPEST_INLINE T operator>>(T a, T b) { return a.v >> b.v; }                                                     \
  STEEPEST_INLINE T operator<<(T a, T b) { return static_cast<decltype(a.v)>(static_cast<Unsigned>(a.v) << b.v); }

SCALAR_ARITHMETIC(F, +)
SCALAR_ARITHMETIC(F, -)
SCALAR_ARITHMETIC(F, *)
SCALAR_ARITHMETIC(F, /)
STEEPEST_INLINE F operator-(F a) { return -a.v; }
SCALAR_ARITHMETIC(D, +)
SCALAR_ARITHMETIC(D, -)
SCALAR_ARITHMETIC(D, *)
SCALAR_ARITHMETIC(D, /)
STEEPEST_INLINE D operator-(D a) { return -a.v; }
SCALAR_COMPARISONS(F, I)
SCALAR_COMPARISONS(I, I)
SCALAR_COMPARISONS(U, I)
SCALAR_COMPARISONS(D, L)
SCALAR_COMPARISONS(L, L)
SCALAR_WHOLE(I, uint32_t)
SCALAR_WHOLE(U, uint32_t)
SCALAR_WHOLE(L, uint64_t)

#undef SCALAR_ARITHMETIC
#undef SCALAR_COMPARISON
#undef SCALAR_COMPARISONS
#undef SCALAR_WRAPPING
#undef SCALAR_WHOLE

STEEPEST_INLINE F splat(float x) { return x; }
STEEPEST_INLINE I splat(int32_t x) { return x; }
STEEPEST_INLINE D splat(double x) { return x; }

// yes where the mask is set, no elsewhere.
template <typename Mask, typename T>
STEEPEST_INLINE T choose(Mask mask, T yes, T no) {
  return mask ? yes : no;
}

STEEPEST_INLINE F fma(F a, F b, F c) { return ::fmaf(a.v, b.v, c.v); }
STEEPEST_INLINE F vsqrt(F x) { return ::sqrtf(x.v); }
STEEPEST_INLINE F vabs(F x) { return ::fabsf(x.v); }
STEEPEST_INLINE I vabs(I x) { return x.v < 0 ? -x : x; }
STEEPEST_INLINE F copySign(F x, F sign) { return ::copysignf(x.v, sign.v); }
// NaN in either operand gives NaN.
STEEPEST_INLINE F vmax(F a, F b) { return a.v != a.v || a.v > b.v ? a : b; }
STEEPEST_INLINE F vmin(F a, F b) { return a.v != a.v || a.v < b.v ? a : b; }
STEEPEST_INLINE I vmax(I a, I b) { return a.v > b.v ? a : b; }
STEEPEST_INLINE I vmin(I a, I b) { return a.v < b.v ? a : b; }
// A bound that NaN passes.
STEEPEST_INLINE F atMost(F x, float bound) { return x.v > bound ? splat(bound) : x; }
STEEPEST_INLINE F atLeast(F x, float bound) { return x.v < bound ? splat(bound) : x; }
STEEPEST_INLINE F vround(F x) { return ::rintf(x.v); }
STEEPEST_INLINE F vfloor(F x) { return ::floorf(x.v); }
STEEPEST_INLINE F vceil(F x) { return ::ceilf(x.v); }

STEEPEST_INLINE F toFloat(I x) { return static_cast<float>(x.v); }
// Truncates toward zero, saturates, NaN becomes 0.
STEEPEST_INLINE I toInt(F x) {
  if (!(x.v >= -2147483648.0f)) return x.v != x.v ? 0 : INT32_MIN;
  return x.v >= 2147483648.0f ? INT32_MAX : static_cast<int32_t>(x.v);
}

// The one lane is the low half; the high half is never looked at.
STEEPEST_INLINE D lowDouble(F x) { return static_cast<double>(x.v); }
STEEPEST_INLINE D highDouble(F) { return 0.0; }
STEEPEST_INLINE F joinDouble(D low, D) { return static_cast<float>(low.v); }

#include "../../scalar/double.inl"
#include "../../scalar/erf.inl"
#include "../../scalar/exp.inl"
#include "../../scalar/gelu.inl"
#include "../../scalar/lanes.inl"
#include "../../scalar/log.inl"
#include "../../scalar/ops.inl"
#include "../../scalar/softplus.inl"
#include "../../scalar/wide.inl"

// Philox4x32-10, see native/runtime/philox.h: word `position` mod 4 of the block, as a number in [0, 1) with 24 bits.
STEEPEST_INLINE float randomAt(uint32_t seed, uint32_t stream, uint32_t step, uint64_t position) {
  const uint64_t q = position / 4;
  uint32_t c0 = static_cast<uint32_t>(q), c1 = static_cast<uint32_t>(q >> 32), c2 = step, c3 = 0;
  uint32_t k0 = seed, k1 = stream;
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t{0xd2511f53} * c0, b = uint64_t{0xcd9e8d57} * c2;
    c0 = static_cast<uint32_t>(b >> 32) ^ c1 ^ k0;
    c1 = static_cast<uint32_t>(b);
    c2 = static_cast<uint32_t>(a >> 32) ^ c3 ^ k1;
    c3 = static_cast<uint32_t>(a);
    k0 += 0x9e3779b9u;
    k1 += 0xbb67ae85u;
  }
  const uint32_t word = position % 4 == 0 ? c0 : position % 4 == 1 ? c1 : position % 4 == 2 ? c2 : c3;
  return static_cast<float>(word >> 8) * 5.9604644775390625e-8f;
}

}  // namespace steepest::cuda::scalar
