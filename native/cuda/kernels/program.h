// Scalar programs (see docs/ARCHITECTURE.md, "The encoded plan") as kernels see them, and their interpreter.
#pragma once

#include "operand.h"

namespace steepest::cuda {

struct ProgramStep {
  uint8_t op, lanes, dst, args[3], unused[2];
  uint32_t immediates[2];
};

// Tables in device memory.
struct Program {
  const ProgramStep* steps;
  const uint32_t* constants;
  const uint8_t* outputs;  // registers
  int32_t stepCount, inputCount, constantCount, outputCount;
};

constexpr int kMaxRegisters = 250;

}  // namespace steepest::cuda
