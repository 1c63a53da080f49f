// A scalar program bound to memory and run on tiles: the meeting point of map, reduce and the products.
#pragma once

#include <cstdint>
#include <memory>

#include "../runtime/kernel.h"
#include "gemm.h"

namespace steepest {

// The epilogue of a product (matmul, convolution): runs a program on a rectangle of the product while it is hot in cache.
// Register 0 is the product; the program's other inputs and its outputs are views of the product's shape [..., M, N].
class Epilogue {
 public:
  virtual ~Epilogue() = default;
  // Rows row .. row+rows-1 (counted over all of [..., M]) and columns column .. column+columns-1 of the product lie at
  // `tile`, one row every `ld` floats. Stores every output. Called from any thread, on disjoint rectangles.
  virtual void run(const float* tile, int64_t ld, int64_t row, int64_t rows, int64_t column, int64_t columns) const = 0;

  // The block that makes all of this itself, as an update, while it multiplies (see GemmKernels::updating), or null.
  virtual GemmUpdating updating(const GemmKernels& gemm) const = 0;
  // What it updates from row `row` and column `column` on. The calling thread runs no other program until it is done.
  virtual GemmUpdate update(int64_t row, int64_t column) const = 0;

  // What `run` will read of memory for such a rectangle, as far as it is worth fetching early: at most kMaxAheads runs.
  static constexpr int kMaxAheads = 4;
  virtual int aheads(int64_t row, int64_t rows, int64_t column, int64_t columns, Ahead* to) const = 0;

  // Of an element, in multiply-adds of a product: what work is cut by.
  virtual int64_t cost() const = 0;

  virtual void move(int64_t steps) = 0;  // as Kernel::move
};

// `firstExtra` is the index in instruction.inputs of the program's register 1.
std::unique_ptr<Epilogue> bindEpilogue(const Instruction& instruction, int firstExtra, const Memory& memory);

// Families. Each is one file in native/cpu.
std::unique_ptr<Kernel> bindFeed(const Instruction&, const Memory&);
std::unique_ptr<Kernel> bindFetch(const Instruction&, const Memory&);
std::unique_ptr<Kernel> bindCopy(const Instruction&, const Memory&);
std::unique_ptr<Kernel> bindMap(const Instruction&, const Memory&);
std::unique_ptr<Kernel> bindReduce(const Instruction&, const Memory&);
std::unique_ptr<Kernel> bindArgReduce(const Instruction&, const Memory&);
std::unique_ptr<Kernel> bindCumsum(const Instruction&, const Memory&);
std::unique_ptr<Kernel> bindArgsort(const Instruction&, const Memory&);
std::unique_ptr<Kernel> bindMatmul(const Instruction&, const Memory&);
std::unique_ptr<Kernel> bindMatmulInt8(const Instruction&, const Memory&);
std::unique_ptr<Kernel> bindConv(const Instruction&, const Memory&);
std::unique_ptr<Kernel> bindConvInputGrad(const Instruction&, const Memory&);
std::unique_ptr<Kernel> bindConvKernelGrad(const Instruction&, const Memory&);
std::unique_ptr<Kernel> bindMaxPool(const Instruction&, const Memory&);
std::unique_ptr<Kernel> bindAveragePool(const Instruction&, const Memory&);
std::unique_ptr<Kernel> bindMaxPoolGrad(const Instruction&, const Memory&);
std::unique_ptr<Kernel> bindAveragePoolGrad(const Instruction&, const Memory&);
std::unique_ptr<Kernel> bindGather(const Instruction&, const Memory&);
std::unique_ptr<Kernel> bindScatterAdd(const Instruction&, const Memory&);
std::unique_ptr<Kernel> bindSoftmax(const Instruction&, const Memory&);
std::unique_ptr<Kernel> bindSoftmaxGrad(const Instruction&, const Memory&);
std::unique_ptr<Kernel> bindSoftmaxCrossEntropy(const Instruction&, const Memory&);
std::unique_ptr<Kernel> bindSoftmaxCrossEntropyGrad(const Instruction&, const Memory&);
std::unique_ptr<Kernel> bindCrossEntropyGradWithLoss(const Instruction& gradient, const Instruction& loss,
                                                     const Memory&);
std::unique_ptr<Kernel> bindAttention(const Instruction&, const Memory&);
std::unique_ptr<Kernel> bindAttentionGrad(const Instruction&, const Memory&);
std::unique_ptr<Kernel> bindNormalize(const Instruction&, const Memory&);
std::unique_ptr<Kernel> bindNormalizeGrad(const Instruction&, const Memory&);

}  // namespace steepest
