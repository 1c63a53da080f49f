#pragma once

#include "operand.h"

namespace steepest::cuda {

// c [batch, m, n] = a [batch, m, k] b [batch, k, n]; the batch axes are the first ones of the operands.
struct MatmulArguments {
  int64_t loopStep;
  Operand a, b, c;
  Domain batch;
  int64_t m, n, k;
  uint32_t bfloat16;  // operands are rounded to it
  uint32_t unused;
};

// Rows of a [m, k] to int8, and the step of each.
struct QuantizeArguments {
  int64_t loopStep;
  Operand a;
  int8_t* rows;
  float* steps;
  int64_t m, k;
};

// c [m, n] = rows [m, k] b [k, n] steps [m]
struct MatmulInt8Arguments {
  int64_t loopStep;
  const int8_t* rows;
  const float* steps;
  Operand b, c;
  int64_t m, n, k;
};

}  // namespace steepest::cuda
