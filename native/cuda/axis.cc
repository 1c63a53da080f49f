#include "kernels/axis.h"

#include "bind.h"

namespace steepest::cuda {
namespace {

AxisArguments argumentsOf(const Instruction& in, Binder& binder, int axis, uint32_t flag) {
  const View& x = in.inputs[0];
  AxisArguments arguments{};
  arguments.x = binder.dense<uint8_t>(x);
  arguments.y = binder.bytesAt(in.outputs[0]);
  arguments.outer = arguments.inner = 1;
  for (int d = 0; d < axis; ++d) arguments.outer *= x.shape[d];
  arguments.axis = x.shape[axis];
  for (int d = axis + 1; d < x.rank; ++d) arguments.inner *= x.shape[d];
  arguments.dtype = static_cast<uint32_t>(x.dtype);
  arguments.flag = flag;
  return arguments;
}

}  // namespace

void bindArgReduce(const Instruction& in, Binder& binder) {
  const AxisArguments arguments = argumentsOf(in, binder, static_cast<int>(in.attrs[1]), in.attrs[0]);
  binder.each("argReduce", arguments.outer * arguments.inner, arguments);
}

void bindCumsum(const Instruction& in, Binder& binder) {
  const AxisArguments arguments = argumentsOf(in, binder, static_cast<int>(in.attrs[0]), in.attrs[1]);
  binder.each("cumsum", arguments.outer * arguments.inner, arguments);
}

void bindArgsort(const Instruction& in, Binder& binder) {
  const int axis = static_cast<int>(in.attrs[0]);
  AxisArguments arguments = argumentsOf(in, binder, axis, in.attrs[1]);
  arguments.count = in.outputs[0].shape[axis];
  arguments.pairs = reinterpret_cast<uint64_t*>(binder.scratch(static_cast<uint64_t>(in.inputs[0].size()) * 8));
  binder.each("argsort", arguments.outer * arguments.inner, arguments);
}

}  // namespace steepest::cuda
