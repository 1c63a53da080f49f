// Strided operands as kernels see them.
#pragma once

#include <stdint.h>

// Threads of a block, unless a family says something else.
#define STEEPEST_BLOCK 128

namespace steepest::cuda {

constexpr int kAxes = 8;

struct Domain {
  int64_t size;
  int64_t shape[kAxes];
  int32_t rank;
};

struct Operand {
  uint8_t* data;           // the element with index (0, ..., 0), in the first step of a loop
  int64_t slide;           // bytes, with every step of a loop
  int64_t strides[kAxes];  // elements
  uint32_t dtype;          // DType
};

}  // namespace steepest::cuda
