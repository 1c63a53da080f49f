// Convolutions in which every channel is its own group.
#pragma once

#include <memory>

#include "../runtime/kernel.h"
#include "conv_problem.h"

namespace steepest {

// Forward and input gradient.
std::unique_ptr<Kernel> bindDepthwise(const Instruction& instruction, const Memory& memory, ConvProblem problem);
// The kernel gradient.
std::unique_ptr<Kernel> bindDepthwiseKernelGrad(const Instruction& instruction, const Memory& memory,
                                                ConvProblem problem);

}  // namespace steepest
