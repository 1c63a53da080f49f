#include "conv_kernel_input.h"

#include <algorithm>

#include "chunks.h"

namespace steepest {

ConvKernelInput::ConvKernelInput(const Instruction& instruction, const Memory& memory, const ConvProblem& problem)
    : kernel_(instruction.inputs[1], memory),
      merged_(problem.merged),
      rows_(instruction.inputs[1].size() / channelsOf(instruction.inputs[1])),
      width_(instruction.inputs[1].shape[instruction.inputs[1].rank - 2]),
      columns_(channelsOf(instruction.inputs[1])),
      groupColumns_(columns_ / (problem.groups * merged_)) {
  if (merged_ > 1) large_ = Floats(memory, merged_ * rows_ * columns_);
}

const float* ConvKernelInput::get(RunContext& context) const {
  const float* const kernel = kernel_.get<float>(context);
  if (merged_ == 1) return kernel;
  eachRange(context.threads, merged_ * rows_, columns_, [this, kernel](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t tap = row / width_ / merged_, part = row / width_ % merged_;
      const float* const from = kernel + (tap * width_ + row % width_) * columns_;
      float* const to = large_.data() + row * columns_;
      std::fill_n(to, columns_, 0.0f);
      for (int64_t n = part * groupColumns_; n < columns_; n += merged_ * groupColumns_)
        std::copy_n(from + n, groupColumns_, to + n);
    }
  });
  return large_.data();
}

}  // namespace steepest
