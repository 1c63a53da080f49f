#include "validate.h"

#include <algorithm>

#include "expect.h"
#include "table.h"

namespace steepest {

const char* nameOf(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return "float32";
    case DType::kInt32:
      return "int32";
    case DType::kBool:
      return "bool";
    case DType::kInt8:
      return "int8";
    case DType::kBfloat16:
      return "bfloat16";
  }
  return "";
}

const char* nameOf(Space space) {
  switch (space) {
    case Space::kArena:
      return "arena";
    case Space::kState:
      return "state";
    case Space::kConstant:
      return "constant";
  }
  return "";
}

namespace {

std::vector<DType> dtypes(const View* views, size_t count) {
  std::vector<DType> result(count);
  std::transform(views, views + count, result.begin(), [](const View& view) { return view.dtype; });
  return result;
}

void validateFeed(const Instruction& in, const Plan& plan) {
  expectAttribute(in, 0, static_cast<uint32_t>(plan.feeds.size()), "slot");
  const View& slot = plan.feeds[in.attrs[0]];
  expect(in.outputs[0], slot.dtype, shapeOf(slot), "output");
}

void validateFetch(const Instruction& in, const Plan& plan) {
  expectAttribute(in, 0, static_cast<uint32_t>(plan.fetches.size()), "slot");
  const View& slot = plan.fetches[in.attrs[0]];
  expect(in.inputs[0], slot.dtype, shapeOf(slot), "input");
  if (!in.inputs[0].contiguous()) fail("input: expected a contiguous view");
}

void validateCopy(const Instruction& in) {
  const View& output = in.outputs[0];
  expect(output, in.inputs[0].dtype, shapeOf(in.inputs[0]), "output");
  for (int i = 0; i < output.rank; ++i) {
    if (output.strides[i] == 0 && output.shape[i] > 1) fail("output: axis " + std::to_string(i) + " is broadcast");
  }
}

// In row-major order, with gaps between rows perhaps; every element is written once.
bool hasRows(const View& output) {
  int64_t least = 1;
  for (int i = output.rank; i-- > 0;) {
    if (output.shape[i] == 1) continue;
    if (output.strides[i] < least || (least == 1 && output.strides[i] != 1)) return false;
    least = output.strides[i] * output.shape[i];
  }
  return true;
}

void validateMap(const Instruction& in) {
  const Program& program = in.program;
  const size_t inputs = static_cast<size_t>(program.inputs);
  const size_t outputs = program.outputs.size();
  const uint64_t segments = in.attrs[0];
  if (segments == 0 || outputs == 0) fail("expected at least one segment and one output");
  if (segments * outputs != in.outputs.size() || segments * inputs != in.inputs.size()) {
    fail("expected " + std::to_string(segments) + " segments of " + std::to_string(inputs) + " inputs and " +
         std::to_string(outputs) + " outputs, got " + std::to_string(in.inputs.size()) + " and " +
         std::to_string(in.outputs.size()));
  }
  for (size_t s = 0; s < segments; ++s) {
    const Shape shape = shapeOf(in.outputs[s * outputs]);
    // The program is bound once: a register has one dtype in all segments.
    for (size_t i = 0; i < inputs; ++i) expect(in.inputs[s * inputs + i], in.inputs[i].dtype, shape, "input of map");
    for (size_t i = 0; i < outputs; ++i) {
      expect(in.outputs[s * outputs + i], in.outputs[i].dtype, shape, "output of map");
    }
  }
  validateProgram(program, dtypes(in.inputs.data(), inputs), dtypes(in.outputs.data(), outputs));
}

void validateReduce(const Instruction& in) {
  expectAttribute(in, 0, 4, "kind");
  if (in.inputs.empty()) fail("expected at least one input");
  expectInputs(in, static_cast<size_t>(in.program.inputs));
  if (in.program.outputs.size() != 1) fail("expected a program with one output");
  const View& first = in.inputs[0];
  for (const View& input : in.inputs) expect(input, input.dtype, shapeOf(first), "input of reduce");
  if (in.attrs[1] >> first.rank != 0) fail("mask of axes: has axes that " + describe(first) + " lacks");
  Shape kept;
  for (int i = 0; i < first.rank; ++i) {
    if ((in.attrs[1] >> i & 1) == 0) kept.push_back(first.shape[i]);
  }
  if (in.outputs[0].dtype == DType::kBfloat16) fail("output: expected what is reduced in, got bfloat16");
  expect(in.outputs[0], in.outputs[0].dtype, kept, "output");
  validateProgram(in.program, dtypes(in.inputs.data(), in.inputs.size()), {in.outputs[0].dtype});
}

void validateArgReduce(const Instruction& in) {
  const View& input = in.inputs[0];
  if (input.dtype == DType::kInt8 || input.dtype == DType::kBfloat16) {
    fail("input: expected float32, int32 or bool, got " + describe(input));
  }
  expectAttribute(in, 0, 2, "kind");
  expectAttribute(in, 1, static_cast<uint32_t>(input.rank), "axis");
  if (input.shape[in.attrs[1]] > INT32_MAX) fail("input: the axis is too long for int32 indices");
  Shape kept = shapeOf(input);
  kept.erase(kept.begin() + in.attrs[1]);
  expect(in.outputs[0], DType::kInt32, kept, "output");
}

// What is compared or added: neither bool nor what is in memory only.
void expectNumbers(const View& input) {
  if (input.dtype != DType::kFloat32 && input.dtype != DType::kInt32) {
    fail("input: expected numbers, got " + describe(input));
  }
}

// Running sums keep the shape and the dtype, which is not bool.
void validateCumsum(const Instruction& in) {
  const View& input = in.inputs[0];
  expectAttribute(in, 0, static_cast<uint32_t>(input.rank), "axis");
  expectAttribute(in, 1, 2, "reverse");
  expectNumbers(input);
  expect(in.outputs[0], input.dtype, shapeOf(input), "output");
}

// The output may be shorter along the axis.
void validateArgsort(const Instruction& in) {
  const View& input = in.inputs[0];
  expectAttribute(in, 0, static_cast<uint32_t>(input.rank), "axis");
  expectAttribute(in, 1, 2, "descending");
  const int axis = static_cast<int>(in.attrs[0]);
  expectNumbers(input);
  if (input.shape[axis] > INT32_MAX) fail("input: the axis is too long for int32 positions");
  expectRank(in.outputs[0], input.rank, "output");
  const int64_t count = in.outputs[0].shape[axis];
  if (count > input.shape[axis]) fail("output: longer than the input, " + describe(in.outputs[0]));
  Shape shape = shapeOf(input);
  shape[axis] = count;
  expect(in.outputs[0], DType::kInt32, shape, "output");
}

// a [..., M, K] times b [..., K, N] is [..., M, N].
// Numbers, which may be bfloat16 where they would be rounded to it.
void expectOperand(const Instruction& in, const View& operand, const char* what) {
  const bool rounds = in.attrs.back() == STEEPEST_PRECISIONS_BFLOAT16;
  if (!rounds || operand.dtype != DType::kBfloat16) expectDType(operand, DType::kFloat32, what);
}

void validateMatmul(const Instruction& in) {
  expectTwoInputs(in);
  const View& a = in.inputs[0];
  const View& b = in.inputs[1];
  validatePrecision(in);
  expectOperand(in, a, "a");
  expectOperand(in, b, "b");
  if (a.rank < 2) fail("a: expected rank 2 or more, got " + describe(a));
  Shape inner = shapeOf(a);
  inner[a.rank - 2] = a.shape[a.rank - 1];
  Shape product = shapeOf(a);
  if (b.rank == a.rank) inner[a.rank - 1] = product[a.rank - 1] = b.shape[b.rank - 1];
  expect(b, b.dtype, inner, "b");
  validateProduct(in, product);
}

// a [M, K] times b [K, N] is [M, N].
void validateMatmulInt8(const Instruction& in) {
  expectTwoInputs(in);
  const View& a = in.inputs[0];
  const View& b = in.inputs[1];
  expectRank(a, 2, "a");
  expectRank(b, 2, "b");
  expectDType(a, DType::kFloat32, "a");
  expect(b, DType::kInt8, {a.shape[1], b.shape[1]}, "b");
  if (a.shape[1] > STEEPEST_MAX_INT8_DEPTH) {
    fail("a: expected rows of at most " + std::to_string(STEEPEST_MAX_INT8_DEPTH) + ", got " + describe(a));
  }
  validateProduct(in, {a.shape[0], b.shape[1]});
}

Shape indexed(const View& indices, const View& rows) {
  Shape shape = shapeOf(indices);
  shape.insert(shape.end(), rows.shape + 1, rows.shape + rows.rank);
  return shape;
}

// table [V, ...inner], indices [...] -> [...indices, ...inner]
void validateGather(const Instruction& in) {
  const View& table = in.inputs[0];
  const View& indices = in.inputs[1];
  if (table.rank < 1) fail("table: expected rank 1 or more, got " + describe(table));
  expectDType(indices, DType::kInt32, "indices");
  expect(in.outputs[0], table.dtype, indexed(indices, table), "output");
}

// indices [...], updates [...indices, ...inner] -> [V, ...inner]
void validateScatterAdd(const Instruction& in) {
  expectTwoInputs(in);
  const View& indices = in.inputs[0];
  const View output = productOf(in);
  if (output.rank < 1) fail("output: expected rank 1 or more, got " + describe(output));
  expectDType(indices, DType::kInt32, "indices");
  expect(in.inputs[1], DType::kFloat32, indexed(indices, output), "updates");
  validateProduct(in, shapeOf(output));
}

// All operands have the shape of the output; rows are along the last axis.
void validateSoftmax(const Instruction& in) {
  expectAttribute(in, 0, 2, "log");
  const View& output = in.outputs[0];
  if (output.rank < 1) fail("output: expected rank 1 or more, got " + describe(output));
  expectDType(output, DType::kFloat32, "output");
  for (const View& input : in.inputs) expect(input, DType::kFloat32, shapeOf(output), "input");
}

// logits [N, C], labels [N]
void validateLogits(const Instruction& in) {
  expectRank(in.inputs[0], 2, "logits");
  expectDType(in.inputs[0], DType::kFloat32, "logits");
  if (in.inputs[0].shape[1] > INT32_MAX) fail("logits: too many classes for int32 labels");
  expect(in.inputs[1], DType::kInt32, {in.inputs[0].shape[0]}, "labels");
}

void validateCrossEntropy(const Instruction& in) {
  validateLogits(in);
  expect(in.outputs[0], DType::kFloat32, {in.inputs[0].shape[0]}, "loss");
}

void validateCrossEntropyGrad(const Instruction& in) {
  validateLogits(in);
  expect(in.inputs[2], DType::kFloat32, {in.inputs[0].shape[0]}, "dloss");
  expect(in.outputs[0], DType::kFloat32, shapeOf(in.inputs[0]), "dlogits");
}

// The instructions of its body have been validated when they were read.
void validateLoop(const Instruction& in) {
  expectInputs(in, 0);
  expectOutputs(in, 0);
}

void validateOutputs(const Instruction& in) {
  const Opcode opcode = static_cast<Opcode>(in.opcode);
  for (size_t i = 0; i < in.outputs.size(); ++i) {
    const View& output = in.outputs[i];
    const std::string name = "output " + std::to_string(i) + ": ";
    if (output.space == Space::kConstant) fail(name + "constants cannot be written");
    if (opcode == Opcode::kCopy) continue;
    if (opcode == Opcode::kMap ? !hasRows(output) : !output.contiguous()) fail(name + "expected a contiguous view");
  }
}

}  // namespace

std::string describe(const View& view) { return nameOf(view.dtype) + text(shapeOf(view)); }

void validatePrecision(const Instruction& in) { expectAttribute(in, in.attrs.size() - 1, 3, "precision"); }

void validateProduct(const Instruction& in, const Shape& product) {
  expectAttribute(in, 0, 2, "epilogue");
  if (in.attrs[0] == 0) {
    expectInputs(in, 2);
    expectOutputs(in, 1);
    expect(in.outputs[0], DType::kFloat32, product, "output");
    return;
  }
  const Program& program = in.program;
  if (program.inputs < 1 || program.outputs.empty()) fail("the epilogue needs the product and at least one output");
  expectInputs(in, static_cast<size_t>(program.inputs) + 1);
  expectOutputs(in, program.outputs.size());
  for (size_t i = 2; i < in.inputs.size(); ++i) expect(in.inputs[i], in.inputs[i].dtype, product, "epilogue operand");
  for (const View& output : in.outputs) expect(output, output.dtype, product, "output");
  std::vector<DType> registers = dtypes(in.inputs.data() + 1, in.inputs.size() - 1);
  registers[0] = DType::kFloat32;
  validateProgram(program, registers, dtypes(in.outputs.data(), in.outputs.size()));
}

Extent extentOf(const View& view) {
  int64_t low = view.offset;
  int64_t high = view.offset;
  for (int i = 0; i < view.rank; ++i) {
    const int64_t reach = view.strides[i] * (view.shape[i] - 1);
    (reach < 0 ? low : high) += reach;
  }
  const int64_t base = static_cast<int64_t>(view.base);
  const int64_t size = static_cast<int64_t>(sizeOf(view.dtype));
  return {base + low * size, base + high * size + size - 1};
}

Extent sweptExtentOf(const View& view) {
  Extent extent = extentOf(view);
  const int64_t way = view.steps > 1 ? (view.steps - 1) * view.slide * static_cast<int64_t>(sizeOf(view.dtype)) : 0;
  (way < 0 ? extent.first : extent.last) += way;
  return extent;
}

bool meet(const View& a, const View& b) {
  if (a.space != b.space) return false;
  const Extent one = sweptExtentOf(a), other = sweptExtentOf(b);
  return one.first <= other.last && other.first <= one.last;
}

void validateInstruction(const Instruction& in, const Plan& plan) {
  validateOutputs(in);
  switch (static_cast<Opcode>(in.opcode)) {
    case Opcode::kFeed:
      return validateFeed(in, plan);
    case Opcode::kFetch:
      return validateFetch(in, plan);
    case Opcode::kCopy:
      return validateCopy(in);
    case Opcode::kMap:
      return validateMap(in);
    case Opcode::kReduce:
      return validateReduce(in);
    case Opcode::kArgReduce:
      return validateArgReduce(in);
    case Opcode::kCumsum:
      return validateCumsum(in);
    case Opcode::kArgsort:
      return validateArgsort(in);
    case Opcode::kMatmul:
      return validateMatmul(in);
    case Opcode::kMatmulInt8:
      return validateMatmulInt8(in);
    case Opcode::kConv:
      return validateConv(in);
    case Opcode::kConvInputGrad:
      return validateConvInputGrad(in);
    case Opcode::kConvKernelGrad:
      return validateConvKernelGrad(in);
    case Opcode::kMaxPool:
    case Opcode::kAveragePool:
      return validatePool(in);
    case Opcode::kMaxPoolGrad:
      return validateMaxPoolGrad(in);
    case Opcode::kAveragePoolGrad:
      return validateAveragePoolGrad(in);
    case Opcode::kGather:
      return validateGather(in);
    case Opcode::kScatterAdd:
      return validateScatterAdd(in);
    case Opcode::kSoftmax:
    case Opcode::kSoftmaxGrad:
      return validateSoftmax(in);
    case Opcode::kSoftmaxCrossEntropy:
      return validateCrossEntropy(in);
    case Opcode::kSoftmaxCrossEntropyGrad:
      return validateCrossEntropyGrad(in);
    case Opcode::kAttention:
      return validateAttention(in);
    case Opcode::kAttentionGrad:
      return validateAttentionGrad(in);
    case Opcode::kNormalize:
      return validateNormalize(in);
    case Opcode::kNormalizeGrad:
      return validateNormalizeGrad(in);
    case Opcode::kLoop:
      return validateLoop(in);
  }
}

}  // namespace steepest
