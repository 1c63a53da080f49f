// softmax and log-softmax over the last axis, and their gradients.
#include "chunks.h"
#include "copy.h"
#include "rows.h"
#include "simd/table.h"
#include "tile.h"

namespace steepest {
namespace {

struct Matrix {
  explicit Matrix(const View& v) : columns(v.rank > 0 ? v.shape[v.rank - 1] : 1) {
    for (int d = 0; d + 1 < v.rank; ++d) rows *= v.shape[d];
  }
  int64_t rows = 1;
  int64_t columns;
  int64_t rowCost() const { return 10 + columns; }  // an exponential takes about a nanosecond or less
};

class Softmax : public Kernel {
 public:
  Softmax(const Instruction& instruction, const Memory& memory)
      : matrix_(instruction.outputs[0]),
        x_(instruction.inputs[0], memory),
        y_(memory.at<float>(instruction.outputs[0])),
        rows_(instruction.attrs[0] != 0 ? simd().rows->logSoftmax : simd().rows->softmax) {}

  void run(RunContext& context) override {
    const float* x = x_.get<float>(context);
    eachRange(context.threads, matrix_.rows, matrix_.rowCost(), [this, x](int64_t begin, int64_t end) {
      rows_(x + begin * matrix_.columns, y_ + begin * matrix_.columns, end - begin, matrix_.columns);
    });
  }

 private:
  Matrix matrix_;
  ContiguousInput x_;
  float* y_;
  decltype(RowKernels::softmax) rows_;
};

class SoftmaxGrad : public Kernel {
 public:
  SoftmaxGrad(const Instruction& instruction, const Memory& memory)
      : matrix_(instruction.outputs[0]),
        y_(instruction.inputs[0], memory),
        dy_(instruction.inputs[1], memory),
        dx_(memory.at<float>(instruction.outputs[0])),
        rows_(instruction.attrs[0] != 0 ? simd().rows->logSoftmaxGrad : simd().rows->softmaxGrad) {}

  void run(RunContext& context) override {
    const float* y = y_.get<float>(context);
    const float* dy = dy_.get<float>(context);
    eachRange(context.threads, matrix_.rows, matrix_.rowCost(), [this, y, dy](int64_t begin, int64_t end) {
      const int64_t at = begin * matrix_.columns;
      rows_(y + at, dy + at, dx_ + at, end - begin, matrix_.columns);
    });
  }

 private:
  Matrix matrix_;
  ContiguousInput y_, dy_;
  float* dx_;
  decltype(RowKernels::softmaxGrad) rows_;
};

}  // namespace

std::unique_ptr<Kernel> bindSoftmax(const Instruction& instruction, const Memory& memory) {
  return std::make_unique<Softmax>(instruction, memory);
}

std::unique_ptr<Kernel> bindSoftmaxGrad(const Instruction& instruction, const Memory& memory) {
  return std::make_unique<SoftmaxGrad>(instruction, memory);
}

}  // namespace steepest
