#include "sequence_parts.h"

#include <algorithm>

#include "../runtime/matmul_problem.h"
#include "bind.h"
#include "emit/product.h"
#include "emit/rows.h"

namespace steepest::cuda {
namespace {

// Of shared memory for operands of a product: more of a multiprocessor's would leave no cache.
constexpr int64_t kMostStagedBytes = 160 << 10;

bool slides(const Instruction& in) {
  for (const auto* views : {&in.inputs, &in.outputs}) {
    if (std::any_of(views->begin(), views->end(), [](const View& v) { return v.steps != 0; })) return true;
  }
  return false;
}

bool isSmall(const std::vector<View>& views) {
  int64_t elements = 0;
  for (const View& view : views) elements += view.size();
  return elements <= kFewElements;
}

// ---- products

bool isProduct(const Instruction& in) {
  for (const View* view : {&in.inputs[0], &in.inputs[1], &in.outputs[0]}) {
    if (view->rank != 2 || !isShort(domainOf(*view), view->strides)) return false;
  }
  for (size_t i = 2; i < in.inputs.size(); ++i) {
    if (in.inputs[i].rank != 2 || !isShort(domainOf(in.inputs[i]), in.inputs[i].strides)) return false;
  }
  return in.inputs[0].shape[1] > 0 && isSmall({in.outputs[0]}) && emit::canEmit(in.program);
}

// One whose neighbours are along the second axis, or the first.
emit::ProductOperand operandOf(const View& view, int depthAxis, const Binder& binder) {
  Operand operand = binder.operand(view);
  const int along = view.strides[1 - depthAxis] == 1 && view.strides[depthAxis] != 1 ? 1 - depthAxis : depthAxis;
  emit::ProductOperand product;
  product.layout = {view.dtype, false, {view.strides[0], view.strides[1]}};
  product.alongDepth = along == depthAxis;
  if (along == 0) std::swap(operand.strides[0], operand.strides[1]);
  product.aligned = view.shape[along] % 4 == 0 && isAligned(operand, 2);
  return product;
}

// ---- rows

int64_t lastOf(const View& view) { return view.rank > 0 ? view.shape[view.rank - 1] : 1; }
bool isDense(const View& view) { return view.contiguous() && view.steps == 0; }

bool areRows(const Instruction& in) {
  const View& x = in.inputs[0];
  if (x.dtype != DType::kFloat32 || x.rank == 0 || x.size() == 0 || lastOf(x) > emit::kMostRowColumns) return false;
  switch (static_cast<Opcode>(in.opcode)) {
    case Opcode::kSoftmax:
      return isDense(x);
    case Opcode::kSoftmaxGrad:
    case Opcode::kSoftmaxCrossEntropy:
    case Opcode::kSoftmaxCrossEntropyGrad:
      return isDense(x) && isDense(in.inputs[1]);
    default:
      return isDense(x) && static_cast<int>(in.attrs[1]) == x.rank - 1;
  }
}

}  // namespace

bool canBePart(const Instruction& in) {
  if (slides(in)) return false;
  switch (static_cast<Opcode>(in.opcode)) {
    case Opcode::kFeed:
      return isSmall(in.outputs);
    case Opcode::kMap:
      return isSmall(in.outputs) && emit::canEmit(in.program);
    case Opcode::kCopy:
      return isSmall(in.outputs) && sizeOf(in.outputs[0].dtype) >= 2;
    case Opcode::kReduce:
      return isSmall({in.inputs[0]}) && emit::canEmit(in.program);
    case Opcode::kMatmul:
      return isProduct(in);
    case Opcode::kSoftmax:
    case Opcode::kSoftmaxGrad:
    case Opcode::kSoftmaxCrossEntropy:
    case Opcode::kSoftmaxCrossEntropyGrad:
    case Opcode::kArgReduce:
      return areRows(in);
    default:
      return false;
  }
}

bool waitsAsProduct(const Instruction& in, Binder& binder) {
  if (!binder.inSequence() || !canBePart(in)) return false;
  emit::ProductLayout layout;
  layout.rows = in.outputs[0].shape[0];
  layout.columns = in.outputs[0].shape[1];
  if (layout.rows == 0 || layout.columns == 0) return true;
  layout.depth = in.inputs[0].shape[1];
  layout.a = operandOf(in.inputs[0], 1, binder);
  layout.b = operandOf(in.inputs[1], 0, binder);
  layout.bfloat16 = roundsToBfloat16(in);
  layout.edge = emit::tileEdgeOf(layout.rows, layout.columns);
  layout.chunk = emit::chunkOf(layout, std::min<int64_t>(binder.device().sharedBytes(), kMostStagedBytes));
  layout.program = in.program;
  if (in.attrs[0] == 0) {
    layout.program = {};
    layout.program.inputs = layout.program.registers = 1;
    layout.program.outputs = {0};
  }

  std::vector<uint64_t> words = {reinterpret_cast<uint64_t>(binder.bytesAt(in.inputs[0])),
                                 reinterpret_cast<uint64_t>(binder.bytesAt(in.inputs[1]))};
  emit::MapLayout& end = layout.end;
  end.rank = 2;
  end.shape[0] = layout.rows;
  end.shape[1] = layout.columns;
  bool wide = layout.columns % 4 == 0 && layout.edge * layout.edge >= 4 * emit::kThreads;
  const auto add = [&](const Operand& operand, bool isOutput) {
    end.operands.push_back({static_cast<DType>(operand.dtype), false, {operand.strides[0], operand.strides[1]}});
    end.aligned.push_back(isAligned(operand, 2));
    wide = wide && (!isOutput || end.aligned.back());
    words.push_back(reinterpret_cast<uint64_t>(operand.data));
  };
  add({nullptr, 0, {}, static_cast<uint32_t>(DType::kFloat32)}, false);  // the product
  for (size_t i = 2; i < in.inputs.size(); ++i) add(binder.operand(in.inputs[i]), false);
  for (const View& output : in.outputs) add(binder.operand(output), true);
  end.width = wide ? 4 : 1;
  binder.wait(binder.touched(), {emit::productPart(layout), std::move(words), emit::productBlocks(layout)});
  return true;
}

bool waitsAsRows(const Instruction& in, Binder& binder) {
  if (!binder.inSequence() || !canBePart(in)) return false;
  const View& x = in.inputs[0];
  emit::RowLayout layout{};
  layout.columns = lastOf(x);
  layout.rows = x.size() / layout.columns;
  std::vector<uint64_t> words;
  const auto add = [&](const void* address) { words.push_back(reinterpret_cast<uint64_t>(address)); };
  const auto addAll = [&] {
    for (const auto* views : {&in.inputs, &in.outputs}) {
      for (const View& view : *views) add(binder.bytesAt(view));
    }
  };
  switch (static_cast<Opcode>(in.opcode)) {
    case Opcode::kSoftmax:
    case Opcode::kSoftmaxGrad:
      layout.kind = in.inputs.size() == 1 ? emit::RowKind::kSoftmax : emit::RowKind::kSoftmaxGrad;
      layout.log = in.attrs[0] != 0;
      addAll();
      break;
    case Opcode::kSoftmaxCrossEntropy:
      layout.kind = emit::RowKind::kCrossEntropy;
      addAll();
      add(binder.step());
      break;
    case Opcode::kSoftmaxCrossEntropyGrad: {
      layout.kind = emit::RowKind::kCrossEntropyGrad;
      layout.loss = binder.also() != nullptr;
      layout.upstreamStep = in.inputs[2].strides[0];
      add(binder.bytesAt(x));
      add(binder.bytesAt(in.inputs[1]));
      add(layout.loss ? binder.bytesAt(binder.also()->outputs[0]) : nullptr);
      add(binder.step());
      add(binder.bytesAt(in.inputs[2]));
      add(binder.bytesAt(in.outputs[0]));
      break;
    }
    default:
      layout.kind = emit::RowKind::kArgReduce;
      layout.least = in.attrs[0] != 0;
      addAll();
  }
  binder.wait(binder.touched(), {emit::rowPart(layout), std::move(words), emit::rowBlocks(layout)});
  return true;
}

}  // namespace steepest::cuda
