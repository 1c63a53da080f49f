#include "kernels/softmax.h"

#include "bind.h"

namespace steepest::cuda {
namespace {

int64_t columnsOf(const View& v) { return v.rank > 0 ? v.shape[v.rank - 1] : 1; }

// Of a long row more, so that few rows are on their way, and the cache still has one when it is gone through again.
int threadsFor(int64_t columns) {
  int threads = threadsForRow(columns);
  while (threads < kSoftmaxThreads && threads * 8 < columns) threads *= 2;
  return threads;
}

template <typename... Pointers>
uint32_t inQuads(int64_t columns, Pointers... pointers) {
  return columns % 4 == 0 && ((reinterpret_cast<uintptr_t>(pointers) | ...) % 16) == 0;
}

}  // namespace

int threadsForRow(int64_t columns) {
  int threads = 32;
  while (threads < STEEPEST_BLOCK && threads < columns) threads *= 2;
  return threads;
}

void bindSoftmax(const Instruction& in, Binder& binder) {
  const View& y = in.outputs[0];
  SoftmaxArguments arguments{};
  arguments.x = binder.dense<float>(in.inputs[0]);
  arguments.y = binder.at<float>(y);
  arguments.columns = columnsOf(y);
  arguments.rows = arguments.columns == 0 ? 0 : y.size() / arguments.columns;
  arguments.log = in.attrs[0];
  arguments.quads = inQuads(arguments.columns, arguments.x, arguments.y);
  binder.blocks("softmax", arguments.rows, arguments, threadsFor(arguments.columns));
}

void bindSoftmaxGrad(const Instruction& in, Binder& binder) {
  const View& dx = in.outputs[0];
  SoftmaxGradArguments arguments{};
  arguments.y = binder.dense<float>(in.inputs[0]);
  arguments.dy = binder.dense<float>(in.inputs[1]);
  arguments.dx = binder.at<float>(dx);
  arguments.columns = columnsOf(dx);
  arguments.rows = arguments.columns == 0 ? 0 : dx.size() / arguments.columns;
  arguments.log = in.attrs[0];
  arguments.quads = inQuads(arguments.columns, arguments.y, arguments.dy, arguments.dx);
  binder.blocks("softmaxGrad", arguments.rows, arguments, threadsFor(arguments.columns));
}

void bindSoftmaxCrossEntropy(const Instruction& in, Binder& binder) {
  CrossEntropyArguments arguments{};
  arguments.state = binder.step();
  arguments.logits = binder.dense<float>(in.inputs[0]);
  arguments.labels = binder.dense<int32_t>(in.inputs[1]);
  arguments.loss = binder.at<float>(in.outputs[0]);
  arguments.rows = in.inputs[0].shape[0];
  arguments.columns = in.inputs[0].shape[1];
  arguments.quads = inQuads(arguments.columns, arguments.logits);
  binder.blocks("crossEntropy", arguments.rows, arguments, threadsFor(arguments.columns));
}

void bindSoftmaxCrossEntropyGrad(const Instruction& in, Binder& binder) {
  CrossEntropyArguments arguments{};
  arguments.state = binder.step();
  arguments.logits = binder.dense<float>(in.inputs[0]);
  arguments.labels = binder.dense<int32_t>(in.inputs[1]);
  arguments.dloss = binder.dense<float>(in.inputs[2]);
  arguments.dlogits = binder.at<float>(in.outputs[0]);
  arguments.rows = in.inputs[0].shape[0];
  arguments.columns = in.inputs[0].shape[1];
  arguments.quads = inQuads(arguments.columns, arguments.logits, arguments.dlogits);
  binder.blocks("crossEntropyGrad", arguments.rows, arguments, threadsFor(arguments.columns));
}

}  // namespace steepest::cuda
