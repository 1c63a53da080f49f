#include "zero_effect.h"

#include "../plan/ops.h"

namespace steepest {
namespace {

// What a register holds where the product is zero: zero, the number of the input that it equals, or anything.
constexpr int kZero = 0, kAnything = -1;

int after(const Step& step, const std::vector<int>& holds) {
  const int a = holds[step.args[0]], b = holds[step.args[1]], c = holds[step.args[2]];
  switch (static_cast<ScalarOp>(step.op)) {
    case ScalarOp::kNeg:
    case ScalarOp::kCastBfloat16:
      return a == kZero ? kZero : kAnything;
    case ScalarOp::kMul:
      return a == kZero || b == kZero ? kZero : kAnything;
    case ScalarOp::kAdd:
      return a == kZero ? b : b == kZero ? a : kAnything;
    case ScalarOp::kSub:
      return b == kZero ? a : kAnything;
    case ScalarOp::kFma:
      return a == kZero || b == kZero ? c : kAnything;
    default:
      return kAnything;
  }
}

bool sameMemory(const View& a, const View& b) {
  return a.space == b.space && a.base == b.base && a.offset == b.offset && a.dtype == b.dtype && a.contiguous() &&
         b.contiguous() && a.steps == 0 && b.steps == 0;
}

}  // namespace

bool zeroHasNoEffect(const Instruction& instruction) {
  const Program& program = instruction.program;
  std::vector<int> holds(UINT8_MAX + 1, kAnything);
  for (int i = 0; i < program.inputs; ++i) holds[i] = i;  // register 0 is the product
  for (const Step& step : program.steps) holds[step.dst] = after(step, holds);
  for (size_t i = 0; i < program.outputs.size(); ++i) {
    const int input = holds[program.outputs[i]];
    if (input <= 0 || !sameMemory(instruction.outputs[i], instruction.inputs[input + 1])) return false;
  }
  return true;
}

}  // namespace steepest
