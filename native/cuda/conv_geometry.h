// Where the positions of a convolution see what, as all its tiled kernels are told.
#pragma once

#include <vector>

#include "conv.h"

namespace steepest::cuda {

// An axis of a ConvArguments, and of the phases that it has. Taps are numbered so that they go up in the source.
struct ConvAxis {
  int64_t step, tapStep, extent, kernelStep, destStep, dest;
  struct Phase {
    int64_t count, taps, first, kernelFirst, destFirst;
  };
  std::vector<Phase> phases;
};

struct ConvGeometry {
  ConvGeometry(ConvKind kind, const Windows& windows);

  // All numbers fit 32 bits, and 31 with a depth of taps x width.
  bool fits(int64_t width) const;
  // Depth of taps x width.
  std::vector<ConvPhase> phases(int64_t width) const;
  // What all phases share, but for the product.
  void describe(int64_t width, ConvArguments* arguments) const;

  ConvAxis axes[kSpatial];
  int64_t images, cells, dests;  // of the source, of the destination
  int64_t window[kSpatial];
};

}  // namespace steepest::cuda
