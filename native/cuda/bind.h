// The families of kernels. Each is a file here that binds, and one in kernels/ with its kernels.
#pragma once

#include <memory>

#include "launches.h"

namespace steepest::cuda {

// By its opcode. Throws DeviceError when there is no kernel for it yet.
std::unique_ptr<Kernel> bindInstruction(const Instruction& instruction, const Memory& memory, CudaBackend& backend);

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

// Of a block that works on a row.
int threadsForRow(int64_t columns);

// A program over views of one shape each: `inputs` of a segment after those of the segment before it, likewise `outputs`.
void addMap(const Program& program, int registers, const std::vector<Operand>& inputs, const std::vector<View>& outputs,
            Binder& binder);

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
  Operand target_;
};

}  // namespace steepest::cuda
