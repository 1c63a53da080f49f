// 3x3 convolutions of stride 1 by minimal filtering: 36 multiplications for each 4x4 results instead of 144, or 16 for each
// 2x2 instead of 36; and along one axis, with windows of 3: 6 for each 4 instead of 12. Other windows are cut into several of those
// (winograd_windows.h): 5x5 takes 144 instead of 400, 3x3x3, a window of each plane, 108 instead of 432.
//
// F(4x4, 3x3) and F(2x2, 3x3) of Lavin and Gray, "Fast algorithms for convolutional neural networks", CVPR 2016, after Winograd,
// "Arithmetic complexity of computations", 1980. The small tiles lose about one bit, the large ones two or three: their error
// is that of a product over a whole tile.
#pragma once

#include <memory>

#include "../runtime/kernel.h"
#include "conv_problem.h"

namespace steepest {

// Whether the problem, or its kernel's gradient, is such a convolution, large enough to gain. `rounds`: operands are rounded to bfloat16.
bool suitsWinograd(const ConvProblem& problem, bool rounds);
bool suitsWinogradKernelGrad(const ConvProblem& problem, bool rounds);
std::unique_ptr<Kernel> bindWinograd(const Instruction& instruction, const Memory& memory, ConvProblem problem);
std::unique_ptr<Kernel> bindWinogradKernelGrad(const Instruction& instruction, const Memory& memory,
                                               ConvProblem problem);

}  // namespace steepest
