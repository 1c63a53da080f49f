// Which tiles minimal filtering takes, and along which axes.
#pragma once

#include "conv_problem.h"
#include "winograd_kernels.h"

namespace steepest {

// For a convolution or its input gradient, and for its kernel's gradient.
const WinogradKernels& winogradKernelsFor(const ConvProblem& problem);
const WinogradKernels& winogradGradKernelsFor(const ConvProblem& problem);

}  // namespace steepest
