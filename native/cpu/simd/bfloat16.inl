// Rounding to bfloat16. Included once per target, inside its namespace, after vector.inl.

namespace bfloat16 {
namespace {

// To nearest and to even; what is below the normal numbers becomes zero.
STEEPEST_INLINE F rounded(F x) {
#if defined(__AVX512BF16__)
  const __m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh((__m512)x));
  return (F)_mm512_slli_epi32(low, 16);
#else
  const U bits = (U)x, magnitude = bits & 0x7fffffffu;
  const U number = bits + 0x7fffu + (bits >> 16 & 1u);
  const U value = magnitude > 0x7f800000u ? bits | 0x00400000u : number;  // NaN stays one
  return (F)((magnitude < 0x00800000u ? bits & 0x80000000u : value) & 0xffff0000u);
#endif
}

}  // namespace
}  // namespace bfloat16
