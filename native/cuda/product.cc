// Matrix products and what all products end with.
#include "kernels/product.h"

#include <algorithm>

#include "../plan/ops.h"
#include "bind.h"
#include "gemm.h"

namespace steepest::cuda {
namespace {

Operand contiguous(uint8_t* data, const View& shape) {
  Operand operand{};
  operand.data = data;
  operand.dtype = static_cast<uint32_t>(DType::kFloat32);
  int64_t stride = 1;
  for (int d = shape.rank; d-- > 0; stride *= shape.shape[d]) operand.strides[d] = stride;
  return operand;
}

}  // namespace

namespace {

bool slides(const Instruction& in) {
  for (const auto* views : {&in.inputs, &in.outputs}) {
    if (std::any_of(views->begin(), views->end(), [](const View& v) { return v.steps != 0; })) return true;
  }
  return false;
}

}  // namespace

ProductEnd::ProductEnd(const Instruction& in, Binder& binder) : in_(in), binder_(binder) {
  const View& out = in.outputs[0];
  if (in.attrs[0] == 0) {
    target_ = binder.operand(out);
    return;
  }
  const uint64_t bytes = static_cast<uint64_t>(out.size()) * sizeof(float);
  waits_ = out.size() <= kFewElements && !slides(in) && emits(in.program, binder.device());
  target_ = contiguous(waits_ ? binder.own(bytes) : binder.scratch(bytes), out);
  if (waits_) binder.touches({{rangeOf(in.inputs[0], binder.memory()), rangeOf(in.inputs[1], binder.memory())}, {}});
}

void ProductEnd::finish() {
  if (in_.attrs[0] == 0) return;
  std::vector<Operand> inputs = {target_};
  for (size_t i = 2; i < in_.inputs.size(); ++i) inputs.push_back(binder_.operand(in_.inputs[i]));
  addMap(in_.program, inputs, in_.outputs, binder_, waits_);
}

namespace {

// Any strides, an element for each thread.
void addSimpleMatmul(const Instruction& in, const Operand& c, Binder& binder) {
  const View& a = in.inputs[0];
  const View& b = in.inputs[1];
  MatmulArguments arguments{};
  arguments.a = binder.operand(a);
  arguments.b = binder.operand(b);
  arguments.c = c;
  arguments.batch.size = 1;
  for (int d = 0; d + 2 < a.rank; ++d) {
    arguments.batch.shape[arguments.batch.rank++] = a.shape[d];
    arguments.batch.size *= a.shape[d];
  }
  arguments.m = a.shape[a.rank - 2];
  arguments.k = a.shape[a.rank - 1];
  arguments.n = b.shape[b.rank - 1];
  arguments.bfloat16 = roundsToBfloat16(in);
  binder.eachSliding("matmul", arguments.batch.size * arguments.m * arguments.n, arguments);
}

}  // namespace

void bindMatmul(const Instruction& in, Binder& binder) {
  if (waitsAsProduct(in, binder)) return;
  const MatmulProblem problem = matmulProblem(in, binder.memory());
  GemmArguments arguments{};
  arguments.bfloat16 = roundsToBfloat16(in);
  arguments.tf32 = precisionOf(in) == Precision::kTf32;
  const bool epilogue = in.attrs[0] != 0;
  if (epilogue && recogniseFinish(in, binder.memory(), &arguments.finish, true, arguments.bfloat16 != 0)) {
    arguments.c = reinterpret_cast<float*>(binder.bytesAt(in.outputs[0]));
    arguments.cSlide = slideOf(in.outputs[0]);
    if (addGemm(problem, arguments, binder)) return;
    arguments.finish = {};
  }
  ProductEnd end(in, binder);
  arguments.c = reinterpret_cast<float*>(end.target().data);
  arguments.cSlide = end.target().slide;
  if (!addGemm(problem, arguments, binder)) addSimpleMatmul(in, end.target(), binder);
  end.finish();
}

}  // namespace steepest::cuda
