// Philox4x32-10: counter-based random numbers (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
// Included inside the namespace of the vocabulary it uses.

// 32 x 32 -> 64 bits in every 64-bit lane; the high halves of the operands are ignored.
STEEPEST_INLINE UL multiplyLow(UL a, UL b) {
#if defined(__AVX512F__)
  return (UL)_mm512_mul_epu32((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  return (UL)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__SSE2__)
  return (UL)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
  return (a & 0xffffffffu) * (b & 0xffffffffu);
#endif
}

constexpr int64_t kPhiloxBlocks = kWidth / 2;        // per call: one in each 64-bit lane
constexpr int64_t kPhiloxWords = 4 * kPhiloxBlocks;  // two vectors of words

// Words of the blocks q, q + 1, ..., q + kPhiloxBlocks - 1 in order, 4 for each block. Words live in the low halves of
// 64-bit lanes; what the products leave in the high halves never comes back down.
STEEPEST_INLINE void philox(uint32_t seed, uint32_t stream, uint32_t step, uint64_t q, U* first, U* second) {
  UL lane = {};
  for (int64_t i = 0; i < kPhiloxBlocks; ++i) lane[i] = static_cast<uint64_t>(i);
  const UL block = lane + q;
  UL c0 = block, c1 = block >> 32, c2 = UL{} + step, c3 = {};
  const UL m0 = UL{} + 0xd2511f53u, m1 = UL{} + 0xcd9e8d57u;
  uint32_t k0 = seed, k1 = stream;
  for (int round = 0; round < 10; ++round) {
    const UL p0 = multiplyLow(m0, c0), p1 = multiplyLow(m1, c2);
    c0 = (p1 >> 32) ^ c1 ^ (UL{} + k0);
    c2 = (p0 >> 32) ^ c3 ^ (UL{} + k1);
    c1 = p1;
    c3 = p0;
    k0 += 0x9e3779b9u;
    k1 += 0xbb67ae85u;
  }
  const UL low = UL{} + 0xffffffffu;
  const UL even = (c0 & low) | (c1 << 32), odd = (c2 & low) | (c3 << 32);
#if STEEPEST_WIDTH == 16
  *first = (U)__builtin_shufflevector(even, odd, 0, 8, 1, 9, 2, 10, 3, 11);
  *second = (U)__builtin_shufflevector(even, odd, 4, 12, 5, 13, 6, 14, 7, 15);
#elif STEEPEST_WIDTH == 8
  *first = (U)__builtin_shufflevector(even, odd, 0, 4, 1, 5);
  *second = (U)__builtin_shufflevector(even, odd, 2, 6, 3, 7);
#else
  *first = (U)__builtin_shufflevector(even, odd, 0, 2);
  *second = (U)__builtin_shufflevector(even, odd, 1, 3);
#endif
}

// [0, 1) with 24 bits.
STEEPEST_INLINE F uniform(U words) { return toFloat((I)(words >> 8)) * 5.9604644775390625e-8f; }
