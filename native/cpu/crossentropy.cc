// Softmax and cross-entropy with integer labels in one pass over the logits, and its gradient.
#include "chunks.h"
#include "copy.h"
#include "rows.h"
#include "simd/table.h"
#include "tile.h"

namespace steepest {
namespace {

void report(RunContext& context, DataError error) {
  context.error.store(static_cast<uint32_t>(error), std::memory_order_relaxed);
}

class SoftmaxCrossEntropy : public Kernel {
 public:
  SoftmaxCrossEntropy(const Instruction& instruction, const Memory& memory)
      : rows_(instruction.inputs[0].shape[0]),
        columns_(instruction.inputs[0].shape[1]),
        logits_(instruction.inputs[0], memory),
        labels_(instruction.inputs[1], memory),
        loss_(memory.at<float>(instruction.outputs[0])),
        kernel_(simd().rows->crossEntropy) {}

  void run(RunContext& context) override {
    const float* x = logits_.get<float>(context);
    const int32_t* labels = labels_.get<int32_t>(context);
    eachRange(context.threads, rows_, 10 + columns_, [this, x, labels, &context](int64_t begin, int64_t end) {
      if (!kernel_(x + begin * columns_, labels + begin, loss_ + begin, end - begin, columns_)) {
        report(context, DataError::kLabel);
      }
    });
  }

 private:
  int64_t rows_, columns_;
  ContiguousInput logits_, labels_;
  float* loss_;
  decltype(RowKernels::crossEntropy) kernel_;
};

class SoftmaxCrossEntropyGrad : public Kernel {
 public:
  // Makes the loss of the same logits as well unless it is null.
  SoftmaxCrossEntropyGrad(const Instruction& instruction, const Instruction* loss, const Memory& memory)
      : rows_(instruction.inputs[0].shape[0]),
        columns_(instruction.inputs[0].shape[1]),
        logits_(instruction.inputs[0], memory),
        labels_(instruction.inputs[1], memory),
        dloss_(instruction.inputs[2], memory),
        dlogits_(memory.at<float>(instruction.outputs[0])),
        loss_(loss != nullptr ? memory.at<float>(loss->outputs[0]) : nullptr),
        kernel_(simd().rows->crossEntropyGrad) {}

  void run(RunContext& context) override {
    const float* x = logits_.get<float>(context);
    const int32_t* labels = labels_.get<int32_t>(context);
    const float* dloss = dloss_.get<float>(context);
    eachRange(context.threads, rows_, 10 + columns_, [this, x, labels, dloss, &context](int64_t begin, int64_t end) {
      const int64_t at = begin * columns_;
      float* const loss = loss_ != nullptr ? loss_ + begin : nullptr;
      if (!kernel_(x + at, labels + begin, dloss + begin, dlogits_ + at, loss, end - begin, columns_)) {
        report(context, DataError::kLabel);
      }
    });
  }

 private:
  int64_t rows_, columns_;
  ContiguousInput logits_, labels_, dloss_;
  float *dlogits_, *loss_;
  decltype(RowKernels::crossEntropyGrad) kernel_;
};

}  // namespace

std::unique_ptr<Kernel> bindSoftmaxCrossEntropy(const Instruction& instruction, const Memory& memory) {
  return std::make_unique<SoftmaxCrossEntropy>(instruction, memory);
}

std::unique_ptr<Kernel> bindSoftmaxCrossEntropyGrad(const Instruction& instruction, const Memory& memory) {
  return std::make_unique<SoftmaxCrossEntropyGrad>(instruction, nullptr, memory);
}

std::unique_ptr<Kernel> bindCrossEntropyGradWithLoss(const Instruction& gradient, const Instruction& loss,
                                                     const Memory& memory) {
  return std::make_unique<SoftmaxCrossEntropyGrad>(gradient, &loss, memory);
}

}  // namespace steepest
