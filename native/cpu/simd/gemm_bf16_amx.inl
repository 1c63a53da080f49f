// Matrix products of operands rounded to bfloat16 on the tiles of AMX. Included by target_avx512amx.cc, after amx.inl, gemm_tile.inl and
// words_bf16.inl.
//
// Panels of B are those of AVX512_BF16, whose rows of 32 words are rows of two tiles. A is copied 32 rows at a time, as rows of words,
// zeros behind the last one. 32 elements along k are added at once: how a product is cut does not show, as cuts are multiples of them.

namespace gemm_bf16 {
namespace {

using amx::kPanel;
using amx::kRows;
using amx::kSide;

constexpr int64_t kDepth = 400;              // words of a copied row: L1 has room for 32 of them
constexpr int64_t kPackedRow = kDepth + 32;  // an odd number of cache lines, or rows would share sets
constexpr int64_t kBlockElements = 1 << 19;  // of B: half of L2
constexpr int64_t kPackedBytes = kPackedRow * amx::kWordBytes;

struct Product {
  template <int sum>
  static STEEPEST_INLINE void of() {
    // The intrinsic is a macro that makes names of registers from what it is given.
    if constexpr (sum == 0) _tile_dpbf16ps(0, 4, 6);
    if constexpr (sum == 1) _tile_dpbf16ps(1, 4, 7);
    if constexpr (sum == 2) _tile_dpbf16ps(2, 5, 6);
    if constexpr (sum == 3) _tile_dpbf16ps(3, 5, 7);
  }
};

// --- copies of A

constexpr int64_t kColumnsAhead = 16;  // along k: fetched before they are copied

// Any strides: 16 rows of 16 words at a time.
template <typename T>
void copyColumns(const T* a, int64_t aRow, int64_t aDepth, int64_t rows, int64_t k, float* to) {
  for (int64_t p = 0; p < k; p += kPair * kWidth, a += kPair * kWidth * aDepth, to += kWidth) {
    const int64_t left = k - p;
    for (int64_t i = 0; i < rows; i += kSide) {
      F r[kWidth] = {};
      for (int w = 0; w < kWidth && w * kPair < left; ++w) {
        const T* const at = a + w * kPair * aDepth + i * aRow;
        __builtin_prefetch(at + kColumnsAhead * aDepth, 0, 2);
        __builtin_prefetch(at + (kColumnsAhead + 1) * aDepth, 0, 2);
        r[w] = wordsAcross(at, aDepth, aRow, rows - i, w * kPair + 1 < left);
      }
      gemm::transpose(r);
#pragma GCC unroll 16
      for (int w = 0; w < kWidth; ++w) store(to + (i + w) * kPackedRow, r[w]);
    }
  }
}

// --- tiles of C, which begin and end as those in gemm_tile.inl

// Rows of at most two vectors.
template <typename Each>
STEEPEST_INLINE void eachVector(int64_t rows, int64_t columns, Each each) {
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; j += kWidth) each(i, j, columns - j);
  }
}

// What the sums of a tile begin with, where it is not in memory in this form.
STEEPEST_INLINE void begin(const gemm::Tile& t, int64_t rows, int64_t columns, float* sums) {
  eachVector(rows, columns, [&](int64_t i, int64_t j, int64_t n) __attribute__((always_inline)) {
    F v = t.from ? loadSome(t.from + i * t.cRow + j, n) : F{};
    if (t.bias) v += loadSome(t.bias + j, n);
    store(sums + i * kPanel + j, v);
  });
}

STEEPEST_INLINE void end(const gemm::Tile& t, int64_t rows, int64_t columns, const float* sums) {
  eachVector(rows, columns, [&](int64_t i, int64_t j, int64_t n) __attribute__((always_inline)) {
    F v = load(sums + i * kPanel + j);
    if (t.relu) v = vmax(v, F{});
    if (t.gate) v = loadSome(t.gate + i * t.cRow + j, n) > F{} ? v : F{};
    amx::storeSome(t.c + i * t.cRow + j, v, n);
  });
}

// t.k words, of which those behind whole tiles are in `last` and, of A, behind the others.
template <typename Sums>
STEEPEST_INLINE void tile(const gemm::Tile& t, int64_t rows, int64_t columns, amx::LastRows& last) {
  alignas(64) float sums[kRows * kPanel];
  constexpr int64_t kSumsPitch = kPanel * amx::kWordBytes;
  const int64_t pitch = t.cRow * amx::kWordBytes;
  const bool whole = columns % kSide == 0;
  if (t.from == nullptr && t.bias == nullptr) {
    Sums::clear();
  } else if (whole && t.bias == nullptr) {
    Sums::load(t.from, pitch);
  } else if (whole && t.from == nullptr) {
    Sums::load(t.bias, 0);
  } else {
    begin(t, rows, columns, sums);
    Sums::load(sums, kSumsPitch);
  }
  const uint8_t* const a = reinterpret_cast<const uint8_t*>(t.a);
  const uint8_t* const b = reinterpret_cast<const uint8_t*>(t.b);
  const int64_t words = t.k / kSide * kSide;
  Sums::template add<Product>(a, kPackedBytes, b, words);
  if (words < t.k) {
    const uint8_t* const rest = last.copy(b + words * amx::kPanelRow);
    Sums::template add<Product>(a + words * amx::kWordBytes, kPackedBytes, rest, kSide);
  }
  if (whole && !t.relu && t.gate == nullptr) return Sums::store(t.c, pitch);
  Sums::store(sums, kSumsPitch);
  end(t, rows, columns, sums);
}

// As gemm_bf16::block of AVX512_BF16. Depths are counted in words.
void block(const GemmBlock& g) {
  alignas(64) static thread_local float packed[kRows * kPackedRow];
  amx::Registers registers;
  const int64_t panels = (g.n + kPanel - 1) / kPanel;
  const int64_t words = (g.k + kPair - 1) / kPair;
  // Parts are alike, and whole tiles along k.
  const int64_t depths = (words + kDepth - 1) / kDepth;
  const int64_t depth = depths > 1 ? ((words + depths - 1) / depths + kSide - 1) / kSide * kSide : kDepth;
  const gemm::Ends ends(g.finish);
  amx::LastRows last(words % kSide);
  int64_t w0 = 0;
  do {  // once at least: a sum over nothing is zero
    const int64_t w = words - w0 < depth ? words - w0 : depth, p0 = w0 * kPair;
    const int64_t k = g.k - p0 < w * kPair ? g.k - p0 : w * kPair;
    const bool firstDepth = w0 == 0, lastDepth = w0 + w == words;
    const float* const begun = gemm::begins(g, !firstDepth);
    for (int64_t i = 0; i < g.m; i += kRows) {
      const int64_t rows = g.m - i < kRows ? g.m - i : kRows;
      const int64_t at = i * g.aRow + p0 * g.aDepth;
      registers.shape(rows);
      const auto copy = [&](const auto* a) __attribute__((always_inline)) {
        if (g.aDepth == 1) {
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
      gemm::Tile t{packed, kPackedRow, nullptr, g.bRow, nullptr, g.cRow, w, 0};
      t.relu = lastDepth && ends.relu;
      for (int64_t j = 0; j < panels; ++j) {
        const int64_t columns = g.n - j * kPanel < kPanel ? g.n - j * kPanel : kPanel;
        t.b = g.b + j * g.bPanel + w0 * g.bRow;
        t.c = g.c + i * g.cRow + j * kPanel;
        t.from = begun ? begun + i * g.cRow + j * kPanel : nullptr;
        t.bias = firstDepth && g.bias ? g.bias + j * kPanel : nullptr;
        t.gate = lastDepth && ends.gate ? ends.gate + i * g.cRow + j * kPanel : nullptr;
        amx::withSums(rows, columns,
                      [&](auto sums) __attribute__((always_inline)) { tile<decltype(sums)>(t, rows, columns, last); });
      }
      if (ends.rest && lastDepth) gemm::finishRows(*ends.rest, g.c + i * g.cRow, g.cRow, i, rows, g.n);
    }
    w0 += w;
  } while (w0 < words);
}

}  // namespace
}  // namespace gemm_bf16
