// The kernel's gradient: patches of x, transposed, times dy, summed over all positions. Positions are cut into splits by
// the size of the problem only; each split sums in order, and the splits are added in order.

#include <algorithm>
#include <cstring>

#include "../runtime/matmul_problem.h"
#include "chunks.h"
#include "conv_problem.h"
#include "copy.h"
#include "depthwise.h"
#include "gemm.h"
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
        size_(grid_.depth() * p_.destChannels),
        readsLines_(suitsLines()) {
    if (instruction.attrs[0] == 1) {
      epilogue_ = bindEpilogue(instruction, 2, memory);
    } else {
      dest_ = memory.at<float>(instruction.outputs[0]);
    }
    cut();
    if (const int64_t partials = dest_ ? splits_ - 1 : splits_; partials > 0)
      partials_ = Floats(memory, partials * size_);
    if (!grid_.isSource()) {
      const int64_t floats = readsLines_ ? grid_.axes[2]->span() * p_.width : panel_ * grid_.rowDepth();
      patchFloats_ = ceilDiv(tapRowsEach_ * floats, 16) * 16;
    }
    const int64_t packed =
        gemm_.rounds() ? gemm_.packedDepth(panel_) * ceilDiv(p_.columns, gemm_.panel) * gemm_.panel : 0;
    sums_ = patchFloats_ + ceilDiv(packed, 16) * 16;
    slots_.allocate(memory, std::min<int64_t>(p_.groups * tapBlocks_ * splits_, Threads::pool().count()),
                    sums_ + (chain_ < positions_ ? blockFloats() : 0));
  }

  void run(RunContext& context) override {
    const float* x = x_.get<float>(context);
    const float* dy = dy_.get<float>(context);
    context.threads.each(p_.groups * tapBlocks_ * splits_, [this, x, dy](int64_t task) {
      float* slot = slots_.acquire();
      runTask(x, dy, task / splits_ / tapBlocks_, task / splits_ % tapBlocks_, task % splits_, slot);
      slots_.release(slot);
    });
    if (splits_ == 1 && dest_) return;
    eachRange(context.threads, grid_.depth(), 1 + splits_ * p_.destChannels / 8,
              [this](int64_t begin, int64_t end) { finish(begin, end); });
  }

 private:
  // A few channels; a single one is gathered as fast, and its rows of taps would be short.
  bool suitsLines() const {
    return grid_.prefersColumns() && p_.width > 1 && p_.groups == 1 && grid_.axes[2]->isDense() && !grid_.isSource();
  }

  void cut() {
    const int64_t wanted = std::clamp<int64_t>(positions_ * size_ / p_.groups / kTaskWork, 1, kMaxTasks);
    tapBlocks_ = std::clamp<int64_t>(size_ / kRowBlockFloats, 1, grid_.tapRows());
    tapRowsEach_ = ceilDiv(grid_.tapRows(), tapBlocks_);
    tapBlocks_ = ceilDiv(grid_.tapRows(), tapRowsEach_);
    panel_ = std::clamp(kPatchFloats / (tapRowsEach_ * grid_.rowDepth()), kMinPositions, kMaxPositions);
    chain_ = blockFloats() <= kSmallFloats ? kChain : kLongChain;
    panel_ = std::min(panel_, positions_);
    piece_ = std::min(panel_, chain_);
    if (readsLines_) panel_ = piece_;
    const int64_t most = std::max<int64_t>(1, std::min(kPartialFloats / size_, ceilDiv(positions_, panel_)));
    splits_ = std::clamp<int64_t>(ceilDiv(wanted, tapBlocks_ * p_.groups), 1, most);
  }

  int64_t blockFloats() const { return tapRowsEach_ * grid_.rowDepth() * p_.columns; }

  // Where a split sums: the first of them in the output if nothing else comes after.
  float* partial(int64_t split) const {
    if (!dest_) return partials_.data() + split * size_;
    return split == 0 ? dest_ : partials_.data() + (split - 1) * size_;
  }

  void runTask(const float* x, const float* dy, int64_t group, int64_t tapBlock, int64_t split, float* slot) const {
    const int64_t firstRow = tapBlock * tapRowsEach_, tapRows = std::min(tapRowsEach_, grid_.tapRows() - firstRow);
    const int64_t begin = positions_ * split / splits_, end = positions_ * (split + 1) / splits_;
    if (readsLines_) return addLines(x, dy, firstRow, tapRows, split, begin, end, slot);
    const float* source = x + group * p_.width;
    GemmBlock block{};
    block.m = tapRows * grid_.rowDepth();
    block.n = p_.columns;
    float* const total = partial(split) + firstRow * grid_.rowDepth() * p_.destChannels + group * p_.columns;
    float* const sum = slot + sums_;
    block.c = total;
    block.cRow = p_.destChannels;
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
        if (block.c == sum) add(sum, block.m, total);
        block.c = sum;
        block.cRow = p_.columns;
        chain = 0;
      }
    }
  }

  // Of few channels: nothing is gathered. What neighbouring positions see of a line of the source lies `stride` pixels apart
  // in it, so a line with its borders is an operand for each row of taps.
  void addLines(const float* x, const float* dy, int64_t firstRow, int64_t tapRows, int64_t split, int64_t begin,
                int64_t end, float* slot) const {
    const PatchAxis& axis = *grid_.axes[2];
    const int64_t depth = grid_.rowDepth(), floats = axis.span() * p_.width;
    float* const total = partial(split) + firstRow * depth * p_.columns;
    float* sum = total;
    GemmBlock block{};
    block.aRow = 1;
    block.aDepth = axis.stride * p_.width;
    block.cRow = p_.columns;
    block.m = depth;
    block.n = p_.columns;
    int64_t chain = 0;  // positions summed
    PatchWalk walk(grid_, begin);
    for (int64_t position = begin; position < end; position += block.k) {
      if (position == begin || walk.at[2] == 0) {
        for (int64_t r = 0; r < tapRows; ++r) {
          const int64_t row = seenRow(grid_, walk, firstRow + r);
          if (row >= 0) copyLine(grid_, x + row * axis.extent * p_.width, slot + r * floats);
        }
      }
      block.k = std::min({end - position, axis.count - walk.at[2], piece_ - chain});
      readGradient(dy + position * p_.columns, slot + patchFloats_, &block);
      block.accumulate = chain > 0;
      for (int64_t r = 0; r < tapRows; ++r) {
        block.c = sum + r * depth * p_.columns;
        if (seenRow(grid_, walk, firstRow + r) >= 0) {
          block.a = slot + r * floats + walk.at[2] * block.aDepth;
          gemm_.block(block);
        } else if (chain == 0) {
          std::fill_n(block.c, depth * p_.columns, 0.0f);
        }
      }
      chain += block.k;
      walk.advance(block.k);
      if (chain < piece_ && position + block.k < end) continue;
      if (sum != total) rows_.add(sum, total, tapRows * depth * p_.columns);
      sum = slot + sums_;
      chain = 0;
    }
  }

  void add(const float* sum, int64_t rows, float* total) const {
    if (p_.columns == p_.destChannels) return rows_.add(sum, total, rows * p_.columns);
    for (int64_t i = 0; i < rows; ++i) rows_.add(sum + i * p_.columns, total + i * p_.destChannels, p_.columns);
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

  // Rows of the result: the splits are added, and the epilogue stores.
  void finish(int64_t begin, int64_t end) const {
    const int64_t at = begin * p_.destChannels, n = (end - begin) * p_.destChannels;
    float* const sum = partial(0) + at;
    for (int64_t split = 1; split < splits_; ++split) rows_.add(partial(split) + at, sum, n);
    if (epilogue_) epilogue_->run(sum, p_.destChannels, begin, end - begin, 0, p_.destChannels);
  }

  const GemmKernels& gemm_;
  const RowKernels& rows_;
  const ConvProblem p_;
  const PatchGrid grid_;
  ContiguousInput x_, dy_;
  const int64_t positions_, size_;
  const bool readsLines_;
  float* dest_ = nullptr;  // null when the epilogue stores
  std::unique_ptr<Epilogue> epilogue_;
  int64_t splits_, tapBlocks_, tapRowsEach_;
  int64_t panel_;  // positions gathered at a time
  int64_t piece_;  // of those, of a product
  int64_t chain_;  // positions of a sum that is added to the others
  int64_t sums_;   // where a task has that
  Floats partials_;
  int64_t patchFloats_ = 0;
  Slots slots_;  // a running task's patches, then its rows of dy if they are copied
};

}  // namespace

std::unique_ptr<Kernel> bindConvKernelGrad(const Instruction& instruction, const Memory& memory) {
  ConvProblem problem = ConvProblem::kernelGradient(instruction);
  if (problem.depthwise()) return bindDepthwiseKernelGrad(instruction, memory, std::move(problem));
  if (suitsWinograd(problem)) return bindWinogradKernelGrad(instruction, memory, std::move(problem));
  return std::make_unique<ConvKernelGrad>(instruction, memory, std::move(problem));
}

}  // namespace steepest
