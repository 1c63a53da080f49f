#include "kernels/normalize.h"

#include <cstring>

#include "../plan/ops.h"
#include "rows.h"

namespace steepest::cuda {
namespace {

// Blocks of a gradient, each with sums of its own for scale and offset: by the shape only, and about what a large device has at
// once.
constexpr int64_t kGradBlocks = 256;

bool isNarrow(int64_t columns) { return columns <= kNarrowRow; }

// [rows, columns] or what all columns of a row have.
Operand rowsOf(const float* data, int64_t columns, bool perRow = false) {
  Operand operand{};
  operand.data = reinterpret_cast<uint8_t*>(const_cast<float*>(data));
  operand.dtype = static_cast<uint32_t>(DType::kFloat32);
  operand.strides[0] = perRow ? 1 : columns;
  operand.strides[1] = perRow ? 0 : 1;
  return operand;
}

steepest::Program theInput() {
  steepest::Program program;
  program.inputs = program.registers = 1;
  program.outputs = {0};
  return program;
}

// dy (x - mean) inverse
steepest::Program upstreamTimesNormal() {
  const auto step = [](ScalarOp op, uint8_t to, uint8_t a, uint8_t b) {
    return Step{static_cast<uint8_t>(op), static_cast<uint8_t>(Lane::kFloat), to, {a, b, 0}, {0, 0}};
  };
  steepest::Program program;
  program.inputs = 4;
  program.registers = 7;
  program.steps = {step(ScalarOp::kSub, 4, 1, 2), step(ScalarOp::kMul, 5, 4, 3), step(ScalarOp::kMul, 6, 0, 5)};
  program.outputs = {6};
  return program;
}

}  // namespace

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
  arguments.quads = inQuads(arguments.columns, {arguments.x, arguments.scale, arguments.offset, arguments.y});
  addRows(isNarrow(arguments.columns) ? "normalizeNarrow" : "normalize", arguments, binder);
}

void bindNormalizeGrad(const Instruction& in, Binder& binder) {
  const View& x = in.inputs[0];
  NormalizeGradArguments arguments{};
  arguments.x = binder.dense<float>(x);
  arguments.mean = binder.dense<float>(in.inputs[1]);
  arguments.inverse = binder.dense<float>(in.inputs[2]);
  arguments.dy = binder.dense<float>(in.inputs[3]);
  if (in.attrs[2] != 0) arguments.scale = binder.dense<float>(in.inputs[4]);
  arguments.dx = binder.at<float>(in.outputs[0]);
  float* const dscale = in.attrs[2] != 0 ? binder.at<float>(in.outputs[1]) : nullptr;
  float* const doffset = in.attrs[3] != 0 ? binder.at<float>(in.outputs.back()) : nullptr;
  arguments.columns = x.shape[x.rank - 1];
  arguments.rows = in.inputs[1].size();
  std::memcpy(&arguments.epsilon, &in.attrs[0], sizeof arguments.epsilon);
  arguments.centered = in.attrs[1];
  arguments.quads = inQuads(arguments.columns, {arguments.x, arguments.scale, arguments.dy, arguments.dx});
  const int64_t columns = arguments.columns;
  const bool held = rowWay(columns) != RowWay::kStream;
  const auto partial = [&](const float* wanted) -> float* {
    if (wanted == nullptr || !held) return nullptr;
    return reinterpret_cast<float*>(binder.scratch(static_cast<uint64_t>(kGradBlocks * columns) * sizeof(float)));
  };
  arguments.dscale = partial(dscale);
  arguments.doffset = partial(doffset);
  const int64_t blocks =
      addRows(isNarrow(columns) ? "normalizeNarrowGrad" : "normalizeGrad", arguments, binder, kGradBlocks);
  if (dscale != nullptr && held) {
    addColumnSums(theInput(), {rowsOf(arguments.dscale, columns)}, blocks, columns, dscale, binder);
  } else if (dscale != nullptr) {
    addColumnSums(upstreamTimesNormal(),
                  {rowsOf(arguments.dy, columns), rowsOf(arguments.x, columns), rowsOf(arguments.mean, columns, true),
                   rowsOf(arguments.inverse, columns, true)},
                  arguments.rows, columns, dscale, binder);
  }
  if (doffset != nullptr) {
    addColumnSums(theInput(), {rowsOf(held ? arguments.doffset : arguments.dy, columns)},
                  held ? blocks : arguments.rows, columns, doffset, binder);
  }
}

}  // namespace steepest::cuda
