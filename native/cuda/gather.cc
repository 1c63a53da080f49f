#include "kernels/gather.h"

#include <algorithm>

#include "rows.h"
#include "sort.h"

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
  Domain& inner = arguments.inner;
  const bool whole = inner.rank == 1 && arguments.innerStrides[0] == 1 && arguments.tableStride % 4 == 0;
  if (arguments.elementBytes == 4 && whole && inQuads(inner.size, {arguments.table, arguments.out})) {
    arguments.elementBytes = 16;
    arguments.tableStride /= 4;
    inner.size = inner.shape[0] /= 4;
  }
  binder.each("gatherRows", arguments.count * inner.size, arguments);
}

void bindScatterAdd(const Instruction& in, Binder& binder) {
  const View& out = in.outputs[0];
  if (out.size() == 0) return;
  ScatterArguments arguments{};
  arguments.state = binder.step();
  arguments.indices = binder.dense<int32_t>(in.inputs[0]);
  arguments.updates = binder.dense<float>(in.inputs[1]);
  ProductEnd end(in, binder);
  arguments.out = reinterpret_cast<float*>(end.target().data);
  arguments.count = in.inputs[0].size();
  arguments.rows = out.shape[0];
  arguments.inner = out.size() / out.shape[0];
  arguments.quads = inQuads(arguments.inner, {arguments.updates, arguments.out});
  const int64_t count = arguments.count, inner = arguments.inner;
  const int64_t chunks = (count + kScatterChunk - 1) / kScatterChunk;
  arguments.pairs = reinterpret_cast<uint64_t*>(binder.scratch(static_cast<uint64_t>(count) * sizeof(uint64_t)));
  arguments.carries = reinterpret_cast<float*>(binder.scratch(static_cast<uint64_t>(chunks * inner) * sizeof(float)));
  binder.each("scatterBegin", std::max(count, (out.size() + 3) / 4), arguments);
  int bits = 1;
  while (arguments.rows >> bits != 0) ++bits;
  arguments.sorted = addSort(arguments.pairs, 1, count, bits, binder);
  binder.each("scatterChunks", chunks * (arguments.quads != 0 ? inner / 4 : inner), arguments);
  if (chunks > 1) binder.each("scatterCarries", chunks * inner, arguments);
  end.finish();
}

}  // namespace steepest::cuda
