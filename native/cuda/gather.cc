#include "kernels/gather.h"

#include <algorithm>

#include "bind.h"

namespace steepest::cuda {

void bindGather(const Instruction& in, Binder& binder) {
  const View& table = in.inputs[0];
  GatherArguments arguments{};
  arguments.state = binder.step();
  arguments.table = binder.bytesAt(table);
  arguments.indices = binder.dense<int32_t>(in.inputs[1]);
  arguments.out = binder.bytesAt(in.outputs[0]);
  arguments.count = in.inputs[1].size();
  arguments.tableRows = table.shape[0];
  arguments.tableStride = table.strides[0];
  arguments.inner.size = 1;
  for (int d = 1; d < table.rank; ++d) {
    arguments.inner.shape[d - 1] = table.shape[d];
    arguments.innerStrides[d - 1] = table.strides[d];
    arguments.inner.size *= table.shape[d];
    ++arguments.inner.rank;
  }
  collapse(&arguments.inner, {arguments.innerStrides});
  arguments.elementBytes = static_cast<uint32_t>(sizeOf(table.dtype));
  binder.each("gatherRows", arguments.count * arguments.inner.size, arguments);
}

void bindScatterAdd(const Instruction& in, Binder& binder) {
  constexpr int64_t kThreads = 1 << 14;
  const View& out = in.outputs[0];
  ScatterArguments arguments{};
  arguments.state = binder.step();
  arguments.indices = binder.dense<int32_t>(in.inputs[0]);
  arguments.updates = binder.dense<float>(in.inputs[1]);
  arguments.out = binder.at<float>(out);
  arguments.count = in.inputs[0].size();
  arguments.rows = out.shape[0];
  arguments.inner = out.size() / std::max<int64_t>(1, out.shape[0]);
  if (out.size() == 0) return;
  arguments.parts = std::clamp<int64_t>(kThreads / arguments.inner, 1, arguments.rows);
  binder.each("scatterAdd", arguments.parts * arguments.inner, arguments);
}

}  // namespace steepest::cuda
