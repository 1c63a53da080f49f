// Direct convolution, see ../conv_kernels.h. Included once per target, inside its namespace, after gemm.inl, whose tile this
// is but for A: it lies in several runs, which follow each other along k.

namespace conv {
namespace {

using gemm::kMaskAlways;
using gemm::kPanel;
using gemm::kRows;

template <int rows, int vectors, bool partial>
void tile(const ConvRuns& t, int64_t first, int64_t tail) {
  F sum[rows][vectors]{};
  const int64_t aRow = t.aRow, aDepth = t.aDepth, bRow = t.bRow;
  for (int64_t run = 0; run < t.count; ++run) {
    const float* a = t.runs[run] + first;
    const float* b = t.b + t.rows[run] * bRow;
    for (int64_t p = t.length; p > 0; --p, a += aDepth, b += bRow) {
      F row[vectors];
#pragma GCC unroll 4
      for (int j = 0; j < vectors; ++j)
        row[j] = partial && j == vectors - 1 ? loadFirst(b + j * kWidth, tail) : load(b + j * kWidth);
#pragma GCC unroll 16
      for (int i = 0; i < rows; ++i) {
        const F factor = splat(a[i * aRow]);
#pragma GCC unroll 4
        for (int j = 0; j < vectors; ++j) sum[i][j] += factor * row[j];
      }
    }
  }
  float* c = t.c;
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i, c += t.cRow) {
#pragma GCC unroll 4
    for (int j = 0; j < vectors; ++j) {
      if (partial && j == vectors - 1) {
        storeFirst(c + j * kWidth, sum[i][j], tail);
      } else {
        store(c + j * kWidth, sum[i][j]);
      }
    }
  }
}

using TileFunction = void (*)(const ConvRuns&, int64_t first, int64_t tail);
// at[partial][vectors - 1][rows - 1]
struct Tiles {
  TileFunction at[2][2][kRows];
  template <int rows>
  constexpr void fill() {
    at[0][0][rows - 1] = tile<rows, 1, kMaskAlways>;
    at[0][1][rows - 1] = tile<rows, 2, kMaskAlways>;
    at[1][0][rows - 1] = tile<rows, 1, true>;
    at[1][1][rows - 1] = tile<rows, 2, true>;
    if constexpr (rows > 1) fill<rows - 1>();
  }
  constexpr Tiles() : at{} { fill<kRows>(); }
};
constexpr Tiles tiles;

void multiply(const ConvRuns& whole) {
  const int64_t rowTiles = (whole.m + kRows - 1) / kRows;
  ConvRuns t = whole;
  for (int64_t it = 0, i = 0; it < rowTiles; ++it) {
    const int64_t rows = whole.m / rowTiles + (it < whole.m % rowTiles);
    const int64_t first = i * whole.aRow;
    for (int64_t j = 0; j < whole.n; j += kPanel) {
      const int64_t columns = whole.n - j < kPanel ? whole.n - j : kPanel;
      const int64_t vectors = (columns + kWidth - 1) / kWidth, tail = columns - (vectors - 1) * kWidth;
      t.b = whole.b + j / kPanel * whole.bPanel;
      t.c = whole.c + i * whole.cRow + j;
      tiles.at[tail < kWidth][vectors - 1][rows - 1](t, first, tail);
    }
    i += rows;
  }
}

// --- a few columns

constexpr int kDotRows = gemm::kDotRows;
constexpr int kDotColumns = gemm::kDotColumns;

// Rows from `first` on; where there are fewer, the last one several times.
template <int columns>
void dotTile(const ConvRuns& t, int64_t first) {
  F sum[kDotRows][columns]{};
  int64_t offsets[kDotRows];
#pragma GCC unroll 4
  for (int i = 0; i < kDotRows; ++i) offsets[i] = (first + i < t.m ? first + i : t.m - 1) * t.aRow;
  const int64_t length = t.length, whole = length / kWidth * kWidth, tail = length - whole;
  for (int64_t run = 0; run < t.count; ++run) {
    const float* a = t.runs[run];
    const float* b = t.b + t.rows[run];
    const auto step = [&](int64_t p, auto get) __attribute__((always_inline)) {
      F x[kDotRows];
#pragma GCC unroll 4
      for (int i = 0; i < kDotRows; ++i) x[i] = get(a + offsets[i] + p);
#pragma GCC unroll 4
      for (int j = 0; j < columns; ++j) {
        const F y = get(b + j * t.bPanel + p);
#pragma GCC unroll 4
        for (int i = 0; i < kDotRows; ++i) sum[i][j] += x[i] * y;
      }
    };
    for (int64_t p = 0; p < whole; p += kWidth)
      step(p, [](const float* q) __attribute__((always_inline)) { return load(q); });
    if (tail > 0) step(whole, [tail](const float* q) __attribute__((always_inline)) { return loadFirst(q, tail); });
  }
  constexpr int kCount = kDotRows * columns, kVectorsOfSums = (kCount + kWidth - 1) / kWidth;
  float sums[kVectorsOfSums * kWidth];
#pragma GCC unroll 8
  for (int n = 0; n < kVectorsOfSums; ++n) {
    F v[kWidth];
#pragma GCC unroll 16
    for (int i = 0; i < kWidth; ++i) {
      const int at = n * kWidth + i;
      v[i] = at < kCount ? sum[at / columns][at % columns] : F{};
    }
    store(sums + n * kWidth, foldEach(v, Add()));
  }
  const int64_t rows = t.m - first < kDotRows ? t.m - first : kDotRows;
  for (int64_t i = 0; i < rows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < columns; ++j) t.c[(first + i) * t.cRow + j] = sums[i * columns + j];
  }
}

void dots(const ConvRuns& t) {
  static constexpr void (*kTiles[kDotColumns])(const ConvRuns&, int64_t) = {dotTile<1>, dotTile<2>, dotTile<3>,
                                                                            dotTile<4>};
  for (int64_t i = 0; i < t.m; i += kDotRows) kTiles[t.n - 1](t, i);
}

void round(const float* from, float* to, int64_t n) {
  int64_t i = 0;
  for (; i + kWidth <= n; i += kWidth) store(to + i, bfloat16::rounded(load(from + i)));
  if (i < n) storeFirst(to + i, bfloat16::rounded(loadFirst(from + i, n - i)), n - i);
}

void finish(const GemmFinish& f, float* c, int64_t cRow, int64_t m, int64_t n) {
  gemm::finishRows(f, c, cRow, 0, m, n);
}

}  // namespace
}  // namespace conv

extern const ConvKernels convKernels;
const ConvKernels convKernels = {conv::multiply, conv::dots, conv::round, conv::finish};
