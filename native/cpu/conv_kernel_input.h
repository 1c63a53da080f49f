// The kernel of a convolution as the operand of its products: where it lies, or a larger one where groups are merged, with zeros
// between them.
#pragma once

#include "conv_problem.h"
#include "copy.h"
#include "scratch.h"

namespace steepest {

class ConvKernelInput {
 public:
  ConvKernelInput(const Instruction& instruction, const Memory& memory, const ConvProblem& problem);
  const float* get(RunContext& context) const;

 private:
  ContiguousInput kernel_;
  const int64_t merged_;
  const int64_t rows_, width_;            // of the kernel, and of them those of a tap
  const int64_t columns_, groupColumns_;  // of the kernel, and of each of its groups
  Floats large_;
};

}  // namespace steepest
