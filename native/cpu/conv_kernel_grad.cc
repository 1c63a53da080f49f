// The kernel's gradient: patches of x, gathered a panel at a time and transposed, times dy, summed over all positions.

#include <algorithm>
#include <cstring>

#include "../runtime/matmul_problem.h"
#include "chunks.h"
#include "conv_kernel_grad_lines.h"
#include "conv_problem.h"
#include "conv_unfolded.h"
#include "copy.h"
#include "depthwise.h"
#include "gemm.h"
#include "kernel_grad_sum.h"
#include "rows.h"
#include "scratch.h"
#include "simd/table.h"
#include "tile.h"
#include "winograd.h"

namespace steepest {
namespace {

constexpr int64_t kPatchFloats = int64_t{1} << 16;  // gathered at a time
constexpr int64_t kMinPositions = 64;               // of a gathered panel: C is read and written once for each
constexpr int64_t kMaxPositions = 2048;
// A sum over so many positions is added to the others as one number: the error grows with the length of the chains, not with
// the number of positions. Adding a small result costs nothing, a large one as much as a few positions.
constexpr int64_t kChain = 32, kLongChain = 512;
constexpr int64_t kSmallFloats = int64_t{1} << 12;
constexpr int64_t kTaskWork = int64_t{1} << 21;  // multiply-adds
constexpr int64_t kMaxTasks = 32;
constexpr int64_t kRowBlockFloats = int64_t{1} << 16;  // of the result: larger ones are cut by rows of taps
constexpr int64_t kPartialFloats = int64_t{1} << 23;   // of all splits

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

class ConvKernelGrad final : public Kernel {
 public:
  ConvKernelGrad(const Instruction& instruction, const Memory& memory, ConvProblem problem)
      : gemm_(roundsToBfloat16(instruction) ? *simd().gemmBf16 : *simd().gemm),
        rows_(*simd().rows),
        p_(std::move(problem)),
        grid_(p_.grid(0)),
        x_(instruction.inputs[0], memory),
        dy_(instruction.inputs[1], memory),
        positions_(grid_.positions()),
        total_(instruction, memory, p_) {
    cut(memory);
    if (!grid_.isSource()) patchFloats_ = ceilDiv(tapRowsEach_ * panel_ * grid_.rowDepth(), 16) * 16;
    const int64_t packed =
        gemm_.rounds() ? gemm_.packedDepth(panel_) * ceilDiv(p_.columns, gemm_.panel) * gemm_.panel : 0;
    sums_ = patchFloats_ + ceilDiv(packed, 16) * 16;
    total_.allocateSlots(memory, p_.groups * tapBlocks_, sums_ + (chain_ < positions_ ? blockFloats() : 0));
  }

  void run(RunContext& context) override {
    const float* x = x_.get<float>(context);
    const float* dy = dy_.get<float>(context);
    total_.run(context.threads, p_.groups * tapBlocks_, [this, x, dy](int64_t part, int64_t split, float* slot) {
      runTask(x, dy, part / tapBlocks_, part % tapBlocks_, split, slot);
    });
  }

 private:
  void cut(const Memory& memory) {
    const int64_t size = grid_.depth() * p_.destChannels;  // of all groups
    const int64_t wanted = std::clamp<int64_t>(positions_ * size / p_.groups / kTaskWork, 1, kMaxTasks);
    tapBlocks_ = std::clamp<int64_t>(size / kRowBlockFloats, 1, grid_.tapRows());
    tapRowsEach_ = ceilDiv(grid_.tapRows(), tapBlocks_);
    tapBlocks_ = ceilDiv(grid_.tapRows(), tapRowsEach_);
    panel_ = std::clamp(kPatchFloats / (tapRowsEach_ * grid_.rowDepth()), kMinPositions, kMaxPositions);
    chain_ = blockFloats() <= kSmallFloats ? kChain : kLongChain;
    panel_ = std::min(panel_, positions_);
    piece_ = std::min(panel_, chain_);
    const int64_t most = std::max<int64_t>(1, std::min(kPartialFloats / size, ceilDiv(positions_, panel_)));
    total_.allocate(memory, std::clamp<int64_t>(ceilDiv(wanted, tapBlocks_ * p_.groups), 1, most));
  }

  int64_t blockFloats() const { return tapRowsEach_ * grid_.rowDepth() * p_.columns; }

  void runTask(const float* x, const float* dy, int64_t group, int64_t tapBlock, int64_t split, float* slot) const {
    const int64_t firstRow = tapBlock * tapRowsEach_, tapRows = std::min(tapRowsEach_, grid_.tapRows() - firstRow);
    const int64_t splits = total_.splits();
    const int64_t begin = positions_ * split / splits, end = positions_ * (split + 1) / splits;
    const float* source = x + group * p_.width;
    GemmBlock block{};
    block.m = tapRows * grid_.rowDepth();
    block.n = p_.columns;
    float* const total = total_.of(split, group) + firstRow * grid_.rowDepth() * p_.columns;
    float* const sum = slot + sums_;
    block.c = total;
    block.cRow = p_.columns;
    int64_t chain = 0;  // positions summed
    for (int64_t position = begin; position < end; position += panel_) {
      const int64_t count = std::min(panel_, end - position);
      if (grid_.isSource()) {
        block.a = source + position * p_.sourceChannels;
        block.aRow = 1;
        block.aDepth = p_.sourceChannels;
      } else if (grid_.prefersColumns()) {
        gatherColumns(grid_, source, position, count, firstRow, tapRows, slot);
        block.a = slot;
        block.aRow = count;
        block.aDepth = 1;
      } else {
        gatherRows(grid_, source, position, count, firstRow, tapRows, slot);
        block.a = slot;
        block.aRow = 1;
        block.aDepth = block.m;
      }
      for (int64_t at = 0; at < count; at += piece_, block.a += piece_ * block.aDepth) {
        block.k = std::min(piece_, count - at);
        readGradient(dy + (position + at) * p_.destChannels + group * p_.columns, slot + patchFloats_, &block);
        block.accumulate = chain > 0;
        gemm_.block(block);
        chain += block.k;
        if (chain < chain_ && position + at + block.k < end) continue;
        if (block.c == sum) rows_.add(sum, total, block.m * p_.columns);
        block.c = sum;
        chain = 0;
      }
    }
  }

  // Rows of dy where they lie, or copied if they are rounded.
  void readGradient(const float* dy, float* packed, GemmBlock* block) const {
    if (gemm_.rounds()) {
      gemm_.pack(dy, p_.destChannels, 1, block->k, p_.columns, packed);
      block->b = packed;
      block->bRow = gemm_.panel;
      block->bPanel = gemm_.packedDepth(block->k) * gemm_.panel;
    } else {
      block->b = dy;
      block->bRow = p_.destChannels;
      block->bPanel = gemm_.panel;
    }
  }

  const GemmKernels& gemm_;
  const RowKernels& rows_;
  const ConvProblem p_;
  const PatchGrid grid_;
  ContiguousInput x_, dy_;
  const int64_t positions_;
  KernelGradSum total_;
  int64_t tapBlocks_, tapRowsEach_;
  int64_t panel_;  // positions gathered at a time
  int64_t piece_;  // of those, of a product
  int64_t chain_;  // positions of a sum that is added to the others
  int64_t sums_;   // where a task has that
  int64_t patchFloats_ = 0;
};

}  // namespace

std::unique_ptr<Kernel> bindConvKernelGrad(const Instruction& instruction, const Memory& memory) {
  ConvProblem problem = ConvProblem::kernelGradient(instruction);
  if (problem.depthwise()) return bindDepthwiseKernelGrad(instruction, memory, std::move(problem));
  if (suitsWinogradKernelGrad(problem, roundsToBfloat16(instruction)))
    return bindWinogradKernelGrad(instruction, memory, std::move(problem));
  if (suitsUnfoldedKernelGrad(problem)) return bindUnfoldedKernelGrad(instruction, memory, std::move(problem));
  if (suitsLines(problem, roundsToBfloat16(instruction)))
    return bindConvKernelGradLines(instruction, memory, std::move(problem));
  return std::make_unique<ConvKernelGrad>(instruction, memory, std::move(problem));
}

}  // namespace steepest
