#include "loop_join.h"

#include <algorithm>

#include "../plan/ops.h"

namespace steepest::cuda {
namespace {

constexpr size_t kMostRegisters = 250;

bool overlaps(const View& a, const View& b, const Memory& memory) {
  const Range one = rangeOf(a, memory), other = rangeOf(b, memory);
  return one.begin < other.end && other.begin < one.end;
}
// Slices of the columns of one matrix: rows of one lie between those of the other.
bool takeTurns(const View& a, const View& b, const Memory& memory) {
  const RowBytes one = rowOf(a, memory), other = rowOf(b, memory);
  if (a.rank < 2 || b.rank < 2 || one.row != other.row || one.row <= 0) return false;
  const int64_t from = modulo(other.first - one.first, one.row);
  return from >= one.extent && from + other.extent <= one.row;
}

// In the same step. Where only the order within a step changes, others do not matter.
bool meet(View a, View b, const Memory& memory) {
  if (a.steps == b.steps && a.slide == b.slide) {
    if (takeTurns(a, b, memory)) return false;
    a.steps = b.steps = 0;
  }
  return overlaps(a, b, memory);
}
bool touches(const std::vector<View>& views, const View& view, const Memory& memory) {
  return std::any_of(views.begin(), views.end(), [&](const View& v) { return meet(v, view, memory); });
}

bool isSame(const View& a, const View& b, const Memory& memory) {
  return memory.bytesAt(a) == memory.bytesAt(b) && a.dtype == b.dtype && a.rank == b.rank && a.steps == b.steps &&
         a.slide == b.slide && std::equal(a.shape, a.shape + a.rank, b.shape) &&
         std::equal(a.strides, a.strides + a.rank, b.strides);
}

}  // namespace

bool joinCopy(const LoopPart& copy, std::vector<LoopPart>& parts, const Memory& memory) {
  const View& to = copy.outputs[0];
  for (size_t i = parts.size(); i-- > 0;) {
    LoopPart& part = parts[i];
    if (part.product != nullptr && meet(part.product->inputs[0], to, memory)) return false;
    if (touches(part.inputs, to, memory) || touches(part.outputs, to, memory)) return false;
    for (size_t k = 0; k < part.outputs.size(); ++k) {
      if (!isSame(part.outputs[k], copy.inputs[0], memory)) continue;
      part.program.outputs.push_back(part.program.outputs[k]);
      part.outputs.push_back(to);
      return true;
    }
    if (touches(part.outputs, copy.inputs[0], memory)) return false;
  }
  return false;
}

namespace {

// Columns [slice * columns, (slice + 1) * columns) of a matrix.
View sliceOf(View view, int slice, int64_t columns) {
  view.offset += slice * columns * view.strides[1];
  view.shape[1] = columns;
  return view;
}

bool looksAtPositions(const steepest::Program& program) {
  return std::any_of(program.steps.begin(), program.steps.end(), [](const Step& step) {
    const auto op = static_cast<ScalarOp>(step.op);
    return op == ScalarOp::kRandom || op == ScalarOp::kIota;
  });
}

// The program of a part that is being joined: where its registers are in the one that is made.
struct Renamed {
  std::vector<size_t> registers;

  Renamed(const steepest::Program& program, size_t firstConstant, size_t firstTemporary) {
    registers.resize(static_cast<size_t>(program.registers));
    const auto inputs = static_cast<size_t>(program.inputs), constants = program.constants.size();
    for (size_t i = 0; i < constants; ++i) registers[inputs + i] = firstConstant + i;
    for (size_t i = inputs + constants; i < registers.size(); ++i) {
      registers[i] = firstTemporary + i - inputs - constants;
    }
  }
  uint8_t at(uint8_t number) const {
    return number < registers.size() ? static_cast<uint8_t>(registers[number]) : uint8_t{0};
  }
  void add(const std::vector<Step>& steps, steepest::Program* to) const {
    for (Step step : steps) {
      step.dst = at(step.dst);
      for (uint8_t& argument : step.args) argument = at(argument);
      to->steps.push_back(step);
    }
  }
};
size_t temporariesOf(const steepest::Program& program) {
  return static_cast<size_t>(program.registers - program.inputs) - program.constants.size();
}

bool joinMap(LoopPart& part, const LoopPart& map, const Memory& memory) {
  if (part.product == nullptr || part.slices != 1 || part.outputs.size() != 1 || map.product != nullptr) return false;
  const View& made = part.outputs[0];
  const View& domain = map.domain();
  if (domain.rank != 2 || domain.shape[0] != made.shape[0] || domain.size() == 0) return false;
  const int64_t columns = domain.shape[1];
  if (made.shape[1] % columns != 0 || looksAtPositions(part.program)) return false;
  const auto slices = static_cast<int>(made.shape[1] / columns);
  // Of the product it reads slices only.
  std::vector<int> sliceOfInput;
  for (const View& input : map.inputs) {
    int found = -1;
    for (int s = 0; s < slices && found < 0; ++s) {
      if (isSame(input, sliceOf(made, s, columns), memory)) found = s;
    }
    if (found < 0 && meet(input, made, memory)) return false;
    sliceOfInput.push_back(found);
  }
  // A thread makes all of an element while others still read what their ends need.
  for (const View& output : map.outputs) {
    if (touches(part.inputs, output, memory) || meet(output, made, memory)) return false;
  }

  LoopPart joined;
  joined.product = part.product;
  joined.slices = slices;
  steepest::Program& program = joined.program;
  for (int s = 0; s < slices; ++s) {
    for (const View& input : part.inputs) joined.inputs.push_back(sliceOf(input, s, columns));
    joined.outputs.push_back(sliceOf(made, s, columns));
  }
  for (size_t i = 0; i < map.inputs.size(); ++i) {
    if (sliceOfInput[i] < 0) joined.inputs.push_back(map.inputs[i]);
  }
  joined.outputs.insert(joined.outputs.end(), map.outputs.begin(), map.outputs.end());
  program.inputs = slices + static_cast<int>(joined.inputs.size());
  program.constants = part.program.constants;
  program.constants.insert(program.constants.end(), map.program.constants.begin(), map.program.constants.end());
  const size_t each = temporariesOf(part.program), firstConstant = static_cast<size_t>(program.inputs);
  const size_t firstTemporary = firstConstant + program.constants.size();
  const size_t ofMap = firstTemporary + static_cast<size_t>(slices) * each;
  program.registers = static_cast<int>(ofMap + temporariesOf(map.program));
  if (static_cast<size_t>(program.registers) > kMostRegisters) return false;

  auto next = static_cast<size_t>(slices);  // input
  for (int s = 0; s < slices; ++s) {
    Renamed names(part.program, firstConstant, firstTemporary + static_cast<size_t>(s) * each);
    names.registers[0] = static_cast<size_t>(s);
    for (size_t i = 0; i < part.inputs.size(); ++i) names.registers[1 + i] = next++;
    names.add(part.program.steps, &program);
    program.outputs.push_back(names.at(part.program.outputs[0]));
  }
  Renamed names(map.program, firstConstant + part.program.constants.size(), ofMap);
  for (size_t i = 0; i < map.inputs.size(); ++i) {
    names.registers[i] = sliceOfInput[i] < 0 ? next++ : program.outputs[static_cast<size_t>(sliceOfInput[i])];
  }
  names.add(map.program.steps, &program);
  for (const uint8_t output : map.program.outputs) program.outputs.push_back(names.at(output));
  part = std::move(joined);
  return true;
}

}  // namespace

void joinMaps(std::vector<LoopPart>& parts, const Memory& memory) {
  for (size_t i = 0; i + 1 < parts.size(); ++i) {
    if (joinMap(parts[i], parts[i + 1], memory)) parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(i) + 1);
  }
}

}  // namespace steepest::cuda
