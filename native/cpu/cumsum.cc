// Running sums along one axis, forwards or backwards. Terms are added in order, so the bits do not depend on the partition.
#include "chunks.h"
#include "copy.h"
#include "tile.h"

namespace steepest {
namespace {

// x [outer, axis, inner]. T is the element, Sum what is added up: float64 keeps long sums accurate, and unsigned
// integers wrap where signed ones are undefined.
template <typename T, typename Sum>
class Cumsum : public Kernel {
 public:
  Cumsum(const Instruction& instruction, const Memory& memory)
      : x_(instruction.inputs[0], memory),
        y_(memory.at<T>(instruction.outputs[0])),
        reverse_(instruction.attrs[1] != 0) {
    const View& x = instruction.inputs[0];
    const int axis = static_cast<int>(instruction.attrs[0]);
    for (int d = 0; d < axis; ++d) outer_ *= x.shape[d];
    axis_ = x.shape[axis];
    for (int d = axis + 1; d < x.rank; ++d) inner_ *= x.shape[d];
  }

  void run(RunContext& context) override {
    const T* x = x_.template get<T>(context);
    if (inner_ == 1) {
      eachRange(context.threads, outer_, 2 * axis_, [this, x](int64_t begin, int64_t end) {
        for (; begin + kLines <= end; begin += kLines) addLines<kLines>(x + begin * axis_, y_ + begin * axis_);
        for (; begin < end; ++begin) addLines<1>(x + begin * axis_, y_ + begin * axis_);
      });
      return;
    }
    const int64_t blocks = (inner_ + kBlock - 1) / kBlock;
    const int64_t width = std::min(inner_, kBlock);
    eachRange(context.threads, outer_ * blocks, axis_ * (1 + width / 4), [this, x, blocks](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t column = i % blocks * kBlock;
        const int64_t first = i / blocks * axis_ * inner_ + column;
        add(x + first, y_ + first, std::min(kBlock, inner_ - column));
      }
    });
  }

 private:
  static constexpr int64_t kBlock = 64;  // columns done together: whole cache lines
  static constexpr int kLines = 8;       // whose sums do not wait for each other

  template <int lines>
  void addLines(const T* x, T* y) const {
    Sum sums[lines] = {};
    for (int64_t i = 0; i < axis_; ++i) {
      const int64_t at = reverse_ ? axis_ - 1 - i : i;
#pragma GCC unroll 8
      for (int64_t l = 0; l < lines; ++l) {
        sums[l] += static_cast<Sum>(x[l * axis_ + at]);
        y[l * axis_ + at] = static_cast<T>(sums[l]);
      }
    }
  }

  void add(const T* x, T* y, int64_t columns) const {
    Sum sums[kBlock] = {};
    for (int64_t i = 0; i < axis_; ++i) {
      const int64_t row = (reverse_ ? axis_ - 1 - i : i) * inner_;
      for (int64_t c = 0; c < columns; ++c) {
        sums[c] += static_cast<Sum>(x[row + c]);
        y[row + c] = static_cast<T>(sums[c]);
      }
    }
  }

  ContiguousInput x_;
  T* y_;
  bool reverse_;
  int64_t outer_ = 1, axis_ = 1, inner_ = 1;
};

}  // namespace

std::unique_ptr<Kernel> bindCumsum(const Instruction& instruction, const Memory& memory) {
  if (instruction.inputs[0].dtype == DType::kInt32) {
    return std::make_unique<Cumsum<int32_t, uint32_t>>(instruction, memory);
  }
  return std::make_unique<Cumsum<float, double>>(instruction, memory);
}

}  // namespace steepest
