#pragma once

#include "step.h"

namespace steepest::cuda {

// Threads of a block, at most.
constexpr int kSoftmaxThreads = 1024;

// Rows of `columns`, contiguous. `quads`: four neighbours may be read and written at once.
struct SoftmaxArguments {
  const float* x;
  float* y;
  int64_t rows, columns;
  uint32_t log;
  uint32_t quads;
};

struct SoftmaxGradArguments {
  const float* y;
  const float* dy;
  float* dx;
  int64_t rows, columns;
  uint32_t log;
  uint32_t quads;
};

// dloss and dlogits for the gradient only.
struct CrossEntropyArguments {
  StepState* state;
  const float* logits;
  const int32_t* labels;
  float* loss;
  const float* dloss;
  float* dlogits;
  int64_t rows, columns;
  uint64_t quads;
};

}  // namespace steepest::cuda
