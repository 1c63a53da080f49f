// Convolutions as their kernels are chosen.
#pragma once

#include <vector>

#include "bind.h"
#include "kernels/conv.h"

namespace steepest::cuda {

// x [images, ...cells, channels], kernel [...window, channels / groups, filters], y [images, ...positions, filters]; a and b are the
// two of them that are there.
struct ConvProblem {
  Windows windows;
  const float *a, *b;
  int64_t channels, filters, groups;
  bool bfloat16, tf32;  // operands are rounded to one of them
};

// Adds the launches of tiles that gather patches. `product` has c, its finish and the precision. False where positions do not fit
// 32 bits.
bool addConv(ConvKind kind, const ConvProblem& problem, GemmArguments product, Binder& binder);

// With a group for each channel of x. `arguments` lacks the phases, and its product the batch, n and parts. False: too many channels.
bool addDepthwise(ConvKind kind, const ConvProblem& problem, const ConvArguments& arguments,
                  const std::vector<ConvPhase>& phases, Binder& binder);

}  // namespace steepest::cuda
