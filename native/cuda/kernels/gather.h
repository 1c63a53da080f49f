#pragma once

#include "operand.h"
#include "step.h"

namespace steepest::cuda {

// out [count, inner] = table[indices]; zero where an index is out of range.
struct GatherArguments {
  StepState* state;
  const uint8_t* table;
  const int32_t* indices;
  uint8_t* out;
  int64_t count, tableRows, tableStride;
  Domain inner;
  int64_t innerStrides[kAxes];
  uint32_t elementBytes;  // 1 or 4
  uint32_t unused;
};

// out [rows, inner] = 0; out[indices[i]] += updates[i]. Rows are in `parts`.
struct ScatterArguments {
  StepState* state;
  const int32_t* indices;
  const float* updates;
  float* out;
  int64_t count, rows, inner, parts;
};

}  // namespace steepest::cuda
