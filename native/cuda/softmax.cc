#include "kernels/softmax.h"

#include "rows.h"

namespace steepest::cuda {
namespace {

int64_t columnsOf(const View& v) { return v.rank > 0 ? v.shape[v.rank - 1] : 1; }

}  // namespace

void bindSoftmax(const Instruction& in, Binder& binder) {
  if (waitsAsRows(in, binder)) return;
  const View& y = in.outputs[0];
  SoftmaxArguments arguments{};
  arguments.x = binder.dense<float>(in.inputs[0]);
  arguments.y = binder.at<float>(y);
  arguments.columns = columnsOf(y);
  arguments.rows = arguments.columns == 0 ? 0 : y.size() / arguments.columns;
  arguments.log = in.attrs[0];
  arguments.quads = inQuads(arguments.columns, {arguments.x, arguments.y});
  addRows("softmax", arguments, binder);
}

void bindSoftmaxGrad(const Instruction& in, Binder& binder) {
  if (waitsAsRows(in, binder)) return;
  const View& dx = in.outputs[0];
  SoftmaxGradArguments arguments{};
  arguments.y = binder.dense<float>(in.inputs[0]);
  arguments.dy = binder.dense<float>(in.inputs[1]);
  arguments.dx = binder.at<float>(dx);
  arguments.columns = columnsOf(dx);
  arguments.rows = arguments.columns == 0 ? 0 : dx.size() / arguments.columns;
  arguments.log = in.attrs[0];
  arguments.quads = inQuads(arguments.columns, {arguments.y, arguments.dy, arguments.dx});
  addRows("softmaxGrad", arguments, binder);
}

void bindSoftmaxCrossEntropy(const Instruction& in, Binder& binder) {
  if (waitsAsRows(in, binder)) return;
  CrossEntropyArguments arguments{};
  arguments.state = binder.step();
  arguments.logits = binder.dense<float>(in.inputs[0]);
  arguments.labels = binder.dense<int32_t>(in.inputs[1]);
  arguments.loss = binder.at<float>(in.outputs[0]);
  arguments.rows = in.inputs[0].shape[0];
  arguments.columns = in.inputs[0].shape[1];
  arguments.quads = inQuads(arguments.columns, {arguments.logits});
  addRows("crossEntropy", arguments, binder);
}

void bindSoftmaxCrossEntropyGrad(const Instruction& in, Binder& binder) {
  if (waitsAsRows(in, binder)) return;
  CrossEntropyArguments arguments{};
  arguments.state = binder.step();
  arguments.logits = binder.dense<float>(in.inputs[0]);
  arguments.labels = binder.dense<int32_t>(in.inputs[1]);
  // Often one number for all rows.
  arguments.dloss = binder.at<float>(in.inputs[2]);
  arguments.dlossStep = in.inputs[2].strides[0];
  if (const Instruction* const loss = binder.also()) arguments.loss = binder.at<float>(loss->outputs[0]);
  arguments.dlogits = binder.at<float>(in.outputs[0]);
  arguments.rows = in.inputs[0].shape[0];
  arguments.columns = in.inputs[0].shape[1];
  arguments.quads = inQuads(arguments.columns, {arguments.logits, arguments.dlogits});
  addRows("crossEntropyGrad", arguments, binder);
}

}  // namespace steepest::cuda
