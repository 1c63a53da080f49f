// Products of int8 numbers, see ../gemm_int8.h. Included once per target, inside its namespace, after gemm.inl.
//
// The tile of gemm.inl, with words of a few neighbours along k in place of floats: a lane multiplies those of a row of A and of
// a column of B, and adds the products to its sum. No instruction used here saturates, so every target has the same sums.
// AVX512_VNNI multiplies four numbers, of which A's have to be unsigned: they are 128 larger, and the sums begin with what that
// adds too much. Elsewhere there are two: bytes of B become 16 bits wide when they are loaded, A's are that already.

namespace gemm_int8 {
namespace {

using gemm::kPanel;
using gemm::kRows;
using gemm::kVectors;

constexpr int64_t kDepth = 384;  // words of a row of a full tile of A: they fit L1 beside what streams through

#if defined(__AVX512VNNI__)
using AWords = __m512i;
using BWords = __m512i;
using Word = int32_t;
constexpr int64_t kGroup = 4;
constexpr int32_t kZero = 128;  // what stands for 0 in A
STEEPEST_INLINE AWords spread(Word word) { return _mm512_set1_epi32(word); }
STEEPEST_INLINE BWords loadWords(const uint8_t* p) { return _mm512_loadu_si512(p); }
STEEPEST_INLINE I addProducts(I sum, AWords a, BWords b) { return (I)_mm512_dpbusd_epi32((__m512i)sum, a, b); }
STEEPEST_INLINE void storeNumbers(uint8_t* p, I q) {
  const __m128i bytes = _mm512_cvtepi32_epi8((__m512i)q);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm_xor_si128(bytes, _mm_set1_epi8(static_cast<char>(0x80))));
}
#elif defined(__aarch64__)
using AWords = int8x8_t;
using BWords = int8x8_t;
using Word = int16_t;
constexpr int64_t kGroup = 2;
constexpr int32_t kZero = 0;
STEEPEST_INLINE AWords spread(Word word) { return vreinterpret_s8_s16(vdup_n_s16(word)); }
STEEPEST_INLINE BWords loadWords(const uint8_t* p) { return vld1_s8(reinterpret_cast<const int8_t*>(p)); }
STEEPEST_INLINE I addProducts(I sum, AWords a, BWords b) { return (I)vpadalq_s16((int32x4_t)sum, vmull_s8(b, a)); }
STEEPEST_INLINE void storeNumbers(uint8_t* p, I q) {
  const int16x4_t narrow = vmovn_s32((int32x4_t)q);
  vst1_s8(reinterpret_cast<int8_t*>(p), vmovn_s16(vcombine_s16(narrow, narrow)));  // the first four count
}
#else
using Word = int32_t;
constexpr int64_t kGroup = 2;
constexpr int32_t kZero = 0;
#if defined(__AVX512BW__)
using AWords = __m512i;
using BWords = __m512i;
STEEPEST_INLINE AWords spread(Word word) { return _mm512_set1_epi32(word); }
STEEPEST_INLINE BWords loadWords(const uint8_t* p) {
  return _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
STEEPEST_INLINE I addProducts(I sum, AWords a, BWords b) { return sum + (I)_mm512_madd_epi16(b, a); }
STEEPEST_INLINE void storeNumbers(uint8_t* p, I q) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16((__m512i)q));
}
#elif defined(__AVX2__)
using AWords = __m256i;
using BWords = __m256i;
STEEPEST_INLINE AWords spread(Word word) { return _mm256_set1_epi32(word); }
STEEPEST_INLINE BWords loadWords(const uint8_t* p) {
  return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
STEEPEST_INLINE I addProducts(I sum, AWords a, BWords b) { return sum + (I)_mm256_madd_epi16(b, a); }
STEEPEST_INLINE void storeNumbers(uint8_t* p, I q) {
  const __m128i low = _mm256_castsi256_si128((__m256i)q), high = _mm256_extracti128_si256((__m256i)q, 1);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm_packs_epi32(low, high));
}
#else
using AWords = __m128i;
using BWords = __m128i;
STEEPEST_INLINE AWords spread(Word word) { return _mm_set1_epi32(word); }
STEEPEST_INLINE BWords loadWords(const uint8_t* p) {
  const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
  return _mm_srai_epi16(_mm_unpacklo_epi8(bytes, bytes), 8);
}
STEEPEST_INLINE I addProducts(I sum, AWords a, BWords b) { return sum + (I)_mm_madd_epi16(b, a); }
STEEPEST_INLINE void storeNumbers(uint8_t* p, I q) {
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packs_epi32((__m128i)q, (__m128i)q));
}
#endif
#endif

constexpr int64_t kNumberBytes = sizeof(Word) / kGroup;  // of one number of A
constexpr int64_t kPanelRow = kPanel * kGroup;           // bytes of a panel's words at one depth
constexpr int64_t kPanelHead = kPanel * static_cast<int64_t>(sizeof(int32_t));

STEEPEST_INLINE Word wordAt(const uint8_t* p) {
  Word word;
  __builtin_memcpy(&word, p, sizeof word);
  return word;
}

// --- the tile in registers

struct Tile {
  const uint8_t* a;
  int64_t aRow;
  const uint8_t* b;
  const int32_t* start;  // of the sums, or null: they go on from what c holds
  const float* steps;    // or null: c receives sums
  float* c;
  int64_t cRow;
  int64_t words;
  int64_t tail;  // columns of the last vector
};

template <int rows, int vectors>
void tile(const Tile& t) {
  // A few sums are no match for the latency of an instruction: more of them, each of every so many words.
  constexpr int kChains = rows * vectors <= 2 ? 4 : rows * vectors <= 4 ? 2 : 1;
  const uint8_t* a = t.a;
  const uint8_t* b = t.b;
  const int64_t aRow = t.aRow, tail = t.tail;
  I sum[kChains][rows][vectors];
  int32_t* c = reinterpret_cast<int32_t*>(t.c);
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 16
    for (int j = 0; j < vectors; ++j) {
      const int32_t* from = c + i * t.cRow + j * kWidth;
      const bool partial = j == vectors - 1 && tail < kWidth;
      sum[0][i][j] = t.start ? load(t.start + j * kWidth) : partial ? loadFirst(from, tail) : load(from);
#pragma GCC unroll 4
      for (int chain = 1; chain < kChains; ++chain) sum[chain][i][j] = I{};
    }
  }
  const auto step = [&](int chain) __attribute__((always_inline)) {
    BWords columns[vectors];
#pragma GCC unroll 16
    for (int j = 0; j < vectors; ++j) columns[j] = loadWords(b + j * kWidth * kGroup);
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) {
      const AWords row = spread(wordAt(a + i * aRow));
#pragma GCC unroll 16
      for (int j = 0; j < vectors; ++j) sum[chain][i][j] = addProducts(sum[chain][i][j], row, columns[j]);
    }
    a += sizeof(Word);
    b += kPanelRow;
  };
  int64_t left = t.words;
  for (; left >= kChains; left -= kChains) {
#pragma GCC unroll 4
    for (int chain = 0; chain < kChains; ++chain) step(chain);
  }
  for (; kChains > 1 && left > 0; --left) step(0);
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 16
    for (int j = 0; j < vectors; ++j) {
      U total = (U)sum[0][i][j];
#pragma GCC unroll 4
      for (int chain = 1; chain < kChains; ++chain) total += (U)sum[chain][i][j];
      const F value = t.steps ? toFloat((I)total) * splat(t.steps[i]) : (F)total;
      float* to = t.c + i * t.cRow + j * kWidth;
      if (j == vectors - 1 && tail < kWidth) {
        storeFirst(to, value, tail);
      } else {
        store(to, value);
      }
    }
  }
}

using TileFunction = void (*)(const Tile&);

struct Tiles {
  TileFunction at[kVectors][kRows];
  template <int rows>
  constexpr void fill() {
    at[0][rows - 1] = tile<rows, 1>;
    at[1][rows - 1] = tile<rows, 2>;
    if constexpr (rows > 1) fill<rows - 1>();
  }
  constexpr Tiles() : at{} { fill<kRows>(); }
};
static_assert(kVectors == 2);
constexpr Tiles tiles;

void block(const Int8Block& g) {
  const int64_t panels = (g.n + kPanel - 1) / kPanel, rowTiles = (g.m + kRows - 1) / kRows;
  const int64_t words = (g.k + kGroup - 1) / kGroup, panelBytes = kPanelHead + words * kPanelRow;
  // Low tiles may be deeper, so that B is read from front to back.
  const int64_t most = kDepth * kRows / (g.m < kRows ? g.m : kRows);
  const int64_t depths = (words + most - 1) / most, depth = (words + depths - 1) / depths;
  for (int64_t first = 0; first < words; first += depth) {
    const int64_t count = words - first < depth ? words - first : depth;
    const bool last = first + count == words;
    for (int64_t it = 0, i = 0; it < rowTiles; ++it) {
      const int64_t rows = g.m / rowTiles + (it < g.m % rowTiles);
      Tile t{};
      t.a = g.a + i * g.aRow + first * static_cast<int64_t>(sizeof(Word));
      t.aRow = g.aRow;
      t.steps = last ? g.steps + i : nullptr;
      t.cRow = g.cRow;
      t.words = count;
      for (int64_t j = 0; j < panels; ++j) {
        const int64_t columns = g.n - j * kPanel < kPanel ? g.n - j * kPanel : kPanel;
        const int64_t vectors = (columns + kWidth - 1) / kWidth;
        const uint8_t* panel = g.b + j * panelBytes;
        t.b = panel + kPanelHead + first * kPanelRow;
        t.start = first == 0 ? reinterpret_cast<const int32_t*>(panel) : nullptr;
        t.c = g.c + i * g.cRow + j * kPanel;
        t.tail = columns - (vectors - 1) * kWidth;
        tiles.at[vectors - 1][rows - 1](t);
      }
      if (g.finish && last) gemm::finishRows(*g.finish, g.c + i * g.cRow, g.cRow, i, rows, g.n);
      i += rows;
    }
  }
}

// --- A, row by row

// Calls use(p, elements p .. p+kWidth-1) for all k elements, `stride` apart; zeros follow the last.
template <typename Use>
STEEPEST_INLINE void eachVector(const float* a, int64_t stride, int64_t k, Use use) {
  int64_t p = 0;
  if (stride == 1) {
    for (; p + kWidth <= k; p += kWidth) use(p, load(a + p));
    if (p < k) use(p, loadFirst(a + p, k - p));
    return;
  }
  for (; p < k; p += kWidth) {
    float lanes[kWidth] = {};
    for (int64_t i = 0; i < kWidth && p + i < k; ++i) lanes[i] = a[(p + i) * stride];
    use(p, load(lanes));
  }
}

constexpr int32_t kInfinity = 0x7f800000;
constexpr float kLeast = 0x1p-100f;  // 127 / x and x / 127 are normal numbers from here on

void quantize(const float* a, int64_t aDepth, int64_t k, uint8_t* row, float* step) {
  // Magnitudes are in the order of their bits, and NaN is beyond infinity.
  I largest = {};
  eachVector(a, aDepth, k, [&](int64_t, F x) __attribute__((always_inline)) { largest = vmax(largest, (I)vabs(x)); });
  int32_t bits = 0;
  for (int64_t i = 0; i < kWidth; ++i) bits = largest[i] > bits ? largest[i] : bits;
  float magnitude;
  __builtin_memcpy(&magnitude, &bits, sizeof magnitude);
  const bool finite = bits < kInfinity, some = finite && magnitude >= kLeast;
  *step = some ? magnitude / 127.0f : finite ? 0.0f : __builtin_nanf("");
  if (!some) {
    for (int64_t p = 0; p < k; p += kWidth) storeNumbers(row + p * kNumberBytes, I{});
    return;
  }
  const F factor = splat(127.0f / magnitude);
  eachVector(a, aDepth, k, [&](int64_t p, F x) __attribute__((always_inline)) {
    storeNumbers(row + p * kNumberBytes, __builtin_convertvector(vround(x * factor), I));
  });
}

// --- packing B

void pack(const int8_t* b, int64_t bRow, int64_t bColumn, int64_t k, int64_t n, uint8_t* panels) {
  const int64_t words = (k + kGroup - 1) / kGroup;
  for (int64_t j = 0; j < n; j += kPanel, panels += kPanelHead + words * kPanelRow) {
    const int64_t columns = n - j < kPanel ? n - j : kPanel;
    uint32_t totals[kPanel] = {};
    int8_t* to = reinterpret_cast<int8_t*>(panels + kPanelHead);
    for (int64_t p = 0; p < words * kGroup; ++p) {
      int8_t* word = to + p / kGroup * kPanelRow + p % kGroup;
      const int8_t* from = b + p * bRow + j * bColumn;
      const int64_t there = p < k ? columns : 0;
      for (int64_t c = 0; c < there; ++c) {
        word[c * kGroup] = from[c * bColumn];
        totals[c] += static_cast<uint32_t>(int32_t{from[c * bColumn]});
      }
      for (int64_t c = there; c < kPanel; ++c) word[c * kGroup] = 0;
    }
    uint32_t* start = reinterpret_cast<uint32_t*>(panels);
    for (int64_t c = 0; c < kPanel; ++c) start[c] = 0u - static_cast<uint32_t>(kZero) * totals[c];
  }
}

// --- what the target can do at most

constexpr int64_t kSums = 12;

int32_t multiplyAdd(int64_t rounds, int32_t factor) {
  I sums[kSums];
  uint8_t bytes[64];
  for (int64_t i = 0; i < 64; ++i) bytes[i] = static_cast<uint8_t>(factor);
  const AWords a = spread(wordAt(bytes));
  const BWords b = loadWords(bytes);
  for (int64_t i = 0; i < kSums; ++i) sums[i] = splat(static_cast<int32_t>(i));
  for (int64_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (int64_t i = 0; i < kSums; ++i) sums[i] = addProducts(sums[i], a, b);
  }
  U total = (U)sums[0];
  for (int64_t i = 1; i < kSums; ++i) total += (U)sums[i];
  uint32_t result = 0;
  for (int64_t i = 0; i < kWidth; ++i) result += total[i];
  return static_cast<int32_t>(result);
}

}  // namespace
}  // namespace gemm_int8

extern const Int8Kernels int8Kernels;
const Int8Kernels int8Kernels = {
    gemm_int8::kRows,       gemm_int8::kPanel, gemm_int8::kGroup, sizeof(gemm_int8::Word),
    gemm_int8::quantize,    gemm_int8::pack,   gemm_int8::block,  gemm_int8::kSums * 2 * gemm_int8::kGroup * kWidth,
    gemm_int8::multiplyAdd,
};
