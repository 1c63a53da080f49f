// Matrix products of operands rounded to bfloat16, see ../gemm.h. Included once per target, inside its namespace, after
// gemm.inl and bfloat16.inl.
//
// Operands are rounded while they are copied: B into panels, A tile by tile; bfloat16 numbers in memory are copied as they
// are. With AVX512_BF16 a 32-bit word of a copy holds two neighbours along k, and one instruction adds the products of 16 such
// pairs to 16 sums, so that a product is one of half the depth. Without it the copies are float32 numbers with 8 bits of
// mantissa, and the tiles are those of gemm.inl.

#if defined(__AVX512BF16__)
#include "words_bf16.inl"
#endif

namespace gemm_bf16 {
namespace {

using gemm::kDepth;
using gemm::kPackedColumn;
using gemm::kPackedRow;
using gemm::kPanel;
using gemm::kRows;

#if defined(__AVX512BF16__)

// --- the tile in registers

template <int rows, int vectors, bool byRows>
void tile(const gemm::Tile& t) {
  const float* a = t.a;
  const float* b = t.b;
  const int64_t aStride = t.aStride, bRow = t.bRow;
  gemm::Sums<rows, vectors> sum;
  sum.template begin<true>(t);
  gemm::alongDepth(t.k, t.fetches, [&]() __attribute__((always_inline)) {
    F row[vectors];
#pragma GCC unroll 16
    for (int j = 0; j < vectors; ++j) row[j] = load(b + j * kWidth);
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) {
      const __m512bh pair = (__m512bh)_mm512_set1_ps(byRows ? a[i * aStride] : a[i]);
#pragma GCC unroll 16
      for (int j = 0; j < vectors; ++j) {
        sum.at[i][j] = (F)_mm512_dpbf16_ps((__m512)sum.at[i][j], pair, (__m512bh)row[j]);
      }
    }
    a += byRows ? 1 : aStride;
    b += bRow;
  });
  sum.template end<true>(t);
}

struct Tiles {
  gemm::TileFunction at[2][2][kRows];  // [byRows][vectors - 1][rows - 1]
  template <int rows>
  constexpr void fill() {
    at[0][0][rows - 1] = tile<rows, 1, false>;
    at[0][1][rows - 1] = tile<rows, 2, false>;
    at[1][0][rows - 1] = tile<rows, 1, true>;
    at[1][1][rows - 1] = tile<rows, 2, true>;
    if constexpr (rows > 1) fill<rows - 1>();
  }
  constexpr Tiles() : at{} { fill<kRows>(); }
};
constexpr Tiles tiles;

STEEPEST_INLINE gemm::TileFunction tileFor(bool byRows, bool, int64_t vectors, int64_t rows) {
  return tiles.at[byRows][vectors - 1][rows - 1];
}

// --- copies

template <typename T>
void copyColumns(const T* a, int64_t aRow, int64_t aDepth, int64_t rows, int64_t k, float* to) {
  for (int64_t p = 0; p < k; p += kPair, a += kPair * aDepth, to += kPackedColumn) {
    store(to, wordsAcross(a, aDepth, aRow, rows, p + 1 < k));
  }
}

// One vector of a panel from columns that have unit stride along k.
template <typename T>
void packColumns(const T* b, int64_t bColumn, int64_t k, int64_t columns, float* to) {
  for (int64_t p = 0; p < k; p += kPair * kWidth, to += kWidth * kPanel) {
    F r[kWidth] = {};
    if (columns == kWidth && k - p >= kPair * kWidth) {
#pragma GCC unroll 16
      for (int i = 0; i < kWidth; ++i) r[i] = wordsAlongWhole(b + i * bColumn + p);
    } else {
      for (int64_t i = 0; i < columns; ++i) r[i] = wordsAlong(b + i * bColumn + p, k - p);
    }
    gemm::transpose(r);
    const int64_t words = (k - p + kPair - 1) / kPair;
#pragma GCC unroll 16
    for (int i = 0; i < kWidth; ++i) {
      if (i < words) store(to + i * kPanel, r[i]);
    }
  }
}

// All panels row by row: what is near in memory is read together.
template <typename T>
void packRows(const T* b, int64_t bRow, int64_t bColumn, int64_t k, int64_t n, int64_t panelWords, float* to) {
  const int64_t whole = bColumn == 1 ? n / kPanel * kPanel : 0;
  for (int64_t p = 0; p < k; p += kPair, b += kPair * bRow, to += kPanel) {
    const bool both = p + 1 < k;
    float* panel = to;
    int64_t j = 0;
    for (; both && j < whole; j += kPanel, panel += panelWords) {
#pragma GCC unroll 4
      for (int64_t v = 0; v < kPanel; v += kWidth) store(panel + v, wordsAcrossWhole(b + j + v, bRow));
    }
    for (; j < n; j += kPanel, panel += panelWords) {
#pragma GCC unroll 1
      for (int64_t v = 0; v < kPanel; v += kWidth) {
        store(panel + v, wordsAcross(b + (j + v) * bColumn, bRow, bColumn, n - j - v, both));
      }
    }
  }
}

template <typename T>
void pack(const T* b, int64_t bRow, int64_t bColumn, int64_t k, int64_t n, float* panels) {
  const int64_t panelWords = (k + kPair - 1) / kPair * kPanel;
  if (bRow != 1 || bColumn == 1) return packRows(b, bRow, bColumn, k, n, panelWords, panels);
  for (int64_t j = 0; j < n; j += kPanel, panels += panelWords) {
    for (int64_t v = 0; v < kPanel; v += kWidth) {
      const int64_t rest = n - j - v < 0 ? 0 : n - j - v;
      packColumns(b + (j + v) * bColumn, bColumn, k, rest < kWidth ? rest : kWidth, panels + v);
    }
  }
}

#else

constexpr int64_t kPair = 1;

void roundAll(float* p, int64_t n) {
  for (int64_t i = 0; i < n; i += kWidth) store(p + i, bfloat16::rounded(load(p + i)));
}

using gemm::tileFor;

STEEPEST_INLINE float widened(uint16_t x) {
  const uint32_t bits = static_cast<uint32_t>(x) << 16;
  float number;
  __builtin_memcpy(&number, &bits, sizeof number);
  return number;
}

void copyRows(const float* a, int64_t aRow, int64_t rows, int64_t k, float* to, int64_t pitch) {
  gemm::copyRows(a, aRow, rows, k, to);
  for (int64_t i = 0; i < rows; ++i) roundAll(to + i * pitch, k);
}

void copyColumns(const float* a, int64_t aRow, int64_t aDepth, int64_t rows, int64_t k, float* to) {
  if (aRow == 1) {
    gemm::copyColumns(a, aDepth, rows, k, to);
  } else {
    gemm::copyStrided(a, aRow, aDepth, rows, k, to);
  }
  roundAll(to, k * kPackedColumn);
}

void pack(const float* b, int64_t bRow, int64_t bColumn, int64_t k, int64_t n, float* panels) {
  gemm::pack(b, bRow, bColumn, k, n, panels);
  roundAll(panels, (n + kPanel - 1) / kPanel * kPanel * k);
}

// Of bfloat16 numbers.
void copyRows(const uint16_t* a, int64_t aRow, int64_t rows, int64_t k, float* to, int64_t pitch) {
  for (int64_t i = 0; i < rows; ++i, a += aRow, to += pitch) {
    for (int64_t p = 0; p < k; ++p) to[p] = widened(a[p]);
  }
}

void copyColumns(const uint16_t* a, int64_t aRow, int64_t aDepth, int64_t rows, int64_t k, float* to) {
  for (int64_t p = 0; p < k; ++p, a += aDepth, to += kPackedColumn) {
    if (aRow == 1) {
      for (int64_t i = 0; i < rows; ++i) to[i] = widened(a[i]);
    } else {
      for (int64_t i = 0; i < rows; ++i) to[i] = widened(a[i * aRow]);
    }
  }
}

void pack(const uint16_t* b, int64_t bRow, int64_t bColumn, int64_t k, int64_t n, float* panels) {
  for (int64_t j = 0; j < n; j += kPanel, b += kPanel * bColumn, panels += k * kPanel) {
    const int64_t columns = n - j < kPanel ? n - j : kPanel;
    for (int64_t p = 0; p < k; ++p) {
      const uint16_t* const from = b + p * bRow;
      float* const to = panels + p * kPanel;
      if (bColumn == 1 && columns == kPanel) {
        for (int64_t i = 0; i < kPanel; ++i) to[i] = widened(from[i]);
        continue;
      }
      for (int64_t i = 0; i < kPanel; ++i) to[i] = i < columns ? widened(from[i * bColumn]) : 0;
    }
  }
}

#endif

// As gemm::block, but that A is always copied. Depths are counted in words.
void block(const GemmBlock& g) {
  alignas(64) float packed[kRows * kPackedRow > kDepth * kPackedColumn ? kRows * kPackedRow : kDepth * kPackedColumn];
  const int64_t panels = (g.n + kPanel - 1) / kPanel;
  const int64_t rowTiles = (g.m + kRows - 1) / kRows;
  const bool byRows = g.aDepth == 1;
  const int64_t words = (g.k + kPair - 1) / kPair;
  const int64_t depths = (words + kDepth - 1) / kDepth, depth = depths > 1 ? (words + depths - 1) / depths : kDepth;
  gemm::Walk walks[kMostAheads];
  for (int n = 0; n < g.aheads; ++n) walks[n] = gemm::Walk(g.ahead[n], rowTiles * panels * (depths > 1 ? depths : 1));
  gemm::Fetches fetches(0);
  const gemm::Ends ends(g.finish);
  int64_t w0 = 0;
  do {  // once at least: a sum over nothing is zero
    const int64_t w = words - w0 < depth ? words - w0 : depth, p0 = w0 * kPair;
    const int64_t k = g.k - p0 < w * kPair ? g.k - p0 : w * kPair;
    for (int64_t it = 0, i = 0; it < rowTiles; ++it) {
      const int64_t rows = rowTiles == 1 ? g.m : g.m / rowTiles + (it < g.m % rowTiles);
      const int64_t at = i * g.aRow + p0 * g.aDepth;
      const auto copy = [&](const auto* a) __attribute__((always_inline)) {
        if (byRows) {
          copyRows(a, g.aRow, rows, k, packed, kPackedRow);
        } else {
          copyColumns(a, g.aRow, g.aDepth, rows, k, packed);
        }
      };
      if (g.aNarrow != nullptr) {
        copy(g.aNarrow + at);
      } else {
        copy(g.a + at);
      }
      gemm::Tile t{packed, byRows ? kPackedRow : kPackedColumn, nullptr, g.bRow, nullptr, g.cRow, w, 0};
      const bool firstDepth = w0 == 0, lastDepth = w0 + w == words;
      t.relu = lastDepth && ends.relu;
      const float* const begun = gemm::begins(g, !firstDepth);
      t.b = g.b + w0 * g.bRow;
      t.c = g.c + i * g.cRow;
      t.from = begun ? begun + i * g.cRow : nullptr;
      t.bias = firstDepth ? g.bias : nullptr;
      t.gate = lastDepth && ends.gate ? ends.gate + i * g.cRow : nullptr;
      t.fetches = g.aheads > 0 ? &fetches : nullptr;
      const auto tileOf = [&](bool partial, int64_t vectors) __attribute__((always_inline)) {
        fetches.again(w);
        for (int n = 0; n < g.aheads; ++n) walks[n].take(fetches);
        return tileFor(byRows, partial, vectors, rows);
      };
      gemm::eachPanel(t, g.bPanel, g.n, panels, tileOf);
      if (ends.rest && lastDepth) gemm::finishRows(*ends.rest, g.c + i * g.cRow, g.cRow, i, rows, g.n);
      i += rows;
    }
    w0 += w;
  } while (w0 < words);
}

}  // namespace
}  // namespace gemm_bf16

extern const GemmKernels gemmBf16Kernels;
const GemmKernels gemmBf16Kernels = {
    gemm::kRows,      gemm::kPanel, gemm_bf16::kPair * gemm::kDepth,
    gemm_bf16::block, nullptr,      gemm_bf16::pack,
    gemm::add,        gemm::turn,   gemm_bf16::kPair,
    gemm_bf16::pack,
};
