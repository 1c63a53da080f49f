#pragma once

#include "program.h"

namespace steepest::cuda {

struct ReduceArguments {
  int64_t loopStep;
  Program program;
  const Operand* inputs;  // axes in the order [kept, reduced]
  Domain kept, reduced;
  int64_t positions[kAxes];  // strides of the index in the domain, in that order
  Operand out;               // contiguous
  uint32_t kind;             // ReduceKind
  uint32_t unused;
};

}  // namespace steepest::cuda
