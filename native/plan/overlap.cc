// Reads and writes of one instruction that would disturb each other. This guards against wrong numbers, not against bad
// memory accesses: every view has been checked against its space already.
#include <algorithm>

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

Range rangeOf(const View& view, size_t index) { return {view.space, extentOf(view), index}; }

bool sameShape(const View& a, const View& b) {
  return a.rank == b.rank && std::equal(a.shape, a.shape + a.rank, b.shape);
}

// Element i of one is at the address of element i of the other, for every i.
bool sameElements(const View& a, const View& b) {
  return sizeOf(a.dtype) == sizeOf(b.dtype) && sameShape(a, b) && a.contiguous() && b.contiguous() &&
         extentOf(a).first == extentOf(b).first;
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

void validateOverlap(const Instruction& instruction) {
  std::vector<Range> outputs;
  outputs.reserve(instruction.outputs.size());
  for (size_t i = 0; i < instruction.outputs.size(); ++i) outputs.push_back(rangeOf(instruction.outputs[i], i));
  std::sort(outputs.begin(), outputs.end());
  for (size_t i = 1; i < outputs.size(); ++i) {
    if (outputs[i - 1].meets(outputs[i])) throw PlanError(pair(outputs[i].index, "output", outputs[i - 1].index));
  }

  // Outputs are disjoint and sorted now: those that an input meets are neighbours.
  const bool copy = instruction.opcode == static_cast<uint32_t>(Opcode::kCopy);
  for (size_t i = 0; i < instruction.inputs.size(); ++i) {
    const View& input = instruction.inputs[i];
    const Range range = rangeOf(input, i);
    auto next = std::lower_bound(outputs.begin(), outputs.end(), range);
    if (next != outputs.begin() && std::prev(next)->meets(range)) --next;
    for (; next != outputs.end() && next->meets(range); ++next) {
      const View& output = instruction.outputs[next->index];
      // Interleaved views (two slices of one buffer) meet as ranges and need not share an element.
      if (copy && !(input.contiguous() && output.contiguous())) continue;
      if (!sameElements(input, output) || !mayRunInPlace(instruction, i, next->index)) {
        throw PlanError(pair(next->index, "input", i) + " and the instruction cannot run in place");
      }
    }
  }
}

}  // namespace steepest
