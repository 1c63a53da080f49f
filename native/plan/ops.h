// Names for the numbers of lib/ir/optable.ts. Uses no library: the SIMD sources include it too.
#pragma once

#include <cstdint>

#include "../ops.inc"

namespace steepest {

enum class ScalarOp : uint8_t {
#define STEEPEST_SCALAR_OP(Name, name, code, ...) k##Name = code,
#include "../ops.inc"
};

enum class Opcode : uint32_t {
#define STEEPEST_INSTRUCTION(Name, name, code, ...) k##Name = code,
#include "../ops.inc"
};

enum class ReduceKind : uint32_t {
  kSum = STEEPEST_REDUCE_KINDS_SUM,
  kMax = STEEPEST_REDUCE_KINDS_MAX,
  kMin = STEEPEST_REDUCE_KINDS_MIN,
  kProd = STEEPEST_REDUCE_KINDS_PROD,
};

enum class Precision : uint32_t {
  kFloat32 = STEEPEST_PRECISIONS_FLOAT32,
  kBfloat16 = STEEPEST_PRECISIONS_BFLOAT16,
  kTf32 = STEEPEST_PRECISIONS_TF32,
};

enum class Lane : uint8_t { kFloat = STEEPEST_LANES_F, kInt = STEEPEST_LANES_I };

}  // namespace steepest
