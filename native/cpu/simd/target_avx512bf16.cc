// What AVX512_BF16 adds to the target avx512: products of operands rounded to bfloat16, and the rounding. Compiled with its flags and
// -mavx512bf16; everything else is taken from that target, see simd.cc.
#define STEEPEST_TARGET avx512bf16
#define STEEPEST_WIDTH 16

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wpsabi"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include <immintrin.h>

#include "../gemm.h"
#include "../limits.h"
#include "../winograd_kernels.h"

namespace steepest::avx512bf16 {

// clang-format off
#include "vector.inl"
#include "folds.inl"

#include "bfloat16.inl"
#include "gemm_tile.inl"
#include "gemm_bf16.inl"
#include "limits.inl"
#include "winograd.inl"
// clang-format on

}  // namespace steepest::avx512bf16
