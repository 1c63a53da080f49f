// Attention and normalization: operations on rows with kernels of their own.
#include <cmath>
#include <cstring>

#include "expect.h"

namespace steepest {
namespace {

void expectFinite(const Instruction& in, const char* role) {
  float value;
  std::memcpy(&value, &in.attrs[0], sizeof value);
  if (!std::isfinite(value)) fail(std::string(role) + ": expected a finite number");
}

// query [N, T, H, D], key [N, S, K, D], value [N, S, K, E], with K a divisor of H, and perhaps mask bool [N, H, T, S].
void validateHeads(const Instruction& in, size_t mask) {
  expectFinite(in, "scale");
  expectAttribute(in, 1, 2, "causal");
  validatePrecision(in);
  if (in.inputs.size() != mask && in.inputs.size() != mask + 1) expectInputs(in, mask);
  for (size_t i = 0; i < 3; ++i) {
    expectRank(in.inputs[i], 4, "query, key or value");
    expectDType(in.inputs[i], DType::kFloat32, "query, key or value");
  }
  const int64_t* query = in.inputs[0].shape;
  const int64_t* value = in.inputs[2].shape;
  if (value[2] < 1 || query[2] % value[2] != 0) fail("query: its heads must be a multiple of those of key and value");
  expect(in.inputs[1], DType::kFloat32, {query[0], value[1], value[2], query[3]}, "key");
  expect(in.inputs[2], DType::kFloat32, {query[0], value[1], value[2], value[3]}, "value");
  if (in.inputs.size() > mask) {
    expect(in.inputs[mask], DType::kBool, {query[0], query[2], query[1], value[1]}, "mask");
  }
}

Shape jointShape(const Instruction& in) {
  const int64_t* query = in.inputs[0].shape;
  return {query[0], query[1], query[2], in.inputs[2].shape[3]};
}

Shape rowsShape(const Instruction& in) {
  const int64_t* query = in.inputs[0].shape;
  return {query[0], query[2], query[1]};
}

void expectContiguous(const View& view, const char* role) {
  if (!view.contiguous()) fail(std::string(role) + ": expected a contiguous view");
}

// x [..., C] and what the attributes say of it. Returns [...].
Shape validateNormalized(const Instruction& in) {
  expectFinite(in, "epsilon");
  expectAttribute(in, 1, 2, "centered");
  expectAttribute(in, 2, 2, "scale");
  expectAttribute(in, 3, 2, "offset");
  if (in.inputs.empty() || in.inputs[0].rank < 1) fail("x: expected rank 1 or more");
  expectDType(in.inputs[0], DType::kFloat32, "x");
  Shape rows = shapeOf(in.inputs[0]);
  rows.pop_back();
  return rows;
}

}  // namespace

void validateAttention(const Instruction& in) {
  validateHeads(in, 3);
  expect(in.outputs[0], DType::kFloat32, jointShape(in), "output");
  expect(in.outputs[1], DType::kFloat32, rowsShape(in), "logarithm of the sum");
}

void validateAttentionGrad(const Instruction& in) {
  validateHeads(in, 6);
  expect(in.inputs[3], DType::kFloat32, jointShape(in), "y");
  expectContiguous(in.inputs[3], "y");
  expect(in.inputs[4], DType::kFloat32, rowsShape(in), "logarithm of the sum");
  expectContiguous(in.inputs[4], "logarithm of the sum");
  expect(in.inputs[5], DType::kFloat32, jointShape(in), "dy");
  for (size_t i = 0; i < 3; ++i) expect(in.outputs[i], DType::kFloat32, shapeOf(in.inputs[i]), "gradient");
}

void validateNormalize(const Instruction& in) {
  const Shape rows = validateNormalized(in);
  const size_t affine = in.attrs[2] + in.attrs[3];
  expectInputs(in, 1 + affine);
  const Shape columns = {in.inputs[0].shape[in.inputs[0].rank - 1]};
  for (size_t i = 0; i < affine; ++i) expect(in.inputs[1 + i], DType::kFloat32, columns, "scale or offset");
  expect(in.outputs[0], DType::kFloat32, shapeOf(in.inputs[0]), "output");
  expect(in.outputs[1], DType::kFloat32, rows, "mean");
  expect(in.outputs[2], DType::kFloat32, rows, "inverse deviation");
}

void validateNormalizeGrad(const Instruction& in) {
  const Shape rows = validateNormalized(in);
  const size_t affine = in.attrs[2] + in.attrs[3];
  expectInputs(in, 4 + in.attrs[2]);
  expectOutputs(in, 1 + affine);
  const Shape columns = {in.inputs[0].shape[in.inputs[0].rank - 1]};
  expect(in.inputs[1], DType::kFloat32, rows, "mean");
  expect(in.inputs[2], DType::kFloat32, rows, "inverse deviation");
  expect(in.inputs[3], DType::kFloat32, shapeOf(in.inputs[0]), "dy");
  if (in.attrs[2] != 0) expect(in.inputs[4], DType::kFloat32, columns, "scale");
  expect(in.outputs[0], DType::kFloat32, shapeOf(in.inputs[0]), "dx");
  for (size_t i = 0; i < affine; ++i) expect(in.outputs[1 + i], DType::kFloat32, columns, "gradient");
}

}  // namespace steepest
