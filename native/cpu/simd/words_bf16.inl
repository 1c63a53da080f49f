// Pairs of bfloat16 numbers that are neighbours along k, a pair to a 32-bit word, from numbers in memory. Included by the files
// of targets that have AVX512_BF16.

namespace gemm_bf16 {
namespace {

constexpr int64_t kPair = 2;  // elements along k in a word

// --- rounding, to nearest and to even; what is below the normal numbers becomes zero

// Words of 16 pairs: (low[0], low[1]), ... (high[14], high[15]).
STEEPEST_INLINE F roundAlong(F low, F high) { return (F)_mm512_cvtne2ps_pbh((__m512)high, (__m512)low); }

// Words (even[i], odd[i]).
STEEPEST_INLINE F roundPairs(F even, F odd) {
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21,
                                         5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return (F)_mm512_permutexvar_epi16(order, (__m512i)roundAlong(even, odd));
}

// The first n lanes, where n may be anything: those that there are.
STEEPEST_INLINE F loadSome(const float* p, int64_t n) { return n >= kWidth ? load(p) : n > 0 ? loadFirst(p, n) : F{}; }

template <typename T>
STEEPEST_INLINE void copyStrided(const T* p, int64_t stride, int64_t n, T* lanes) {
  for (int64_t i = 0; i < n && i < kWidth; ++i) lanes[i] = p[i * stride];
}

STEEPEST_INLINE F loadStrided(const float* p, int64_t stride, int64_t n) {
  float lanes[kWidth] = {};
  copyStrided(p, stride, n, lanes);
  return load(lanes);
}

// Up to 2 * kWidth elements with unit stride along k.
STEEPEST_INLINE F wordsAlong(const float* p, int64_t n) {
  return roundAlong(loadSome(p, n), loadSome(p + kWidth, n - kWidth));
}

// Words of n columns (or rows) next to each other, at k = 0 and 1 if `both`.
STEEPEST_INLINE F wordsAcross(const float* p, int64_t depthStride, int64_t stride, int64_t n, bool both) {
  if (stride == 1) return roundPairs(loadSome(p, n), both ? loadSome(p + depthStride, n) : F{});
  return roundPairs(loadStrided(p, stride, n), both ? loadStrided(p + depthStride, stride, n) : F{});
}

// The same of bfloat16 numbers.
STEEPEST_INLINE F wordsAlong(const uint16_t* p, int64_t n) {
  const __mmask32 there = n >= kPair * kWidth ? 0xffffffffu : n > 0 ? (1u << n) - 1 : 0;
  return (F)_mm512_maskz_loadu_epi16(there, p);
}

STEEPEST_INLINE __m512i loadWide(const uint16_t* p, int64_t stride, int64_t n) {
  if (stride == 1) {
    const __mmask16 there = n >= kWidth ? 0xffffu : n > 0 ? static_cast<__mmask16>((1u << n) - 1) : 0;
    return _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(there, p));
  }
  alignas(32) uint16_t lanes[kWidth] = {};
  copyStrided(p, stride, n, lanes);
  return _mm512_cvtepu16_epi32(_mm256_load_si256(reinterpret_cast<const __m256i*>(lanes)));
}

STEEPEST_INLINE F wordsAcross(const uint16_t* p, int64_t depthStride, int64_t stride, int64_t n, bool both) {
  const __m512i even = loadWide(p, stride, n);
  if (!both) return (F)even;
  return (F)_mm512_or_si512(even, _mm512_slli_epi32(loadWide(p + depthStride, stride, n), 16));
}

// The same where all of them are there.
STEEPEST_INLINE F wordsAlongWhole(const float* p) { return roundAlong(load(p), load(p + kWidth)); }
STEEPEST_INLINE F wordsAlongWhole(const uint16_t* p) { return (F)_mm512_loadu_si512(p); }
STEEPEST_INLINE F wordsAcrossWhole(const float* p, int64_t depthStride) {
  return roundPairs(load(p), load(p + depthStride));
}
STEEPEST_INLINE F wordsAcrossWhole(const uint16_t* p, int64_t depthStride) {
  return wordsAcross(p, depthStride, 1, kWidth, true);
}

// Rows of A one after another, `pitch` words apart, zeros behind them to the end of a vector.
template <typename T>
void copyRows(const T* a, int64_t aRow, int64_t rows, int64_t k, float* to, int64_t pitch) {
  for (int64_t i = 0; i < rows; ++i, a += aRow, to += pitch) {
    for (int64_t p = 0; p < k; p += kPair * kWidth) store(to + p / kPair, wordsAlong(a + p, k - p));
  }
}

}  // namespace
}  // namespace gemm_bf16
