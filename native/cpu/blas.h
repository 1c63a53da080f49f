// A BLAS of the machine, found at run time, in place of the kernels of matmul.cc.
#pragma once

#include <memory>
#include <string>

#include "../runtime/kernel.h"

namespace steepest {

// 'own': no BLAS. 'auto': the first that can be loaded of OpenBLAS, MKL and Accelerate. Otherwise the path of a library.
// Matmuls bound from now on use it. Throws std::runtime_error naming what was tried. The choice at the start is what
// STEEPEST_BLAS says; when that cannot be loaded, the first bind throws.
void selectBlas(const std::string& choice);

// The library in use, or null when the kernels are our own.
const char* blasName();

// Null when no BLAS is in use, when it cannot read the operands where they lie, or when they are to be rounded.
std::unique_ptr<Kernel> bindBlasMatmul(const Instruction& instruction, const Memory& memory);

}  // namespace steepest
