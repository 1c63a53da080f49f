// What AMX adds to the target avx512bf16: products of operands rounded to bfloat16 and of int8 numbers on tiles, and what they can do
// at most. Compiled with its flags and those of AMX; everything else is taken from that target, see simd.cc.
#define STEEPEST_TARGET avx512amx
#define STEEPEST_WIDTH 16

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wpsabi"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#pragma GCC diagnostic ignored "-Wunused-function"  // of shared files

#include <immintrin.h>

#include "../gemm.h"
#include "../gemm_int8.h"
#include "amx.h"

namespace steepest::avx512amx {

// clang-format off
#include "vector.inl"
#include "folds.inl"

#include "gemm_tile.inl"
#include "words_bf16.inl"

#include "amx.inl"
#include "gemm_bf16_amx.inl"
#include "gemm_int8_amx.inl"
#include "limits_amx.inl"
// clang-format on

extern const AmxKernels amxKernels;
const AmxKernels amxKernels = {
    amx::kRows,
    amx::kPanel,
    gemm_bf16::kPair * gemm_bf16::kDepth,
    gemm_bf16::kBlockElements,
    gemm_bf16::block,
    gemm_int8::block,
    limits::kBf16Flops,
    limits::multiplyAddBfloat16,
    limits::kInt8Ops,
    limits::multiplyAddInt8,
};

}  // namespace steepest::avx512amx
