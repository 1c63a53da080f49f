// Every kernel of one target. Included once by each target_*.cc, which defines STEEPEST_TARGET, its namespace and name,
// and STEEPEST_WIDTH, the float32 lanes of a vector.

// Vectors are passed between inlined functions only; and GCC warns of its own intrinsics (bug 105593).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wpsabi"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "../attention.h"
#include "../channels.h"
#include "../conv_kernels.h"
#include "../gemm.h"
#include "../gemm_int8.h"
#include "../limits.h"
#include "../normalize.h"
#include "../rows.h"
#include "../winograd_kernels.h"
#include "program.h"
#include "table.h"

namespace steepest::STEEPEST_TARGET {

// The order matters: each file uses those before it.
// clang-format off
#include "vector.inl"
#include "folds.inl"

#include "../../scalar/exp.inl"
#include "../../scalar/log.inl"
#include "../../scalar/erf.inl"
#include "../../scalar/gelu.inl"
#include "../../scalar/softplus.inl"
#include "../../scalar/double.inl"
#include "../../scalar/lanes.inl"
#include "../../scalar/wide.inl"
#include "../../scalar/philox.inl"

#include "tile.inl"
#include "fused.inl"
#include "reduce.inl"
#include "bfloat16.inl"
#include "gemm.inl"
#include "gemm_bf16.inl"
#include "gemm_int8.inl"
#include "rows.inl"
#include "channels.inl"
#include "limits.inl"
#include "attention.inl"
#include "normalize.inl"
#include "winograd.inl"
#include "conv.inl"
// clang-format on

#define STEEPEST_STRING(x) #x
#define STEEPEST_NAME(x) STEEPEST_STRING(x)

extern const Simd kernels;
const Simd kernels = {
    STEEPEST_NAME(STEEPEST_TARGET),
    kWidth,
    &tileFunctions,
    &gemmKernels,
    &gemmBf16Kernels,
    &gemmBf16Kernels,
    &int8Kernels,
    &rowKernels,
    &channelKernels,
    &limitKernels,
    &attentionKernels,
    &normalizeKernels,
    winogradKernels,
    &convKernels,
};

}  // namespace steepest::STEEPEST_TARGET
