// The steps of scalar programs, see program.h: one loop per operation, lane type and choice of uniform operands.
// Included once per target, inside its namespace, after vector.inl and the scalar functions.

namespace tile {
namespace {

#include "../../scalar/ops.inl"

// --- loops

typedef float AliasFloat __attribute__((may_alias));
typedef int32_t AliasInt __attribute__((may_alias));

STEEPEST_INLINE AliasFloat* element(F*, void* slot) { return static_cast<AliasFloat*>(slot); }
STEEPEST_INLINE AliasInt* element(I*, void* slot) { return static_cast<AliasInt*>(slot); }

// An operand: walks along its slot, or is one number.
template <typename V, bool kUniform>
struct Operand {
  decltype(element(static_cast<V*>(nullptr), nullptr)) p;
  V value;
  STEEPEST_INLINE explicit Operand(void* slot) : p(element(static_cast<V*>(nullptr), slot)) {
    if constexpr (kUniform) value = splat(*p);
  }
  STEEPEST_INLINE V full(int64_t i) const {
    if constexpr (kUniform) return value;
    return load(p + i);
  }
  STEEPEST_INLINE V first(int64_t i, int64_t n) const {
    if constexpr (kUniform) return value;
    return loadFirst(p + i, n);
  }
};

template <typename Op, typename... Operands>
STEEPEST_INLINE void loop(void* out, int64_t count, const Operands&... operands) {
  using R = decltype(Op::of(operands.full(0)...));
  auto* const to = element(static_cast<R*>(nullptr), out);
  int64_t i = 0;
  for (; i + kWidth <= count; i += kWidth) store(to + i, Op::of(operands.full(i)...));
  if (i < count) storeFirst(to + i, Op::of(operands.first(i, count - i)...), count - i);
}

template <typename Op, typename A>
void unary(const SimdStep& s, void* const* slots, int64_t count, int64_t) {
  loop<Op>(slots[s.dst], count, Operand<A, false>(slots[s.args[0]]));
}

template <typename Op, typename A, unsigned kUniform>
void binary(const SimdStep& s, void* const* slots, int64_t count, int64_t) {
  loop<Op>(slots[s.dst], count, Operand<A, (kUniform & 1) != 0>(slots[s.args[0]]),
           Operand<A, (kUniform & 2) != 0>(slots[s.args[1]]));
}

template <typename Op, typename A, typename B, unsigned kUniform>
void ternary(const SimdStep& s, void* const* slots, int64_t count, int64_t) {
  loop<Op>(slots[s.dst], count, Operand<A, (kUniform & 1) != 0>(slots[s.args[0]]),
           Operand<B, (kUniform & 2) != 0>(slots[s.args[1]]), Operand<B, (kUniform & 4) != 0>(slots[s.args[2]]));
}

template <typename Op, typename A>
TileOp findBinary(unsigned uniform) {
  constexpr TileOp table[] = {binary<Op, A, 0>, binary<Op, A, 1>, binary<Op, A, 2>};
  return uniform < 3 ? table[uniform] : nullptr;
}

template <typename Op, typename A, typename B>
TileOp findTernary(unsigned uniform) {
  constexpr TileOp table[] = {ternary<Op, A, B, 0>, ternary<Op, A, B, 1>, ternary<Op, A, B, 2>, ternary<Op, A, B, 3>,
                              ternary<Op, A, B, 4>, ternary<Op, A, B, 5>, ternary<Op, A, B, 6>};
  return uniform < 7 ? table[uniform] : nullptr;
}

// --- operations that know their position

void random(const SimdStep& s, void* const* slots, int64_t count, int64_t position) {
  AliasFloat* out = static_cast<AliasFloat*>(slots[s.dst]);
  const uint32_t seed = static_cast<uint32_t>(*static_cast<AliasInt*>(slots[s.args[0]]));
  const uint32_t step = static_cast<uint32_t>(*static_cast<AliasInt*>(slots[s.args[1]]));
  uint64_t q = static_cast<uint64_t>(position) / 4;
  int64_t skip = position % 4;  // elements of the first block that belong to the tile before
  while (count > 0) {
    U first, second;
    philox(seed, s.immediates[0], step, q, &first, &second);
    if (skip == 0 && count >= kPhiloxWords) {
      store(out, uniform(first));
      store(out + kWidth, uniform(second));
      out += kPhiloxWords;
      count -= kPhiloxWords;
    } else {
      float words[kPhiloxWords];
      store(words, uniform(first));
      store(words + kWidth, uniform(second));
      for (; skip < kPhiloxWords && count > 0; --count) *out++ = words[skip++];
      skip = 0;
    }
    q += kPhiloxBlocks;
  }
}

void iota(const SimdStep& s, void* const* slots, int64_t count, int64_t position) {
  AliasInt* out = static_cast<AliasInt*>(slots[s.dst]);
  const int64_t inner = s.immediates[0], size = s.immediates[1];
  int64_t within = position % inner, index = position / inner % size;
  for (int64_t i = 0; i < count; ++i) {
    out[i] = static_cast<int32_t>(index);
    if (++within == inner) {
      within = 0;
      if (++index == size) index = 0;
    }
  }
}

void widenBool(const SimdStep& s, void* const* slots, int64_t count, int64_t) {
  const uint8_t* from = static_cast<const uint8_t*>(slots[s.args[0]]);
  AliasFloat* to = static_cast<AliasFloat*>(slots[s.dst]);
  for (int64_t i = 0; i < count; ++i) to[i] = from[i] != 0 ? 1.0f : 0.0f;
}

void widenInt8(const SimdStep& s, void* const* slots, int64_t count, int64_t) {
  const int8_t* from = static_cast<const int8_t*>(slots[s.args[0]]);
  AliasFloat* to = static_cast<AliasFloat*>(slots[s.dst]);
  for (int64_t i = 0; i < count; ++i) to[i] = from[i];
}

void narrow(const SimdStep& s, void* const* slots, int64_t count, int64_t) {
  const AliasFloat* from = static_cast<const AliasFloat*>(slots[s.args[0]]);
  uint8_t* to = static_cast<uint8_t*>(slots[s.dst]);
  for (int64_t i = 0; i < count; ++i) to[i] = from[i] != 0.0f ? 1 : 0;
}

// bfloat16 numbers are the upper halves of float lanes, whose lower halves are zero.
typedef uint16_t Halves __attribute__((vector_size(2 * kWidth)));

void widenBfloat16(const SimdStep& s, void* const* slots, int64_t count, int64_t) {
  const uint16_t* from = static_cast<const uint16_t*>(slots[s.args[0]]);
  AliasInt* to = static_cast<AliasInt*>(slots[s.dst]);
  int64_t i = 0;
  for (; i + kWidth <= count; i += kWidth) {
    Halves upper;
    __builtin_memcpy(&upper, from + i, sizeof upper);
    store(to + i, (I)(__builtin_convertvector(upper, U) << 16));
  }
  for (; i < count; ++i) to[i] = static_cast<int32_t>(static_cast<uint32_t>(from[i]) << 16);
}

void narrowBfloat16(const SimdStep& s, void* const* slots, int64_t count, int64_t) {
  const AliasInt* from = static_cast<const AliasInt*>(slots[s.args[0]]);
  uint16_t* to = static_cast<uint16_t*>(slots[s.dst]);
  int64_t i = 0;
  for (; i + kWidth <= count; i += kWidth) {
    const Halves upper = __builtin_convertvector((U)load(from + i) >> 16, Halves);
    __builtin_memcpy(to + i, &upper, sizeof upper);
  }
  for (; i < count; ++i) to[i] = static_cast<uint16_t>(static_cast<uint32_t>(from[i]) >> 16);
}

void fill(const SimdStep& s, void* const* slots, int64_t count, int64_t) {
  loop<Copy>(slots[s.dst], count, Operand<I, true>(slots[s.args[0]]));
}

// --- the table

TileOp find(ScalarOp op, Lane lanes, unsigned uniform) {
  const bool integer = lanes == Lane::kInt;
#define TILE_UNARY_F(Name) \
  case ScalarOp::k##Name:  \
    return integer || uniform ? nullptr : unary<Name, F>;
#define TILE_UNARY_FI(Name) \
  case ScalarOp::k##Name:   \
    return uniform ? nullptr : integer ? unary<Name, I> : unary<Name, F>;
#define TILE_BINARY_F(Name) \
  case ScalarOp::k##Name:   \
    return integer ? nullptr : findBinary<Name, F>(uniform);
#define TILE_BINARY_FI(Name) \
  case ScalarOp::k##Name:    \
    return integer ? findBinary<Name, I>(uniform) : findBinary<Name, F>(uniform);
#define TILE_BINARY_I(Name) \
  case ScalarOp::k##Name:   \
    return integer ? findBinary<Name, I>(uniform) : nullptr;
  switch (op) {
    TILE_UNARY_FI(Neg)
    TILE_UNARY_FI(Abs)
    TILE_UNARY_FI(Sign)
    TILE_UNARY_F(Exp)
    TILE_UNARY_F(Log)
    TILE_UNARY_F(Log1p)
    TILE_UNARY_F(Expm1)
    TILE_UNARY_F(Sqrt)
    TILE_UNARY_F(Rsqrt)
    TILE_UNARY_F(Recip)
    TILE_UNARY_F(Tanh)
    TILE_UNARY_F(Sigmoid)
    TILE_UNARY_F(Softplus)
    TILE_UNARY_F(Erf)
    TILE_UNARY_F(Gelu)
    TILE_UNARY_F(GeluGrad)
    TILE_UNARY_F(Sin)
    TILE_UNARY_F(Cos)
    TILE_UNARY_F(Floor)
    TILE_UNARY_F(Ceil)
    TILE_UNARY_F(Round)
    TILE_UNARY_F(Not)
    TILE_UNARY_F(CastInt)
    TILE_UNARY_F(CastBfloat16)
    TILE_UNARY_FI(CastBool)
    TILE_BINARY_FI(Add)
    TILE_BINARY_FI(Sub)
    TILE_BINARY_FI(Mul)
    TILE_BINARY_F(Div)
    TILE_BINARY_FI(Min)
    TILE_BINARY_FI(Max)
    TILE_BINARY_F(Pow)
    TILE_BINARY_FI(Mod)
    TILE_BINARY_F(Atan2)
    TILE_BINARY_FI(Lt)
    TILE_BINARY_FI(Le)
    TILE_BINARY_FI(Eq)
    TILE_BINARY_FI(Ne)
    TILE_BINARY_FI(Gt)
    TILE_BINARY_FI(Ge)
    TILE_BINARY_F(And)
    TILE_BINARY_F(Or)
    TILE_BINARY_I(BitAnd)
    TILE_BINARY_I(BitOr)
    TILE_BINARY_I(BitXor)
    TILE_BINARY_I(ShiftLeft)
    TILE_BINARY_I(ShiftRight)
    case ScalarOp::kCastFloat:
      return integer && !uniform ? unary<CastFloat, I> : nullptr;
    case ScalarOp::kWiden:
      return integer || uniform ? nullptr : unary<Copy, F>;
    case ScalarOp::kSelect:
      return integer ? findTernary<Select, F, I>(uniform) : findTernary<Select, F, F>(uniform);
    case ScalarOp::kFma:
      return integer ? nullptr : findTernary<Fma, F, F>(uniform);
    case ScalarOp::kRandom:
      return random;
    case ScalarOp::kIota:
      return iota;
  }
#undef TILE_UNARY_F
#undef TILE_UNARY_FI
#undef TILE_BINARY_F
#undef TILE_BINARY_FI
#undef TILE_BINARY_I
  return nullptr;
}

}  // namespace
}  // namespace tile
