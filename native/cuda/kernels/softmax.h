#pragma once

#include "step.h"

namespace steepest::cuda {

// Rows of `columns`, contiguous.
struct SoftmaxArguments {
  const float* x;
  float* y;
  int64_t rows, columns;
  uint32_t log;
  uint32_t quads;  // rows begin at multiples of 16 bytes
};

struct SoftmaxGradArguments {
  const float* y;
  const float* dy;
  float* dx;
  int64_t rows, columns;
  uint32_t log;
  uint32_t quads;  // rows begin at multiples of 16 bytes
};

// dloss and dlogits for the gradient only, which makes the loss too unless that is null.
struct CrossEntropyArguments {
  StepState* state;
  const float* logits;
  const int32_t* labels;
  float* loss;
  const float* dloss;
  float* dlogits;
  int64_t rows, columns;
  int64_t dlossStep;
  uint32_t quads;
  uint32_t unused;
};

}  // namespace steepest::cuda
