#pragma once

#include "conv.h"
#include "gemm_wgmma.h"

namespace steepest::cuda {

// A convolution of one group whose source and other operand are rounded to bfloat16 or tf32, by maps of them: of the source one for
// each phase, as a phase sees its own box of positions. Depths, or of the kernel's gradient rows, are channels in groups of as
// many as 128 bytes hold: `width` of `conv` is the channels with what fills the last group up, which reads as zeros.
struct ConvWgmmaArguments {
  TensorMap source[kMostPhases];
  TensorMap other;  // kernel [tap, destination's channel, source's channel]; dy [position, filter]
  TensorMap result;
  uint32_t whole;  // channels of a tap that the kernel has
  uint32_t axes;   // of the source's map
  uint32_t sends;  // 1: results go to memory by their map, in boxes
  uint32_t unused[13];
  ConvArguments conv;
  uint64_t end[8 - sizeof(ConvArguments) % 64 / 8];
};
static_assert(sizeof(ConvWgmmaArguments) % 64 == 0, "has one size with and without alignment");
static_assert(sizeof(ConvWgmmaArguments) <= 4096, "what a kernel can take");

}  // namespace steepest::cuda
