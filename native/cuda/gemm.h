// Which kernel a matrix product gets.
#pragma once

#include "../runtime/matmul_problem.h"
#include "bind.h"
#include "kernels/gemm.h"

namespace steepest::cuda {

// STEEPEST_CUDA_PRODUCTS is for tests and measurements: part of a kernel's name, which is taken for each product that it can
// do; `matmul` is the simple one. Empty: the best.
// Adds the launches, unless the strides are ones that only the simple kernel walks through: false then.
bool addGemm(const MatmulProblem& problem, GemmArguments arguments, Binder& binder);

// By kernels/gemm_wgmma.cu, on devices that have the instructions. `kernel` has tiles of 128 x columns.
bool canWgmma(const GemmArguments& g, const Device& device);
void addWgmma(const char* kernel, int64_t columns, bool aAlongK, bool bAlongK, const GemmArguments& g, Binder& binder);

}  // namespace steepest::cuda
