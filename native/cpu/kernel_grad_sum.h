// What the gradient of a convolution's kernel is summed in. Positions are cut into splits by the size of the problem only; each
// split has its own sum, and they are added in order.
#pragma once

#include <cstdint>
#include <memory>

#include "../plan/plan.h"
#include "rows.h"
#include "scratch.h"
#include "tile.h"

namespace steepest {

class KernelGradSum {
 public:
  // The kernel as a matrix: taps and channels of x, by channels of dy.
  KernelGradSum(const Instruction& instruction, const Memory& memory, int64_t rows, int64_t columns);
  void allocate(const Memory& memory, int64_t splits);

  int64_t splits() const { return splits_; }
  // Where a split sums: the first of them in the output if nothing else comes after.
  float* of(int64_t split) const;
  // Adds the splits, and the epilogue stores.
  void finish(Threads& threads) const;

 private:
  void finish(int64_t begin, int64_t end) const;

  const RowKernels& kernels_;
  const int64_t rows_, columns_;
  float* dest_ = nullptr;  // null when the epilogue stores
  std::unique_ptr<Epilogue> epilogue_;
  int64_t splits_ = 0;
  Floats partials_;
};

}  // namespace steepest
