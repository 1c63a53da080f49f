// What the validators of instructions are written in, and the families that have files of their own.
#pragma once

#include <string>
#include <vector>

#include "validate.h"

namespace steepest {

using Shape = std::vector<int64_t>;

inline Shape shapeOf(const View& view) { return Shape(view.shape, view.shape + view.rank); }

inline std::string text(const Shape& shape) {
  std::string result = "[";
  for (size_t i = 0; i < shape.size(); ++i) result += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return result + "]";
}

[[noreturn]] inline void fail(const std::string& message) { throw PlanError(message); }

// Checks operands by role, so that every message reads "labels: expected int32[32], got float32[32]".
inline void expect(const View& view, DType dtype, const Shape& shape, const char* role) {
  if (view.dtype != dtype || shapeOf(view) != shape) {
    fail(std::string(role) + ": expected " + nameOf(dtype) + text(shape) + ", got " + describe(view));
  }
}

inline void expectDType(const View& view, DType dtype, const char* role) {
  if (view.dtype != dtype) fail(std::string(role) + ": expected " + nameOf(dtype) + ", got " + describe(view));
}

inline void expectRank(const View& view, int rank, const char* role) {
  if (view.rank != rank) {
    fail(std::string(role) + ": expected rank " + std::to_string(rank) + ", got " + describe(view));
  }
}

inline void expectAttribute(const Instruction& in, size_t index, uint32_t limit, const char* role) {
  if (in.attrs[index] >= limit) {
    fail(std::string(role) + ": expected less than " + std::to_string(limit) + ", got " +
         std::to_string(in.attrs[index]));
  }
}

inline void expectInputs(const Instruction& in, size_t count) {
  if (in.inputs.size() != count) {
    fail("expected " + std::to_string(count) + " inputs, got " + std::to_string(in.inputs.size()));
  }
}

inline void expectOutputs(const Instruction& in, size_t count) {
  if (in.outputs.size() != count) {
    fail("expected " + std::to_string(count) + " outputs, got " + std::to_string(in.outputs.size()));
  }
}

inline void expectTwoInputs(const Instruction& in) {
  if (in.inputs.size() < 2) fail("expected at least 2 inputs, got " + std::to_string(in.inputs.size()));
}

// What a product computes: the first output, but that an epilogue can make other numbers of float32 ones. validateProduct looks at
// those.
inline View productOf(const Instruction& in) {
  if (in.outputs.empty()) fail("expected at least 1 output, got 0");
  View product = in.outputs[0];
  product.dtype = DType::kFloat32;
  return product;
}

// The last attribute of a product.
void validatePrecision(const Instruction& in);
// A product of two operands and its optional epilogue.
void validateProduct(const Instruction& in, const Shape& product);

void validateConv(const Instruction& in);
void validateConvInputGrad(const Instruction& in);
void validateConvKernelGrad(const Instruction& in);
void validatePool(const Instruction& in);
void validateAttention(const Instruction& in);
void validateAttentionGrad(const Instruction& in);
void validateNormalize(const Instruction& in);
void validateNormalizeGrad(const Instruction& in);
void validateMaxPoolGrad(const Instruction& in);
void validateAveragePoolGrad(const Instruction& in);

}  // namespace steepest
