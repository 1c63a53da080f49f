// Products of a low A with a long B: the sum over k is cut into parts.
#pragma once

#include <memory>

#include "../runtime/matmul_problem.h"

namespace steepest {

// Null where such a cut does not pay.
std::unique_ptr<Kernel> bindSplitMatmul(const Instruction& instruction, const Memory& memory, const MatmulProblem& p);

}  // namespace steepest
