// A task sums a split of the lines for some rows of taps, a piece at a time: several lines, or a part of one.

#include "conv_kernel_grad_lines.h"

#include <algorithm>

#include "chunks.h"
#include "conv_kernels.h"
#include "copy.h"
#include "kernel_grad_sum.h"
#include "rows.h"
#include "scratch.h"
#include "simd/table.h"

namespace steepest {
namespace {

// Positions of a piece. Its sum is added to the others as one number: the error grows with the length of the chains, not with the
// number of positions. Adding a small sum costs nothing, a large one as much as a few positions.
constexpr int64_t kPiece = 32, kLongPiece = 512;
constexpr int64_t kSmallFloats = int64_t{1} << 12;
constexpr int64_t kPieceFloats = int64_t{1} << 17;  // of lines that a piece reads, or one of them
constexpr int64_t kTaskWork = int64_t{1} << 21;     // multiply-adds
constexpr int64_t kMaxTasks = 32;
constexpr int64_t kRowBlockFloats = int64_t{1} << 16;  // of the result: larger ones are cut by rows of taps
constexpr int64_t kPartialFloats = int64_t{1} << 23;   // of all splits
constexpr int64_t kLeastRows = 6, kLeastPositions = 6;
constexpr int64_t kPairedWidth = 8;  // channels of which pairs are multiplied twice as fast

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t wholeLines(int64_t floats) { return ceilDiv(floats, 16) * 16; }

class ConvKernelGradLines final : public Kernel {
 public:
  ConvKernelGradLines(const Instruction& instruction, const Memory& memory, ConvProblem problem)
      : kernels_(*simd().conv),
        adding_(*simd().rows),
        rounds_(roundsToBfloat16(instruction)),
        p_(std::move(problem)),
        grid_(p_.grid(0)),
        axis_(*grid_.axes[2]),
        x_(instruction.inputs[0], memory),
        dy_(instruction.inputs[1], memory),
        total_(instruction, memory, p_),
        lines_(grid_.positions() / axis_.count),
        lineFloats_(axis_.span() * p_.width),
        inPlace_(!rounds_ && axis_.offsets.front() >= 0 &&
                 (axis_.count - 1) * axis_.stride + axis_.offsets.back() < axis_.extent),
        pixel_(inPlace_ ? p_.sourceChannels : p_.width),
        tapsEach_(axis_.isDense() && pixel_ == p_.width ? axis_.size() : 1) {
    cut(memory);
    const int64_t seen = tapRowsEach_ * linesEach_;
    pointers_ = pointerFloats(std::max(seen, linesEach_));
    copies_ = 4 * pointers_;
    gradient_ = copies_ + (inPlace_ ? 0 : wholeLines(seen * lineFloats_));
    sums_ = gradient_ + (rounds_ ? wholeLines(linesEach_ * axis_.count * p_.columns) : 0);
    total_.allocateSlots(memory, p_.groups * tapBlocks_, sums_ + blockFloats());
  }

  void run(RunContext& context) override {
    const float* x = x_.get<float>(context);
    const float* dy = dy_.get<float>(context);
    total_.run(context.threads, p_.groups * tapBlocks_, [this, x, dy](int64_t part, int64_t split, float* slot) {
      runTask(x, dy, part / tapBlocks_, part % tapBlocks_, split, slot);
    });
  }

 private:
  // Some rows of taps of a group.
  struct Block {
    int64_t group, firstRow, rows;
  };

  void cut(const Memory& memory) {
    const int64_t size = grid_.depth() * p_.destChannels, positions = grid_.positions();
    tapBlocks_ = std::clamp<int64_t>(size / kRowBlockFloats, 1, grid_.tapRows());
    tapRowsEach_ = ceilDiv(grid_.tapRows(), tapBlocks_);
    tapBlocks_ = ceilDiv(grid_.tapRows(), tapRowsEach_);
    const int64_t piece = blockFloats() <= kSmallFloats ? kPiece : kLongPiece;
    parts_ = ceilDiv(axis_.count, piece);
    partEach_ = ceilDiv(axis_.count, parts_);
    parts_ = ceilDiv(axis_.count, partEach_);
    const int64_t byCache = kPieceFloats / (lineFloats_ + axis_.count * p_.columns);
    linesEach_ = std::clamp<int64_t>(std::min(byCache, piece / axis_.count), 1, lines_);
    const int64_t wanted = std::clamp<int64_t>(positions * size / p_.groups / kTaskWork, 1, kMaxTasks);
    const int64_t most = std::max<int64_t>(1, std::min(kPartialFloats / size, ceilDiv(lines_, linesEach_)));
    total_.allocate(memory, std::clamp<int64_t>(ceilDiv(wanted, tapBlocks_ * p_.groups), 1, most));
  }

  int64_t blockFloats() const { return tapRowsEach_ * grid_.rowDepth() * p_.columns; }

  void runTask(const float* x, const float* dy, int64_t group, int64_t tapBlock, int64_t split, float* slot) const {
    const int64_t firstRow = tapBlock * tapRowsEach_;
    const Block block{group, firstRow, std::min(tapRowsEach_, grid_.tapRows() - firstRow)};
    const int64_t begin = lines_ * split / total_.splits(), end = lines_ * (split + 1) / total_.splits();
    float* const total = total_.of(split, group) + firstRow * grid_.rowDepth() * p_.columns;
    bool adds = false;
    for (int64_t line = begin; line < end; line += linesEach_) {
      const int64_t lines = std::min(linesEach_, end - line);
      findLines(x + group * p_.width, block, line, lines, slot);
      ConvRuns work = operands(dy, group, line, lines, slot);
      for (int64_t first = 0; first < axis_.count; first += partEach_, adds = true) {
        work.length = std::min(partEach_, axis_.count - first);
        work.c = adds ? slot + sums_ : total;
        multiply(block, lines, first, work, slot);
        if (adds) adding_.add(work.c, total, block.rows * grid_.rowDepth() * p_.columns);
      }
    }
  }

  // What the lines see of the source: for each row of taps and line a pointer, null outside.
  void findLines(const float* source, const Block& block, int64_t line, int64_t lines, float* slot) const {
    const float** seen = seenBy(slot);
    int64_t* const copied = reinterpret_cast<int64_t*>(slot + 3 * pointers_);
    int64_t copies = 0;
    for (int64_t l = 0; l < lines; ++l) {
      const PatchWalk walk(grid_, (line + l) * axis_.count);
      for (int64_t r = 0; r < block.rows; ++r) {
        const int64_t row = seenRow(grid_, walk, block.firstRow + r);
        const float*& to = seen[r * linesEach_ + l];
        if (row < 0) {
          to = nullptr;
        } else if (inPlace_) {
          to = source + (row * axis_.extent + axis_.offsets.front()) * p_.sourceChannels;
        } else {
          const int64_t at = std::find(copied, copied + copies, row) - copied;
          float* const copy = slot + copies_ + at * lineFloats_;
          to = copy;
          if (at < copies) continue;
          copied[copies++] = row;
          copyLine(grid_, source + row * axis_.extent * p_.sourceChannels, copy);
          if (rounds_) kernels_.round(copy, copy, lineFloats_);
        }
      }
    }
  }

  ConvRuns operands(const float* dy, int64_t group, int64_t line, int64_t lines, float* slot) const {
    const int64_t positions = lines * axis_.count;
    ConvRuns work{};
    work.aRow = 1;
    work.aDepth = axis_.stride * pixel_;
    work.b = dy + line * axis_.count * p_.destChannels + group * p_.columns;
    work.bRow = p_.destChannels;
    work.cRow = p_.columns;
    work.bPanel = simd().gemm->panel;
    work.m = tapsEach_ * p_.width;
    work.n = p_.columns;
    if (rounds_) {
      float* const rounded = slot + gradient_;
      for (int64_t i = 0; i < positions; ++i)
        kernels_.round(work.b + i * work.bRow, rounded + i * p_.columns, p_.columns);
      work.b = rounded;
      work.bRow = p_.columns;
    }
    return work;
  }

  // Positions first .. first + length - 1 of all lines.
  void multiply(const Block& block, int64_t lines, int64_t first, ConvRuns work, float* slot) const {
    const float** const seen = seenBy(slot);
    const auto runs = reinterpret_cast<const float**>(slot + pointers_);
    const auto rows = reinterpret_cast<int64_t*>(slot + 2 * pointers_);
    work.runs = runs;
    work.rows = rows;
    for (int64_t r = 0; r < block.rows; ++r) {
      for (int64_t tap = 0; tap < axis_.size(); tap += tapsEach_, work.c += work.m * work.cRow) {
        const int64_t at =
            first * work.aDepth + (axis_.offsets[static_cast<size_t>(tap)] - axis_.offsets.front()) * pixel_;
        work.count = 0;
        for (int64_t l = 0; l < lines; ++l) {
          const float* const line = seen[r * linesEach_ + l];
          if (line == nullptr) continue;
          runs[work.count] = line + at;
          rows[work.count++] = l * axis_.count + first;
        }
        kernels_.multiply(work);
      }
    }
  }

  const float** seenBy(float* slot) const { return reinterpret_cast<const float**>(slot); }

  const ConvKernels& kernels_;
  const RowKernels& adding_;
  const bool rounds_;  // operands, to bfloat16
  const ConvProblem p_;
  const PatchGrid grid_;
  const PatchAxis& axis_;
  ContiguousInput x_, dy_;
  KernelGradSum total_;
  const int64_t lines_, lineFloats_;  // of positions, and of a copied line with its borders
  const bool inPlace_;                // lines are read in the source
  const int64_t pixel_;               // floats between neighbouring pixels of a line
  const int64_t tapsEach_;            // neighbours that are one operand
  int64_t tapBlocks_, tapRowsEach_;
  int64_t linesEach_, parts_, partEach_;  // of a piece: lines, or of one line several parts
  // In a slot: of each row of taps and line where it lies, runs and their rows, numbers of copied lines; then those, rows of dy if they
  // are rounded, and the sum of a piece.
  int64_t pointers_, copies_, gradient_, sums_;
};

}  // namespace

bool suitsLines(const ConvProblem& problem, bool rounds) {
  const PatchGrid grid = problem.grid(0);
  const PatchAxis& axis = *grid.axes[2];
  if (grid.isSource() || (rounds && problem.width >= kPairedWidth)) return false;
  const int64_t rows = axis.isDense() ? grid.rowDepth() : grid.width;
  return problem.width > 1 && rows >= kLeastRows && axis.count >= kLeastPositions;
}

std::unique_ptr<Kernel> bindConvKernelGradLines(const Instruction& instruction, const Memory& memory,
                                                ConvProblem problem) {
  return std::make_unique<ConvKernelGradLines>(instruction, memory, std::move(problem));
}

}  // namespace steepest
