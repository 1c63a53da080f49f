#include "kernel_grad_sum.h"

#include "chunks.h"
#include "simd/table.h"

namespace steepest {

KernelGradSum::KernelGradSum(const Instruction& instruction, const Memory& memory, int64_t rows, int64_t columns)
    : kernels_(*simd().rows), rows_(rows), columns_(columns) {
  if (instruction.attrs[0] == 1) {
    epilogue_ = bindEpilogue(instruction, 2, memory);
  } else {
    dest_ = memory.at<float>(instruction.outputs[0]);
  }
}

void KernelGradSum::allocate(const Memory& memory, int64_t splits) {
  splits_ = splits;
  if (const int64_t partials = dest_ ? splits - 1 : splits; partials > 0)
    partials_ = Floats(memory, partials * rows_ * columns_);
}

float* KernelGradSum::of(int64_t split) const {
  if (!dest_) return partials_.data() + split * rows_ * columns_;
  return split == 0 ? dest_ : partials_.data() + (split - 1) * rows_ * columns_;
}

void KernelGradSum::finish(Threads& threads) const {
  if (splits_ == 1 && dest_) return;
  eachRange(threads, rows_, 1 + splits_ * columns_ / 8, [this](int64_t begin, int64_t end) { finish(begin, end); });
}

void KernelGradSum::finish(int64_t begin, int64_t end) const {
  float* const sum = of(0) + begin * columns_;
  for (int64_t split = 1; split < splits_; ++split)
    kernels_.add(of(split) + begin * columns_, sum, (end - begin) * columns_);
  if (epilogue_) epilogue_->run(sum, columns_, begin, end - begin, 0, columns_);
}

}  // namespace steepest
