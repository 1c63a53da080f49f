// The borders of a step, as kernels/step.cu has them: feeds, which are rows of the data by the step's state, and what moves that on.
#pragma once

#include "kernel.h"

namespace steepest::cuda::emit {

struct FeedLayout {
  uint32_t slot;
  DType dtype;
  int64_t size, rowSize;  // elements
  bool quads;             // of 4 bytes each: rows are whole ones, and what they go to is aligned
};

int64_t feedBlocks(const FeedLayout& layout);

// Arguments: { state, to }.
Part feedPart(const FeedLayout& layout);

// For the first thread of a block. Argument: { state }.
Part advancePart();

}  // namespace steepest::cuda::emit
