// Opcode to family.
#include "../plan/ops.h"
#include "tile.h"

namespace steepest {

std::unique_ptr<Kernel> bind(const Instruction& instruction, const Memory& memory) {
  switch (static_cast<Opcode>(instruction.opcode)) {
#define STEEPEST_INSTRUCTION(Name, ...) \
  case Opcode::k##Name:                 \
    return bind##Name(instruction, memory);
#include "../ops.inc"
  }
  throw PlanError("no kernel for opcode " + std::to_string(instruction.opcode));
}

}  // namespace steepest
