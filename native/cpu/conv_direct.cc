// A chunk is a few lines (along the last axis) of the destination. Positions of a line that differ modulo the stride of an
// input gradient see other taps and are summed one residue after the other, so that the line is whole for the epilogue.

#include "conv_direct.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "chunks.h"
#include "conv_kernel_input.h"
#include "conv_kernels.h"
#include "copy.h"
#include "product_result.h"
#include "scratch.h"
#include "simd/table.h"
#include "tile.h"

namespace steepest {
namespace {

constexpr int64_t kMaxWidth = 128;                // channels; of more, patches are cheap beside the products
constexpr int64_t kPairedWidth = 8;               // channels
constexpr int64_t kChunkWork = int64_t{1} << 20;  // multiply-adds
constexpr int64_t kDotColumns = 4;                // so few leave most lanes empty: lanes go along k instead
constexpr int64_t kDotDepth = 16;

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

bool suitsDots(const ConvProblem& problem) {
  return problem.columns <= kDotColumns && problem.grid(0).depth() >= kDotDepth;
}

class ConvDirect final : public Kernel {
 public:
  ConvDirect(const Instruction& instruction, const Memory& memory, ConvProblem problem)
      : gemm_(*simd().gemm),
        rounds_(roundsToBfloat16(instruction)),
        packing_(rounds_ ? *simd().gemmRounded : gemm_),
        kernels_(*simd().conv),
        p_(std::move(problem)),
        dots_(suitsDots(p_)),
        source_(instruction.inputs[0], memory),
        kernel_(instruction, memory, p_),
        keepsPanels_((instruction.steady >> 1 & 1) != 0),
        result_(instruction, memory) {
    plan(memory);
  }

  void run(RunContext& context) override {
    const float* source = source_.get<float>(context);
    if (!hasPanels_) packAll(context);
    hasPanels_ = keepsPanels_;
    context.threads.each(p_.groups * chunks_, [this, source](int64_t chunk) {
      float* slot = slots_.acquire();
      runChunk(source, chunk / chunks_, chunk % chunks_, slot);
      slots_.release(slot);
    });
  }

  void enter() override { hasPanels_ = false; }

 private:
  // The positions with one residue along every axis.
  struct Phase {
    PatchGrid grid;
    int64_t depth;
    bool dense;         // a tap row is one run
    bool inPlace;       // runs are read in the source
    int64_t rowFloats;  // of a line of the source that is copied, with its borders
    int64_t firstPack;
    int64_t panels;  // where they begin
    int64_t runs() const { return grid.tapRows() * (dense ? 1 : grid.axes[2]->size()); }
    int64_t runLength() const { return dense ? grid.rowDepth() : grid.width; }
  };

  void plan(const Memory& memory) {
    int64_t panelFloats = 0, copyFloats = 0, runs = 0, work = 0;
    for (int64_t i = 0; i < p_.phases(); ++i) {
      Phase phase{p_.grid(i), 0, false, false, 0, packs_, panelFloats};
      const PatchAxis& axis = *phase.grid.axes[2];
      phase.depth = phase.grid.depth();
      if (axis.size() > 0) {
        phase.dense = axis.isDense();
        phase.rowFloats = axis.span() * p_.width;
        phase.inPlace = !rounds_ && (p_.width == p_.sourceChannels || axis.size() == 1) && axis.offsets.front() >= 0 &&
                        (axis.count - 1) * axis.stride + axis.offsets.back() < axis.extent;
      }
      packs_ += p_.groups * phase.grid.tapRows() * axis.size();
      panelFloats += p_.groups * phase.depth * panelColumns();
      if (!phase.inPlace) copyFloats = std::max(copyFloats, phase.grid.tapRows() * phase.rowFloats);
      runs = std::max(runs, phase.runs());
      work = std::max(work, phase.depth * axis.count * p_.columns);
      phases_.push_back(phase);
    }
    lines_ = p_.images * p_.dest[0] * p_.dest[1];
    linesEach_ = std::clamp<int64_t>(kChunkWork / std::max<int64_t>(1, work * p_.phaseCount(2)), 1, lines_);
    chunks_ = ceilDiv(lines_, linesEach_);
    panels_ = keepsPanels_ ? Floats(panelFloats) : Floats(memory, panelFloats);
    pointers_ = pointerFloats(std::max<int64_t>(1, runs));
    product_ = 2 * pointers_ + ceilDiv(copyFloats, 16) * 16;
    const int64_t productFloats = result_.to ? 0 : linesEach_ * p_.dest[2] * p_.columns;
    slots_.allocate(memory, std::min<int64_t>(p_.groups * chunks_, Threads::pool().count()), product_ + productFloats);
  }

  // Floats between neighbouring pixels of a line.
  int64_t pixelOf(const Phase& phase) const { return phase.inPlace ? p_.sourceChannels : p_.width; }
  int64_t panelColumns() const { return ceilDiv(p_.columns, gemm_.panel) * gemm_.panel; }
  float* panelsOf(const Phase& phase, int64_t group) const {
    return panels_.data() + phase.panels + group * phase.depth * panelColumns();
  }

  void packAll(RunContext& context) {
    const float* kernel = kernel_.get(context);
    eachRange(context.threads, packs_, 1 + p_.width * p_.columns / 8, [this, kernel](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) pack(kernel, i);
    });
  }

  // One tap of one group, into its rows of every panel, or its part of every column.
  void pack(const float* kernel, int64_t index) const {
    const auto after = [](int64_t i, const Phase& phase) { return i < phase.firstPack; };
    const Phase& phase = *(std::upper_bound(phases_.begin(), phases_.end(), index, after) - 1);
    const int64_t taps = phase.grid.tapRows() * phase.grid.axes[2]->size();
    const int64_t group = (index - phase.firstPack) / taps, tap = (index - phase.firstPack) % taps;
    const float* from = kernel + p_.kernelAt(p_.tapOf(phase.grid, tap), group);
    if (dots_) return packColumns(from, panelsOf(phase, group) + tap * p_.width, phase.depth);
    float* to = panelsOf(phase, group) + tap * p_.width * gemm_.panel;
    for (int64_t column = 0; column < p_.columns; column += gemm_.panel, to += phase.depth * gemm_.panel) {
      const int64_t count = std::min(gemm_.panel, p_.columns - column);
      packing_.pack(from + column * p_.bColumn, p_.bRow, p_.bColumn, p_.width, count, to);
    }
  }

  void packColumns(const float* from, float* to, int64_t depth) const {
    for (int64_t column = 0; column < p_.columns; ++column, from += p_.bColumn, to += depth) {
      for (int64_t c = 0; c < p_.width; ++c) to[c] = from[c * p_.bRow];
      if (rounds_) kernels_.round(to, to, p_.width);
    }
  }

  void runChunk(const float* source, int64_t group, int64_t chunk, float* slot) const {
    const int64_t begin = chunk * linesEach_, end = std::min(begin + linesEach_, lines_);
    const int64_t width = p_.dest[2], first = begin * width, count = (end - begin) * width;
    const int64_t column = group * p_.columns;
    float* const c = result_.to ? result_.to + first * p_.destChannels + column : slot + product_;
    const int64_t cRow = result_.to ? p_.destChannels : p_.columns;
    for (int64_t line = begin; line < end; ++line) {
      runLine(source + group * p_.width, group, line, c + (line - begin) * width * cRow, cRow, slot);
    }
    if (result_.epilogue) result_.epilogue->run(c, p_.columns, first, count, column, p_.columns);
    if (!result_.finishes) return;
    kernels_.finish(result_.finish.from(column, first * p_.destChannels + column), c, cRow, count, p_.columns);
  }

  void runLine(const float* source, int64_t group, int64_t line, float* c, int64_t cRow, float* slot) const {
    const int64_t image = line / (p_.dest[0] * p_.dest[1]);
    const int64_t at[2] = {line / p_.dest[1] % p_.dest[0], line % p_.dest[1]};
    const int64_t outer = at[0] % p_.phaseCount(0) * p_.phaseCount(1) + at[1] % p_.phaseCount(1);
    for (int64_t residue = 0; residue < p_.phaseCount(2); ++residue) {
      const Phase& phase = phases_[static_cast<size_t>(outer * p_.phaseCount(2) + residue)];
      const PatchAxis& axis = *phase.grid.axes[2];
      PatchWalk walk(phase.grid, 0);
      walk.image = image;
      for (int a = 0; a < 2; ++a) walk.at[a] = at[a] / p_.phaseCount(a);
      const auto runs = reinterpret_cast<const float**>(slot);
      const auto rows = reinterpret_cast<int64_t*>(slot + pointers_);
      const ConvRuns work{.runs = runs,
                          .rows = rows,
                          .count = findRuns(phase, walk, source, runs, rows, slot + 2 * pointers_),
                          .length = phase.runLength(),
                          .aRow = axis.stride * pixelOf(phase),
                          .aDepth = 1,
                          .b = panelsOf(phase, group),
                          .bRow = dots_ ? 1 : gemm_.panel,
                          .bPanel = phase.depth * (dots_ ? 1 : gemm_.panel),
                          .c = c + axis.first * cRow,
                          .cRow = axis.step * cRow,
                          .m = axis.count,
                          .n = p_.columns};
      dots_ ? kernels_.dots(work) : kernels_.multiply(work);
    }
  }

  // Where the first position's runs begin, and their rows of B. Tap rows outside of the source have none.
  int64_t findRuns(const Phase& phase, const PatchWalk& walk, const float* source, const float** runs, int64_t* rows,
                   float* copies) const {
    const PatchAxis& axis = *phase.grid.axes[2];
    int64_t count = 0;
    if (axis.size() == 0) return count;  // a stride larger than the window
    for (int64_t tapRow = 0; tapRow < phase.grid.tapRows(); ++tapRow) {
      const int64_t row = seenRow(phase.grid, walk, tapRow);
      if (row < 0) continue;
      const float* from = source + row * axis.extent * p_.sourceChannels;
      if (phase.inPlace) {
        from += axis.offsets.front() * pixelOf(phase);
      } else {
        copyLine(phase.grid, from, copies);
        if (rounds_) kernels_.round(copies, copies, phase.rowFloats);
        from = copies;
        copies += phase.rowFloats;
      }
      for (int64_t t = 0; t < (phase.dense ? 1 : axis.size()); ++t) {
        runs[count] = from + (axis.offsets[static_cast<size_t>(t)] - axis.offsets.front()) * p_.width;
        rows[count++] = (tapRow * axis.size() + t) * p_.width;
      }
    }
    return count;
  }

  const GemmKernels& gemm_;
  const bool rounds_;  // operands, to bfloat16
  const GemmKernels& packing_;
  const ConvKernels& kernels_;
  const ConvProblem p_;
  const bool dots_;  // runs are multiplied by columns of the kernel
  ContiguousInput source_;
  ConvKernelInput kernel_;
  const bool keepsPanels_;  // the kernel is the same in all steps
  bool hasPanels_ = false;
  ProductResult result_;
  std::vector<Phase> phases_;
  int64_t packs_ = 0, lines_, linesEach_, chunks_;
  Floats panels_;
  Slots slots_;       // of a chunk: runs, their rows, copied lines, and its product
  int64_t pointers_;  // floats that hold a pointer or number for each run
  int64_t product_;   // where that begins
};

}  // namespace

bool suitsDirect(const ConvProblem& problem, bool rounds) {
  if (suitsDots(problem)) return true;
  // Products of pairs are twice as fast, which pays unless few channels or strides leave more to copying than to them.
  if (rounds && problem.dense() && problem.width >= kPairedWidth) return false;
  return problem.width <= kMaxWidth && !(problem.dense() && problem.grid(0).isSource());
}

std::unique_ptr<Kernel> bindConvDirect(const Instruction& instruction, const Memory& memory, ConvProblem problem) {
  return std::make_unique<ConvDirect>(instruction, memory, std::move(problem));
}

}  // namespace steepest
