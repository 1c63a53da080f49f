#include "kernels/normalize.h"

#include <cstring>

#include "bind.h"

namespace steepest::cuda {

void bindNormalize(const Instruction& in, Binder& binder) {
  const View& x = in.inputs[0];
  NormalizeArguments arguments{};
  arguments.x = binder.dense<float>(x);
  if (in.attrs[2] != 0) arguments.scale = binder.dense<float>(in.inputs[1]);
  if (in.attrs[3] != 0) arguments.offset = binder.dense<float>(in.inputs.back());
  arguments.y = binder.at<float>(in.outputs[0]);
  arguments.mean = binder.at<float>(in.outputs[1]);
  arguments.inverse = binder.at<float>(in.outputs[2]);
  arguments.columns = x.shape[x.rank - 1];
  arguments.rows = in.outputs[1].size();
  std::memcpy(&arguments.epsilon, &in.attrs[0], sizeof arguments.epsilon);
  arguments.centered = in.attrs[1];
  binder.blocks("normalize", arguments.rows, arguments, threadsForRow(arguments.columns));
}

// The moments that the forward pass has left are float32; they are computed again.
void bindNormalizeGrad(const Instruction& in, Binder& binder) {
  const View& x = in.inputs[0];
  NormalizeGradArguments arguments{};
  arguments.x = binder.dense<float>(x);
  arguments.dy = binder.dense<float>(in.inputs[3]);
  if (in.attrs[2] != 0) arguments.scale = binder.dense<float>(in.inputs[4]);
  arguments.dx = binder.at<float>(in.outputs[0]);
  if (in.attrs[2] != 0) arguments.dscale = binder.at<float>(in.outputs[1]);
  if (in.attrs[3] != 0) arguments.doffset = binder.at<float>(in.outputs.back());
  arguments.columns = x.shape[x.rank - 1];
  arguments.rows = in.inputs[1].size();
  arguments.mean = reinterpret_cast<double*>(binder.scratch(static_cast<uint64_t>(arguments.rows) * sizeof(double)));
  arguments.inverse = reinterpret_cast<double*>(binder.scratch(static_cast<uint64_t>(arguments.rows) * sizeof(double)));
  std::memcpy(&arguments.epsilon, &in.attrs[0], sizeof arguments.epsilon);
  arguments.centered = in.attrs[1];
  binder.blocks("normalizeGrad", arguments.rows, arguments, threadsForRow(arguments.columns));
  if (in.attrs[2] + in.attrs[3] != 0) binder.each("normalizeColumns", arguments.columns, arguments);
}

}  // namespace steepest::cuda
