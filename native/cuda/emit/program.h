// Scalar programs as instructions for one thread, which works on one element or on several neighbours.
#pragma once

#include <vector>

#include "../../plan/plan.h"
#include "text.h"

namespace steepest::cuda::emit {

// No instructions are written for the floating-point remainder: programs with it are interpreted.
bool canEmit(const steepest::Program& program);

// How often a value is to be computed: once for all elements of a thread, once for neighbouring elements, for each of them.
enum class Rate : uint8_t { kOnce, kGroup, kElement };

// The steps of a program, each written when its rate is. A register is the newest value in it, as it is for the interpreter.
class Steps {
 public:
  // `width` neighbours. `rates` says how often each input changes.
  Steps(const steepest::Program& program, int width, const std::vector<Rate>& rates);

  // Input `i` of neighbour `lane`; lane 0 stands for all where the input does not differ.
  void setInput(int i, int lane, const Value& value) { values_[static_cast<size_t>(i)].lanes[lane] = value; }
  Rate rateOfInput(int i) const { return values_[static_cast<size_t>(i)].rate; }

  // Writes the steps of the rate (with kGroup and kElement: of both). `position` is that of the group's first element among all
  // elements of the domain, a 32-bit word; a group of 4 begins at a multiple of 4.
  void writeOnce() { write(true, {}); }
  void writeEach(const Value& position) { write(false, position); }

  Value output(size_t i, int lane) const;
  // Some step looks at the position.
  bool positional() const { return positional_; }

 private:
  struct Held {
    Rate rate = Rate::kOnce;
    Value lanes[4];
  };
  struct Bound {
    Step step;
    size_t args[3];
    Rate rate;
  };

  void write(bool once, const Value& position);
  Value argument(const Bound& bound, int k, int lane) const;

  const int width_;
  bool positional_ = false;
  std::vector<Held> values_;  // inputs, constants, then one for each step
  std::vector<Bound> steps_;
  std::vector<size_t> outputs_;
};

}  // namespace steepest::cuda::emit
