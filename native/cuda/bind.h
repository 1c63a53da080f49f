// The families of kernels. Each is a file here that binds, and one in kernels/ with its kernels.
#pragma once

#include <memory>

#include "launches.h"

namespace steepest::cuda {

// Of a plan, or of the body of a loop, a kernel for each. Launches of several may have become one, which is among those of one
// of them. The last launch of a plan can be one that moves the step's state on as well. Throws DeviceError when there is no kernel for
// an operation yet.
std::vector<std::unique_ptr<Kernel>> bindInstructions(const std::vector<Instruction>& instructions,
                                                      const Memory& memory, CudaBackend& backend, bool isPlan);

void bindFeed(const Instruction& in, Binder& binder);
void bindFetch(const Instruction& in, Binder& binder);
void bindCopy(const Instruction& in, Binder& binder);
void bindMap(const Instruction& in, Binder& binder);
void bindReduce(const Instruction& in, Binder& binder);
void bindMatmul(const Instruction& in, Binder& binder);
void bindMatmulInt8(const Instruction& in, Binder& binder);
void bindConv(const Instruction& in, Binder& binder);
void bindConvInputGrad(const Instruction& in, Binder& binder);
void bindConvKernelGrad(const Instruction& in, Binder& binder);
void bindMaxPool(const Instruction& in, Binder& binder);
void bindAveragePool(const Instruction& in, Binder& binder);
void bindMaxPoolGrad(const Instruction& in, Binder& binder);
void bindAveragePoolGrad(const Instruction& in, Binder& binder);
void bindGather(const Instruction& in, Binder& binder);
void bindScatterAdd(const Instruction& in, Binder& binder);
void bindSoftmax(const Instruction& in, Binder& binder);
void bindSoftmaxGrad(const Instruction& in, Binder& binder);
void bindSoftmaxCrossEntropy(const Instruction& in, Binder& binder);
void bindSoftmaxCrossEntropyGrad(const Instruction& in, Binder& binder);
void bindArgReduce(const Instruction& in, Binder& binder);
void bindCumsum(const Instruction& in, Binder& binder);
void bindArgsort(const Instruction& in, Binder& binder);
void bindNormalize(const Instruction& in, Binder& binder);
void bindNormalizeGrad(const Instruction& in, Binder& binder);
void bindAttention(const Instruction& in, Binder& binder);
void bindAttentionGrad(const Instruction& in, Binder& binder);

// ---- shared by families

// A program over views of one shape each: `inputs` of a segment after those of the segment before it, likewise `outputs`.
// When it `mayWait`, small segments do; nothing that they read is then in scratch memory.
void addMap(const steepest::Program& program, const std::vector<Operand>& inputs, const std::vector<View>& outputs,
            Binder& binder, bool mayWait = false);
// Small enough to wait for others: a launch takes longer than the work.
constexpr int64_t kFewElements = int64_t{1} << 18;

// What is launched for what has waited.
struct MapWords {
  std::vector<uint64_t> arguments;
  int64_t blocks;
  bool several;
};
MapWords wordsOf(const MapSegments& map, Binder& binder);
size_t argumentWords(const MapSegments& map);
Launch launchOfFeeds(Device& device, const std::vector<FeedArguments>& feeds);
WaitingPart partOfFeed(const FeedArguments& feed);
// The end of a step.
WaitingPart partOfAdvance(StepState* state);

// In a sequence (sequence.h): a product, or rows, as a part of it. False when it has to be launched.
bool waitsAsProduct(const Instruction& in, Binder& binder);
bool waitsAsRows(const Instruction& in, Binder& binder);

// to [columns] = the sums over rows of a program; strides of its inputs are [row, column].
void addColumnSums(const steepest::Program& program, const std::vector<Operand>& inputs, int64_t rows, int64_t columns,
                   float* to, Binder& binder);

// Whether there are emitted kernels at all: where the driver assembles them, and not with STEEPEST_CUDA_INTERPRET=1. Without them, maps
// and reductions are interpreted, and no loop or sequence is one launch.
bool emits(Device& device);
// Whether they run maps and reductions of this program.
bool emits(const steepest::Program& program, Device& device);
// Offsets of elements fit 32 bits.
bool isShort(const Domain& domain, const int64_t* strides);
// Groups of 4 neighbours of the last axis are one access: `axes` strides, in elements.
bool isAligned(const Operand& operand, int axes);

// The end of a product (matmul, convolution). The product itself is to go to `target`, contiguous: the instruction's output,
// or memory from which the epilogue that `finish` adds makes its outputs.
class ProductEnd {
 public:
  ProductEnd(const Instruction& in, Binder& binder);
  const Operand& target() const { return target_; }
  void finish();

 private:
  const Instruction& in_;
  Binder& binder_;
  bool waits_ = false;  // the epilogue may
  Operand target_;
};

}  // namespace steepest::cuda
