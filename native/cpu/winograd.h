// 3x3 convolutions of stride 1 by minimal filtering: 16 multiplications for each 2x2 results instead of 36.
//
// F(2x2, 3x3) of Lavin and Gray, "Fast algorithms for convolutional neural networks", CVPR 2016, after Winograd, "Arithmetic
// complexity of computations", 1980. The factors of its transforms are 1 and 1/2, so that it loses about one bit.
#pragma once

#include <memory>

#include "../runtime/kernel.h"
#include "conv_problem.h"

namespace steepest {

// Whether the problem is such a convolution, large enough to gain.
bool suitsWinograd(const ConvProblem& problem);
std::unique_ptr<Kernel> bindWinograd(const Instruction& instruction, const Memory& memory, ConvProblem problem);
std::unique_ptr<Kernel> bindWinogradKernelGrad(const Instruction& instruction, const Memory& memory,
                                               ConvProblem problem);

}  // namespace steepest
