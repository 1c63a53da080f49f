// What AVX512_VNNI adds to the target avx512: products of int8 numbers. Compiled with its flags and -mavx512vnni;
// everything else is taken from that target, see simd.cc.
#define STEEPEST_TARGET avx512vnni
#define STEEPEST_WIDTH 16

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wpsabi"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include <immintrin.h>

#include "../gemm.h"
#include "../gemm_int8.h"

namespace steepest::avx512vnni {

// clang-format off
#include "vector.inl"
#include "folds.inl"

#include "gemm_tile.inl"
#include "gemm_int8.inl"
// clang-format on

}  // namespace steepest::avx512vnni
