// Convolutions and pooling: see kernels/conv.cu.
#include "../plan/ops.h"
#include "../runtime/matmul_problem.h"
#include "bind.h"
#include "kernels/spatial.h"

namespace steepest::cuda {
namespace {

int64_t volume(const int64_t* box) { return box[0] * box[1] * box[2]; }

// The axes between the first and the last one.
void spatialOf(const View& view, int64_t* box) {
  const int missing = kSpatial - (view.rank - 2);
  for (int d = 0; d < kSpatial; ++d) box[d] = d < missing ? 1 : view.shape[1 + d - missing];
}

struct Words {
  const uint32_t *stride, *dilation, *padding;
};

Windows windowsOf(const View& x, const View& y, const Words& words) {
  Windows windows{};
  windows.images = x.shape[0];
  spatialOf(x, windows.x);
  spatialOf(y, windows.y);
  for (int d = 0; d < kSpatial; ++d) {
    windows.stride[d] = words.stride[d];
    windows.dilation[d] = words.dilation != nullptr ? words.dilation[d] : 1;
    windows.padding[d] = words.padding[d];
  }
  return windows;
}

// What they have in common; the operands are set by the callers.
ConvArguments convOf(const Instruction& in, const View& x, const View& kernel, const View& y) {
  const uint32_t* const words = in.attrs.data();
  ConvArguments arguments{};
  arguments.windows = windowsOf(x, y, {words + 1, words + 4, words + 7});
  for (int d = 0; d < kSpatial; ++d) arguments.windows.window[d] = 1;
  const int missing = kSpatial - (kernel.rank - 2);
  for (int d = missing; d < kSpatial; ++d) arguments.windows.window[d] = kernel.shape[d - missing];
  arguments.channels = x.shape[x.rank - 1];
  arguments.filters = y.shape[y.rank - 1];
  arguments.groups = words[10];
  arguments.bfloat16 = roundsToBfloat16(in);
  return arguments;
}

PoolArguments poolOf(const Instruction& in, const View& x, const View& y, bool average) {
  const uint32_t* const words = in.attrs.data();
  PoolArguments arguments{};
  arguments.windows = windowsOf(x, y, {words + 3, nullptr, words + 6});
  for (int d = 0; d < kSpatial; ++d) {
    arguments.windows.window[d] = words[d];
    arguments.before[d] = average ? words[9 + d] : 0;
    arguments.after[d] = average ? words[12 + d] : 0;
  }
  arguments.channels = x.shape[x.rank - 1];
  return arguments;
}

void addPool(const char* kernel, PoolArguments arguments, const View& out, Binder& binder) {
  arguments.out = binder.at<float>(out);
  binder.each(kernel, out.size(), arguments);
}

}  // namespace

void bindConv(const Instruction& in, Binder& binder) {
  ProductEnd end(in, binder);
  ConvArguments arguments = convOf(in, in.inputs[0], in.inputs[1], in.outputs[0]);
  arguments.x = binder.dense<float>(in.inputs[0]);
  arguments.kernel = binder.dense<float>(in.inputs[1]);
  arguments.out = reinterpret_cast<float*>(end.target().data);
  binder.each("conv", in.outputs[0].size(), arguments);
  end.finish();
}

void bindConvInputGrad(const Instruction& in, Binder& binder) {
  ProductEnd end(in, binder);
  ConvArguments arguments = convOf(in, in.outputs[0], in.inputs[1], in.inputs[0]);
  arguments.y = binder.dense<float>(in.inputs[0]);
  arguments.kernel = binder.dense<float>(in.inputs[1]);
  arguments.out = reinterpret_cast<float*>(end.target().data);
  binder.each("convInputGrad", in.outputs[0].size(), arguments);
  end.finish();
}

void bindConvKernelGrad(const Instruction& in, Binder& binder) {
  ProductEnd end(in, binder);
  ConvArguments arguments = convOf(in, in.inputs[0], in.outputs[0], in.inputs[1]);
  arguments.x = binder.dense<float>(in.inputs[0]);
  arguments.y = binder.dense<float>(in.inputs[1]);
  arguments.out = reinterpret_cast<float*>(end.target().data);
  binder.each("convKernelGrad",
              volume(arguments.windows.window) * (arguments.channels / arguments.groups) * arguments.filters,
              arguments);
  end.finish();
}

void bindMaxPool(const Instruction& in, Binder& binder) {
  PoolArguments arguments = poolOf(in, in.inputs[0], in.outputs[0], false);
  arguments.x = binder.dense<float>(in.inputs[0]);
  addPool("maxPool", arguments, in.outputs[0], binder);
}

void bindAveragePool(const Instruction& in, Binder& binder) {
  PoolArguments arguments = poolOf(in, in.inputs[0], in.outputs[0], true);
  arguments.x = binder.dense<float>(in.inputs[0]);
  addPool("averagePool", arguments, in.outputs[0], binder);
}

void bindMaxPoolGrad(const Instruction& in, Binder& binder) {
  PoolArguments arguments = poolOf(in, in.outputs[0], in.inputs[1], false);
  arguments.x = binder.dense<float>(in.inputs[0]);
  arguments.y = binder.dense<float>(in.inputs[1]);
  arguments.dy = binder.dense<float>(in.inputs[2]);
  addPool("maxPoolGrad", arguments, in.outputs[0], binder);
}

void bindAveragePoolGrad(const Instruction& in, Binder& binder) {
  PoolArguments arguments = poolOf(in, in.outputs[0], in.inputs[0], true);
  arguments.dy = binder.dense<float>(in.inputs[0]);
  addPool("averagePoolGrad", arguments, in.outputs[0], binder);
}

}  // namespace steepest::cuda
