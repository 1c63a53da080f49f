// Lane inference over a scalar program: one pass, since a program is a straight line.
#include <cstddef>

#include "table.h"
#include "validate.h"

namespace steepest {
namespace {

// What a register holds. Constants are raw words and fit either lane.
enum class Held : uint8_t { kNothing, kFloat, kInt, kEither };

Held laneOf(DType dtype) { return dtype == DType::kInt32 ? Held::kInt : Held::kFloat; }
Held laneOf(uint8_t lanes) { return lanes == STEEPEST_LANES_I ? Held::kInt : Held::kFloat; }
const char* nameOf(Held held) { return held == Held::kInt ? "int32" : "float32"; }

bool fits(Held held, Held wanted) { return held == wanted || held == Held::kEither; }

std::string at(size_t step) { return "step " + std::to_string(step) + ": "; }

// The lane an operand must have: that of the step, except for the condition of a select.
Held operandLane(const Step& step, int operand) {
  const bool condition = step.op == static_cast<uint8_t>(ScalarOp::kSelect) && operand == 0;
  return condition ? Held::kFloat : laneOf(step.lanes);
}

Held resultLane(const Step& step, const ScalarInfo& info) {
  if (info.predicate) return Held::kFloat;
  switch (static_cast<ScalarOp>(step.op)) {
    case ScalarOp::kCastFloat:
    case ScalarOp::kRandom:
      return Held::kFloat;
    case ScalarOp::kCastInt:
    case ScalarOp::kIota:
      return Held::kInt;
    default:
      return laneOf(step.lanes);
  }
}

void checkImmediates(const Step& step, size_t index, const ScalarInfo& info) {
  const uint32_t a = step.immediates[0];
  const uint32_t b = step.immediates[1];
  constexpr uint32_t kMax = 0x7fffffff;
  switch (static_cast<ScalarOp>(step.op)) {
    case ScalarOp::kIota:
      if (a == 0 || b == 0 || a > kMax || b > kMax) {
        throw PlanError(at(index) + "iota needs inner and size from 1 to 2147483647, got " + std::to_string(a) +
                        " and " + std::to_string(b));
      }
      return;
    case ScalarOp::kRandom:
      if (b != 0) throw PlanError(at(index) + "random takes one immediate");
      return;
    default:
      if (a != 0 || b != 0) throw PlanError(at(index) + info.name + " takes no immediates");
  }
}

}  // namespace

void validateProgram(const Program& program, const std::vector<DType>& inputs, const std::vector<DType>& outputs) {
  const int fixed = program.inputs + static_cast<int>(program.constants.size());
  Held held[256] = {};
  for (int i = 0; i < program.inputs; ++i) held[i] = laneOf(inputs[i]);
  for (int i = program.inputs; i < fixed; ++i) held[i] = Held::kEither;

  for (size_t i = 0; i < program.steps.size(); ++i) {
    const Step& step = program.steps[i];
    const ScalarInfo* info = scalarInfo(step.op);
    if (info == nullptr) throw PlanError(at(i) + "no scalar operation has the number " + std::to_string(step.op));
    if (step.lanes > 1 || (info->lanes >> step.lanes & 1) == 0) {
      throw PlanError(at(i) + info->name + " does not work on lanes of type " + std::to_string(step.lanes));
    }
    for (int k = 0; k < 3; ++k) {
      const uint8_t r = step.args[k];
      if (k >= info->arity) {
        if (r != 0) throw PlanError(at(i) + info->name + " takes " + std::to_string(info->arity) + " operands");
        continue;
      }
      if (r >= program.registers || held[r] == Held::kNothing) {
        throw PlanError(at(i) + info->name + " reads register " + std::to_string(r) + ", which holds nothing yet");
      }
      const Held wanted = operandLane(step, k);
      if (!fits(held[r], wanted)) {
        throw PlanError(at(i) + info->name + " wants " + nameOf(wanted) + " in register " + std::to_string(r) +
                        ", which holds " + nameOf(held[r]));
      }
    }
    checkImmediates(step, i, *info);
    if (step.dst < fixed || step.dst >= program.registers) {
      throw PlanError(at(i) + "writes register " + std::to_string(step.dst) + ", expected a temporary from " +
                      std::to_string(fixed) + " to " + std::to_string(program.registers - 1));
    }
    held[step.dst] = resultLane(step, *info);
  }

  for (size_t i = 0; i < outputs.size(); ++i) {
    const uint8_t r = program.outputs[i];
    const std::string output = "output " + std::to_string(i) + " of the program ";
    if (r >= program.registers || held[r] == Held::kNothing) {
      throw PlanError(output + "is register " + std::to_string(r) + ", which holds nothing");
    }
    if (outputs[i] == DType::kInt8) throw PlanError(output + "is stored as int8, which nothing is computed in");
    if (!fits(held[r], laneOf(outputs[i]))) {
      throw PlanError(output + "holds " + nameOf(held[r]) + " but is stored as " + nameOf(outputs[i]));
    }
  }
}

}  // namespace steepest
