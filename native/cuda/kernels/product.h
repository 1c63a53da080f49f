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

}  // namespace steepest::cuda
