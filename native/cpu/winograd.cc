// Convolutions by minimal filtering, see winograd.h. Blocks of rows of tiles, or of a part of a long one, are transformed into the
// cache, multiplied there, each point of a tile as a product over the channels, and transformed back. Every sum has a fixed order.

#include "winograd.h"

#include <algorithm>
#include <vector>

#include "../runtime/matmul_problem.h"
#include "chunks.h"
#include "conv_kernel_input.h"
#include "conv_kernels.h"
#include "copy.h"
#include "product_result.h"
#include "scratch.h"
#include "simd/table.h"
#include "winograd_choice.h"
#include "winograd_tiling.h"

namespace steepest {
namespace {

// Transformed tiles of a block, in floats: a quarter of a 1 MB cache, for what the block reads and writes comes to it as well.
constexpr int64_t kBlockFloats = int64_t{1} << 16;
// At least so many tiles. The kernel is read once for each block: more where that is too large for the cache.
constexpr int64_t kBlockLeast = 14, kWideBlockLeast = 28, kWideKernel = int64_t{1} << 22;

// Forward and input gradient.
class Winograd final : public Kernel {
 public:
  Winograd(const Instruction& instruction, const Memory& memory, ConvProblem problem)
      : gemm_(*simd().gemm),
        packing_(roundsToBfloat16(instruction) ? *simd().gemmRounded : gemm_),
        kernels_(winogradKernelsFor(problem)),
        points_(kernels_.points()),
        p_(std::move(problem)),
        phases_(windowPhases(p_, kernels_)),
        grids_(kernelsOfGrids()),
        tiling_(p_, kernels_, kBlockFloats, panelsFloats() > kWideKernel ? kWideBlockLeast : kBlockLeast,
                roundsToBfloat16(instruction), deepest() * p_.groups),
        source_(instruction.inputs[0], memory),
        kernel_(instruction, memory, p_),
        sourceStep_(winogradStep(tiling_.tilesOfBlock() * deepest() * p_.groups)),
        productStep_(winogradStep(tiling_.tilesOfBlock() * p_.destChannels)),
        keepsPanels_((instruction.steady >> 1 & 1) != 0),
        result_(instruction, memory) {
    taps_ = Floats(memory, kernels_.taps() * deepest() * columnsFloats());
    panels_ = keepsPanels_ ? Floats(panelsFloats()) : Floats(memory, panelsFloats());
    product_ = points_ * sourceStep_;
    const int64_t rows = result_.epilogue ? tiling_.pixelsOfBlock() * p_.destChannels : 0;
    if (!hasPhases()) product_ = std::max(product_, rows);
    const int64_t end = product_ + points_ * productStep_;
    if (hasPhases()) rows_ = end;
    slots_.allocate(memory, Threads::pool().count(), hasPhases() ? end + rows : end);
  }

  void run(RunContext& context) override {
    const float* source = source_.get<float>(context);
    if (!hasPanels_) {
      const float* kernel = kernel_.get(context);
      for (const Kernels& kernels : grids_) transformKernel(context.threads, kernel, kernels);
    }
    hasPanels_ = keepsPanels_;
    context.threads.each(tiling_.blocks(), [this, source](int64_t i) {
      float* slot = slots_.acquire();
      runBlock(source, tiling_.block(i), slot);
      slots_.release(slot);
    });
  }

  void enter() override { hasPanels_ = false; }

 private:
  // The kernel's taps as one grid of the problem sees them.
  struct Kernels {
    PatchGrid grid;
    const Windows* windows;
    int64_t depth;  // of a group's products: channels that all windows see
    int64_t panels;
  };

  std::vector<Kernels> kernelsOfGrids() const {
    std::vector<Kernels> all;
    int64_t panels = 0;
    for (const WindowPhase& phase : phases_) {
      if (phase.grid < static_cast<int64_t>(all.size())) continue;  // its taps are those of the phase before
      const int64_t depth = phase.windows.count() * p_.width;
      all.push_back({p_.grid(phase.grid), &phase.windows, depth, panels});
      panels += points_ * depth * columnsFloats();
    }
    return all;
  }
  const Kernels& kernelsOf(const WindowPhase& phase) const { return grids_[static_cast<size_t>(phase.grid)]; }
  int64_t deepest() const {
    int64_t most = 0;
    for (const Kernels& kernels : grids_) most = std::max(most, kernels.depth);
    return most;
  }
  // Of a row of all groups, in panels.
  int64_t columnsFloats() const { return p_.groups * ceilDiv(p_.columns, gemm_.panel) * gemm_.panel; }
  int64_t groupFloats(const Kernels& kernels) const { return kernels.depth * columnsFloats() / p_.groups; }
  int64_t panelsFloats() const { return grids_.back().panels + points_ * grids_.back().depth * columnsFloats(); }
  bool hasPhases() const { return phases_.size() > 1; }

  // Taps are packed before they are transformed: there are more points than taps.
  void transformKernel(Threads& threads, const float* kernel, const Kernels& to) const {
    const int64_t windows = to.windows->count(), floats = to.depth * columnsFloats();
    const int64_t cost = groupFloats(to) / windows / 8;
    eachRange(threads, kernels_.taps() * windows * p_.groups, cost, [=, this, &to](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        packTap(kernel, to, i % p_.groups, i / p_.groups % windows, i / p_.groups / windows);
    });
    float* const panels = panels_.data() + to.panels;
    eachRange(threads, ceilDiv(floats, 64), 64, [=, this](int64_t begin, int64_t end) {
      const float* from[kWinogradTaps];
      for (int64_t t = 0; t < kernels_.taps(); ++t) from[t] = taps_.data() + t * floats + begin * 64;
      const int64_t n = std::min(end * 64, floats) - begin * 64;
      kernels_.kernel(from, n, panels + begin * 64, floats);
    });
  }

  // Tap t of a window: its rows of each panel of a group.
  void packTap(const float* kernel, const Kernels& kernels, int64_t group, int64_t window, int64_t t) const {
    const int64_t tapFloats = kernels.depth * columnsFloats();
    float* to = taps_.data() + t * tapFloats + group * groupFloats(kernels) + window * p_.width * gemm_.panel;
    const int64_t tap = kernels.windows->tap(window, t);
    const float* const from = tap < 0 ? nullptr : kernel + p_.kernelAt(p_.tapOf(kernels.grid, tap), group);
    for (int64_t column = 0; column < p_.columns; column += gemm_.panel, to += kernels.depth * gemm_.panel) {
      if (from == nullptr) {
        std::fill_n(to, p_.width * gemm_.panel, 0.0f);
      } else {
        const int64_t columns = std::min(gemm_.panel, p_.columns - column);
        packing_.pack(from + column * p_.bColumn, p_.bRow, p_.bColumn, p_.width, columns, to);
      }
    }
  }

  // Channels of a group that its windows see follow each other.
  void transformSource(const float* source, const WindowPhase& phase, const WinogradBlock& block, int64_t row,
                       float* to) const {
    const Windows& windows = phase.windows;
    const int64_t groups = windows.count() > 1 ? p_.groups : 1, width = p_.sourceChannels / groups;
    const int64_t depth = kernelsOf(phase).depth * p_.groups;
    for (int64_t group = 0; group < groups; ++group) {
      for (int64_t w = 0; w < windows.count(); ++w, to += width) {
        WinogradSource from = tiling_.source(source + group * width, block, row, windows, w, depth);
        from.channels = width;
        kernels_.source(from, block.tilesOfRow(), to, sourceStep_);
      }
    }
  }

  void runBlock(const float* source, const WinogradBlock& block, float* slot) const {
    const int64_t channels = p_.destChannels;
    float* const to = result_.to ? result_.to + tiling_.firstPixel(block) * channels : slot + rows_;
    const int64_t pitch = result_.to ? tiling_.pitch() : tiling_.pitchOf(block);
    for (const WindowPhase& phase : phases_) {
      multiply(source, phase, block, slot);
      const float* tiles = slot + product_;
      for (int64_t row = block.row; row < block.rowEnd; ++row, tiles += block.tilesOfRow() * channels) {
        kernels_.result(tiles, productStep_, block.tilesOfRow(),
                        tiling_.result(to, pitch, block, row, phase.y, phase.x));
      }
    }
    tiling_.eachRun(block, [&](int64_t first, int64_t count, int64_t at) {
      if (result_.epilogue) result_.epilogue->run(to + at * channels, channels, first, count, 0, channels);
      if (!result_.finishes) return;
      float* const results = result_.to + first * channels;
      simd().conv->finish(result_.finish.from(0, first * channels), results, channels, count, channels);
    });
  }

  // The products of all points.
  void multiply(const float* source, const WindowPhase& phase, const WinogradBlock& tiles, float* slot) const {
    const Kernels& kernels = kernelsOf(phase);
    const int64_t depth = kernels.depth * p_.groups;
    float* to = slot;
    for (int64_t row = tiles.row; row < tiles.rowEnd; ++row, to += tiles.tilesOfRow() * depth)
      transformSource(source, phase, tiles, row, to);
    GemmBlock block{};
    block.aRow = depth;
    block.aDepth = 1;
    block.bRow = gemm_.panel;
    block.bPanel = kernels.depth * gemm_.panel;
    block.cRow = p_.destChannels;
    block.m = tiles.tiles();
    block.n = p_.columns;
    block.k = kernels.depth;
    Soon soon;
    if (&phase == &phases_.back() && tiling_.isContiguous()) {
      tiling_.addNext(source, nullptr, tiles, &soon);
      tiling_.eachRun(tiles, [&](int64_t first, int64_t count, int64_t) { addResults(first, count, &soon); });
    }
    block.b = panels_.data() + kernels.panels;
    for (int64_t i = 0; i < points_; ++i) {
      soon.share(i, points_, &block);
      block.a = slot + i * sourceStep_;
      block.c = slot + product_ + i * productStep_;
      for (int64_t group = 0; group < p_.groups; ++group) {
        gemm_.block(block);
        block.aheads = 0;
        block.a += kernels.depth;
        block.b += groupFloats(kernels);
        block.c += p_.columns;
      }
    }
  }

  // What is stored, and read for it, at `count` pixels.
  void addResults(int64_t first, int64_t count, Soon* soon) const {
    if (result_.epilogue) return soon->add(*result_.epilogue, first, count, p_.destChannels);
    const int64_t at = first * p_.destChannels, floats = count * p_.destChannels;
    soon->add(result_.to + at, floats);
    if (result_.finish.added) soon->add(result_.finish.added + at, floats);
    if (result_.finish.gate) soon->add(result_.finish.gate + at, floats);
  }

  const GemmKernels &gemm_, &packing_;
  const WinogradKernels& kernels_;
  const int64_t points_;  // of a transformed tile
  const ConvProblem p_;
  const std::vector<WindowPhase> phases_;
  const std::vector<Kernels> grids_;
  const WinogradTiling tiling_;
  ContiguousInput source_;
  ConvKernelInput kernel_;
  const int64_t sourceStep_, productStep_;
  const bool keepsPanels_;  // the kernel is the same in all steps
  bool hasPanels_ = false;
  ProductResult result_;
  Floats taps_, panels_;  // the packed kernel, and its points
  Slots slots_;  // of a running block: its transformed source, then the products, then the results of several phases
  int64_t product_;   // where those begin
  int64_t rows_ = 0;  // results for an epilogue: of one phase they take the place of the source
};

}  // namespace

std::unique_ptr<Kernel> bindWinograd(const Instruction& instruction, const Memory& memory, ConvProblem problem) {
  return std::make_unique<Winograd>(instruction, memory, std::move(problem));
}

}  // namespace steepest
