// The kernel's gradient without gathering patches: what neighbouring positions of a line see of a line of the source is an operand
// as it lies, or lies in a copy with borders.
#pragma once

#include <memory>

#include "../runtime/kernel.h"
#include "../runtime/matmul_problem.h"
#include "conv_problem.h"

namespace steepest {

// Lines and taps that are long enough.
bool suitsLines(const ConvProblem& problem, bool rounds);
std::unique_ptr<Kernel> bindConvKernelGradLines(const Instruction& instruction, const Memory& memory,
                                                ConvProblem problem);

}  // namespace steepest
