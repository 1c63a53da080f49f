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
  uint32_t elementBytes;  // 1, 2, 4, or 16 for several neighbours
  uint32_t unused;
};

// out [rows, inner] = 0; out[indices[i]] += updates[i].
struct ScatterArguments {
  StepState* state;
  const int32_t* indices;
  const float* updates;
  float* out;
  uint64_t* pairs;         // [count], index << 32 | i; `rows` for indices out of range
  const uint64_t* sorted;  // by index
  float* carries;          // [chunks of sorted, inner], see scatterChunks
  int64_t count, rows, inner;
  uint32_t quads;  // four neighbours are read and written at once
  uint32_t unused;
};
constexpr int64_t kScatterChunk = 32;  // pairs

}  // namespace steepest::cuda
