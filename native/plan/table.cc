#include "table.h"

namespace steepest {

const ScalarInfo* scalarInfo(uint32_t op) {
  switch (op) {
#define STEEPEST_SCALAR_OP(Name, name, code, arity, lanes, predicate, positional)   \
  case code: {                                                                      \
    static constexpr ScalarInfo info = {name, arity, lanes, predicate, positional}; \
    return &info;                                                                   \
  }
#include "../ops.inc"
    default:
      return nullptr;
  }
}

const InstructionInfo* instructionInfo(uint32_t opcode) {
  switch (opcode) {
#define STEEPEST_INSTRUCTION(Name, name, code, inputs, outputs, words, program, epilogue, slides)      \
  case code: {                                                                                         \
    static constexpr InstructionInfo info = {name, inputs, outputs, words, program, epilogue, slides}; \
    return &info;                                                                                      \
  }
#include "../ops.inc"
    default:
      return nullptr;
  }
}

}  // namespace steepest
