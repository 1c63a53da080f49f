#include "kernels/reduce.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "../plan/ops.h"
#include "bind.h"
#include "emit/reduce.h"

namespace steepest::cuda {
namespace {

using emit::ReduceShape;

// Numbers of terms, and of blocks.
constexpr int64_t kFewTerms = 8;        // of an output: for one thread
constexpr int64_t kManyTerms = 1024;    // worth a block
constexpr int64_t kWantedBlocks = 512;  // that keep any device busy; not more where it takes dividing outputs
constexpr int64_t kMostParts = 256;

// What is reduced, with its axes in the order [kept, reduced].
struct Problem {
  const steepest::Program& program;
  uint32_t kind;  // ReduceKind
  Operand out;
  Domain kept{}, reduced{};
  std::vector<Operand> inputs;  // strides in that order
  int64_t positions[kAxes] = {};
  std::optional<Touched> touched;  // when it may wait

  Problem(const steepest::Program& program_, uint32_t kind_, const Operand& out_)
      : program(program_), kind(kind_), out(out_) {}
};

Problem problemOf(const Instruction& in, const Binder& binder) {
  Problem p(in.program, in.attrs[0], binder.operand(in.outputs[0]));
  const View& any = in.inputs[0];
  std::vector<int> order, reduced;
  for (int d = 0; d < any.rank; ++d) (in.attrs[1] >> d & 1 ? reduced : order).push_back(d);
  const size_t keptAxes = order.size();
  order.insert(order.end(), reduced.begin(), reduced.end());
  p.kept.size = p.reduced.size = 1;
  for (size_t k = 0; k < order.size(); ++k) {
    Domain& domain = k < keptAxes ? p.kept : p.reduced;
    domain.shape[domain.rank++] = any.shape[order[k]];
    domain.size *= any.shape[order[k]];
  }
  for (const View& view : in.inputs) {
    Operand operand = binder.operand(view);
    for (size_t k = 0; k < order.size(); ++k) operand.strides[k] = view.strides[order[k]];
    p.inputs.push_back(operand);
  }
  int64_t linear[kMaxRank], stride = 1;
  for (int d = any.rank; d-- > 0; stride *= any.shape[d]) linear[d] = stride;
  for (size_t k = 0; k < order.size(); ++k) p.positions[k] = linear[order[k]];
  return p;
}

// ---- emitted

// Joins axes, kept ones and reduced ones on their own.
void collapseBoth(Problem& p, bool positional) {
  const int keptAxes = p.kept.rank;
  int64_t reducedPositions[kAxes];
  std::vector<std::vector<int64_t>> reducedStrides;
  std::vector<int64_t*> kept, reduced;
  for (Operand& o : p.inputs) {
    reducedStrides.emplace_back(o.strides + keptAxes, o.strides + kAxes);
    reducedStrides.back().resize(kAxes);
    kept.push_back(o.strides);
  }
  std::copy(p.positions + keptAxes, p.positions + kAxes, reducedPositions);
  for (auto& strides : reducedStrides) reduced.push_back(strides.data());
  if (positional) {
    kept.push_back(p.positions);
    reduced.push_back(reducedPositions);
  }
  collapse(&p.kept, kept);
  collapse(&p.reduced, reduced);
  for (size_t k = 0; k < p.inputs.size(); ++k) {
    std::copy(reduced[k], reduced[k] + p.reduced.rank, p.inputs[k].strides + p.kept.rank);
  }
  std::copy(reducedPositions, reducedPositions + p.reduced.rank, p.positions + p.kept.rank);
}

ReduceShape wayOf(const Problem& p) {
  if (p.reduced.size <= kFewTerms) return ReduceShape::kThread;
  // Which neighbours lie beside each other in most operands: outputs or terms?
  int columns = 0;
  for (const Operand& o : p.inputs) {
    columns += p.kept.rank > 0 && o.strides[p.kept.rank - 1] == 1;
    columns -= o.strides[p.kept.rank + p.reduced.rank - 1] == 1;
  }
  if (columns > 0) return ReduceShape::kColumns;
  return p.reduced.size >= kManyTerms ? ReduceShape::kBlock : ReduceShape::kWarp;
}

std::vector<uint64_t> argumentsOf(int64_t outputs, int64_t terms, int64_t parts, int64_t each,
                                  const std::vector<Operand>& operands) {
  std::vector<uint64_t> words = {0, static_cast<uint64_t>(outputs), static_cast<uint64_t>(terms),
                                 static_cast<uint64_t>(parts), static_cast<uint64_t>(each)};
  for (const Operand& o : operands) words.push_back(reinterpret_cast<uint64_t>(o.data));
  for (const Operand& o : operands) words.push_back(static_cast<uint64_t>(o.slide));
  return words;
}

void addEmitted(Problem p, Binder& binder) {
  const bool positional = std::any_of(p.program.steps.begin(), p.program.steps.end(), [](const Step& step) {
    const auto op = static_cast<ScalarOp>(step.op);
    return op == ScalarOp::kRandom || op == ScalarOp::kIota;
  });
  collapseBoth(p, positional);
  const int rank = p.kept.rank + p.reduced.rank;
  emit::ReduceLayout layout;
  layout.way = wayOf(p);
  layout.kind = p.kind;
  const Operand& out = p.out;
  const auto outType = static_cast<DType>(out.dtype);
  layout.whole = outType == DType::kInt32;
  layout.keptRank = p.kept.rank;
  layout.reducedRank = p.reduced.rank;
  std::copy(p.kept.shape, p.kept.shape + p.kept.rank, layout.shape);
  std::copy(p.reduced.shape, p.reduced.shape + p.reduced.rank, layout.shape + p.kept.rank);
  std::copy(p.positions, p.positions + kAxes, layout.positions);
  // Four neighbouring terms at a time: one access, or four that are under way together.
  const bool wide = !positional && layout.way != ReduceShape::kThread && p.reduced.shape[p.reduced.rank - 1] % 4 == 0;
  bool anyWide = false;
  std::vector<Operand> operands = p.inputs;
  operands.push_back(out);
  for (size_t k = 0; k < operands.size(); ++k) {
    emit::Layout o{static_cast<DType>(operands[k].dtype), operands[k].slide != 0, {}};
    const bool isInput = k < p.inputs.size();
    if (isInput) std::copy(operands[k].strides, operands[k].strides + rank, o.strides);
    layout.operands.push_back(o);
    layout.aligned.push_back(isInput && p.reduced.rank > 0 && isAligned(operands[k], rank));
    anyWide = anyWide || layout.aligned.back();
  }
  layout.width = wide && (anyWide || layout.way == ReduceShape::kColumns) ? 4 : 1;

  // Few outputs of many terms: parts of the terms, cut by the shape only, then the parts.
  const int64_t outputs = p.kept.size, terms = p.reduced.size;
  const int64_t blocks = emit::reduceBlocks(layout.way, outputs);
  const int64_t least = layout.way == ReduceShape::kColumns ? 128 : 4096;  // terms of a part
  int64_t parts = 1, each = terms;
  if (layout.way == ReduceShape::kColumns || layout.way == ReduceShape::kBlock) {
    parts = std::clamp<int64_t>(std::min(kWantedBlocks / blocks, terms / least), 1, kMostParts);
    each = ((terms + parts - 1) / parts + 3) / 4 * 4;
    parts = std::max<int64_t>((terms + each - 1) / each, 1);
  }
  layout.parts = parts > 1;
  const bool slides = std::any_of(operands.begin(), operands.end(), [](const Operand& o) { return o.slide != 0; });
  const bool isSmall = p.touched && !slides && outputs * terms <= kFewElements;
  if (!layout.parts) {
    std::vector<uint64_t> words = argumentsOf(outputs, terms, 1, terms, operands);
    const emit::Part part = emit::reducePart(p.program, layout);
    if (isSmall && (words.size() <= Together::kWordsOfOne || binder.inSequence())) {
      binder.wait(*p.touched, {part, std::move(words), blocks});
    } else {
      binder.emitted("reduce", part, blocks, std::move(words));
    }
    return;
  }
  const emit::Bank bank = layout.bank();
  const bool waits = isSmall && binder.inSequence();
  const auto bytes = static_cast<uint64_t>(outputs * parts * emit::bytesOf(bank));
  Operand partial{};
  partial.data = waits ? binder.own(bytes) : binder.scratch(bytes);
  const auto add = [&](const Touched& touched, const emit::Part& part, int64_t count, std::vector<uint64_t> words) {
    if (waits) return binder.wait(touched, {part, std::move(words), count});
    binder.emitted("reduce", part, count, std::move(words));
  };
  const Range between{partial.data, partial.data + bytes};
  std::vector<Operand> first = p.inputs;
  first.push_back(partial);
  layout.operands.back().slides = false;
  add({waits ? p.touched->read : std::vector<Range>{}, {between}}, emit::reducePart(p.program, layout), blocks * parts,
      argumentsOf(outputs, terms, parts, each, first));

  emit::ReduceLayout rest;
  rest.way = ReduceShape::kWarp;
  rest.kind = layout.kind;
  rest.whole = layout.whole;
  rest.fromParts = true;
  rest.keptRank = rest.reducedRank = 1;
  // The number of parts is a stride, so it is part of the text.
  rest.operands = {{DType::kFloat32, false, {parts, 1}}, {outType, out.slide != 0, {}}};
  rest.aligned = {false, false};
  add({{between}, waits ? p.touched->written : std::vector<Range>{}}, emit::reducePart(steepest::Program{}, rest),
      emit::reduceBlocks(rest.way, outputs), argumentsOf(outputs, parts, 1, parts, {partial, out}));
}

// ---- interpreted

constexpr int64_t kManyTermsInterpreted = 512;
constexpr int64_t kManyOutputs = 65536;  // enough to keep a device busy with a thread each

void addInterpreted(const Problem& p, Binder& binder) {
  ReduceArguments arguments{};
  arguments.kept = p.kept;
  arguments.reduced = p.reduced;
  std::copy(p.positions, p.positions + kAxes, arguments.positions);
  arguments.program = binder.program(p.program);
  arguments.inputs = binder.upload(p.inputs);
  arguments.out = p.out;
  arguments.kind = p.kind;
  const bool few = p.program.registers <= 16;
  if (p.reduced.size >= kManyTermsInterpreted && p.kept.size < kManyOutputs) {
    binder.blocksSliding(few ? "reduceByBlock16" : "reduceByBlock250", p.kept.size, arguments);
  } else {
    binder.eachSliding(few ? "reduceByThread16" : "reduceByThread250", p.kept.size, arguments);
  }
}

void addReduce(Problem p, Binder& binder) {
  if (p.kept.size == 0) return;
  Domain whole = p.kept;
  whole.size *= p.reduced.size;
  std::copy(p.reduced.shape, p.reduced.shape + p.reduced.rank, whole.shape + whole.rank);
  whole.rank += p.reduced.rank;
  const bool fits =
      std::all_of(p.inputs.begin(), p.inputs.end(), [&](const Operand& o) { return isShort(whole, o.strides); });
  if (fits && emits(p.program, binder.device())) {
    addEmitted(std::move(p), binder);
  } else {
    addInterpreted(p, binder);
  }
}

}  // namespace

void bindReduce(const Instruction& in, Binder& binder) {
  Problem p = problemOf(in, binder);
  p.touched = touchedBy(in, binder.memory());
  addReduce(std::move(p), binder);
}

void addColumnSums(const steepest::Program& program, const std::vector<Operand>& inputs, int64_t rows, int64_t columns,
                   float* to, Binder& binder) {
  Problem p(program, static_cast<uint32_t>(ReduceKind::kSum), {});
  p.out.data = reinterpret_cast<uint8_t*>(to);
  p.out.dtype = static_cast<uint32_t>(DType::kFloat32);
  p.out.strides[0] = 1;
  p.kept = {columns, {columns}, 1};
  p.reduced = {rows, {rows}, 1};
  p.inputs = inputs;
  for (Operand& operand : p.inputs) std::swap(operand.strides[0], operand.strides[1]);
  p.positions[0] = 1;
  p.positions[1] = columns;
  addReduce(std::move(p), binder);
}

}  // namespace steepest::cuda
