// Convolution and its input gradient without gathering patches: windows are read where they lie, line by line.
#pragma once

#include <memory>

#include "../runtime/kernel.h"
#include "../runtime/matmul_problem.h"
#include "conv_problem.h"

namespace steepest {

// Whether patches would cost more to gather than the kernel costs to read for every line.
bool suitsDirect(const ConvProblem& problem, bool rounds);
std::unique_ptr<Kernel> bindConvDirect(const Instruction& instruction, const Memory& memory, ConvProblem problem);

}  // namespace steepest
