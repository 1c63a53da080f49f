#pragma once

#include "divisor.h"
#include "gemm.h"
#include "spatial.h"

namespace steepest::cuda {

enum class ConvKind { kForward, kInputGrad, kKernelGrad };

// Positions of the destination that see the source through the same taps: all of them, or in the gradient of the input those of
// one residue by the strides. Along an axis, position q sees with tap i the cell q step + first + i tapStep of the source; it is
// the cell destFirst + q destStep of the destination, and the tap kernelFirst + i kernelStep of the kernel.
struct ConvPhase {
  int32_t positions;  // of all images
  int32_t depth;      // taps x channels of a group
  int32_t first[kSpatial], kernelFirst[kSpatial], destFirst[kSpatial];
  Divisor counts[kSpatial];  // of positions
  Divisor taps[kSpatial];    // that of the first axis is not used
};

constexpr int kMostPhases = 12;  // of a launch

// A convolution as a product whose matrix of patches is never there: it is gathered from the source on its way to shared memory.
//   conv            y [positions, filters] = patches of x [positions, (tap, channel)] kernel [(tap, channel), filters]
//   convInputGrad   dx [cells, channels] = patches of dy [cells, (tap, filter)] kernel [(tap, filter), channels], in phases
//   convKernelGrad  dkernel [(tap, channel), filters] = patches of x, transposed, dy [positions, filters]
// The batch of `product` is (phase, group), m and k are those of the largest phase; a is the source, b the other operand.
struct ConvArguments {
  GemmArguments product;
  int64_t channels;  // numbers of a cell of the source
  Divisor width;     // channels of the source in a group
  int32_t groups;
  int32_t step[kSpatial], tapStep[kSpatial], extent[kSpatial];
  int32_t kernelStep[kSpatial], window[kSpatial];
  int32_t destStep[kSpatial], dest[kSpatial];
  ConvPhase phases[kMostPhases];
};
static_assert(sizeof(ConvArguments) <= 4096, "what a kernel can take");

// kernel [...window, C / groups, F]; two of the three operands are inputs, all contiguous.
struct ConvByElementArguments {
  Windows windows;
  const float* x;
  const float* kernel;
  const float* y;
  float* out;
  int64_t channels, filters, groups;
  uint32_t bfloat16;
  uint32_t unused;
};

}  // namespace steepest::cuda
