// bfloat16 as the operands of products have it.
#pragma once

#include "quads.h"
#include "scalar.h"

namespace steepest::cuda {

// To the nearest bfloat16, to even; subnormal numbers to zero.
STEEPEST_INLINE float toBfloat16(float x) {
  uint32_t bits = scalar::sameBits<uint32_t>(x);
  if (x != x) return x;
  if ((bits & 0x7f800000u) == 0) return scalar::sameBits<float>(bits & 0x80000000u);
  bits = (bits + 0x7fffu + (bits >> 16 & 1u)) & 0xffff0000u;
  return scalar::sameBits<float>(bits);
}

// Its 16 bits; NaN stays one.
STEEPEST_INLINE uint32_t bfloat16Bits(float x) {
  const uint32_t upper = scalar::sameBits<uint32_t>(toBfloat16(x)) >> 16;
  return x != x ? upper | 0x40u : upper;
}

STEEPEST_INLINE float widened(uint16_t bits) { return scalar::sameBits<float>(static_cast<uint32_t>(bits) << 16); }

// Four that lie at a multiple of 8 bytes.
STEEPEST_INLINE Quad widenedQuad(const uint16_t* from) {
  struct alignas(8) Words {
    uint32_t x[2];
  };
  const Words pairs = *reinterpret_cast<const Words*>(from);
  Quad quad;
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    const uint32_t pair = pairs.x[j / 2];
    quad.x[j] = scalar::sameBits<float>(j % 2 == 0 ? pair << 16 : pair & 0xffff0000u);
  }
  return quad;
}

// The sum of many products in float32: parts of 32, which are added up, so that the error grows slowly.
struct ProductSum {
  float total = 0, part = 0;
  int count = 0;
  STEEPEST_INLINE void add(float a, float b) {
    part = ::fmaf(a, b, part);
    if (++count == 32) {
      total += part;
      part = 0;
      count = 0;
    }
  }
  STEEPEST_INLINE float result() const { return total + part; }
};

}  // namespace steepest::cuda
