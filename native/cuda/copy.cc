#include "kernels/copy.h"

#include "bind.h"

namespace steepest::cuda {

void bindCopy(const Instruction& in, Binder& binder) {
  const View& out = in.outputs[0];
  if (out.steps == 0 && in.inputs[0].steps == 0 && out.size() <= kFewElements && sizeOf(out.dtype) == 4) {
    // The program that gives its input: so it can be launched with others.
    steepest::Program same;
    same.inputs = same.registers = 1;
    same.outputs = {0};
    if (emits(same)) return addMap(same, {binder.operand(in.inputs[0])}, in.outputs, binder, true);
  }
  CopyArguments arguments{};
  arguments.domain = domainOf(in.outputs[0]);
  arguments.in = binder.operand(in.inputs[0]);
  arguments.out = binder.operand(in.outputs[0]);
  arguments.elementBytes = static_cast<uint32_t>(sizeOf(in.outputs[0].dtype));
  collapse(&arguments.domain, {arguments.in.strides, arguments.out.strides});
  binder.eachSliding("copyElements", arguments.domain.size, arguments);
}

}  // namespace steepest::cuda
