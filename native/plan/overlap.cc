// Reads and writes of one instruction that would disturb each other. This guards against wrong numbers, not against bad
// memory accesses: every view has been checked against its space already.
#include <algorithm>
#include <numeric>
#include <utility>

#include "ops.h"
#include "table.h"
#include "validate.h"

namespace steepest {
namespace {

struct Range {
  Space space;
  Extent extent;
  size_t index;  // in inputs or outputs

  bool operator<(const Range& other) const {
    return space != other.space ? space < other.space : extent.first < other.extent.first;
  }
  bool meets(const Range& other) const {
    return space == other.space && extent.first <= other.extent.last && other.extent.first <= extent.last;
  }
};

Range rangeOf(const View& view, size_t index) { return {view.space, sweptExtentOf(view), index}; }

// Elements of the last axes that lie side by side. `pitch` becomes what all other strides are multiples of.
int64_t runOf(const View& view, int64_t* pitch) {
  int64_t run = 1;
  int axis = view.rank;
  while (axis > 0 && (view.shape[axis - 1] == 1 || view.strides[axis - 1] == run)) run *= view.shape[--axis];
  for (int i = 0; i < axis; ++i) {
    if (view.shape[i] != 1) *pitch = std::gcd(*pitch, view.strides[i]);
  }
  return run;
}

// Slices of the last axes of one array: their elements take turns.
bool takeTurns(const View& a, const View& b) {
  int64_t pitch = 0;
  const int64_t runA = runOf(a, &pitch), runB = runOf(b, &pitch);
  const int64_t size = static_cast<int64_t>(sizeOf(a.dtype));
  if (pitch == 0 || sizeOf(b.dtype) != sizeOf(a.dtype)) return false;
  int64_t from = (static_cast<int64_t>(b.base - a.base) / size + b.offset - a.offset) % pitch;
  if (from < 0) from += pitch;
  return from >= runA && from + runB <= pitch;
}

// In some step. Views that slide alike keep their distance.
bool everMeet(const View& a, const View& b) {
  if (!rangeOf(a, 0).meets(rangeOf(b, 0))) return false;
  if (a.slide != b.slide) return true;
  return Range{a.space, extentOf(a), 0}.meets({b.space, extentOf(b), 0}) && !takeTurns(a, b);
}

// Whether its elements are all that lies between the first and the last, in every step.
bool isSolid(const View& view) { return view.steps == 0 && view.contiguous(); }

bool sameShape(const View& a, const View& b) {
  return a.rank == b.rank && std::equal(a.shape, a.shape + a.rank, b.shape);
}

// Element i of one is at the address of element i of the other, for every i.
bool sameElements(const View& a, const View& b) {
  if (sizeOf(a.dtype) != sizeOf(b.dtype) || !sameShape(a, b) || a.slide != b.slide) return false;
  for (int i = 0; i < a.rank; ++i) {
    if (a.shape[i] != 1 && a.strides[i] != b.strides[i]) return false;
  }
  return extentOf(a).first == extentOf(b).first;
}

// Whether the opcode reads element i of this input before it writes element i of this output, and never afterwards.
bool mayRunInPlace(const Instruction& instruction, size_t input, size_t output) {
  switch (static_cast<Opcode>(instruction.opcode)) {
    case Opcode::kCopy:
      return true;
    case Opcode::kMap: {
      const size_t inputs = static_cast<size_t>(instruction.program.inputs);
      return input / inputs == output / instruction.program.outputs.size();
    }
    default:
      return instructionInfo(instruction.opcode)->epilogue && input >= 2;  // operands of the epilogue
  }
}

std::string pair(size_t output, const char* other, size_t index) {
  return "output " + std::to_string(output) + " overlaps " + other + " " + std::to_string(index);
}

}  // namespace

namespace {

void validatePair(const Instruction& instruction, size_t input, size_t output) {
  const View& in = instruction.inputs[input];
  const View& out = instruction.outputs[output];
  // Interleaved views (two slices of one buffer) meet as ranges and need not share an element.
  const bool copy = instruction.opcode == static_cast<uint32_t>(Opcode::kCopy);
  if (copy && !(in.contiguous() && out.contiguous())) return;
  if (!sameElements(in, out) || !mayRunInPlace(instruction, input, output)) {
    throw PlanError(pair(output, "input", input) + " and the instruction cannot run in place");
  }
}

// Operands that slide and outputs with gaps, each with all others. The decoder bounds how many there are.
void validateEach(const Instruction& instruction) {
  const std::vector<View>& inputs = instruction.inputs;
  const std::vector<View>& outputs = instruction.outputs;
  for (size_t j = 0; j < outputs.size(); ++j) {
    for (size_t k = 0; !isSolid(outputs[j]) && k < outputs.size(); ++k) {
      if (k != j && everMeet(outputs[j], outputs[k])) throw PlanError(pair(j, "output", k));
    }
    for (size_t i = 0; !isSolid(outputs[j]) && i < inputs.size(); ++i) {
      if (everMeet(inputs[i], outputs[j])) validatePair(instruction, i, j);
    }
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    for (size_t j = 0; inputs[i].steps != 0 && j < outputs.size(); ++j) {
      if (everMeet(inputs[i], outputs[j])) validatePair(instruction, i, j);
    }
  }
}

}  // namespace

namespace {

void collectWritten(const std::vector<Instruction>& body, std::vector<Range>& written) {
  for (const Instruction& in : body) {
    for (const View& output : in.outputs) written.push_back(rangeOf(output, 0));
    collectWritten(in.body, written);
  }
}

// Sorted, and what overlaps is one.
std::vector<Range> merged(std::vector<Range> ranges) {
  std::sort(ranges.begin(), ranges.end());
  std::vector<Range> result;
  for (const Range& range : ranges) {
    if (!result.empty() && result.back().meets(range)) {
      result.back().extent.last = std::max(result.back().extent.last, range.extent.last);
    } else {
      result.push_back(range);
    }
  }
  return result;
}

}  // namespace

void markSteady(std::vector<Instruction>& body) {
  std::vector<Range> all;
  collectWritten(body, all);
  const std::vector<Range> written = merged(std::move(all));
  const bool writesState =
      std::any_of(written.begin(), written.end(), [](const Range& range) { return range.space == Space::kState; });
  for (Instruction& in : body) {
    in.steady = in.inputs.empty() && !writesState ? 1 : 0;
    for (size_t i = 0; i < std::min<size_t>(in.inputs.size(), 32); ++i) {
      const Range range = rangeOf(in.inputs[i], i);
      auto next = std::lower_bound(written.begin(), written.end(), range);
      const bool isWritten =
          (next != written.begin() && std::prev(next)->meets(range)) || (next != written.end() && next->meets(range));
      if (in.inputs[i].steps == 0 && !isWritten) in.steady |= uint32_t{1} << i;
    }
  }
}

void validateOverlap(const Instruction& instruction) {
  validateEach(instruction);
  std::vector<Range> outputs;
  outputs.reserve(instruction.outputs.size());
  for (size_t i = 0; i < instruction.outputs.size(); ++i) {
    if (isSolid(instruction.outputs[i])) outputs.push_back(rangeOf(instruction.outputs[i], i));
  }
  std::sort(outputs.begin(), outputs.end());
  for (size_t i = 1; i < outputs.size(); ++i) {
    if (outputs[i - 1].meets(outputs[i])) throw PlanError(pair(outputs[i].index, "output", outputs[i - 1].index));
  }

  // Outputs are disjoint and sorted now: those that an input meets are neighbours.
  for (size_t i = 0; i < instruction.inputs.size(); ++i) {
    if (instruction.inputs[i].steps != 0) continue;
    const Range range = rangeOf(instruction.inputs[i], i);
    auto next = std::lower_bound(outputs.begin(), outputs.end(), range);
    if (next != outputs.begin() && std::prev(next)->meets(range)) --next;
    for (; next != outputs.end() && next->meets(range); ++next) validatePair(instruction, i, next->index);
  }
}

}  // namespace steepest
