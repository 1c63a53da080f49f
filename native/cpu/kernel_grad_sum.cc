#include "kernel_grad_sum.h"

#include <algorithm>

#include "chunks.h"
#include "simd/table.h"

namespace steepest {

KernelGradSum::KernelGradSum(const Instruction& instruction, const Memory& memory, const ConvProblem& problem)
    : kernels_(*simd().rows),
      taps_(problem.grid(0).depth() / problem.width),
      width_(problem.width),
      columns_(problem.columns),
      groups_(problem.groups),
      merged_(problem.merged) {
  if (instruction.attrs[0] == 1) {
    epilogue_ = bindEpilogue(instruction, 2, memory);
    if (!inOrder()) collected_ = Floats(memory, taps_ * width_ / merged_ * groups_ * columns_);
  } else {
    dest_ = memory.at<float>(instruction.outputs[0]);
  }
}

void KernelGradSum::allocate(const Memory& memory, int64_t splits) {
  splits_ = splits;
  if (const int64_t own = dest_ && inOrder() ? splits - 1 : splits; own > 0)
    sums_ = Floats(memory, own * groups_ * taps_ * width_ * columns_);
}

float* KernelGradSum::of(int64_t split, int64_t group) const {
  if (dest_ && inOrder() && split-- == 0) return dest_;
  return sums_.data() + (split * groups_ + group) * taps_ * width_ * columns_;
}

void KernelGradSum::finish(Threads& threads) const {
  if (splits_ == 1 && dest_ && inOrder()) return;
  eachRange(threads, taps_ * width_ / merged_, 1 + splits_ * groups_ * columns_ / 8,
            [this](int64_t begin, int64_t end) { finish(begin, end); });
}

// Rows of the kernel.
void KernelGradSum::finish(int64_t begin, int64_t end) const {
  const int64_t columns = groups_ * columns_;
  float* const to = (inOrder() ? of(0, 0) : dest_ ? dest_ : collected_.data()) + begin * columns;
  if (inOrder()) {
    for (int64_t split = 1; split < splits_; ++split)
      kernels_.add(of(split, 0) + begin * columns, to, (end - begin) * columns);
  } else {
    for (int64_t row = begin; row < end; ++row) collect(row, to + (row - begin) * columns);
  }
  if (epilogue_) epilogue_->run(to, columns, begin, end - begin, 0, columns);
}

// Of merged groups what lies between the zeros.
void KernelGradSum::collect(int64_t row, float* to) const {
  const int64_t width = width_ / merged_, columns = columns_ / merged_;
  for (int64_t group = 0; group < groups_ * merged_; ++group, to += columns) {
    const int64_t part = group % merged_;
    const int64_t at = (row / width * width_ + part * width + row % width) * columns_ + part * columns;
    std::copy_n(of(0, group / merged_) + at, columns, to);
    for (int64_t split = 1; split < splits_; ++split) kernels_.add(of(split, group / merged_) + at, to, columns);
  }
}

}  // namespace steepest
