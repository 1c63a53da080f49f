#pragma once

#include "conv.h"

namespace steepest::cuda {

// A convolution in which each channel of the input is a group, of `multiplier` filters. `product` has c, its finish, n (channels of
// the destination), and for the gradient of the kernel its parts.
struct DepthwiseArguments {
  ConvArguments conv;
  int64_t images, filters, multiplier;
  int64_t runs;  // of positions of the largest phase
};
static_assert(sizeof(DepthwiseArguments) <= 4096, "what a kernel can take");

constexpr int kRunPositions = 4;  // of a thread
constexpr int kTapsTogether = 9;  // of a block, in the gradient of the kernel
constexpr int kKernelGradThreads = 256;

}  // namespace steepest::cuda
