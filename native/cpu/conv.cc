// Convolution and its input gradient: products of patches, gathered a cache-sized panel at a time, with the kernel. Which
// rows a chunk has follows from the size of the problem only, and every element is summed over its patch in order.

#include <algorithm>
#include <bit>
#include <cstring>

#include "../runtime/matmul_problem.h"
#include "chunks.h"
#include "conv_direct.h"
#include "conv_kernel_input.h"
#include "conv_problem.h"
#include "conv_unfolded.h"
#include "copy.h"
#include "depthwise.h"
#include "gemm.h"
#include "gemm_grid.h"
#include "product_result.h"
#include "scratch.h"
#include "simd/table.h"
#include "tile.h"
#include "winograd.h"

namespace steepest {
namespace {

constexpr int64_t kPatchFloats = int64_t{1} << 16;  // of patches at a time: half of a 512 KB cache
constexpr int64_t kMinRows = 112;                   // of a chunk: deep kernels are read once for all of them
constexpr int64_t kChunkWork = int64_t{1} << 20;    // multiply-adds
constexpr int64_t kFewChunks = 16;                  // fewer are cut into smaller ones of the same size
constexpr int64_t kSmallWork = int64_t{1} << 19;    // of those, in multiply-adds

int64_t roundUp(int64_t a, int64_t b) { return ceilDiv(a, b) * b; }

class Conv final : public Kernel {
 public:
  Conv(const Instruction& instruction, const Memory& memory, ConvProblem problem)
      : gemm_(kernelsFor(instruction, problem)),
        p_(std::move(problem)),
        source_(instruction.inputs[0], memory),
        kernel_(instruction, memory, p_),
        keepsPanels_((instruction.steady >> 1 & 1) != 0),
        result_(instruction, memory, p_.dense()) {
    planPhases(memory);
  }

  void run(RunContext& context) override {
    const float* source = source_.get<float>(context);
    if (!hasPanels_) packAll(context);
    hasPanels_ = keepsPanels_;
    context.threads.each(chunks_, [this, source](int64_t chunk) {
      float* slot = slots_.acquire();
      runChunk(source, chunk, slot);
      slots_.release(slot);
    });
  }

  void enter() override { hasPanels_ = false; }

 private:
  // Every tap is packed on its own: pairs along k need an even number of channels.
  static const GemmKernels& kernelsFor(const Instruction& instruction, const ConvProblem& problem) {
    if (!roundsToBfloat16(instruction)) return *simd().gemm;
    return problem.width % 2 == 0 ? *simd().gemmBf16 : *simd().gemmRounded;
  }

  struct Phase {
    PatchGrid grid;
    int64_t depth, positions;
    int64_t packedDepth;  // of the panels
    int64_t rows;         // of a chunk
    int64_t chunks;       // of each group
    int64_t firstPack, firstChunk;
    int64_t panels;  // where they begin
  };

  void planPhases(const Memory& memory) {
    int64_t panelFloats = 0, patchFloats = 0, productFloats = 0;
    for (int64_t i = 0; i < p_.phases(); ++i) {
      Phase phase{p_.grid(i), 0, 0, 0, 0, 0, packs_, chunks_, panelFloats};
      phase.depth = phase.grid.depth();
      phase.positions = phase.grid.positions();
      phase.packedDepth = gemm_.packedDepth(phase.depth);
      const int64_t byCache = std::max(kMinRows, kPatchFloats / std::max<int64_t>(1, phase.depth));
      const int64_t byWork = ceilDiv(kChunkWork, std::max<int64_t>(8, phase.depth) * p_.columns);
      const int64_t rows = std::max(std::min(byCache, byWork), 2 * gemm_.rows);
      phase.rows = std::min(phase.positions, roundUp(rows, gemm_.rows));
      phase.chunks = ceilDiv(phase.positions, phase.rows);
      // A single image: as many equal chunks as pay, so that two or four threads end at the same time.
      const int64_t small = phase.positions * phase.depth * p_.columns / kSmallWork;
      if (phase.chunks < kFewChunks && small > phase.chunks) {
        phase.chunks = static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(std::min(small, kFewChunks))));
        phase.rows = ceilDiv(phase.positions, phase.chunks);
        phase.chunks = ceilDiv(phase.positions, phase.rows);
      }
      packs_ += p_.groups * phase.grid.tapRows() * phase.grid.axes[2]->size();
      chunks_ += p_.groups * phase.chunks;
      panelFloats += p_.groups * phase.packedDepth * roundUp(p_.columns, gemm_.panel);
      if (!phase.grid.isSource()) patchFloats = std::max(patchFloats, phase.rows * phase.depth);
      if (!result_.to || !p_.dense()) productFloats = std::max(productFloats, phase.rows * p_.columns);
      phases_.push_back(phase);
    }
    panels_ = keepsPanels_ ? Floats(panelFloats) : Floats(memory, panelFloats);
    product_ = roundUp(patchFloats, 16);
    if (product_ + productFloats > 0) {
      slots_.allocate(memory, std::min<int64_t>(chunks_, Threads::pool().count()), product_ + productFloats);
    }
  }

  template <int64_t Phase::* first>
  const Phase& phaseOf(int64_t index) const {
    const auto after = [](int64_t i, const Phase& phase) { return i < phase.*first; };
    return *(std::upper_bound(phases_.begin(), phases_.end(), index, after) - 1);
  }

  float* panelsOf(const Phase& phase, int64_t group) const {
    return panels_.data() + phase.panels + group * phase.packedDepth * roundUp(p_.columns, gemm_.panel);
  }

  void packAll(RunContext& context) {
    const float* kernel = kernel_.get(context);
    eachRange(context.threads, packs_, 1 + p_.width * p_.columns / 8, [this, kernel](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) pack(kernel, i);
    });
  }

  // One tap of one group, into its rows of every panel.
  void pack(const float* kernel, int64_t index) const {
    const Phase& phase = phaseOf<&Phase::firstPack>(index);
    const int64_t taps = phase.grid.tapRows() * phase.grid.axes[2]->size();
    const int64_t group = (index - phase.firstPack) / taps, tap = (index - phase.firstPack) % taps;
    const float* from = kernel + p_.kernelAt(p_.tapOf(phase.grid, tap), group);
    float* to = panelsOf(phase, group) + gemm_.packedDepth(tap * p_.width) * gemm_.panel;
    for (int64_t column = 0; column < p_.columns; column += gemm_.panel, to += phase.packedDepth * gemm_.panel) {
      const int64_t count = std::min(gemm_.panel, p_.columns - column);
      gemm_.pack(from + column * p_.bColumn, p_.bRow, p_.bColumn, p_.width, count, to);
    }
  }

  void runChunk(const float* source, int64_t chunk, float* slot) const {
    const Phase& phase = phaseOf<&Phase::firstChunk>(chunk);
    const int64_t group = (chunk - phase.firstChunk) / phase.chunks;
    const int64_t row = (chunk - phase.firstChunk) % phase.chunks * phase.rows;
    const int64_t rows = std::min(phase.rows, phase.positions - row);
    GemmBlock block{};
    readPatches(phase, source + group * p_.width, row, rows, slot, &block);
    block.m = rows;
    block.k = phase.depth;
    const bool inPlace = result_.to && p_.dense();
    const int64_t at = row * p_.destChannels + group * p_.columns;
    block.c = inPlace ? result_.to + at : slot + product_;
    block.cRow = inPlace ? p_.destChannels : p_.columns;
    multiply(phase, group, at, &block);
    if (!inPlace) store(phase, slot + product_, row, rows, group * p_.columns);
  }

  void readPatches(const Phase& phase, const float* source, int64_t row, int64_t rows, float* slot,
                   GemmBlock* block) const {
    if (phase.grid.isSource()) {
      block->a = source + row * p_.sourceChannels;
      block->aRow = p_.sourceChannels;
      block->aDepth = 1;
      return;
    }
    block->a = slot;
    if (phase.grid.prefersColumns()) {
      gatherColumns(phase.grid, source, row, rows, 0, phase.grid.tapRows(), slot);
      block->aRow = 1;
      block->aDepth = rows;
    } else {
      gatherRows(phase.grid, source, row, rows, 0, phase.grid.tapRows(), slot);
      block->aRow = phase.depth;
      block->aDepth = 1;
    }
  }

  // A few panels at a time, so that they stay in cache for all rows.
  void multiply(const Phase& phase, int64_t group, int64_t at, GemmBlock* block) const {
    float* const c = block->c;
    block->bRow = gemm_.panel;
    block->bPanel = phase.packedDepth * gemm_.panel;
    for (int64_t column = 0; column < p_.columns; column += kBlockColumns) {
      GemmFinish finish = result_.finish.from(group * p_.columns + column, at + column);
      beginSums(&finish, block);
      block->finish = result_.finishes && finish.any() ? &finish : nullptr;
      block->b = panelsOf(phase, group) + column * phase.packedDepth;
      block->c = c + column;
      block->n = std::min(kBlockColumns, p_.columns - column);
      gemm_.block(*block);
    }
  }

  void store(const Phase& phase, const float* product, int64_t row, int64_t rows, int64_t column) const {
    if (p_.dense()) return result_.epilogue->run(product, p_.columns, row, rows, column, p_.columns);
    for (int64_t r = 0; r < rows; ++r, product += p_.columns) {
      const int64_t to = phase.grid.destination(row + r, p_.dest);
      if (result_.epilogue) {
        result_.epilogue->run(product, p_.columns, to, 1, column, p_.columns);
      } else {
        std::memcpy(result_.to + to * p_.destChannels + column, product,
                    static_cast<size_t>(p_.columns) * sizeof(float));
      }
    }
  }

  const GemmKernels& gemm_;
  const ConvProblem p_;
  ContiguousInput source_;
  ConvKernelInput kernel_;
  const bool keepsPanels_;  // the kernel is the same in all steps
  bool hasPanels_ = false;
  ProductResult result_;
  std::vector<Phase> phases_;
  int64_t packs_ = 0, chunks_ = 0;
  Floats panels_;
  Slots slots_;      // a running chunk's patches, then its product
  int64_t product_;  // where that begins
};

std::unique_ptr<Kernel> bindProblem(const Instruction& instruction, const Memory& memory, ConvProblem problem) {
  if (problem.depthwise()) return bindDepthwise(instruction, memory, std::move(problem));
  // In either precision, 3x3: four times fewer multiplications are more than products of pairs gain.
  if (suitsWinograd(problem, roundsToBfloat16(instruction)))
    return bindWinograd(instruction, memory, std::move(problem));
  if (suitsDirect(problem, roundsToBfloat16(instruction)))
    return bindConvDirect(instruction, memory, std::move(problem));
  if (suitsUnfolding(problem)) return bindUnfolded(instruction, memory, std::move(problem));
  return std::make_unique<Conv>(instruction, memory, std::move(problem));
}

}  // namespace

std::unique_ptr<Kernel> bindConv(const Instruction& instruction, const Memory& memory) {
  return bindProblem(instruction, memory, ConvProblem::forward(instruction));
}

std::unique_ptr<Kernel> bindConvInputGrad(const Instruction& instruction, const Memory& memory) {
  return bindProblem(instruction, memory, ConvProblem::backward(instruction));
}

}  // namespace steepest
