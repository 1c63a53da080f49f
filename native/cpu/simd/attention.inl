// Attention kernels, see ../attention.h. Included once per target, inside its namespace, after gemm.inl and rows.inl: the
// products are those of gemm.inl, on matrices that stay in the nearer caches.

namespace attention {
namespace {

constexpr int64_t kStripRows = gemm::kRows;  // queries whose scores exist at a time, forward
constexpr int64_t kKeyBlock = 256;           // keys of a block, forward
constexpr int64_t kRowBlock = 256;           // queries of a call, forward
constexpr int64_t kBlock = 64;               // queries and keys of a block, backward
constexpr int64_t kPad = 16;                 // rows of scores must not share cache sets

STEEPEST_INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
STEEPEST_INLINE int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
STEEPEST_INLINE int64_t roundUp(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

int64_t packedFloats(int64_t k, int64_t n) { return roundUp(n, gemm::kPanel) * k; }

// c [m, n] = a b, or with `accumulate` c += a b; b is packed, `bRows` rows in all.
STEEPEST_INLINE void multiply(const float* a, int64_t aRow, int64_t aDepth, const float* b, int64_t bRows, float* c,
                              int64_t cRow, int64_t m, int64_t n, int64_t k, bool accumulate) {
  GemmBlock g{};
  g.a = a;
  g.aRow = aRow;
  g.aDepth = aDepth;
  g.b = b;
  g.bRow = gemm::kPanel;
  g.bPanel = bRows * gemm::kPanel;
  g.c = c;
  g.cRow = cRow;
  g.m = m;
  g.n = n;
  g.k = k;
  g.accumulate = accumulate;
  gemm::block(g);
}

// s [row, key .. key + n - 1] = -infinity where the mask hides the key.
void hide(const AttentionHead& h, int64_t row, int64_t key, int64_t n, float* s) {
  const uint8_t* mask = h.mask + row * h.maskRow + key * h.maskColumn;
  for (int64_t i = 0; i < n; ++i) s[i] = mask[i * h.maskColumn] != 0 ? s[i] : -__builtin_inff();
}

// Lanes i .. i+count-1 of a row, the others `fill`.
STEEPEST_INLINE F lanes(const float* p, int64_t count, F fill) { return rows::loadUpTo(p, count, fill); }

// Rows of one strip are equally long, whatever each of them sees: loops that end alike are predicted. Lanes from `seen` on
// do not count.
STEEPEST_INLINE I isSeen(int64_t i, int64_t seen) {
  return kLaneIndex + splat(static_cast<int32_t>(i)) < splat(static_cast<int32_t>(seen));
}

// max(scale x) over what is seen of a row; NaN is left out.
STEEPEST_INLINE float scaledMax(const float* x, int64_t n, int64_t seen, float scale) {
  const F lowest = splat(-__builtin_inff()), factor = splat(scale);
  F top = lowest;
  rows::eachVector(n, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
    const F v = lanes(x + i, count, F{}) * factor;
    top = rows::Max()(isSeen(i, seen) ? v : lowest, top);
  });
  return rows::fold(top, rows::Max());
}

// x = exp(scale x - shift) where it is seen, else zero; returns the sum.
STEEPEST_INLINE float exponentials(float* x, int64_t n, int64_t seen, float scale, float shift) {
  const F factor = splat(scale), offset = splat(shift);
  F sum = F{};
  rows::eachVector(n, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
    F e = vexp(fma(lanes(x + i, count, F{}), factor, -offset));
    e = isSeen(i, seen) ? e : F{};
    sum += e;
    rows::storeUpTo(x + i, e, count);
  });
  return rows::fold(sum, rows::Add());
}

STEEPEST_INLINE void scaleRow(float* x, int64_t n, float factor) {
  const F f = splat(factor);
  rows::eachVector(n, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
    rows::storeUpTo(x + i, lanes(x + i, count, f) * f, count);
  });
}

// --- operands of products rounded to bfloat16; the products are those of float32, which keep theirs exact

STEEPEST_INLINE void roundRow(const float* from, float* to, int64_t n) {
  rows::eachVector(n, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
    rows::storeUpTo(to + i, bfloat16::rounded(lanes(from + i, count, F{})), count);
  });
}

// Packed: the last panel may have lanes that nobody reads.
void roundPacked(float* b, int64_t k, int64_t n) { roundRow(b, b, packedFloats(k, n)); }

// Steps first .. first+count-1 as they are, or rounded in `to` [count, features].
Steps operandOf(const AttentionHead& h, const Steps& steps, int64_t first, int64_t count, int64_t features, float* to) {
  const float* from = steps.at + first * steps.row;
  if (!h.bfloat16) return {from, steps.row, steps.column};
  for (int64_t r = 0; r < count; ++r, from += steps.row) {
    float* row = to + r * features;
    if (steps.column != 1) {
      for (int64_t i = 0; i < features; ++i) row[i] = from[i * steps.column];
    }
    roundRow(steps.column == 1 ? from : row, row, features);
  }
  return {to, features, 1};
}

int64_t forwardScratch(const AttentionHead& h) {
  const int64_t keys = least(h.keys, kKeyBlock);
  return packedFloats(h.depth, keys) + packedFloats(keys, h.width) + kStripRows * (roundUp(keys, kPad) + kPad) +
         (h.bfloat16 ? kStripRows * h.depth : 0);
}

void forward(const AttentionHead& h, int64_t first, int64_t last, float* scratch) {
  const int64_t most_ = least(h.keys, kKeyBlock), ld = roundUp(most_, kPad) + kPad;
  float* keys = scratch;
  float* values = keys + packedFloats(h.depth, most_);
  float* scores = values + packedFloats(most_, h.width);
  float* rounded = scores + kStripRows * ld;
  float top[kRowBlock], sum[kRowBlock];  // whole vectors
  for (int64_t i = 0; i < kRowBlock; ++i) {
    top[i] = -__builtin_inff();
    sum[i] = 0;
  }
  const int64_t end = h.causal ? least(h.keys, last) : h.keys;
  for (int64_t k0 = 0; k0 < end; k0 += kKeyBlock) {
    const int64_t block = least(kKeyBlock, end - k0);
    gemm::pack(h.key.at + k0 * h.key.row, h.key.column, h.key.row, h.depth, block, keys);
    gemm::pack(h.value.at + k0 * h.value.row, h.value.row, h.value.column, block, h.width, values);
    if (h.bfloat16) {
      roundPacked(keys, h.depth, block);
      roundPacked(values, block, h.width);
    }
    for (int64_t r0 = h.causal ? most(first, k0) : first, m; r0 < last; r0 += m) {
      m = least(kStripRows, last - r0);
      const int64_t n = h.causal ? least(block, r0 + m - k0) : block;
      const Steps query = operandOf(h, h.query, r0, m, h.depth, rounded);
      multiply(query.at, query.row, query.column, keys, h.depth, scores, ld, m, n, h.depth, false);
      for (int64_t r = r0; r < r0 + m; ++r) {
        float* s = scores + (r - r0) * ld;
        const int64_t seen = h.causal ? least(n, r + 1 - k0) : n;
        float scale = h.scale;
        if (h.mask) {
          // -infinity must not meet a negative or a zero factor
          scaleRow(s, seen, scale);
          scale = 1;
          hide(h, r, k0, seen, s);
        }
        const float before = top[r - first], here = scaledMax(s, n, seen, scale);
        const float now = here > before ? here : before;
        const bool nothing = now == -__builtin_inff();
        const float shift = nothing ? 0 : now;
        const float part = exponentials(s, n, seen, scale, shift);
        if (h.bfloat16) roundRow(s, s, n);
        if (k0 > 0 && now != before) {
          const float fade = vexp(splat(before - shift))[0];
          sum[r - first] *= fade;
          scaleRow(h.y + r * h.yRow, h.width, fade);
        }
        sum[r - first] += part;
        top[r - first] = now;
      }
      multiply(scores, ld, 1, values, block, h.y + r0 * h.yRow, h.yRow, m, h.width, n, k0 > 0);
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

// sum(p dp) / sum(p): p adds up to 1 but for its rounding errors, which are much alike in a row.
STEEPEST_INLINE float meanOf(F weighted, F total) {
  const float sum = rows::fold(total, rows::Add());
  return sum > 0 ? rows::fold(weighted, rows::Add()) / sum : 0;
}

// p = exp(scale s - logSum) where a key is seen, else zero; over n elements. Returns the mean of dp over what is seen.
STEEPEST_INLINE float probabilities(float* p, const float* dp, int64_t seen, int64_t n, float scale, float logSum) {
  const F factor = splat(scale), offset = splat(logSum);
  F weighted = F{}, total = F{};
  rows::eachVector(n, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
    const F e = vexp(fma(lanes(p + i, count, F{}), factor, -offset)), v = e * lanes(dp + i, count, F{});
    const I inside = isSeen(i, seen);
    rows::storeUpTo(p + i, inside ? e : F{}, count);
    weighted += inside ? v : F{};
    total += inside ? e : F{};
  });
  return meanOf(weighted, total);
}

// That mean where a mask has hidden some.
STEEPEST_INLINE float meanGradient(const float* p, const float* dp, int64_t seen, int64_t n) {
  F weighted = F{}, total = F{};
  rows::eachVector(n, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
    const F e = lanes(p + i, count, F{}), v = e * lanes(dp + i, count, F{});
    const I inside = isSeen(i, seen);
    weighted += inside ? v : F{};
    total += inside ? e : F{};
  });
  return meanOf(weighted, total);
}

struct RowOfGradients {
  float sum;
  float largest;  // magnitude
};

// From dp to ds = p (dp - delta) scale, zero where p is.
STEEPEST_INLINE RowOfGradients scoreGradients(const float* p, float* ds, int64_t n, float scale, float delta) {
  const F factor = splat(scale), d = splat(delta);
  F sum = F{}, largest = F{};
  rows::eachVector(n, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
    const F e = lanes(p + i, count, F{}), g = e * (lanes(ds + i, count, F{}) - d) * factor;
    const F kept = e == F{} ? F{} : g;
    sum += kept;
    largest = rows::Max()(vabs(kept), largest);
    rows::storeUpTo(ds + i, kept, count);
  });
  return {rows::fold(sum, rows::Add()), rows::fold(largest, rows::Max())};
}

// A whole row of ds adds up to 0: the keys' bias has no gradient. What rounding leaves goes to the first of the largest.
STEEPEST_INLINE void balance(float* ds, int64_t n, const RowOfGradients& row) {
  int64_t at = 0;
  while (at < n && __builtin_fabsf(ds[at]) != row.largest) ++at;
  ds[at < n ? at : 0] -= row.sum;
}

void hideProbabilities(const AttentionHead& h, int64_t row, int64_t key, int64_t n, float* p) {
  const uint8_t* mask = h.mask + row * h.maskRow + key * h.maskColumn;
  for (int64_t i = 0; i < n; ++i) p[i] = mask[i * h.maskColumn] != 0 ? p[i] : 0;
}

constexpr int64_t kBlockRow = kBlock + kPad;

int64_t backwardScratch(const AttentionHead& h) {
  const int64_t packed = packedFloats(h.depth, kBlock) + packedFloats(h.width, kBlock) +
                         2 * packedFloats(kBlock, h.depth) + packedFloats(kBlock, h.width);
  return packed + 2 * kBlock * kBlockRow + roundUp(h.queries, kPad) + (h.bfloat16 ? kBlock * (h.depth + h.width) : 0);
}

void backward(const AttentionHeadGrad& g, int64_t first, int64_t last, float* scratch) {
  const AttentionHead& h = g.head;
  float* keysAcross = scratch;                                       // key^T
  float* valuesAcross = keysAcross + packedFloats(h.depth, kBlock);  // value^T
  float* keys = valuesAcross + packedFloats(h.width, kBlock);
  float* queries = keys + packedFloats(kBlock, h.depth);
  float* upstream = queries + packedFloats(kBlock, h.depth);
  float* p = upstream + packedFloats(kBlock, h.width);
  float* ds = p + kBlock * kBlockRow;
  float* delta = ds + kBlock * kBlockRow;
  float* roundedQueries = delta + roundUp(h.queries, kPad);
  float* roundedUpstream = roundedQueries + kBlock * h.depth;
  // sum(p dp) is sum(y dy): rounded like the terms it is taken from where all keys are at hand.
  const bool single = h.keys <= kBlock;
  const int64_t start = h.causal ? least(h.queries, first / kBlock * kBlock) : 0;
  for (int64_t r = start; r < h.queries && !single; ++r) {
    const float* y = h.y + r * h.yRow;
    const Steps dy = operandOf(h, g.dy, r, 1, h.width, roundedUpstream);
    if (dy.column == 1) {
      delta[r] = rows::sumRow(h.width, [=](int64_t i, int64_t count) __attribute__((always_inline)) {
        return lanes(y + i, count, F{}) * lanes(dy.at + i, count, F{});
      });
    } else {
      delta[r] = 0;
      for (int64_t i = 0; i < h.width; ++i) delta[r] += y[i] * dy.at[i * dy.column];
    }
  }
  for (int64_t k0 = first; k0 < last; k0 += kBlock) {
    const int64_t n = least(kBlock, last - k0);
    const float* key = h.key.at + k0 * h.key.row;
    gemm::pack(key, h.key.column, h.key.row, h.depth, n, keysAcross);
    gemm::pack(key, h.key.row, h.key.column, n, h.depth, keys);
    gemm::pack(h.value.at + k0 * h.value.row, h.value.column, h.value.row, h.width, n, valuesAcross);
    if (h.bfloat16) {
      roundPacked(keysAcross, h.depth, n);
      roundPacked(keys, n, h.depth);
      roundPacked(valuesAcross, h.width, n);
    }
    for (int64_t r0 = h.causal ? k0 / kBlock * kBlock : 0; r0 < h.queries; r0 += kBlock) {
      const int64_t m = least(kBlock, h.queries - r0);
      const Steps query = operandOf(h, h.query, r0, m, h.depth, roundedQueries);
      const Steps dy = operandOf(h, g.dy, r0, m, h.width, roundedUpstream);
      gemm::pack(query.at, query.row, query.column, m, h.depth, queries);
      gemm::pack(dy.at, dy.row, dy.column, m, h.width, upstream);
      // On the diagonal the work is done in strips, each as far as its queries see and its keys are seen.
      const bool diagonal = h.causal && r0 < k0 + n;
      const int64_t strip = diagonal ? gemm::kRows : m;
      for (int64_t i = 0; i < m; i += strip) {
        const int64_t count = least(strip, m - i), reach = diagonal ? least(n, r0 + i + count - k0) : n;
        if (reach > 0) {
          multiply(query.at + i * query.row, query.row, query.column, keysAcross, h.depth, p + i * kBlockRow, kBlockRow,
                   count, reach, h.depth, false);
          multiply(dy.at + i * dy.row, dy.row, dy.column, valuesAcross, h.width, ds + i * kBlockRow, kBlockRow, count,
                   reach, h.width, false);
        }
        for (int64_t r = i; r < i + count; ++r) {
          const int64_t seen = diagonal ? most(0, least(n, r0 + r + 1 - k0)) : n;
          float* pr = p + r * kBlockRow;
          float* dsr = ds + r * kBlockRow;
          float mean = probabilities(pr, dsr, seen, n, h.scale, h.logSum[r0 + r]);
          if (h.mask) {
            hideProbabilities(h, r0 + r, k0, seen, pr);
            mean = meanGradient(pr, dsr, seen, n);
          }
          const RowOfGradients row = scoreGradients(pr, dsr, n, h.scale, single ? mean : delta[r0 + r]);
          if (single) balance(dsr, n, row);
          if (h.bfloat16) {
            roundRow(pr, pr, n);
            roundRow(dsr, dsr, n);
          }
        }
        if (reach > 0) {
          multiply(ds + i * kBlockRow, kBlockRow, 1, keys, n, g.dquery + (r0 + i) * g.dqueryRow, g.dqueryRow, count,
                   h.depth, reach, true);
        }
      }
      const int64_t across = diagonal ? gemm::kRows : n;
      for (int64_t j = 0; j < n; j += across) {
        const int64_t count = least(across, n - j), from = diagonal ? least(m, most(0, k0 + j - r0)) : 0;
        if (from == m) continue;
        multiply(p + from * kBlockRow + j, 1, kBlockRow, upstream + from * gemm::kPanel, m,
                 g.dvalue + (k0 + j) * g.dvalueRow, g.dvalueRow, count, h.width, m - from, true);
        multiply(ds + from * kBlockRow + j, 1, kBlockRow, queries + from * gemm::kPanel, m,
                 g.dkey + (k0 + j) * g.dkeyRow, g.dkeyRow, count, h.depth, m - from, true);
      }
    }
  }
}

}  // namespace
}  // namespace attention

extern const AttentionKernels attentionKernels;
const AttentionKernels attentionKernels = {
    attention::kRowBlock,      attention::forward,         attention::backward,
    attention::forwardScratch, attention::backwardScratch,
};
