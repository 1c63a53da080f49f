#pragma once

#include "operand.h"

namespace steepest::cuda {

// Elements of `in` to `out`, both strided.
struct CopyArguments {
  int64_t loopStep;
  Domain domain;
  Operand in, out;
  uint32_t elementBytes;  // 1, 2 or 4
};

}  // namespace steepest::cuda
