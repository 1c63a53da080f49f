// Who reads what a feed copies: a product that alone does so can read rows where the caller has them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "../plan/plan.h"
#include "../plan/validate.h"

namespace steepest {

inline bool within(const View& a, const View& b) {
  if (a.space != b.space) return false;
  const Extent one = sweptExtentOf(a), other = sweptExtentOf(b);
  return one.first >= other.first && one.last <= other.last;
}

// Whose operands may be something of what a feed copies, a number for each operand. What lies within something that was made since
// is none of it.
inline std::vector<size_t> readersOf(const std::vector<Instruction>& instructions, size_t feed) {
  const View& fed = instructions[feed].outputs[0];
  std::vector<View> made;
  std::vector<size_t> readers;
  const auto isNew = [&](const View& v) {
    return std::any_of(made.begin(), made.end(), [&](const View& m) { return within(v, m); });
  };
  for (size_t i = feed + 1; i < instructions.size(); ++i) {
    const Instruction& in = instructions[i];
    if (!in.body.empty()) readers.insert(readers.end(), 2, i);  // whose operands are those of its body
    for (const View& v : in.inputs) {
      if (meet(v, fed) && !isNew(v)) readers.push_back(i);
    }
    for (const View& v : in.outputs) {
      if (v.contiguous() && v.steps == 0) made.push_back(v);
    }
  }
  return readers;
}

}  // namespace steepest
