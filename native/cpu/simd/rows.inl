// Row kernels, see ../rows.h. Included once per target, inside its namespace, after vector.inl and native/scalar.

namespace rows {
namespace {

#define ROWS_LAMBDA __attribute__((always_inline))

// --- the ends of rows: the first n <= kWidth lanes; when loading, the others are `fill`

template <typename T, typename V>
STEEPEST_INLINE V loadUpTo(const T* p, int64_t n, V fill) {
  if (n == kWidth) return load(p);
  return kLaneIndex < splat(static_cast<int32_t>(n)) ? loadFirst(p, n) : fill;
}
template <typename T, typename V>
STEEPEST_INLINE void storeUpTo(T* p, V v, int64_t n) {
  if (n == kWidth) return store(p, v);
  storeFirst(p, v, n);
}

// --- all lanes to one number, always in the same order

typedef float F4 __attribute__((vector_size(16)));
typedef int32_t I4 __attribute__((vector_size(16)));

template <typename Op>
STEEPEST_INLINE float fold(F4 v, Op op) {
  v = op(v, __builtin_shufflevector(v, v, 2, 3, 0, 1));
  return op(v, __builtin_shufflevector(v, v, 1, 0, 3, 2))[0];
}
template <typename Op>
STEEPEST_INLINE int32_t fold(I4 v, Op op) {
  v = op(v, __builtin_shufflevector(v, v, 2, 3, 0, 1));
  return op(v, __builtin_shufflevector(v, v, 1, 0, 3, 2))[0];
}
template <typename V, typename Op>
STEEPEST_INLINE auto fold(V v, Op op) {
  if constexpr (sizeof(V) == 64) {
    return fold(op(__builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7),
                   __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15)),
                op);
  } else {
    return fold(op(__builtin_shufflevector(v, v, 0, 1, 2, 3), __builtin_shufflevector(v, v, 4, 5, 6, 7)), op);
  }
}

// The sum over a row of n elements of term(i, count), which gives elements i .. i+count-1 and zero in the other lanes.
// Blocks are summed in float and joined in double, so the error does not grow with the length of the row.
template <typename Term>
STEEPEST_INLINE float sumRow(int64_t n, Term term) {
  constexpr int64_t kBlock = 32 * kWidth;
  double total = 0;
  for (int64_t start = 0; start < n; start += kBlock) {
    const int64_t end = n - start < kBlock ? n : start + kBlock;
    F even = splat(0.0f), odd = splat(0.0f);
    int64_t i = start;
    for (; i + 2 * kWidth <= end; i += 2 * kWidth) {
      even += term(i, kWidth);
      odd += term(i + kWidth, kWidth);
    }
    for (; i < end; i += kWidth) even += term(i, end - i < kWidth ? end - i : kWidth);
    total += fold(even + odd, Add());
  }
  return static_cast<float>(total);
}

STEEPEST_INLINE float maxRow(const float* x, int64_t n) {
  const F lowest = splat(-__builtin_inff());
  F a = lowest, b = lowest;
  int64_t i = 0;
  for (; i + 2 * kWidth <= n; i += 2 * kWidth) {
    a = Max()(load(x + i), a);
    b = Max()(load(x + i + kWidth), b);
  }
  for (; i < n; i += kWidth) a = Max()(loadUpTo(x + i, n - i < kWidth ? n - i : kWidth, lowest), a);
  return fold(Max()(a, b), Max());
}

// Calls body(i, count) for the vectors of a row.
template <typename Body>
STEEPEST_INLINE void eachVector(int64_t n, Body body) {
  int64_t i = 0;
  for (; i + kWidth <= n; i += kWidth) body(i, kWidth);
  if (i < n) body(i, n - i);
}

// Long, and called for a row or for many: not copied to each of its callers.
#define ROWS_ONCE __attribute__((noinline))

// --- rows of a few elements: a lane per row, so that nothing is folded and nothing is partial

constexpr int64_t kNarrow = 16;

// Up to kWidth rows of at most kNarrow elements, transposed: column c is the vector at data + c * kWidth.
struct Narrow {
  int64_t n;  // columns
  alignas(64) float data[kNarrow * kWidth] = {};

  STEEPEST_INLINE F column(int64_t c) const { return load(data + c * kWidth); }
  STEEPEST_INLINE void setColumn(int64_t c, F v) { store(data + c * kWidth, v); }

  STEEPEST_INLINE void loadRows(const float* x, int64_t rows) { rows == kWidth ? read<kWidth>(x) : read<0>(x, rows); }
  STEEPEST_INLINE void storeRows(float* y, int64_t rows) const {
    rows == kWidth ? write<kWidth>(y) : write<0>(y, rows);
  }
  STEEPEST_INLINE F max() const {
    F result = column(0);
    for (int64_t c = 1; c < n; ++c) result = Max()(column(c), result);
    return result;
  }

 private:
  // `all`: so many rows, or 0.
  template <int64_t all>
  ROWS_ONCE void read(const float* x, int64_t some = 0) {
    const int64_t rows = all > 0 ? all : some;
    for (int64_t c = 0; c < n; ++c) {
      for (int64_t r = 0; r < rows; ++r) data[c * kWidth + r] = x[r * n + c];
    }
  }
  template <int64_t all>
  ROWS_ONCE void write(float* y, int64_t some = 0) const {
    const int64_t rows = all > 0 ? all : some;
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < n; ++c) y[r * n + c] = data[c * kWidth + r];
    }
  }
};

// Calls body(first, count) for blocks of kWidth rows.
template <typename Body>
STEEPEST_INLINE void eachBlock(int64_t rows, Body body) {
  int64_t first = 0;
  for (; first + kWidth <= rows; first += kWidth) body(first, kWidth);
  if (first < rows) body(first, rows - first);
}

// --- softmax. Lanes beyond the end of a row hold -inf, whose exp is zero.

struct Partition {
  float max;
  float sum;  // of exp(x - max)
};

// The exponentials go to `e`, or nowhere.
template <bool keeps>
ROWS_ONCE Partition partition(const float* x, int64_t n, float* e) {
  const float max = maxRow(x, n);
  const F shift = splat(max);
  const float sum = sumRow(n, [=](int64_t i, int64_t count) ROWS_LAMBDA {
    const F value = vexp(loadUpTo(x + i, count, splat(-__builtin_inff())) - shift);
    if constexpr (keeps) storeUpTo(e + i, value, count);
    return value;
  });
  return {max, sum};
}

// The sums of exp(x - max) of rows, which take their place or not.
template <bool keeps = true>
ROWS_ONCE F exponentials(Narrow& block, F max) {
  F sum = splat(0.0f);
  for (int64_t c = 0; c < block.n; ++c) {
    const F e = vexp(block.column(c) - max);
    if constexpr (keeps) block.setColumn(c, e);
    sum += e;
  }
  return sum;
}

void softmaxNarrow(const float* x, float* y, int64_t rows, int64_t n) {
  Narrow block{n};
  eachBlock(rows, [&](int64_t first, int64_t count) ROWS_LAMBDA {
    block.loadRows(x + first * n, count);
    const F scale = 1.0f / exponentials(block, block.max());
    for (int64_t c = 0; c < n; ++c) block.setColumn(c, block.column(c) * scale);
    block.storeRows(y + first * n, count);
  });
}

void softmax(const float* x, float* y, int64_t rows, int64_t n) {
  if (n <= kNarrow) return softmaxNarrow(x, y, rows, n);
  for (int64_t r = 0; r < rows; ++r, x += n, y += n) {
    const F scale = splat(1.0f / partition<true>(x, n, y).sum);
    eachVector(n, [=](int64_t i, int64_t count)
                      ROWS_LAMBDA { storeUpTo(y + i, loadUpTo(y + i, count, scale) * scale, count); });
  }
}

void logSoftmaxNarrow(const float* x, float* y, int64_t rows, int64_t n) {
  Narrow block{n};
  eachBlock(rows, [&](int64_t first, int64_t count) ROWS_LAMBDA {
    block.loadRows(x + first * n, count);
    const F max = block.max(), log = vlog(exponentials<false>(block, max));
    for (int64_t c = 0; c < n; ++c) block.setColumn(c, (block.column(c) - max) - log);
    block.storeRows(y + first * n, count);
  });
}

void logSoftmax(const float* x, float* y, int64_t rows, int64_t n) {
  if (n <= kNarrow) return logSoftmaxNarrow(x, y, rows, n);
  for (int64_t r = 0; r < rows; ++r, x += n, y += n) {
    const Partition p = partition<false>(x, n, nullptr);
    const F max = splat(p.max), log = vlog(splat(p.sum));
    eachVector(n, [=](int64_t i, int64_t count)
                      ROWS_LAMBDA { storeUpTo(y + i, (loadUpTo(x + i, count, max) - max) - log, count); });
  }
}

void softmaxGrad(const float* y, const float* dy, float* dx, int64_t rows, int64_t n) {
  const F zero = splat(0.0f);
  for (int64_t r = 0; r < rows; ++r, y += n, dy += n, dx += n) {
    const F mean = splat(sumRow(n, [=](int64_t i, int64_t count) ROWS_LAMBDA {
      return loadUpTo(y + i, count, zero) * loadUpTo(dy + i, count, zero);
    }));
    eachVector(n, [=](int64_t i, int64_t count) ROWS_LAMBDA {
      storeUpTo(dx + i, loadUpTo(y + i, count, zero) * (loadUpTo(dy + i, count, zero) - mean), count);
    });
  }
}

void logSoftmaxGrad(const float* y, const float* dy, float* dx, int64_t rows, int64_t n) {
  const F zero = splat(0.0f);
  for (int64_t r = 0; r < rows; ++r, y += n, dy += n, dx += n) {
    const F total =
        splat(sumRow(n, [=](int64_t i, int64_t count) ROWS_LAMBDA { return loadUpTo(dy + i, count, zero); }));
    eachVector(n, [=](int64_t i, int64_t count) ROWS_LAMBDA {
      storeUpTo(dx + i, loadUpTo(dy + i, count, zero) - vexp(loadUpTo(y + i, count, zero)) * total, count);
    });
  }
}

// --- softmax and cross-entropy

STEEPEST_INLINE bool inRange(int32_t label, int64_t n) {
  return static_cast<uint32_t>(label) < static_cast<uint64_t>(n);
}

// Logits of the labels of up to kWidth rows; NaN, and false, where a label is out of range.
STEEPEST_INLINE bool pick(const float* x, const int32_t* labels, int64_t rows, int64_t n, float* picked) {
  bool ok = true;
  for (int64_t r = 0; r < rows; ++r) {
    const bool good = inRange(labels[r], n);
    picked[r] = good ? x[r * n + labels[r]] : __builtin_nanf("");
    ok = ok && good;
  }
  return ok;
}

// (max - x[label]) + log(sum exp(x - max))
ROWS_ONCE void storeLosses(F max, const float* picked, F sum, float* loss, int64_t count) {
  storeUpTo(loss, (max - load(picked)) + vlog(sum), count);
}

bool crossEntropy(const float* x, const int32_t* labels, float* loss, int64_t rows, int64_t n) {
  bool ok = true;
  Narrow block{n};
  eachBlock(rows, [&](int64_t first, int64_t count) ROWS_LAMBDA {
    const float* from = x + first * n;
    float picked[kWidth] = {};
    ok = pick(from, labels + first, count, n, picked) && ok;
    F max = splat(0.0f), sum = splat(0.0f);
    if (n <= kNarrow) {
      block.loadRows(from, count);
      max = block.max();
      sum = exponentials(block, max);
    } else {
      float maxima[kWidth] = {}, sums[kWidth] = {};
      for (int64_t r = 0; r < count; ++r) {
        const Partition p = partition<false>(from + r * n, n, nullptr);
        maxima[r] = p.max;
        sums[r] = p.sum;
      }
      max = load(maxima);
      sum = load(sums);
    }
    storeLosses(max, picked, sum, loss + first, count);
  });
  return ok;
}

bool crossEntropyGradNarrow(const float* x, const int32_t* labels, const float* dloss, float* dx, float* loss,
                            int64_t rows, int64_t n) {
  const F zero = splat(0.0f), one = splat(1.0f);
  bool ok = true;
  Narrow block{n};
  eachBlock(rows, [&](int64_t first, int64_t count) ROWS_LAMBDA {
    int32_t label[kWidth] = {};
    float scale[kWidth] = {}, picked[kWidth] = {};
    ok = pick(x + first * n, labels + first, count, n, picked) && ok;
    for (int64_t r = 0; r < count; ++r) {
      label[r] = inRange(labels[first + r], n) ? labels[first + r] : -1;
      scale[r] = dloss[first + r];
    }
    block.loadRows(x + first * n, count);
    const F max = block.max(), sum = exponentials(block, max);
    if (loss != nullptr) storeLosses(max, picked, sum, loss + first, count);
    const F normalizer = 1.0f / sum, d = load(scale);
    const I target = load(label);
    for (int64_t c = 0; c < n; ++c) {
      const F onehot = target == splat(static_cast<int32_t>(c)) ? one : zero;
      const F value = (block.column(c) * normalizer - onehot) * d;
      block.setColumn(c, target >= splat(0) ? value : zero);
    }
    block.storeRows(dx + first * n, count);
  });
  return ok;
}

bool crossEntropyGrad(const float* x, const int32_t* labels, const float* dloss, float* dx, float* loss, int64_t rows,
                      int64_t n) {
  if (n <= kNarrow) return crossEntropyGradNarrow(x, labels, dloss, dx, loss, rows, n);
  const F zero = splat(0.0f);
  bool ok = true;
  eachBlock(rows, [&](int64_t first, int64_t count) ROWS_LAMBDA {
    float picked[kWidth] = {}, maxima[kWidth] = {}, sums[kWidth] = {};
    ok = pick(x + first * n, labels + first, count, n, picked) && ok;
    for (int64_t r = 0; r < count; ++r) {
      const int64_t at = first + r;
      float* const to = dx + at * n;
      if (!inRange(labels[at], n)) {
        eachVector(n, [=](int64_t i, int64_t valid) ROWS_LAMBDA { storeUpTo(to + i, zero, valid); });
        continue;
      }
      const Partition p = partition<true>(x + at * n, n, to);
      maxima[r] = p.max;
      sums[r] = p.sum;
      const float normalizer = 1.0f / p.sum;
      const float atLabel = (to[labels[at]] * normalizer - 1.0f) * dloss[at];
      const F share = splat(normalizer), d = splat(dloss[at]);
      eachVector(n, [=](int64_t i, int64_t valid)
                        ROWS_LAMBDA { storeUpTo(to + i, loadUpTo(to + i, valid, zero) * share * d, valid); });
      to[labels[at]] = atLabel;
    }
    if (loss != nullptr) storeLosses(load(maxima), picked, load(sums), loss + first, count);
  });
  return ok;
}

// --- the index of an extreme. Every case becomes the maximum of an int32 key.

struct MaxInt {
  STEEPEST_INLINE I operator()(I v) const { return v; }
};
struct MinInt {
  STEEPEST_INLINE I operator()(I v) const { return ~v; }
};
// The bits of floats order like integers once the magnitude of negative ones is turned around. Adding zero makes -0
// equal to 0.
STEEPEST_INLINE I orderedBits(F v) {
  const I bits = (I)(v + splat(0.0f));
  return bits ^ ((bits >> 31) & splat(0x7fffffff));
}
struct MaxFloat {
  STEEPEST_INLINE I operator()(F v) const { return v == v ? orderedBits(v) : splat(0x7fffffff); }
};
struct MinFloat {
  STEEPEST_INLINE I operator()(F v) const { return v == v ? ~orderedBits(v) : splat(0x7fffffff); }
};

template <typename Key, typename T>
void argRows(const T* x, int32_t* index, int64_t rows, int64_t n) {
  const Key key;
  const I lowest = splat(static_cast<int32_t>(-0x7fffffff - 1));
  const decltype(load(x)) zero{};
  for (int64_t r = 0; r < rows; ++r, x += n) {
    I best = lowest, where = kLaneIndex;
    eachVector(n, [&](int64_t i, int64_t count) ROWS_LAMBDA {
      const I at = kLaneIndex + splat(static_cast<int32_t>(i));
      I k = key(loadUpTo(x + i, count, zero));
      if (count < kWidth) k = kLaneIndex < splat(static_cast<int32_t>(count)) ? k : lowest;
      where = k > best ? at : where;
      best = Max()(k, best);
    });
    // Of the lanes that hold the extreme, the one that met it first.
    index[r] = fold(best == splat(fold(best, Max())) ? where : splat(0x7fffffff), Min());
  }
}

template <typename Key, typename T>
void argDown(const T* x, int32_t* index, int64_t rows, int64_t columns, int64_t ld) {
  const Key key;
  const decltype(load(x)) zero{};
  eachVector(columns, [&](int64_t c, int64_t count) ROWS_LAMBDA {
    I best = key(loadUpTo(x + c, count, zero)), where = splat(0);
    for (int64_t r = 1; r < rows; ++r) {
      const I k = key(loadUpTo(x + r * ld + c, count, zero));
      where = k > best ? splat(static_cast<int32_t>(r)) : where;
      best = Max()(k, best);
    }
    storeUpTo(index + c, where, count);
  });
}

void add(const float* x, float* y, int64_t n) {
  const F zero = splat(0.0f);
  eachVector(n, [=](int64_t i, int64_t count) ROWS_LAMBDA {
    storeUpTo(y + i, loadUpTo(y + i, count, zero) + loadUpTo(x + i, count, zero), count);
  });
}

}  // namespace
}  // namespace rows

extern const RowKernels rowKernels;
const RowKernels rowKernels = {
    rows::softmax,
    rows::logSoftmax,
    rows::softmaxGrad,
    rows::logSoftmaxGrad,
    rows::crossEntropy,
    rows::crossEntropyGrad,
    rows::argRows<rows::MaxFloat, float>,
    rows::argRows<rows::MinFloat, float>,
    rows::argRows<rows::MaxInt, int32_t>,
    rows::argRows<rows::MinInt, int32_t>,
    rows::argDown<rows::MaxFloat, float>,
    rows::argDown<rows::MinFloat, float>,
    rows::argDown<rows::MaxInt, int32_t>,
    rows::argDown<rows::MinInt, int32_t>,
    rows::add,
};

#undef ROWS_ONCE
#undef ROWS_LAMBDA
