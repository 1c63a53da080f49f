// Elements of every dtype as the 32-bit lanes that programs work on.
#pragma once

#include "../../ops.inc"
#include "scalar.h"

namespace steepest::cuda {

// DType
constexpr uint32_t kFloat32 = STEEPEST_DTYPES_FLOAT32, kInt32 = STEEPEST_DTYPES_INT32, kBool = STEEPEST_DTYPES_BOOL,
                   kInt8 = STEEPEST_DTYPES_INT8, kBfloat16 = STEEPEST_DTYPES_BFLOAT16;

// An element as a lane: bools are 0 or 1 in float lanes, int8 and bfloat16 numbers.
STEEPEST_INLINE uint32_t loadLane(const uint8_t* data, uint32_t dtype, int64_t i) {
  if (dtype == kBool) return scalar::sameBits<uint32_t>(data[i] != 0 ? 1.0f : 0.0f);
  if (dtype == kInt8) return scalar::sameBits<uint32_t>(static_cast<float>(reinterpret_cast<const int8_t*>(data)[i]));
  if (dtype == kBfloat16) return static_cast<uint32_t>(reinterpret_cast<const uint16_t*>(data)[i]) << 16;
  return reinterpret_cast<const uint32_t*>(data)[i];
}

STEEPEST_INLINE void storeLane(uint8_t* data, uint32_t dtype, int64_t i, uint32_t lane) {
  if (dtype == kBool) {
    data[i] = scalar::sameBits<float>(lane) != 0.0f ? 1 : 0;
  } else if (dtype == kBfloat16) {
    reinterpret_cast<uint16_t*>(data)[i] = static_cast<uint16_t>(lane >> 16);
  } else {
    reinterpret_cast<uint32_t*>(data)[i] = lane;
  }
}

}  // namespace steepest::cuda
