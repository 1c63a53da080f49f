// rows: softmax, cross-entropy with integer labels, their gradients, and positions of extremes, as kernels/softmax.cu and kernels/axis.cu
// have them, for rows that the lanes of a warp hold in registers.
#pragma once

#include "kernel.h"

namespace steepest::cuda::emit {

constexpr int64_t kMostRowColumns = 512;

enum class RowKind : uint8_t { kSoftmax, kSoftmaxGrad, kCrossEntropy, kCrossEntropyGrad, kArgReduce };

struct RowLayout {
  RowKind kind;
  int64_t rows, columns;
  bool log = false;          // the softmax's logarithm
  bool least = false;        // the position of the smallest number
  bool loss = false;         // a gradient makes the loss too
  int64_t upstreamStep = 0;  // elements between the rows' numbers of what arrives at a loss
};

int64_t rowBlocks(const RowLayout& layout);

// Arguments, addresses of contiguous memory: softmax { x, y }, its gradient { y, dy, dx }, cross-entropy { logits, labels, loss, state },
// its gradient { logits, labels, loss, state, dloss, dlogits }, positions { x, y }.
Part rowPart(const RowLayout& layout);

}  // namespace steepest::cuda::emit
