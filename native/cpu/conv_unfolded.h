// Convolutions with a large kernel at few positions, as one matrix product: all patches are gathered first.
#pragma once

#include <memory>

#include "../runtime/kernel.h"
#include "conv_problem.h"

namespace steepest {

// The kernel is so large that reading it several times, or having several sums of its size, costs more than writing the patches.
bool suitsUnfolding(const ConvProblem& problem);
bool suitsUnfoldedKernelGrad(const ConvProblem& problem);
std::unique_ptr<Kernel> bindUnfolded(const Instruction& instruction, const Memory& memory, ConvProblem problem);
std::unique_ptr<Kernel> bindUnfoldedKernelGrad(const Instruction& instruction, const Memory& memory,
                                               ConvProblem problem);

}  // namespace steepest
