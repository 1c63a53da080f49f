// Convolution and its gradients: as products of matrices where they are ones, in tiles that gather patches otherwise.
#include "conv.h"

#include <algorithm>

#include "bind.h"
#include "gemm.h"
#include "windows.h"

namespace steepest::cuda {
namespace {

bool isUnit(const int64_t* box) { return box[0] == 1 && box[1] == 1 && box[2] == 1; }

// Each position sees cells that lie beside each other, and no two positions see the same one.
bool isMatrix(const ConvProblem& p) {
  const Windows& w = p.windows;
  if (p.groups != 1 || w.padding[0] + w.padding[1] + w.padding[2] != 0) return false;
  const bool pixels = isUnit(w.window) && isUnit(w.stride) && std::equal(w.x, w.x + kSpatial, w.y);
  const bool images = isUnit(w.dilation) && isUnit(w.y) && std::equal(w.x, w.x + kSpatial, w.window);
  return pixels || images;
}

// As x [m, depth] times kernel [depth, filters].
MatmulProblem matrixOf(ConvKind kind, const ConvProblem& p) {
  const int64_t rows = p.windows.images * volume(p.windows.y), depth = volume(p.windows.window) * p.channels;
  MatmulProblem matrix{};
  matrix.batches = 1;
  matrix.a = {reinterpret_cast<const uint8_t*>(p.a), false};
  matrix.b = {reinterpret_cast<const uint8_t*>(p.b), false};
  switch (kind) {
    case ConvKind::kForward:
      matrix.m = rows, matrix.k = depth, matrix.n = p.filters;
      matrix.aRow = depth, matrix.aDepth = 1, matrix.bDepth = p.filters, matrix.bColumn = 1;
      break;
    case ConvKind::kInputGrad:
      matrix.m = rows, matrix.k = p.filters, matrix.n = depth;
      matrix.aRow = p.filters, matrix.aDepth = 1, matrix.bDepth = 1, matrix.bColumn = p.filters;
      break;
    case ConvKind::kKernelGrad:
      matrix.m = depth, matrix.k = rows, matrix.n = p.filters;
      matrix.aRow = 1, matrix.aDepth = depth, matrix.bDepth = p.filters, matrix.bColumn = 1;
      break;
  }
  return matrix;
}

void addByElement(ConvKind kind, const ConvProblem& p, float* out, int64_t size, Binder& binder) {
  static constexpr const char* names[] = {"convByElement", "convInputGradByElement", "convKernelGradByElement"};
  ConvByElementArguments arguments{};
  arguments.windows = p.windows;
  (kind == ConvKind::kInputGrad ? arguments.y : arguments.x) = p.a;
  (kind == ConvKind::kKernelGrad ? arguments.y : arguments.kernel) = p.b;
  arguments.out = out;
  arguments.channels = p.channels;
  arguments.filters = p.filters;
  arguments.groups = p.groups;
  arguments.bfloat16 = p.bfloat16;
  binder.each(names[static_cast<size_t>(kind)], size, arguments);
}

// x, kernel and y are two inputs and the output.
void bind(ConvKind kind, const Instruction& in, const View& x, const View& kernel, const View& y, Binder& binder) {
  const uint32_t* const words = in.attrs.data();
  int64_t window[kSpatial];
  spatialOf(kernel, 0, 2, window);
  ConvProblem p{};
  p.windows = windowsOf(x, y, window, words + 1, words + 4, words + 7);
  p.channels = x.shape[x.rank - 1];
  p.filters = y.shape[y.rank - 1];
  p.groups = words[10];
  p.bfloat16 = roundsToBfloat16(in);
  p.tf32 = precisionOf(in) == Precision::kTf32;
  p.a = binder.dense<float>(in.inputs[0]);
  p.b = binder.dense<float>(in.inputs[1]);
  const int64_t size = in.outputs[0].size();

  const auto add = [&](GemmArguments product) {
    product.bfloat16 = p.bfloat16;
    product.tf32 = p.tf32;
    return (isMatrix(p) && addGemm(matrixOf(kind, p), product, binder)) || addConv(kind, p, product, binder);
  };
  GemmArguments product{};
  if (in.attrs[0] != 0 && recogniseFinish(in, binder.memory(), &product.finish, true)) {
    product.c = binder.at<float>(in.outputs[0]);
    if (add(product)) return;
    product.finish = {};
  }
  ProductEnd end(in, binder);
  product.c = reinterpret_cast<float*>(end.target().data);
  if (!add(product)) addByElement(kind, p, product.c, size, binder);
  end.finish();
}

}  // namespace

void bindConv(const Instruction& in, Binder& binder) {
  bind(ConvKind::kForward, in, in.inputs[0], in.inputs[1], in.outputs[0], binder);
}

void bindConvInputGrad(const Instruction& in, Binder& binder) {
  bind(ConvKind::kInputGrad, in, in.outputs[0], in.inputs[1], in.inputs[0], binder);
}

void bindConvKernelGrad(const Instruction& in, Binder& binder) {
  bind(ConvKind::kKernelGrad, in, in.inputs[0], in.outputs[0], in.inputs[1], binder);
}

}  // namespace steepest::cuda
