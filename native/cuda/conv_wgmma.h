// Convolutions by kernels/conv_wgmma.cu.
#pragma once

#include "conv_geometry.h"
#include "gemm.h"

namespace steepest::cuda {

// Channels with those that fill the last group of 128 bytes up.
int64_t wgmmaWidth(int64_t channels, const GemmArguments& g);

// On devices that have the instructions: of one group, whose windows a map can describe. The kernel's gradient in
// bfloat16 only, as tf32 cannot be transposed.
bool canConvWgmma(ConvKind kind, const ConvProblem& problem, const ConvGeometry& geometry, const GemmArguments& g,
                  const Device& device);
// Tiles of 128 x `kernel.columns` and so many of k. `arguments` have their product.
void addConvWgmma(const WgmmaKernel& kernel, int64_t depth, ConvKind kind, const ConvProblem& problem,
                  const ConvGeometry& geometry, const ConvArguments& arguments, Binder& binder);

}  // namespace steepest::cuda
