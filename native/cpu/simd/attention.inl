// Attention kernels, see ../attention.h. Included once per target, inside its namespace, after rows.inl: the products are those of a
// table of ../gemm.h, in float32 or of operands rounded to bfloat16, on matrices that stay in the nearer caches.

namespace attention {
namespace {

constexpr int64_t kKeyBlock = 256;  // keys of a block, forward
constexpr int64_t kRowBlock = 256;  // queries of a call, forward
constexpr int64_t kBlock = 64;      // queries and keys of a block, backward
constexpr int64_t kPad = 16;        // rows of scores must not share cache sets

STEEPEST_INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
STEEPEST_INLINE int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
STEEPEST_INLINE int64_t ceilDiv(int64_t n, int64_t unit) { return (n + unit - 1) / unit; }
STEEPEST_INLINE int64_t roundUp(int64_t n, int64_t unit) { return ceilDiv(n, unit) * unit; }

int64_t packedFloats(const GemmKernels& gemm, int64_t k, int64_t n) {
  return roundUp(n, gemm.panel) * gemm.packedDepth(k);
}

// `count` steps from `first` on as a matrix of as many rows, or columns, packed.
void packSteps(const GemmKernels& gemm, const Steps& steps, int64_t first, int64_t count, int64_t features, float* to) {
  gemm.pack(steps.at + first * steps.row, steps.row, steps.column, count, features, to);
}
void packStepsAcross(const GemmKernels& gemm, const Steps& steps, int64_t first, int64_t count, int64_t features,
                     float* to) {
  gemm.pack(steps.at + first * steps.row, steps.column, steps.row, features, count, to);
}

// Rows that are read or written soon: products ask for them, a line in each step, one product after the other.
class Soon {
 public:
  void add(const Steps& steps, int64_t first, int64_t count, int64_t columns) {
    if (steps.column == 1) add(steps.at, steps.row, first, count, columns);
  }
  void add(const float* at, int64_t row, int64_t first, int64_t count, int64_t columns) {
    if (columns > 0) all_[count_++] = gemm::floatsAhead(at + first * row, count, row, columns);
  }

  // What a product of `steps` steps asks for. Returns how many.
  int take(int64_t steps, Ahead* to) {
    int taken = 0;
    for (; at_ < count_ && taken < kMostAheads; ++taken) {
      Ahead& from = all_[at_];
      const int64_t lines = (from.bytes + gemm::kLine - 1) / gemm::kLine, rows = least(from.rows, steps / lines);
      if (rows == 0) break;
      to[taken] = from;
      to[taken].rows = rows;
      steps -= rows * lines;
      from.at += rows * from.stride;
      from.rows -= rows;
      at_ += from.rows == 0;
    }
    return taken;
  }

 private:
  Ahead all_[8];
  int count_ = 0, at_ = 0;
};

// c [m, n] = a b, or with `accumulate` c += a b; b is packed, `bRows` rows in all, and read from row `bFirst` on, of which pairs along
// k are whole.
void multiply(const GemmKernels& gemm, const float* a, int64_t aRow, int64_t aDepth, const float* b, int64_t bFirst,
              int64_t bRows, float* c, int64_t cRow, int64_t m, int64_t n, int64_t k, bool accumulate, Soon& soon) {
  GemmBlock g{};
  g.a = a;
  g.aRow = aRow;
  g.aDepth = aDepth;
  g.b = b + gemm.packedDepth(bFirst) * gemm.panel;
  g.bRow = gemm.panel;
  g.bPanel = gemm.packedDepth(bRows) * gemm.panel;
  g.c = c;
  g.cRow = cRow;
  g.m = m;
  g.n = n;
  g.k = k;
  g.accumulate = accumulate;
  Ahead ahead[kMostAheads];
  g.ahead = ahead;
  g.aheads = soon.take(ceilDiv(m, gemm.rows) * ceilDiv(n, gemm.panel) * gemm.packedDepth(k), ahead);
  gemm.block(g);
}

// Lanes i .. i+count-1 of a row, the others `fill`.
STEEPEST_INLINE F lanes(const float* p, int64_t count, F fill) { return rows::loadUpTo(p, count, fill); }

// Rows of scores, as many as a vector has lanes at most: what each comes to is a lane of one vector, and no row waits for the
// sum of the one before. They are equally long, whatever each of them sees: loops that end alike are predicted.
struct Scores {
  float* at;
  int64_t ld, rows, n;
  int64_t first, step;  // keys that the first row sees, and how many more each of the next ones does

  float* row(int64_t r) const { return at + r * ld; }
  int64_t seen(int64_t r) const { return least(n, first + r * step); }
};

// Calls body(rows, r) for groups of such rows, the first of which is row r of all.
template <typename Body>
STEEPEST_INLINE void eachGroup(const Scores& all, Body body) {
  rows::eachBlock(all.rows, [&](int64_t r, int64_t count) __attribute__((always_inline)) {
    body(Scores{all.row(r), all.ld, count, all.n, all.first + r * all.step, all.step}, r);
  });
}

// Lanes from `seen` on do not count.
STEEPEST_INLINE I isSeen(int64_t i, int64_t seen) {
  return kLaneIndex + splat(static_cast<int32_t>(i)) < splat(static_cast<int32_t>(seen));
}

// A vector for each row, zero where there are fewer.
template <typename V>
struct EachRow {
  V of[kWidth];

  STEEPEST_INLINE explicit EachRow(int64_t rows) {
    for (int64_t r = rows; r < kWidth; ++r) of[r] = V{};
  }
  template <typename Op>
  STEEPEST_INLINE V fold(Op op) {
    return foldEach(of, op);
  }
};

// max(scale x) over what is seen of a row; NaN is left out.
STEEPEST_INLINE F scaledMaxima(const Scores& s, float scale) {
  const F lowest = splat(-__builtin_inff()), factor = splat(scale);
  EachRow<F> maxima(s.rows);
  for (int64_t r = 0; r < s.rows; ++r) {
    const float* x = s.row(r);
    const int64_t seen = s.seen(r);
    F top = lowest;
    rows::eachVector(s.n, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
      const F v = lanes(x + i, count, F{}) * factor;
      top = Max()(isSeen(i, seen) ? v : lowest, top);
    });
    maxima.of[r] = top;
  }
  return maxima.fold(Max());
}

// x = exp(scale x - shift) where it is seen, else zero; the sums. A shift for each row.
STEEPEST_INLINE F exponentials(const Scores& s, float scale, const float* shift) {
  const F factor = splat(scale);
  EachRow<F> sums(s.rows);
  for (int64_t r = 0; r < s.rows; ++r) {
    float* x = s.row(r);
    const int64_t seen = s.seen(r);
    const F offset = splat(shift[r]);
    F sum = F{};
    rows::eachVector(s.n, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
      F e = vexp(fma(lanes(x + i, count, F{}), factor, -offset));
      e = isSeen(i, seen) ? e : F{};
      sum += e;
      rows::storeUpTo(x + i, e, count);
    });
    sums.of[r] = sum;
  }
  return sums.fold(Add());
}

STEEPEST_INLINE void scaleRow(float* x, int64_t n, float factor) {
  const F f = splat(factor);
  rows::eachVector(n, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
    rows::storeUpTo(x + i, lanes(x + i, count, f) * f, count);
  });
}

// x = fill where the mask hides a key; the first row and column of x are `row` and `key` of the mask.
void hide(const AttentionHead& h, const Scores& s, int64_t row, int64_t key, float fill) {
  for (int64_t r = 0; r < s.rows; ++r) {
    float* x = s.row(r);
    const uint8_t* mask = h.mask + (row + r) * h.maskRow + key * h.maskColumn;
    for (int64_t i = 0, n = s.seen(r); i < n; ++i) x[i] = mask[i * h.maskColumn] != 0 ? x[i] : fill;
  }
}

int64_t forwardScratch(const AttentionHead& h) {
  const GemmKernels& gemm = *h.gemm;
  const int64_t keys = least(h.keys, kKeyBlock);
  return packedFloats(gemm, h.depth, keys) + packedFloats(gemm, keys, h.width) +
         gemm.rows * (roundUp(keys, kPad) + kPad);
}

void forward(const AttentionHead& h, int64_t first, int64_t last, float* scratch) {
  const GemmKernels& gemm = *h.gemm;
  const int64_t most_ = least(h.keys, kKeyBlock), ld = roundUp(most_, kPad) + kPad;
  float* keys = scratch;
  float* values = keys + packedFloats(gemm, h.depth, most_);
  float* scores = values + packedFloats(gemm, most_, h.width);  // of as many queries as a tile has rows
  float top[kRowBlock], sum[kRowBlock];                         // whole vectors
  for (int64_t i = 0; i < last - first; i += kWidth) {
    store(top + i, splat(-__builtin_inff()));
    store(sum + i, F{});
  }
  const int64_t end = h.causal ? least(h.keys, last) : h.keys;
  Soon soon;
  if (h.next) {
    soon.add(h.next->query, first, last - first, h.depth);
    soon.add(h.next->y, h.yRow, first, last - first, h.width);
    soon.add(h.next->key, 0, end, h.depth);
    soon.add(h.next->value, 0, end, h.width);
  }
  for (int64_t k0 = 0; k0 < end; k0 += kKeyBlock) {
    const int64_t block = least(kKeyBlock, end - k0);
    packStepsAcross(gemm, h.key, k0, block, h.depth, keys);
    packSteps(gemm, h.value, k0, block, h.width, values);
    for (int64_t r0 = h.causal ? most(first, k0) : first, m; r0 < last; r0 += m) {
      m = least(gemm.rows, last - r0);
      const int64_t n = h.causal ? least(block, r0 + m - k0) : block;
      multiply(gemm, h.query.at + r0 * h.query.row, h.query.row, h.query.column, keys, 0, h.depth, scores, ld, m, n,
               h.depth, false, soon);
      const bool more = k0 > 0;
      eachGroup({scores, ld, m, n, h.causal ? r0 + 1 - k0 : n, h.causal},
                [&](const Scores& s, int64_t r) __attribute__((always_inline)) {
                  float scale = h.scale;
                  if (h.mask) {
                    // -infinity must not meet a negative or a zero factor
                    for (int64_t i = 0; i < s.rows; ++i) scaleRow(s.row(i), s.seen(i), scale);
                    scale = 1;
                    hide(h, s, r0 + r, k0, -__builtin_inff());
                  }
                  const int64_t at = r0 + r - first;
                  const F lowest = splat(-__builtin_inff()), before = lanes(top + at, s.rows, lowest);
                  const F now = Max()(scaledMaxima(s, scale), before), shift = now == lowest ? F{} : now;
                  float shifts[kWidth], fades[kWidth];
                  store(shifts, shift);
                  F total = exponentials(s, scale, shifts);
                  if (more) {
                    const F fade = vexp(before - shift);
                    total += lanes(sum + at, s.rows, F{}) * fade;
                    store(fades, fade);
                  }
                  rows::storeUpTo(sum + at, total, s.rows);
                  rows::storeUpTo(top + at, now, s.rows);
                  for (int64_t i = 0; i < s.rows; ++i) {
                    if (more && fades[i] != 1) scaleRow(h.y + (r0 + r + i) * h.yRow, h.width, fades[i]);
                  }
                });
      multiply(gemm, scores, ld, 1, values, 0, block, h.y + r0 * h.yRow, h.yRow, m, h.width, n, k0 > 0, soon);
    }
  }
  // Divides, and the logarithms of several rows at once; 1 / 0 stands for nothing seen.
  const F infinite = splat(__builtin_inff());
  rows::eachVector(last - first, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
    const F total = load(sum + i);
    store(sum + i, total == F{} ? F{} : 1.0f / total);
    rows::storeUpTo(h.logSum + first + i, total == F{} ? infinite : load(top + i) + vlog(total), count);
  });
  for (int64_t r = first; r < last; ++r) scaleRow(h.y + r * h.yRow, h.width, sum[r - first]);
}

// sum(p dp) / sum(p) of each row: p adds up to 1 but for its rounding errors, which are much alike in a row.
STEEPEST_INLINE F quotients(EachRow<F>& weighted, EachRow<F>& total) {
  const F sum = total.fold(Add()), weights = weighted.fold(Add());
  return sum > F{} ? weights / sum : F{};
}

// p = exp(scale s - logSum) where a key is seen, else zero. Returns the means of dp over what is seen.
STEEPEST_INLINE F probabilities(const Scores& p, const Scores& dp, float scale, const float* logSum) {
  const F factor = splat(scale);
  EachRow<F> weights(p.rows), totals(p.rows);
  for (int64_t r = 0; r < p.rows; ++r) {
    const F offset = splat(logSum[r]);
    const int64_t seen = p.seen(r);
    float* x = p.row(r);
    const float* dx = dp.row(r);
    F weighted = F{}, total = F{};
    rows::eachVector(p.n, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
      const F e = vexp(fma(lanes(x + i, count, F{}), factor, -offset)), v = e * lanes(dx + i, count, F{});
      const I inside = isSeen(i, seen);
      rows::storeUpTo(x + i, inside ? e : F{}, count);
      weighted += inside ? v : F{};
      total += inside ? e : F{};
    });
    weights.of[r] = weighted;
    totals.of[r] = total;
  }
  return quotients(weights, totals);
}

// Those means where a mask has hidden some.
STEEPEST_INLINE F meanGradients(const Scores& p, const Scores& dp) {
  EachRow<F> weights(p.rows), totals(p.rows);
  for (int64_t r = 0; r < p.rows; ++r) {
    const int64_t seen = p.seen(r);
    F weighted = F{}, total = F{};
    rows::eachVector(p.n, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
      const F e = lanes(p.row(r) + i, count, F{}), v = e * lanes(dp.row(r) + i, count, F{});
      const I inside = isSeen(i, seen);
      weighted += inside ? v : F{};
      total += inside ? e : F{};
    });
    weights.of[r] = weighted;
    totals.of[r] = total;
  }
  return quotients(weights, totals);
}

struct RowsOfGradients {
  F sum;
  F largest;  // magnitude
};

// From dp to ds = p (dp - delta) scale, zero where p is.
STEEPEST_INLINE RowsOfGradients scoreGradients(const Scores& p, const Scores& ds, float scale, const float* delta) {
  const F factor = splat(scale);
  EachRow<F> sums(p.rows), largest(p.rows);
  for (int64_t r = 0; r < p.rows; ++r) {
    const F d = splat(delta[r]);
    const float* x = p.row(r);
    float* dx = ds.row(r);
    F sum = F{}, top = F{};
    rows::eachVector(p.n, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
      const F e = lanes(x + i, count, F{}), g = e * (lanes(dx + i, count, F{}) - d) * factor;
      const F kept = e == F{} ? F{} : g;
      sum += kept;
      top = Max()(vabs(kept), top);
      rows::storeUpTo(dx + i, kept, count);
    });
    sums.of[r] = sum;
    largest.of[r] = top;
  }
  return {sums.fold(Add()), largest.fold(Max())};
}

// Both at once, where delta is known before.
STEEPEST_INLINE void probabilitiesAndGradients(const Scores& p, const Scores& ds, float scale, const float* logSum,
                                               const float* delta) {
  const F factor = splat(scale);
  for (int64_t r = 0; r < p.rows; ++r) {
    const F offset = splat(logSum[r]), d = splat(delta[r]);
    const int64_t seen = p.seen(r);
    float* x = p.row(r);
    float* dx = ds.row(r);
    rows::eachVector(p.n, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
      F e = vexp(fma(lanes(x + i, count, F{}), factor, -offset));
      e = isSeen(i, seen) ? e : F{};
      rows::storeUpTo(x + i, e, count);
      const F g = e * (lanes(dx + i, count, F{}) - d) * factor;
      rows::storeUpTo(dx + i, e == F{} ? F{} : g, count);
    });
  }
}

// A whole row of ds adds up to 0: the keys' bias has no gradient. What rounding leaves goes to the first of the largest.
STEEPEST_INLINE void balance(const Scores& ds, const RowsOfGradients& gradients) {
  float largest[kWidth], sum[kWidth];
  int32_t place[kWidth];
  store(largest, gradients.largest);
  store(sum, gradients.sum);
  const I none = splat(static_cast<int32_t>(ds.n));
  EachRow<I> places(ds.rows);
  for (int64_t r = 0; r < ds.rows; ++r) {
    const F top = splat(largest[r]);
    I first = none;
    rows::eachVector(ds.n, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
      const I at = kLaneIndex + splat(static_cast<int32_t>(i));
      first = Min()(vabs(lanes(ds.row(r) + i, count, F{})) == top ? at : none, first);
    });
    places.of[r] = first;
  }
  store(place, places.fold(Min()));
  for (int64_t r = 0; r < ds.rows; ++r) ds.row(r)[place[r] < ds.n ? place[r] : 0] -= sum[r];
}

constexpr int64_t kBlockRow = kBlock + kPad;

int64_t backwardScratch(const AttentionHead& h) {
  const GemmKernels& gemm = *h.gemm;
  const int64_t packed = packedFloats(gemm, h.depth, kBlock) + packedFloats(gemm, h.width, kBlock) +
                         2 * packedFloats(gemm, kBlock, h.depth) + packedFloats(gemm, kBlock, h.width);
  return packed + 2 * kBlock * kBlockRow + roundUp(h.queries, kPad);
}

// sum(y dy) of row r, dy rounded where products see it rounded.
float meanOf(const AttentionHeadGrad& g, int64_t r) {
  const AttentionHead& h = g.head;
  const bool rounds = h.gemm->rounds();
  const float* const y = h.y + r * h.yRow;
  const float* const dy = g.dy.at + r * g.dy.row;
  const int64_t column = g.dy.column;
  return rows::sumRow(h.width, [=](int64_t i, int64_t count) __attribute__((always_inline)) {
    F upstream;
    if (column == 1) {
      upstream = lanes(dy + i, count, F{});
    } else {
      float gathered[kWidth] = {};
      for (int64_t n = 0; n < count && n < kWidth; ++n) gathered[n] = dy[(i + n) * column];
      upstream = load(gathered);
    }
    return lanes(y + i, count, F{}) * (rounds ? bfloat16::rounded(upstream) : upstream);
  });
}

void addQueries(Soon& soon, const AttentionHeadGrad& g, int64_t first) {
  const AttentionHead& h = g.head;
  const int64_t count = least(kBlock, h.queries - first);
  soon.add(h.query, first, count, h.depth);
  soon.add(g.dquery, g.dqueryRow, first, count, h.depth);
  soon.add(g.dy, first, count, h.width);
  if (h.keys > kBlock) soon.add(h.y, h.yRow, first, count, h.width);
}

void addKeys(Soon& soon, const AttentionHeadGrad& g, int64_t first) {
  const AttentionHead& h = g.head;
  const int64_t count = least(kBlock, h.keys - first);
  soon.add(h.key, first, count, h.depth);
  soon.add(g.dkey, g.dkeyRow, first, count, h.depth);
  soon.add(h.value, first, count, h.width);
  soon.add(g.dvalue, g.dvalueRow, first, count, h.width);
}

// What follows the block of keys from k0 on and queries from r0 on. Queries are fetched for the first keys, and near for others.
Soon soonAfter(const AttentionHeadGrad& g, int64_t first, int64_t last, int64_t k0, int64_t r0) {
  Soon soon;
  if (r0 + kBlock < g.head.queries) {
    if (k0 == first) addQueries(soon, g, r0 + kBlock);
  } else if (k0 + kBlock < last) {
    addKeys(soon, g, k0 + kBlock);
  } else if (g.next) {
    addQueries(soon, *g.next, 0);
    addKeys(soon, *g.next, 0);
  }
  return soon;
}

void backward(const AttentionHeadGrad& g, int64_t first, int64_t last, float* scratch) {
  const AttentionHead& h = g.head;
  const GemmKernels& gemm = *h.gemm;
  float* keysAcross = scratch;                                             // key^T
  float* valuesAcross = keysAcross + packedFloats(gemm, h.depth, kBlock);  // value^T
  float* keys = valuesAcross + packedFloats(gemm, h.width, kBlock);
  float* queries = keys + packedFloats(gemm, kBlock, h.depth);
  float* upstream = queries + packedFloats(gemm, kBlock, h.depth);
  float* p = upstream + packedFloats(gemm, kBlock, h.width);
  float* ds = p + kBlock * kBlockRow;
  float* delta = ds + kBlock * kBlockRow;
  // sum(p dp) is sum(y dy): rounded like the terms it is taken from where all keys are at hand.
  const bool single = h.keys <= kBlock;
  for (int64_t k0 = first; k0 < last; k0 += kBlock) {
    const int64_t n = least(kBlock, last - k0);
    packStepsAcross(gemm, h.key, k0, n, h.depth, keysAcross);
    packSteps(gemm, h.key, k0, n, h.depth, keys);
    packStepsAcross(gemm, h.value, k0, n, h.width, valuesAcross);
    for (int64_t r0 = h.causal ? k0 : 0; r0 < h.queries; r0 += kBlock) {
      const int64_t m = least(kBlock, h.queries - r0);
      for (int64_t r = r0; r < r0 + m && k0 == first && !single; ++r) delta[r] = meanOf(g, r);
      Soon soon = soonAfter(g, first, last, k0, r0);
      packSteps(gemm, h.query, r0, m, h.depth, queries);
      packSteps(gemm, g.dy, r0, m, h.width, upstream);
      // On the diagonal the work is done in strips, each as far as its queries see and its keys are seen.
      const bool diagonal = h.causal && r0 == k0;
      const int64_t strip = diagonal ? gemm.rows : m;
      for (int64_t i = 0; i < m; i += strip) {
        const int64_t count = least(strip, m - i), reach = diagonal ? least(n, i + strip) : n;
        multiply(gemm, h.query.at + (r0 + i) * h.query.row, h.query.row, h.query.column, keysAcross, 0, h.depth,
                 p + i * kBlockRow, kBlockRow, count, reach, h.depth, false, soon);
        multiply(gemm, g.dy.at + (r0 + i) * g.dy.row, g.dy.row, g.dy.column, valuesAcross, 0, h.width,
                 ds + i * kBlockRow, kBlockRow, count, reach, h.width, false, soon);
        eachGroup({p + i * kBlockRow, kBlockRow, count, reach, diagonal ? i + 1 : n, diagonal},
                  [&](const Scores& ps, int64_t r) __attribute__((always_inline)) {
                    Scores gradients = ps;
                    gradients.at = ds + (i + r) * kBlockRow;
                    const int64_t row = r0 + i + r;
                    if (!single) {
                      probabilitiesAndGradients(ps, gradients, h.scale, h.logSum + row, delta + row);
                      if (!h.mask) return;
                      hide(h, ps, row, k0, 0);
                      return hide(h, gradients, row, k0, 0);
                    }
                    F mean = probabilities(ps, gradients, h.scale, h.logSum + row);
                    if (h.mask) {
                      hide(h, ps, row, k0, 0);
                      mean = meanGradients(ps, gradients);
                    }
                    float means[kWidth];
                    store(means, mean);
                    balance(gradients, scoreGradients(ps, gradients, h.scale, means));
                  });
        multiply(gemm, ds + i * kBlockRow, kBlockRow, 1, keys, 0, n, g.dquery + (r0 + i) * g.dqueryRow, g.dqueryRow,
                 count, h.depth, reach, k0 > first, soon);
      }
      const bool more = g.accumulate || r0 > (h.causal ? k0 : 0);
      const int64_t across = diagonal ? gemm.rows : n;
      for (int64_t j = 0; j < n && !(diagonal && j >= m); j += across) {
        const int64_t count = least(across, n - j), from = diagonal ? j : 0;
        multiply(gemm, p + from * kBlockRow + j, 1, kBlockRow, upstream, from, m, g.dvalue + (k0 + j) * g.dvalueRow,
                 g.dvalueRow, count, h.width, m - from, more, soon);
        multiply(gemm, ds + from * kBlockRow + j, 1, kBlockRow, queries, from, m, g.dkey + (k0 + j) * g.dkeyRow,
                 g.dkeyRow, count, h.depth, m - from, more, soon);
      }
    }
  }
}

}  // namespace
}  // namespace attention

extern const AttentionKernels attentionKernels;
const AttentionKernels attentionKernels = {
    attention::kRowBlock, attention::forward,        attention::kBlock,
    attention::backward,  attention::forwardScratch, attention::backwardScratch,
};
