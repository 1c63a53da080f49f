// What the gradient of a convolution's kernel is summed in. Positions are cut into splits by the size of the problem only; each
// split has its own sum, and they are added in order.
#pragma once

#include <algorithm>
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

  // What a running task needs, of `parts` times as many tasks as there are splits.
  void allocateSlots(const Memory& memory, int64_t parts, int64_t floats) {
    slots_.allocate(memory, std::min<int64_t>(parts * splits_, Threads::pool().count()), floats);
  }

  int64_t splits() const { return splits_; }
  // Where a split sums what belongs to a group, as rows of its columns: for each tap as many as the group has channels of x.
  float* of(int64_t split, int64_t group) const;
  // Calls f(part, split, slot) for all of them, then adds the splits, and the epilogue stores.
  template <typename F>
  void run(Threads& threads, int64_t parts, F f) {
    threads.each(parts * splits_, [this, f](int64_t task) {
      float* slot = slots_.acquire();
      f(task / splits_, task % splits_, slot);
      slots_.release(slot);
    });
    finish(threads);
  }

 private:
  void finish(Threads& threads) const;
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
  Slots slots_;
};

}  // namespace steepest
