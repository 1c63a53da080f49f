// Reductions of tiles, see program.h. Included once per target, inside its namespace, after vector.inl and tile.inl.

namespace reduce {
namespace {

using tile::Add;
using tile::Max;
using tile::Min;
using tile::Mul;

// The value that changes nothing.
template <typename Op>
struct Identity;
template <>
struct Identity<Add> {
  static constexpr float kFloat = 0.0f;
  static constexpr int32_t kInt = 0;
};
template <>
struct Identity<Mul> {
  static constexpr float kFloat = 1.0f;
  static constexpr int32_t kInt = 1;
};
template <>
struct Identity<Max> {
  static constexpr float kFloat = -__builtin_inff();
  static constexpr int32_t kInt = -0x7fffffff - 1;
};
template <>
struct Identity<Min> {
  static constexpr float kFloat = __builtin_inff();
  static constexpr int32_t kInt = 0x7fffffff;
};
template <typename Op>
STEEPEST_INLINE F identity(F) {
  return splat(Identity<Op>::kFloat);
}
template <typename Op>
STEEPEST_INLINE I identity(I) {
  return splat(Identity<Op>::kInt);
}

// The first n lanes of v, the identity in the others.
template <typename Op, typename V>
STEEPEST_INLINE V keepFirst(V v, int64_t n) {
  return kLaneIndex < splat(static_cast<int32_t>(n)) ? v : identity<Op>(V{});
}

// Lanes i and i + half, then quarters, and so on.
template <typename Op, typename V>
STEEPEST_INLINE V foldLanes(V v) {
#if STEEPEST_WIDTH == 16
  v = Op::of(v, __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  v = Op::of(v, __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
  v = Op::of(v, __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
  return Op::of(v, __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14));
#elif STEEPEST_WIDTH == 8
  v = Op::of(v, __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3));
  v = Op::of(v, __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5));
  return Op::of(v, __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6));
#else
  v = Op::of(v, __builtin_shufflevector(v, v, 2, 3, 0, 1));
  return Op::of(v, __builtin_shufflevector(v, v, 1, 0, 3, 2));
#endif
}

// A sum is folded in double: what is added last is largest, and where it cancels, its rounding would be what is left.
STEEPEST_INLINE float sumLanes(F v) {
  const D d = lowDouble(v) + highDouble(v);
#if STEEPEST_WIDTH == 16
  const auto four = __builtin_shufflevector(d, d, 0, 1, 2, 3) + __builtin_shufflevector(d, d, 4, 5, 6, 7);
  const auto two = __builtin_shufflevector(four, four, 0, 1) + __builtin_shufflevector(four, four, 2, 3);
#elif STEEPEST_WIDTH == 8
  const auto two = __builtin_shufflevector(d, d, 0, 1) + __builtin_shufflevector(d, d, 2, 3);
#else
  const auto two = d;
#endif
  return static_cast<float>(two[0] + two[1]);
}

// All lanes as one.
template <typename Op>
STEEPEST_INLINE float join(F v) {
  return foldLanes<Op>(v)[0];
}
template <>
STEEPEST_INLINE float join<Add>(F v) {
  return sumLanes(v);
}
template <typename Op>
STEEPEST_INLINE int32_t join(I v) {
  return foldLanes<Op>(v)[0];
}

// A row of at least one vector.
template <typename Op, typename V, typename T>
STEEPEST_INLINE V longRow(const T* p, int64_t count) {
  V v[4];
  for (V& each : v) each = identity<Op>(V{});
  int64_t i = 0;
  for (; i + 4 * kWidth <= count; i += 4 * kWidth) {
    for (int64_t k = 0; k < 4; ++k) v[k] = Op::of(v[k], load(p + i + k * kWidth));
  }
  for (; i + kWidth <= count; i += kWidth) v[0] = Op::of(v[0], load(p + i));
  if (i < count) v[1] = Op::of(v[1], keepFirst<Op>(loadFirst(p + i, count - i), count - i));
  return Op::of(Op::of(v[0], v[1]), Op::of(v[2], v[3]));
}

template <typename Op, typename V>
void rows(const void* x, int64_t rows, int64_t count, void* results) {
  const auto* p = tile::element(static_cast<V*>(nullptr), const_cast<void*>(x));
  auto* const to = tile::element(static_cast<V*>(nullptr), results);
  if (count < kWidth) {
    for (int64_t r = 0; r < rows; ++r, p += count) {
      to[r] = join<Op>(Op::of(identity<Op>(V{}), keepFirst<Op>(loadFirst(p, count), count)));
    }
  } else {
    for (int64_t r = 0; r < rows; ++r, p += count) to[r] = join<Op>(longRow<Op, V>(p, count));
  }
}

// kVectors vectors of columns whose results stay in registers; of the last, unless kWhole, the first n lanes.
template <typename Op, typename V, int64_t kVectors, bool kWhole, typename T>
STEEPEST_INLINE void strip(const T* p, int64_t ld, int64_t rows, int64_t n, T* accumulator) {
  const auto at = [n](const T* row, int64_t k) {
    return kWhole || k + 1 < kVectors ? load(row + k * kWidth) : loadFirst(row + k * kWidth, n);
  };
  V sum[kVectors];
  for (int64_t k = 0; k < kVectors; ++k) sum[k] = at(accumulator, k);
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4, p += 4 * ld) {
    for (int64_t k = 0; k < kVectors; ++k) {
      const V four = Op::of(Op::of(at(p, k), at(p + ld, k)), Op::of(at(p + 2 * ld, k), at(p + 3 * ld, k)));
      sum[k] = Op::of(sum[k], four);
    }
  }
  for (; r < rows; ++r, p += ld) {
    for (int64_t k = 0; k < kVectors; ++k) sum[k] = Op::of(sum[k], at(p, k));
  }
  for (int64_t k = 0; k < kVectors; ++k) {
    if (kWhole || k + 1 < kVectors)
      store(accumulator + k * kWidth, sum[k]);
    else
      storeFirst(accumulator + k * kWidth, sum[k], n);
  }
}

// All columns of a few rows, read as they lie.
template <typename Op, typename V, typename T>
STEEPEST_INLINE void strips(const T* p, int64_t ld, int64_t rows, int64_t n, T* accumulator) {
  int64_t j = 0;
  for (; j + kWidth <= n; j += kWidth) strip<Op, V, 1, true>(p + j, ld, rows, n, accumulator + j);
  if (j < n) strip<Op, V, 1, false>(p + j, ld, rows, n - j, accumulator + j);
}

template <typename Op, typename V>
void columns(const void* x, int64_t ld, int64_t rows, int64_t n, void* accumulator) {
  const auto* p = tile::element(static_cast<V*>(nullptr), const_cast<void*>(x));
  auto* const to = tile::element(static_cast<V*>(nullptr), accumulator);
  if (n <= 4 * kWidth) {
    if (n == 4 * kWidth)
      strip<Op, V, 4, true>(p, ld, rows, n, to);
    else
      strips<Op, V>(p, ld, rows, n, to);
    return;
  }
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4) strips<Op, V>(p + r * ld, ld, 4, n, to);
  if (r < rows) strips<Op, V>(p + r * ld, ld, rows - r, n, to);
}

template <typename V>
const Reducer* find(ReduceKind kind) {
  static constexpr Reducer sum = {rows<Add, V>, columns<Add, V>};
  static constexpr Reducer max = {rows<Max, V>, columns<Max, V>};
  static constexpr Reducer min = {rows<Min, V>, columns<Min, V>};
  static constexpr Reducer prod = {rows<Mul, V>, columns<Mul, V>};
  switch (kind) {
    case ReduceKind::kSum:
      return &sum;
    case ReduceKind::kMax:
      return &max;
    case ReduceKind::kMin:
      return &min;
    case ReduceKind::kProd:
      return &prod;
  }
  return nullptr;
}

const Reducer* reducer(ReduceKind kind, Lane lanes) { return lanes == Lane::kInt ? find<I>(kind) : find<F>(kind); }

}  // namespace
}  // namespace reduce

extern const TileFunctions tileFunctions;
const TileFunctions tileFunctions = {
    tile::find,
    fused::at,
    fused::linesAt,
    tile::widenBool,
    tile::widenInt8,
    tile::widenBfloat16,
    tile::narrow,
    tile::narrowBfloat16,
    tile::unary<tile::Copy, I>,
    tile::fill,
    reduce::reducer,
};
