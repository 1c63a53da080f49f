// The kernel's gradient by minimal filtering, see winograd.h.

#include <algorithm>
#include <vector>

#include "../runtime/matmul_problem.h"
#include "copy.h"
#include "kernel_grad_sum.h"
#include "simd/table.h"
#include "winograd.h"
#include "winograd_choice.h"
#include "winograd_tiling.h"

namespace steepest {
namespace {

constexpr int64_t kGradBlockFloats = int64_t{1} << 17;  // of transformed tiles
// At least so many tiles. The sum is read and written once for each block: more where that is too large for the cache.
constexpr int64_t kGradBlockLeast = 28, kWideGradBlockLeast = 112, kWideGrad = int64_t{1} << 18;
constexpr int64_t kSplitResults = 1024;  // of a partial sum: adding it up is a few per cent of making it
constexpr int64_t kMaxSplits = 32;
constexpr int64_t kSumFloats = 160 * 1024, kLeastPart = 64;  // of a task: half of a 1 MB cache, but channels
constexpr int64_t kManySplits = 8;                           // with fewer each window is a task of its own
constexpr int64_t kPartialFloats = int64_t{1} << 24;         // of all splits

// A task sums a split of the tiles for a part of the channels of x, some of one group or several groups, and transforms that back: the
// sum stays in the cache. Several windows are of one task where their sums stay there too: dy is transformed once for them.
class WinogradKernelGrad final : public Kernel {
 public:
  WinogradKernelGrad(const Instruction& instruction, const Memory& memory, ConvProblem problem)
      : gemm_(*simd().gemm),
        kernels_(winogradGradKernelsFor(problem)),
        points_(kernels_.points()),
        p_(std::move(problem)),
        phases_(windowPhases(p_, kernels_)),
        partWidth_(partWidth()),
        tiling_(p_, kernels_, kGradBlockFloats, sumFloats() > kWideGrad ? kWideGradBlockLeast : kGradBlockLeast,
                roundsToBfloat16(instruction), p_.sourceChannels),
        x_(instruction.inputs[0], memory),
        dy_(instruction.inputs[1], memory),
        total_(instruction, memory, p_),
        sumStep_(winogradStep(partWidth_ * p_.columns)),
        xStep_(winogradStep(tiling_.tilesOfBlock() * partWidth_)),
        dyStep_(winogradStep(tiling_.tilesOfBlock() * p_.destChannels)) {
    const int64_t results = p_.images * p_.dest[0] * p_.dest[1] * p_.dest[2];
    const int64_t wanted = std::min(results / kSplitResults, kPartialFloats / (p_.grid(0).depth() * p_.destChannels));
    total_.allocate(memory, std::min(std::clamp<int64_t>(wanted, 1, kMaxSplits), tiling_.blocks()));
    const int64_t inCache = total_.splits() < kManySplits ? 1 : kSumFloats / sumFloats();
    windowsOfTask_ = std::clamp<int64_t>(inCache, 1, windows().count());
    const int64_t noTap = windows().count() > 1 ? partWidth_ * p_.columns : 0;
    total_.allocateSlots(memory, parts(), points_ * (xStep_ + dyStep_ + windowsOfTask_ * sumStep_) + noTap);
  }

  void run(RunContext& context) override {
    const float* x = x_.get<float>(context);
    const float* dy = dy_.get<float>(context);
    total_.run(context.threads, parts(),
               [this, x, dy](int64_t part, int64_t split, float* slot) { runTask(x, dy, part, split, slot); });
  }

 private:
  int64_t partWidth() const {
    const int64_t wanted = ceilDiv(points_ * p_.sourceChannels * p_.columns, kSumFloats);
    const int64_t parts = std::clamp<int64_t>(wanted, 1, std::max<int64_t>(1, p_.sourceChannels / kLeastPart));
    const int64_t unit = p_.groups == 1 ? 16 : p_.width;
    return ceilDiv(ceilDiv(p_.sourceChannels, parts), unit) * unit;
  }
  const Windows& windows() const { return phases_[0].windows; }
  int64_t partsOfWindow() const { return ceilDiv(p_.sourceChannels, partWidth_); }
  int64_t parts() const { return ceilDiv(windows().count(), windowsOfTask_) * partsOfWindow(); }
  int64_t sumFloats() const { return points_ * partWidth_ * p_.columns; }
  int64_t groupsOf(int64_t width) const { return p_.groups == 1 ? 1 : width / p_.width; }

  void runTask(const float* x, const float* dy, int64_t part, int64_t split, float* slot) const {
    const int64_t first = tiling_.blocks() * split / total_.splits();
    const int64_t last = tiling_.blocks() * (split + 1) / total_.splits();
    const int64_t window = part / partsOfWindow() * windowsOfTask_, channel = part % partsOfWindow() * partWidth_;
    const int64_t windowEnd = std::min(window + windowsOfTask_, windows().count());
    const int64_t width = std::min(partWidth_, p_.sourceChannels - channel);
    float* const sums = slot + points_ * (xStep_ + dyStep_);
    for (int64_t block = first; block < last; ++block) {
      const WinogradBlock tiles = tiling_.block(block);
      for (const WindowPhase& phase : phases_) {
        transformGradient(dy, tiles, phase, slot);
        const bool accumulate = block > first || &phase != &phases_[0];
        for (int64_t w = window; w < windowEnd; ++w) {
          Soon soon;
          if (&phase == &phases_.back() && w + 1 == windowEnd) tiling_.addNext(x, dy, tiles, &soon);
          float* const sum = sums + (w - window) * points_ * sumStep_;
          addBlock(x, tiles, phase, w, channel, width, accumulate, soon, slot, sum);
        }
      }
    }
    float* const noTap = sums + points_ * windowsOfTask_ * sumStep_;
    for (int64_t w = window; w < windowEnd; ++w)
      transformSum(sums + (w - window) * points_ * sumStep_, w, channel, width, split, noTap);
  }

  // Back to the taps of a window.
  void transformSum(const float* sum, int64_t window, int64_t channel, int64_t width, int64_t split,
                    float* noTap) const {
    const int64_t groups = groupsOf(width), rows = width / groups;
    for (int64_t g = 0; g < groups; ++g, sum += rows * p_.columns) {
      float* const total = total_.of(split, channel / p_.width + g) + channel % p_.width * p_.columns;
      float* taps[kWinogradTaps];
      for (int64_t t = 0; t < kernels_.taps(); ++t) {
        const int64_t tap = windows().tap(window, t);
        taps[t] = tap < 0 ? noTap : total + tap * p_.width * p_.columns;
      }
      kernels_.kernelGrad(sum, sumStep_, rows * p_.columns, taps);
    }
  }

  void transformGradient(const float* dy, const WinogradBlock& tiles, const WindowPhase& phase, float* slot) const {
    const int64_t channels = p_.destChannels;
    float* const results = const_cast<float*>(dy) + tiling_.firstPixel(tiles) * channels;  // only read
    float* to = slot + points_ * xStep_;
    for (int64_t row = tiles.row; row < tiles.rowEnd; ++row, to += tiles.tilesOfRow() * channels) {
      kernels_.resultGrad(tiling_.result(results, tiling_.pitch(), tiles, row, phase.y, phase.x), tiles.tilesOfRow(),
                          to, dyStep_);
    }
  }

  void addBlock(const float* x, const WinogradBlock& tiles, const WindowPhase& phase, int64_t window, int64_t channel,
                int64_t width, bool accumulate, Soon& soon, float* slot, float* sum) const {
    const int64_t groups = groupsOf(width), channels = p_.destChannels;
    float* const xTiles = slot;
    const float* const dyTiles = xTiles + points_ * xStep_;
    for (int64_t row = tiles.row; row < tiles.rowEnd; ++row) {
      WinogradSource source = tiling_.source(x + channel, tiles, row, phase.windows, window, width);
      source.channels = width;
      kernels_.source(source, tiles.tilesOfRow(), xTiles + (row - tiles.row) * tiles.tilesOfRow() * width, xStep_);
    }
    GemmBlock block{};
    block.aRow = 1;
    block.aDepth = width;
    block.bRow = channels;
    block.bPanel = gemm_.panel;
    block.cRow = p_.columns;
    block.m = width / groups;
    block.n = p_.columns;
    block.k = tiles.tiles();
    block.accumulate = accumulate;
    for (int64_t i = 0; i < points_; ++i) {
      soon.share(i, points_, &block);
      block.a = xTiles + i * xStep_;
      block.b = dyTiles + i * dyStep_ + channel / p_.width * p_.columns;
      block.c = sum + i * sumStep_;
      for (int64_t group = 0; group < groups; ++group) {
        gemm_.block(block);
        block.aheads = 0;
        block.a += block.m;
        block.b += p_.columns;
        block.c += block.m * p_.columns;
      }
    }
  }

  const GemmKernels& gemm_;
  const WinogradKernels& kernels_;
  const int64_t points_;  // of a transformed tile
  const ConvProblem p_;
  const std::vector<WindowPhase> phases_;  // of which all have the same taps
  const int64_t partWidth_;                // channels of x
  const WinogradTiling tiling_;
  ContiguousInput x_, dy_;
  KernelGradSum total_;
  const int64_t sumStep_, xStep_, dyStep_;
  int64_t windowsOfTask_ = 1;
};

}  // namespace

std::unique_ptr<Kernel> bindWinogradKernelGrad(const Instruction& instruction, const Memory& memory,
                                               ConvProblem problem) {
  return std::make_unique<WinogradKernelGrad>(instruction, memory, std::move(problem));
}

}  // namespace steepest
