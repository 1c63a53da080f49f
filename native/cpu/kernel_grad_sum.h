// What the gradient of a convolution's kernel is summed in. Positions are cut into splits by the size of the problem only; each
// split has its own sum, and they are added in order.
#pragma once

#include <cstdint>
#include <memory>

#include "conv_problem.h"
#include "rows.h"
#include "scratch.h"
#include "tile.h"

namespace steepest {

class KernelGradSum {
 public:
  KernelGradSum(const Instruction& instruction, const Memory& memory, const ConvProblem& problem);
  void allocate(const Memory& memory, int64_t splits);

  int64_t splits() const { return splits_; }
  // Where a split sums what belongs to a group, as rows of its columns: for each tap as many as the group has channels of x.
  float* of(int64_t split, int64_t group) const;
  // Adds the splits, and the epilogue stores.
  void finish(Threads& threads) const;

 private:
  // One group that is one of the convolution: sums are in the order of the kernel.
  bool inOrder() const { return groups_ == 1 && merged_ == 1; }
  void finish(int64_t begin, int64_t end) const;
  void collect(int64_t row, float* to) const;

  const RowKernels& kernels_;
  const int64_t taps_, width_, columns_, groups_, merged_;
  float* dest_ = nullptr;  // null when the epilogue stores
  std::unique_ptr<Epilogue> epilogue_;
  int64_t splits_ = 0;
  Floats sums_, collected_;
};

}  // namespace steepest
