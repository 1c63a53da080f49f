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
  binder.eachSliding("copyElements", arguments.domain.size, arguments);
}

}  // namespace steepest::cuda
