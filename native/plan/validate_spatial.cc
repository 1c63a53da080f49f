// Convolution and pooling. Any geometry is safe, because cells outside the input are not read; the bounds on the attributes
// keep positions far from overflow and tables of taps small.
#include "expect.h"

namespace steepest {
namespace {

constexpr uint32_t kMaxStep = 1u << 24;
constexpr int64_t kMaxWindow = 1 << 16;
constexpr int64_t kMaxTaps = 1 << 20;  // of a pooling window

void expectBetween(const Instruction& in, size_t word, uint32_t least, uint32_t limit, const char* role) {
  if (in.attrs[word] < least || in.attrs[word] >= limit) {
    fail(std::string(role) + ": expected " + std::to_string(least) + " to " + std::to_string(limit - 1) + ", got " +
         std::to_string(in.attrs[word]));
  }
}

// [N, one to three spatial axes, C]
void expectPixels(const View& view, const char* role) {
  expectDType(view, DType::kFloat32, role);
  if (view.rank < 3 || view.rank > 5) fail(std::string(role) + ": expected rank 3 to 5, got " + describe(view));
}

// Words of axes that the operands do not have.
void expectAbsent(const Instruction& in, size_t word, int spatial, uint32_t value, const char* role) {
  for (int a = 0; a < 3 - spatial; ++a) {
    if (in.attrs[word + static_cast<size_t>(a)] != value)
      fail(std::string(role) + ": set for an axis that does not exist");
  }
}

// x [N, ...spatial, C], kernel [...window, C / groups, F], y [N, ...out, F]
void validateConvolution(const Instruction& in, const View& x, const View& kernel, const View& y) {
  expectPixels(x, "x");
  expectPixels(kernel, "kernel");
  expectPixels(y, "y");
  expectRank(kernel, x.rank, "kernel");
  expectRank(y, x.rank, "y");
  for (size_t a = 0; a < 3; ++a) {
    expectBetween(in, 1 + a, 1, kMaxStep, "stride");
    expectBetween(in, 4 + a, 1, kMaxStep, "dilation");
    expectBetween(in, 7 + a, 0, kMaxStep, "padding");
  }
  expectAbsent(in, 1, x.rank - 2, 1, "stride");
  expectAbsent(in, 4, x.rank - 2, 1, "dilation");
  expectAbsent(in, 7, x.rank - 2, 0, "padding");
  const int64_t groups = in.attrs[10], channels = x.shape[x.rank - 1], filters = y.shape[y.rank - 1];
  if (groups < 1 || channels % groups != 0 || filters % groups != 0) {
    fail("groups: " + std::to_string(groups) + " do not divide " + std::to_string(channels) + " and " +
         std::to_string(filters) + " channels");
  }
  if (y.shape[0] != x.shape[0]) fail("y: expected " + std::to_string(x.shape[0]) + " images, got " + describe(y));
  Shape window = shapeOf(kernel);
  for (int a = 0; a < kernel.rank - 2; ++a) {
    if (kernel.shape[a] > kMaxWindow) fail("kernel: the window is too large, " + describe(kernel));
  }
  window[static_cast<size_t>(kernel.rank) - 2] = channels / groups;
  window[static_cast<size_t>(kernel.rank) - 1] = filters;
  expect(kernel, DType::kFloat32, window, "kernel");
}

// x [N, ...spatial, C] -> y [N, ...out, C]
void validateWindows(const Instruction& in, const View& x, const View& y) {
  expectPixels(x, "x");
  expectPixels(y, "y");
  expectRank(y, x.rank, "y");
  if (y.shape[0] != x.shape[0] || y.shape[y.rank - 1] != x.shape[x.rank - 1]) {
    fail("y: expected the images and channels of " + describe(x) + ", got " + describe(y));
  }
  int64_t taps = 1;
  for (size_t a = 0; a < 3; ++a) {
    expectBetween(in, a, 1, kMaxWindow + 1, "window");
    expectBetween(in, 3 + a, 1, kMaxStep, "stride");
    expectBetween(in, 6 + a, 0, kMaxStep, "padding");
    taps *= in.attrs[a];
  }
  for (size_t word = 9; word < in.attrs.size(); ++word) expectBetween(in, word, 0, kMaxStep, "counted padding");
  expectAbsent(in, 0, x.rank - 2, 1, "window");
  expectAbsent(in, 3, x.rank - 2, 1, "stride");
  expectAbsent(in, 6, x.rank - 2, 0, "padding");
  for (size_t word = 9; word < in.attrs.size(); word += 3) expectAbsent(in, word, x.rank - 2, 0, "counted padding");
  if (taps > kMaxTaps)
    fail("window: expected at most " + std::to_string(kMaxTaps) + " cells, got " + std::to_string(taps));
}

}  // namespace

void validateConv(const Instruction& in) {
  expectTwoInputs(in);
  validateConvolution(in, in.inputs[0], in.inputs[1], productOf(in));
  validatePrecision(in);
  validateProduct(in, shapeOf(in.outputs[0]));
}

void validateConvInputGrad(const Instruction& in) {
  expectTwoInputs(in);
  validateConvolution(in, productOf(in), in.inputs[1], in.inputs[0]);
  validatePrecision(in);
  validateProduct(in, shapeOf(in.outputs[0]));
}

void validateConvKernelGrad(const Instruction& in) {
  expectTwoInputs(in);
  validateConvolution(in, in.inputs[0], productOf(in), in.inputs[1]);
  validatePrecision(in);
  validateProduct(in, shapeOf(in.outputs[0]));
}

void validatePool(const Instruction& in) { validateWindows(in, in.inputs[0], in.outputs[0]); }

void validateMaxPoolGrad(const Instruction& in) {
  validateWindows(in, in.outputs[0], in.inputs[1]);
  expect(in.inputs[0], DType::kFloat32, shapeOf(in.outputs[0]), "x");
  expect(in.inputs[2], DType::kFloat32, shapeOf(in.inputs[1]), "dy");
}

void validateAveragePoolGrad(const Instruction& in) { validateWindows(in, in.outputs[0], in.inputs[0]); }

}  // namespace steepest
