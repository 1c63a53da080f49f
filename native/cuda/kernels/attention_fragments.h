// Scores, weights and results of attention in registers, as tensor cores hand them out: of every 16 rows, a lane has row
// `rowOf` and the one 8 below, of every 8 columns `pairOf` and the next one. Numbers [2 j + i] are those of columns 8 j in
// row 8 i, for mma.sync and wgmma alike.
#pragma once

#include "attention_sight.h"
#include "gemm_result.h"
#include "ptx.h"
#include "scalar.h"

namespace steepest::cuda {

constexpr float kLog2E = 1.44269504088896341f;

STEEPEST_INLINE int laneOf() { return static_cast<int>(threadIdx.x) % 32; }
STEEPEST_INLINE int warpOf() { return static_cast<int>(threadIdx.x) / 32; }
STEEPEST_INLINE int rowOf() { return laneOf() / 4; }
STEEPEST_INLINE int pairOf() { return laneOf() % 4 * 2; }

// Combines a number of each of the four lanes that share a row; all get the result.
template <typename Combine>
STEEPEST_INLINE float acrossRow(float value, Combine combine) {
  value = combine(value, __shfl_xor_sync(0xffffffffu, value, 2));
  return combine(value, __shfl_xor_sync(0xffffffffu, value, 1));
}
STEEPEST_INLINE float sumAcrossRow(float value) {
  return acrossRow(value, [](float a, float b) { return a + b; });
}

// `hidden` in place of the numbers of row i in columns that it does not see, or with kKeysDown is not seen by; column 0 is `first`.
template <bool kKeysDown, int kRuns>
STEEPEST_INLINE void hide(float (&numbers)[kRuns][2], int i, float hidden, const Sight& sight, int row, int first) {
  const Sight::Range all = kKeysDown ? sight.queriesOf(row) : sight.keysOf(row);
  const Sight::Range seen = {all.begin - first - pairOf(), all.end - first - pairOf()};
  static_assert(kRuns <= 32, "has a bit for each");
  uint32_t bits = 0xffffffffu;
  if (sight.mask != nullptr) {
    bits = 0;
#pragma unroll 1  // few registers
    for (int j = 0; j < kRuns; ++j) {
      const int column = first + j / 2 * 8 + pairOf() + j % 2;
      const bool sees = kKeysDown ? sight.sees(column, row) : sight.sees(row, column);
      bits |= (sees ? 1u : 0u) << j;
    }
  }
#pragma unroll
  for (int j = 0; j < kRuns; ++j) {
    float& x = numbers[j / 2 * 2 + i][j % 2];
    x = seen.has(j / 2 * 8 + j % 2) && (bits >> j & 1u) != 0 ? x : hidden;
  }
}

// Puts 2^(unit (s - most)) in place of the scores of row i, where `most` becomes the largest score so far, and adds them to
// this lane's part of the `total`. Returns by what earlier sums are to be multiplied.
template <int kRuns>
STEEPEST_INLINE float weigh(float (&scores)[kRuns][2], int i, float unit, float* most, float* total) {
  float top = -INFINITY;
#pragma unroll
  for (int j = 0; j < kRuns; ++j) top = ::fmaxf(top, scores[j / 2 * 2 + i][j % 2]);
  // NaN is left out, as it shows in the sums.
  const float now = acrossRow(::fmaxf(*most, top), [](float x, float y) { return ::fmaxf(x, y); });
  const float shift = now == -INFINITY ? 0.0f : now * unit;
  const float fade = ptx::powerOfTwo(::fmaf(*most, unit, -shift));
  *most = now;
  float sum = 0;
#pragma unroll
  for (int j = 0; j < kRuns; ++j) {
    float& s = scores[j / 2 * 2 + i][j % 2];
    s = ptx::powerOfTwo(::fmaf(s, unit, -shift));
    sum += s;
  }
  *total = *total * fade + sum;
  return fade;
}

// Sum of y dy over the features of a query, whose y and rounded dy these are; all lanes of its row get it. All lanes of the
// warp are here, those without a query with no features.
STEEPEST_INLINE float sumOfProducts(const float* y, const uint16_t* dy, int features) {
  float sum = 0;
  for (int e = pairOf(); e < features; e += 8) {
    const uint32_t pair = *reinterpret_cast<const uint32_t*>(dy + e);
    sum = ::fmaf(y[e], scalar::sameBits<float>(pair << 16), sum);
    if (e + 1 < features) sum = ::fmaf(y[e + 1], scalar::sameBits<float>(pair & 0xffff0000u), sum);
  }
  return sumAcrossRow(sum);
}

// Step r of a head goes to result + r * step.
template <int kDown, int kRuns, typename Factor>
STEEPEST_INLINE void storeResults(const float (&sums)[kDown][kRuns][2], float* result, int64_t step, int first,
                                  int count, int width, bool pairs, Factor factor) {
#pragma unroll
  for (int m = 0; m < kDown; ++m) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const int r = first + m * 16 + i * 8 + rowOf();
      if (r >= count) continue;
      const float by = factor(m, i);
#pragma unroll
      for (int j = 0; j < kRuns / 2; ++j) {
        const int c = 8 * j + pairOf();
        const float x = sums[m][2 * j + i][0] * by, y = sums[m][2 * j + i][1] * by;
        float* const to = result + r * step + c;
        if (pairs && c < width) {
          *reinterpret_cast<Pair*>(to) = {{x, y}};
        } else {
          if (c < width) to[0] = x;
          if (c + 1 < width) to[1] = y;
        }
      }
    }
  }
}

}  // namespace steepest::cuda
