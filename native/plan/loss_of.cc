#include "loss_of.h"

#include <algorithm>

#include "ops.h"
#include "validate.h"

namespace steepest {
namespace {

bool same(const View& a, const View& b) {
  return a.space == b.space && a.base == b.base && a.offset == b.offset && a.steps == 0 && b.steps == 0 &&
         a.rank == b.rank && std::equal(a.shape, a.shape + a.rank, b.shape) &&
         std::equal(a.strides, a.strides + a.rank, b.strides);
}

bool meetAny(const std::vector<View>& views, const View& view) {
  return std::any_of(views.begin(), views.end(), [&](const View& v) { return meet(v, view); });
}

}  // namespace

size_t lossOf(size_t at, const std::vector<Instruction>& instructions) {
  const size_t none = instructions.size();
  const Instruction& gradient = instructions[at];
  if (static_cast<Opcode>(gradient.opcode) != Opcode::kSoftmaxCrossEntropyGrad) return none;
  for (size_t i = at + 1; i < none; ++i) {
    const Instruction& loss = instructions[i];
    if (static_cast<Opcode>(loss.opcode) == Opcode::kLoop) break;
    if (static_cast<Opcode>(loss.opcode) != Opcode::kSoftmaxCrossEntropy) continue;
    if (!same(loss.inputs[0], gradient.inputs[0]) || !same(loss.inputs[1], gradient.inputs[1])) continue;
    for (size_t k = at; k < i; ++k) {
      const Instruction& between = instructions[k];
      if (meetAny(between.inputs, loss.outputs[0]) || meetAny(between.outputs, loss.outputs[0])) return none;
      for (const View& input : loss.inputs) {
        if (meetAny(between.outputs, input)) return none;
      }
    }
    return i;
  }
  return none;
}

}  // namespace steepest
