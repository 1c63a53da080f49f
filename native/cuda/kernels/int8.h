#pragma once

#include "gemm.h"

namespace steepest::cuda {

// Rows of a [m, k] to int8, `run` numbers from one to the next (zeros behind k), and the step of each.
struct QuantizeArguments {
  int64_t loopStep;
  Operand a;
  int8_t* rows;
  float* steps;
  int64_t m, k, run;
};

// c [m, n] = finish(rows [m, run] b [k, n] steps [m]); a of the product is not used, its b, sums and strides are of bytes.
struct MatmulInt8Arguments {
  int64_t loopStep;
  const int8_t* rows;
  const int8_t* b;
  const float* steps;
  int64_t run;
  GemmArguments product;
};

constexpr int kInt8Depth = 64;

}  // namespace steepest::cuda
