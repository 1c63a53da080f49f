// What AMX adds to the kernels of AVX512_BF16, whose panels, copies and other functions it shares.
#pragma once

#include <cstdint>

#include "../gemm.h"
#include "../gemm_int8.h"

namespace steepest {

struct AmxKernels {
  int64_t rows, panel;  // of tiles of C together
  int64_t depth;        // of k that A is copied for at a time
  int64_t blockElements;
  void (*blockBf16)(const GemmBlock&);
  void (*blockInt8)(const Int8Block&);
  // As LimitKernels::multiplyAddBfloat16 and Int8Kernels::multiplyAdd.
  int64_t bfloat16FlopsPerRound;
  float (*multiplyAddBfloat16)(int64_t rounds, float factor, float summand);
  int64_t int8OpsPerRound;
  int32_t (*multiplyAddInt8)(int64_t rounds, int32_t factor);
};

}  // namespace steepest
