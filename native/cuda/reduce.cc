#include "kernels/reduce.h"

#include "bind.h"

namespace steepest::cuda {
namespace {

constexpr int64_t kManyTerms = 512;      // of an output: worth a block
constexpr int64_t kManyOutputs = 65536;  // enough to keep a device busy with a thread each

}  // namespace

void bindReduce(const Instruction& in, Binder& binder) {
  const View& any = in.inputs[0];
  std::vector<int> kept, reduced;
  for (int d = 0; d < any.rank; ++d) (in.attrs[1] >> d & 1 ? reduced : kept).push_back(d);
  std::vector<int> order = kept;
  order.insert(order.end(), reduced.begin(), reduced.end());

  ReduceArguments arguments{};
  for (auto [domain, axes] : {std::pair{&arguments.kept, &kept}, {&arguments.reduced, &reduced}}) {
    domain->size = 1;
    for (const int d : *axes) {
      domain->shape[domain->rank++] = any.shape[d];
      domain->size *= any.shape[d];
    }
  }
  std::vector<Operand> inputs;
  for (const View& view : in.inputs) {
    Operand operand = binder.operand(view);
    for (size_t k = 0; k < order.size(); ++k) operand.strides[k] = view.strides[order[k]];
    inputs.push_back(operand);
  }
  int64_t linear[kMaxRank], stride = 1;
  for (int d = any.rank; d-- > 0; stride *= any.shape[d]) linear[d] = stride;
  for (size_t k = 0; k < order.size(); ++k) arguments.positions[k] = linear[order[k]];

  arguments.program = binder.program(in.program);
  arguments.inputs = binder.upload(inputs);
  arguments.out = binder.operand(in.outputs[0]);
  arguments.kind = in.attrs[0];
  const bool few = in.program.registers <= 16;
  if (arguments.reduced.size >= kManyTerms && arguments.kept.size < kManyOutputs) {
    binder.blocksSliding(few ? "reduceByBlock16" : "reduceByBlock250", arguments.kept.size, arguments);
  } else {
    binder.eachSliding(few ? "reduceByThread16" : "reduceByThread250", arguments.kept.size, arguments);
  }
}

}  // namespace steepest::cuda
