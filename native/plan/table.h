// The columns of lib/ir/optable.ts that C++ reads.
#pragma once

#include <cstdint>

#include "ops.h"

namespace steepest {

struct ScalarInfo {
  const char* name;
  int arity;
  int lanes;  // mask: 1 float, 2 int
  bool predicate;
  bool positional;
};

struct InstructionInfo {
  const char* name;
  int inputs;   // -1: varies
  int outputs;  // -1: varies
  int words;    // of fixed attributes
  bool program;
  bool epilogue;  // two operands, then those of an optional program; attribute 0 says whether there is one
  bool slides;    // operands may be a step's part of a sequence
};

// Null for a number that is no operation.
const ScalarInfo* scalarInfo(uint32_t op);
const InstructionInfo* instructionInfo(uint32_t opcode);

}  // namespace steepest
