// The vocabulary of native/scalar whose numbers are registers: calling a function of theirs writes its instructions. So each formula
// exists once, and a GPU rounds as the CPU does: every operation is written with its rounding, and the assembler joins none.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "text.h"

namespace steepest::cuda::emit {

inline Value number(Bank bank, uint64_t bits) { return {Value::Kind::kNumber, bank, 0, bits}; }
inline Value make(Bank bank, const char* op, std::initializer_list<Value> operands) {
  return Text::now().make(bank, op, operands);
}

struct I;
struct U;
struct L;

// The result of a comparison.
struct M {
  Value v;
};
struct F {  // float32
  Value v = real(0.0f);
  F() = default;
  F(float x) : v(real(x)) {}
  explicit F(const Value& value) : v(value) {}
  explicit F(I bits);
  float known() const { return std::bit_cast<float>(static_cast<uint32_t>(v.bits)); }
};
struct D {  // float64
  Value v = number(Bank::kDouble, 0);
  D() = default;
  D(double x) : v(number(Bank::kDouble, std::bit_cast<uint64_t>(x))) {}
  explicit D(const Value& value) : v(value) {}
  explicit D(L bits);
  double known() const { return std::bit_cast<double>(v.bits); }
};
struct I {  // int32
  Value v = word(0);
  I() = default;
  I(int32_t x) : v(word(static_cast<uint32_t>(x))) {}
  I(M mask) : v(make(Bank::kWord, "selp.b32", {word(0xffffffffu), word(0), mask.v})) {}
  explicit I(const Value& value) : v(value) {}
  explicit I(F bits);
  explicit I(U x);
};
struct U {  // uint32
  Value v = word(0);
  U() = default;
  U(uint32_t x) : v(word(x)) {}
  explicit U(const Value& value) : v(value) {}
  explicit U(I x) : v(x.v) {}
};
struct L {  // int64
  Value v = number(Bank::kLong, 0);
  L() = default;
  L(int64_t x) : v(number(Bank::kLong, static_cast<uint64_t>(x))) {}
  explicit L(const Value& value) : v(value) {}
  explicit L(D bits);
};

// The same bits in another bank.
inline Value sameBits(Bank bank, const char* op, const Value& x) {
  return x.known() ? number(bank, x.bits) : make(bank, op, {x});
}
inline F::F(I bits) : v(sameBits(Bank::kFloat, "mov.b32", bits.v)) {}
inline I::I(F bits) : v(sameBits(Bank::kWord, "mov.b32", bits.v)) {}
inline I::I(U x) : v(x.v) {}
inline D::D(L bits) : v(sameBits(Bank::kDouble, "mov.b64", bits.v)) {}
inline L::L(D bits) : v(sameBits(Bank::kLong, "mov.b64", bits.v)) {}

#define EMIT_BINARY(T, bank, op, name) \
  inline T operator op(T a, T b) { return T(make(bank, name, {a.v, b.v})); }
// Numbers that are known are worked out now.
#define EMIT_REAL(T, bank, op, name)                               \
  inline T operator op(T a, T b) {                                 \
    if (a.v.known() && b.v.known()) return a.known() op b.known(); \
    return T(make(bank, name, {a.v, b.v}));                        \
  }
#define EMIT_COMPARE(T, op, name) \
  inline M operator op(T a, T b) { return {make(Bank::kPredicate, "setp." name, {a.v, b.v})}; }
#define EMIT_COMPARISONS(T, type) \
  EMIT_COMPARE(T, <, "lt." type)  \
  EMIT_COMPARE(T, <=, "le." type) \
  EMIT_COMPARE(T, >, "gt." type) EMIT_COMPARE(T, >=, "ge." type) EMIT_COMPARE(T, ==, "eq." type)
#define EMIT_FOLDED(T, bank, op, name)                                                  \
  inline T operator op(T a, T b) {                                                      \
    if (a.v.known() && b.v.known()) {                                                   \
      const uint64_t bits = a.v.bits op b.v.bits;                                       \
      return T(number(bank, bank == Bank::kWord ? static_cast<uint32_t>(bits) : bits)); \
    }                                                                                   \
    return T(make(bank, name, {a.v, b.v}));                                             \
  }

EMIT_REAL(F, Bank::kFloat, +, "add.rn.f32")
EMIT_REAL(F, Bank::kFloat, -, "sub.rn.f32")
EMIT_REAL(F, Bank::kFloat, *, "mul.rn.f32")
inline F operator/(F a, F b) {
  const bool one = a.v.known() && a.known() == 1.0f;
  return F(one ? make(Bank::kFloat, "rcp.rn.f32", {b.v}) : make(Bank::kFloat, "div.rn.f32", {a.v, b.v}));
}
inline F operator-(F a) { return F(make(Bank::kFloat, "neg.f32", {a.v})); }
EMIT_COMPARISONS(F, "f32")
EMIT_COMPARE(F, !=, "neu.f32")

EMIT_REAL(D, Bank::kDouble, +, "add.rn.f64")
EMIT_REAL(D, Bank::kDouble, -, "sub.rn.f64")
EMIT_REAL(D, Bank::kDouble, *, "mul.rn.f64")
EMIT_BINARY(D, Bank::kDouble, /, "div.rn.f64")
inline D operator-(D a) { return D(make(Bank::kDouble, "neg.f64", {a.v})); }
EMIT_COMPARISONS(D, "f64")
EMIT_COMPARE(D, !=, "neu.f64")

EMIT_FOLDED(I, Bank::kWord, +, "add.s32")
EMIT_FOLDED(I, Bank::kWord, -, "sub.s32")
EMIT_FOLDED(I, Bank::kWord, *, "mul.lo.s32")
EMIT_FOLDED(I, Bank::kWord, &, "and.b32")
EMIT_FOLDED(I, Bank::kWord, |, "or.b32")
EMIT_FOLDED(I, Bank::kWord, ^, "xor.b32")
EMIT_BINARY(I, Bank::kWord, >>, "shr.s32")
EMIT_BINARY(I, Bank::kWord, <<, "shl.b32")
inline I operator~(I a) { return I(make(Bank::kWord, "not.b32", {a.v})); }
EMIT_COMPARISONS(I, "s32")
EMIT_COMPARE(I, !=, "ne.s32")

EMIT_FOLDED(U, Bank::kWord, +, "add.u32")
EMIT_FOLDED(U, Bank::kWord, -, "sub.u32")
EMIT_FOLDED(U, Bank::kWord, *, "mul.lo.u32")
EMIT_FOLDED(U, Bank::kWord, &, "and.b32")
EMIT_FOLDED(U, Bank::kWord, |, "or.b32")
EMIT_FOLDED(U, Bank::kWord, ^, "xor.b32")
EMIT_BINARY(U, Bank::kWord, >>, "shr.u32")
EMIT_BINARY(U, Bank::kWord, <<, "shl.b32")
inline U operator-(U a) { return U(make(Bank::kWord, "neg.s32", {a.v})); }
EMIT_COMPARISONS(U, "u32")
EMIT_COMPARE(U, !=, "ne.u32")
inline U multiplyHigh(U a, U b) { return U(make(Bank::kWord, "mul.hi.u32", {a.v, b.v})); }

EMIT_FOLDED(L, Bank::kLong, +, "add.s64")
EMIT_FOLDED(L, Bank::kLong, -, "sub.s64")
EMIT_FOLDED(L, Bank::kLong, &, "and.b64")
inline L operator>>(L a, int by) { return L(make(Bank::kLong, "shr.s64", {a.v, word(static_cast<uint32_t>(by))})); }
inline L operator<<(L a, int by) { return L(make(Bank::kLong, "shl.b64", {a.v, word(static_cast<uint32_t>(by))})); }
EMIT_COMPARISONS(L, "s64")
EMIT_COMPARE(L, !=, "ne.s64")

#undef EMIT_BINARY
#undef EMIT_REAL
#undef EMIT_COMPARE
#undef EMIT_COMPARISONS
#undef EMIT_FOLDED

inline M operator&(M a, M b) { return {make(Bank::kPredicate, "and.pred", {a.v, b.v})}; }
inline M operator|(M a, M b) { return {make(Bank::kPredicate, "or.pred", {a.v, b.v})}; }
inline M operator!=(M a, M b) { return {make(Bank::kPredicate, "xor.pred", {a.v, b.v})}; }
inline M operator~(M a) { return {make(Bank::kPredicate, "not.pred", {a.v})}; }
inline I operator-(M a, M b) { return I(a) - I(b); }

inline F choose(M mask, F yes, F no) { return F(make(Bank::kFloat, "selp.f32", {yes.v, no.v, mask.v})); }
inline I choose(M mask, I yes, I no) { return I(make(Bank::kWord, "selp.b32", {yes.v, no.v, mask.v})); }
inline U choose(M mask, U yes, U no) { return U(make(Bank::kWord, "selp.b32", {yes.v, no.v, mask.v})); }
inline D choose(M mask, D yes, D no) { return D(make(Bank::kDouble, "selp.f64", {yes.v, no.v, mask.v})); }
inline F truth(M mask) { return choose(mask, F(1.0f), F(0.0f)); }

inline F splat(float x) { return x; }
inline I splat(int32_t x) { return x; }
inline D splat(double x) { return x; }

inline F fma(F a, F b, F c) { return F(make(Bank::kFloat, "fma.rn.f32", {a.v, b.v, c.v})); }
inline F vsqrt(F x) { return F(make(Bank::kFloat, "sqrt.rn.f32", {x.v})); }
inline F vabs(F x) { return F(make(Bank::kFloat, "abs.f32", {x.v})); }
inline I vabs(I x) { return I(make(Bank::kWord, "abs.s32", {x.v})); }
inline F copySign(F x, F sign) { return F(make(Bank::kFloat, "copysign.f32", {sign.v, x.v})); }
// NaN in either operand gives NaN.
inline F vmax(F a, F b) { return choose((a != a) | (a > b), a, b); }
inline F vmin(F a, F b) { return choose((a != a) | (a < b), a, b); }
inline I vmax(I a, I b) { return I(make(Bank::kWord, "max.s32", {a.v, b.v})); }
inline I vmin(I a, I b) { return I(make(Bank::kWord, "min.s32", {a.v, b.v})); }
// A bound that NaN passes.
inline F atMost(F x, float bound) { return choose(x > bound, F(bound), x); }
inline F atLeast(F x, float bound) { return choose(x < bound, F(bound), x); }
inline F vround(F x) { return F(make(Bank::kFloat, "cvt.rni.f32.f32", {x.v})); }
inline F vfloor(F x) { return F(make(Bank::kFloat, "cvt.rmi.f32.f32", {x.v})); }
inline F vceil(F x) { return F(make(Bank::kFloat, "cvt.rpi.f32.f32", {x.v})); }

inline F toFloat(I x) { return F(make(Bank::kFloat, "cvt.rn.f32.s32", {x.v})); }
// Truncates toward zero, saturates, NaN becomes 0: as the instruction does.
inline I toInt(F x) { return I(make(Bank::kWord, "cvt.rzi.s32.f32", {x.v})); }

// The one lane is the low half; the high half is nothing.
inline D lowDouble(F x) { return D(make(Bank::kDouble, "cvt.f64.f32", {x.v})); }
inline D highDouble(F) { return D(Value{}); }
inline F joinDouble(D low, D) { return F(make(Bank::kFloat, "cvt.rn.f32.f64", {low.v})); }

// Of any lane, whose bits constants of programs are.
inline F asFloat(const Value& v) { return v.bank == Bank::kFloat ? F(v) : F(I(v)); }
inline I asWhole(const Value& v) { return v.bank == Bank::kWord ? I(v) : I(F(v)); }

}  // namespace steepest::cuda::emit
