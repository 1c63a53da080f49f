// What follows the sums of products where tiles do not do it. Included by gemm_tile.inl.

namespace gemm {
namespace {

// c is row `row` of the block, so that what is as large as C is found.
template <typename Finish>
STEEPEST_INLINE void finishEach(float* c, int64_t cRow, int64_t row, int64_t m, int64_t n, Finish finish) {
  for (int64_t i = 0; i < m; ++i) {
    float* ci = c + i * cRow;
    const int64_t at = (row + i) * cRow;
    int64_t j = 0;
    for (; j + kWidth <= n; j += kWidth) {
      finish(
          at + j, j, [](const float* p) __attribute__((always_inline)) { return load(p); },
          [p = ci + j](F v) __attribute__((always_inline)) { store(p, v); }, ci + j);
    }
    if (j < n) {
      const int64_t tail = n - j;
      finish(
          at + j, j, [tail](const float* p) __attribute__((always_inline)) { return loadFirst(p, tail); },
          [p = ci + j, tail](F v) __attribute__((always_inline)) { storeFirst(p, v, tail); }, ci + j);
    }
  }
}

void finishRows(const GemmFinish& f, float* c, int64_t cRow, int64_t row, int64_t m, int64_t n) {
  const bool plain = f.scale == 1 && !f.scales && !f.added;
  // The two that are in most models are decided once for all rows: small products are over in less than the decisions take.
  if (plain && f.bias && f.biasStep != 0 && f.relu && !f.gate) {
    const float* const bias = f.bias;
    return finishEach(c, cRow, row, m, n,
                      [bias](int64_t, int64_t column, auto get, auto put, const float* at)
                          __attribute__((always_inline)) { put(vmax(get(at) + get(bias + column), F{})); });
  }
  if (plain && !f.bias && !f.relu && f.gate && !f.gateMultiplies) {
    const float* const gate = f.gate;
    return finishEach(c, cRow, row, m, n,
                      [gate](int64_t element, int64_t, auto get, auto put, const float* at)
                          __attribute__((always_inline)) { put(get(gate + element) > F{} ? get(at) : F{}); });
  }
  finishEach(c, cRow, row, m, n,
             [&f](int64_t element, int64_t column, auto get, auto put, const float* at) __attribute__((always_inline)) {
               F v = get(at) * splat(f.scale);
               if (f.scales) v *= f.scalesStep ? get(f.scales + column) : splat(*f.scales);
               if (f.bias) v += f.biasStep ? get(f.bias + column) : splat(*f.bias);
               if (f.added) v += get(f.added + element);
               if (f.relu) v = vmax(v, F{});
               if (f.gate) {
                 const auto open = get(f.gate + element) > F{};
                 v = f.gateMultiplies ? v * (open ? splat(1.0f) : F{}) : open ? v : F{};
               }
               put(v);
             });
}

void add(const GemmParts& g) {
  const int64_t n = g.m * g.n;
  const auto sum = [&g](int64_t i, auto get) __attribute__((always_inline)) {
    F v = get(g.sums + i);
    for (int64_t p = 1; p < g.parts; ++p) v += get(g.sums + p * g.stride + i);
    return v;
  };
  int64_t i = 0;
  for (; i + kWidth <= n; i += kWidth) {
    store(g.c + i, sum(i, [](const float* p) __attribute__((always_inline)) { return load(p); }));
  }
  if (i < n) {
    const int64_t tail = n - i;
    storeFirst(g.c + i, sum(i, [tail](const float* p) __attribute__((always_inline)) { return loadFirst(p, tail); }),
               tail);
  }
  if (g.finish) finishRows(*g.finish, g.c, g.n, 0, g.m, g.n);
}

}  // namespace
}  // namespace gemm
