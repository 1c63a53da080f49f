#include "kernels/copy.h"

#include "bind.h"

namespace steepest::cuda {

void bindCopy(const Instruction& in, Binder& binder) {
  CopyArguments arguments{};
  arguments.domain = domainOf(in.outputs[0]);
  arguments.in = binder.operand(in.inputs[0]);
  arguments.out = binder.operand(in.outputs[0]);
  arguments.elementBytes = static_cast<uint32_t>(sizeOf(in.outputs[0].dtype));
  collapse(&arguments.domain, {arguments.in.strides, arguments.out.strides});
  if (arguments.elementBytes >= 2 && isShort(arguments.domain, arguments.in.strides) &&
      isShort(arguments.domain, arguments.out.strides)) {
    // The program that gives its input: its indices are 32 bits, and where it is small, it can be launched with others.
    steepest::Program same;
    same.inputs = same.registers = 1;
    same.outputs = {0};
    if (emits(same, binder.device())) return addMap(same, {binder.operand(in.inputs[0])}, in.outputs, binder, true);
  }
  binder.eachSliding("copyElements", arguments.domain.size, arguments);
}

}  // namespace steepest::cuda
