// The vocabulary of the SIMD sources: vectors of kWidth float32 or int32 lanes and the operations that the compilers'
// vector extensions cannot spell. Included once per target, inside its namespace, with STEEPEST_WIDTH defined and, on
// x86, <immintrin.h> (on ARM <arm_neon.h>) included before.

#define STEEPEST_INLINE inline __attribute__((always_inline))

constexpr int64_t kWidth = STEEPEST_WIDTH;

typedef float F __attribute__((vector_size(4 * STEEPEST_WIDTH)));
typedef int32_t I __attribute__((vector_size(4 * STEEPEST_WIDTH)));
typedef uint32_t U __attribute__((vector_size(4 * STEEPEST_WIDTH)));
typedef double D __attribute__((vector_size(4 * STEEPEST_WIDTH)));  // half as many lanes
typedef int64_t L __attribute__((vector_size(4 * STEEPEST_WIDTH)));
typedef uint64_t UL __attribute__((vector_size(4 * STEEPEST_WIDTH)));
typedef float HalfF __attribute__((vector_size(2 * STEEPEST_WIDTH)));

typedef float UnalignedF __attribute__((vector_size(4 * STEEPEST_WIDTH), aligned(4), may_alias));
typedef int32_t UnalignedI __attribute__((vector_size(4 * STEEPEST_WIDTH), aligned(4), may_alias));

STEEPEST_INLINE F load(const float* p) { return *reinterpret_cast<const UnalignedF*>(p); }
STEEPEST_INLINE I load(const int32_t* p) { return *reinterpret_cast<const UnalignedI*>(p); }
STEEPEST_INLINE void store(float* p, F v) { *reinterpret_cast<UnalignedF*>(p) = v; }
STEEPEST_INLINE void store(int32_t* p, I v) { *reinterpret_cast<UnalignedI*>(p) = v; }
STEEPEST_INLINE F splat(float x) { return x - F{}; }
STEEPEST_INLINE I splat(int32_t x) { return x - I{}; }

#if STEEPEST_WIDTH == 16
constexpr I kLaneIndex = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
#elif STEEPEST_WIDTH == 8
constexpr I kLaneIndex = {0, 1, 2, 3, 4, 5, 6, 7};
#else
constexpr I kLaneIndex = {0, 1, 2, 3};
#endif

// The first n lanes, 1 <= n < kWidth; the others are zero, and neither read nor written.
#if defined(__AVX512F__)
STEEPEST_INLINE __mmask16 laneMask(int64_t n) { return static_cast<__mmask16>((1u << n) - 1); }
STEEPEST_INLINE F loadFirst(const float* p, int64_t n) { return (F)_mm512_maskz_loadu_ps(laneMask(n), p); }
STEEPEST_INLINE I loadFirst(const int32_t* p, int64_t n) { return (I)_mm512_maskz_loadu_epi32(laneMask(n), p); }
STEEPEST_INLINE void storeFirst(float* p, F v, int64_t n) { _mm512_mask_storeu_ps(p, laneMask(n), (__m512)v); }
STEEPEST_INLINE void storeFirst(int32_t* p, I v, int64_t n) { _mm512_mask_storeu_epi32(p, laneMask(n), (__m512i)v); }
#elif defined(__AVX2__)
STEEPEST_INLINE __m256i laneMask(int64_t n) { return (__m256i)(kLaneIndex < splat(static_cast<int32_t>(n))); }
STEEPEST_INLINE F loadFirst(const float* p, int64_t n) { return (F)_mm256_maskload_ps(p, laneMask(n)); }
STEEPEST_INLINE I loadFirst(const int32_t* p, int64_t n) { return (I)_mm256_maskload_epi32(p, laneMask(n)); }
// Masked stores take a dozen cycles on processors of AMD.
STEEPEST_INLINE void storeFirst(float* p, F v, int64_t n) {
  if (n >= 8) return _mm256_storeu_ps(p, (__m256)v);
  __m128 rest = _mm256_castps256_ps128((__m256)v);
  if (n & 4) {
    _mm_storeu_ps(p, rest);
    rest = _mm256_extractf128_ps((__m256)v, 1);
    p += 4;
  }
  if (n & 2) {
    _mm_storel_pi(reinterpret_cast<__m64*>(p), rest);
    rest = _mm_movehl_ps(rest, rest);
    p += 2;
  }
  if (n & 1) _mm_store_ss(p, rest);
}
STEEPEST_INLINE void storeFirst(int32_t* p, I v, int64_t n) { storeFirst(reinterpret_cast<float*>(p), (F)v, n); }
#else
STEEPEST_INLINE F loadFirst(const float* p, int64_t n) {
  F v = {};
  for (int64_t i = 0; i < n; ++i) v[i] = p[i];
  return v;
}
STEEPEST_INLINE I loadFirst(const int32_t* p, int64_t n) {
  I v = {};
  for (int64_t i = 0; i < n; ++i) v[i] = p[i];
  return v;
}
STEEPEST_INLINE void storeFirst(float* p, F v, int64_t n) {
  for (int64_t i = 0; i < n; ++i) p[i] = v[i];
}
STEEPEST_INLINE void storeFirst(int32_t* p, I v, int64_t n) {
  for (int64_t i = 0; i < n; ++i) p[i] = v[i];
}
#endif

// a * b + c, with one rounding where the target has the instruction.
STEEPEST_INLINE F fma(F a, F b, F c) {
#if defined(__AVX512F__)
  return (F)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
  return (F)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__aarch64__)
  return (F)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
  return a * b + c;
#endif
}

STEEPEST_INLINE F vsqrt(F x) {
#if defined(__AVX512F__)
  return (F)_mm512_sqrt_ps((__m512)x);
#elif defined(__AVX__)
  return (F)_mm256_sqrt_ps((__m256)x);
#elif defined(__SSE2__)
  return (F)_mm_sqrt_ps((__m128)x);
#elif defined(__aarch64__)
  return (F)vsqrtq_f32((float32x4_t)x);
#endif
}

STEEPEST_INLINE F vabs(F x) { return (F)((I)x & splat(0x7fffffff)); }
STEEPEST_INLINE I vabs(I x) { return x < 0 ? (I) - (U)x : x; }

// yes where the mask is set, no elsewhere.
template <typename Mask, typename T>
STEEPEST_INLINE T choose(Mask mask, T yes, T no) {
  return mask ? yes : no;
}

// The magnitude of x with the sign of `sign`.
STEEPEST_INLINE F copySign(F x, F sign) {
  const I bit = splat(static_cast<int32_t>(0x80000000u));
  return (F)(((I)x & ~bit) | ((I)sign & bit));
}

// NaN in either operand gives NaN.
STEEPEST_INLINE F vmax(F a, F b) {
  const F m = a > b ? a : b;  // b when unordered
  return a == a ? m : a;
}
STEEPEST_INLINE F vmin(F a, F b) {
  const F m = a < b ? a : b;
  return a == a ? m : a;
}
// A bound that NaN passes: one instruction where comparing and choosing are two.
STEEPEST_INLINE F atMost(F x, float bound) {
#if defined(__AVX512F__)
  return (F)_mm512_min_ps((__m512)splat(bound), (__m512)x);
#elif defined(__AVX__)
  return (F)_mm256_min_ps((__m256)splat(bound), (__m256)x);
#else
  return x > bound ? splat(bound) : x;
#endif
}
STEEPEST_INLINE F atLeast(F x, float bound) {
#if defined(__AVX512F__)
  return (F)_mm512_max_ps((__m512)splat(bound), (__m512)x);
#elif defined(__AVX__)
  return (F)_mm256_max_ps((__m256)splat(bound), (__m256)x);
#else
  return x < bound ? splat(bound) : x;
#endif
}
STEEPEST_INLINE I vmax(I a, I b) { return a > b ? a : b; }
STEEPEST_INLINE I vmin(I a, I b) { return a < b ? a : b; }

#if defined(__AVX512F__)
STEEPEST_INLINE F vround(F x) {
  return (F)_mm512_roundscale_ps((__m512)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
STEEPEST_INLINE F vfloor(F x) { return (F)_mm512_roundscale_ps((__m512)x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }
STEEPEST_INLINE F vceil(F x) { return (F)_mm512_roundscale_ps((__m512)x, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC); }
#elif defined(__AVX__)
STEEPEST_INLINE F vround(F x) { return (F)_mm256_round_ps((__m256)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
STEEPEST_INLINE F vfloor(F x) { return (F)_mm256_floor_ps((__m256)x); }
STEEPEST_INLINE F vceil(F x) { return (F)_mm256_ceil_ps((__m256)x); }
#elif defined(__aarch64__)
STEEPEST_INLINE F vround(F x) { return (F)vrndnq_f32((float32x4_t)x); }
STEEPEST_INLINE F vfloor(F x) { return (F)vrndmq_f32((float32x4_t)x); }
STEEPEST_INLINE F vceil(F x) { return (F)vrndpq_f32((float32x4_t)x); }
#else
// Adding and taking away 2^23 rounds a smaller magnitude to an integer; larger ones, infinities and NaN are integers.
STEEPEST_INLINE F vround(F x) {
  const F limit = splat(8388608.0f), magnitude = vabs(x);
  const F rounded = (magnitude + limit) - limit;
  return magnitude < limit ? copySign(rounded, x) : x;
}
STEEPEST_INLINE F vfloor(F x) {
  const F r = vround(x);
  return copySign(r > x ? r - 1.0f : r, x);
}
STEEPEST_INLINE F vceil(F x) {
  const F r = vround(x);
  return copySign(r < x ? r + 1.0f : r, x);
}
#endif

STEEPEST_INLINE F toFloat(I x) { return __builtin_convertvector(x, F); }
// Truncates toward zero, saturates, NaN becomes 0. (The conversion gives INT32_MIN or the nearest bound out of range.)
STEEPEST_INLINE I toInt(F x) {
  const I converted = __builtin_convertvector(x == x ? x : F{}, I);
  return x >= 2147483648.0f ? splat(0x7fffffff) : converted;
}

// Halves of a vector as doubles, and back.
#if STEEPEST_WIDTH == 16
#define STEEPEST_LOW_HALF 0, 1, 2, 3, 4, 5, 6, 7
#define STEEPEST_HIGH_HALF 8, 9, 10, 11, 12, 13, 14, 15
#elif STEEPEST_WIDTH == 8
#define STEEPEST_LOW_HALF 0, 1, 2, 3
#define STEEPEST_HIGH_HALF 4, 5, 6, 7
#else
#define STEEPEST_LOW_HALF 0, 1
#define STEEPEST_HIGH_HALF 2, 3
#endif
STEEPEST_INLINE D lowDouble(F x) {
  return __builtin_convertvector(__builtin_shufflevector(x, x, STEEPEST_LOW_HALF), D);
}
STEEPEST_INLINE D highDouble(F x) {
  return __builtin_convertvector(__builtin_shufflevector(x, x, STEEPEST_HIGH_HALF), D);
}
STEEPEST_INLINE F joinDouble(D low, D high) {
  return __builtin_shufflevector(__builtin_convertvector(low, HalfF), __builtin_convertvector(high, HalfF),
                                 STEEPEST_LOW_HALF, STEEPEST_HIGH_HALF);
}
STEEPEST_INLINE D splat(double x) { return x - D{}; }
