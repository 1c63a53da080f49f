// A matrix product as a part of another kernel.
#pragma once

#include <memory>

#include "../runtime/kernel.h"
#include "../runtime/matmul_problem.h"

namespace steepest {

class ProductKernel : public Kernel {
 public:
  // Where A and B are from now on.
  virtual void read(const float* a, const float* b) = 0;
};

// The instruction's epilogue, if it has one, follows the product, whose operands are the problem's.
std::unique_ptr<ProductKernel> bindProduct(const Instruction& instruction, const Memory& memory,
                                           const MatmulProblem& problem);

}  // namespace steepest
