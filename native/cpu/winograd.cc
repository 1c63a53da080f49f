// Convolutions by minimal filtering, see winograd.h. Blocks of whole rows of tiles are transformed into the cache, multiplied
// there, each point of a tile as a product over the channels, and transformed back. Every sum has a fixed order.

#include "winograd.h"

#include <algorithm>
#include <vector>

#include "../runtime/matmul_problem.h"
#include "chunks.h"
#include "conv_kernel_input.h"
#include "conv_kernels.h"
#include "copy.h"
#include "kernel_grad_sum.h"
#include "product_result.h"
#include "scratch.h"
#include "simd/table.h"
#include "tile.h"
#include "winograd_kernels.h"

namespace steepest {
namespace {

constexpr int kTaps = 9;
constexpr int64_t kMinChannels = 12;  // fewer do not pay for the transforms
constexpr int64_t kMinResults = 256;  // nor do fewer results for that of the kernel
// Transformed tiles of a block, in floats: a quarter of a 1 MB cache, for what the block reads and writes comes to it as well.
constexpr int64_t kBlockFloats = int64_t{1} << 16, kGradBlockFloats = int64_t{1} << 17;
constexpr int64_t kBlockMost = 128;  // tiles
// At least so many. The kernel is read once for each block, and a kernel gradient read and written: more where that is too large
// for the cache.
constexpr int64_t kBlockLeast = 14, kWideBlockLeast = 28, kWideKernel = int64_t{1} << 22;
constexpr int64_t kGradBlockLeast = 28, kWideGradBlockLeast = 112, kWideGrad = int64_t{1} << 18;
// Of a window that is cut into several, in quarters: so many times fewer multiplications, and where pairs of bfloat16 numbers are
// multiplied at once.
constexpr int64_t kLeastGain = 6, kLeastGainOverPairs = 9;
constexpr int64_t kLargeResults = 1024, kLeastProducts = 48;  // for large tiles, see kernelsFor
constexpr int64_t kSplitResults = 1024;  // of a partial sum: adding it up is a few per cent of making it
constexpr int64_t kMaxSplits = 32;
constexpr int64_t kSumFloats = 160 * 1024, kLeastPart = 64;  // of a task: half of a 1 MB cache, but channels
constexpr int64_t kPartialFloats = int64_t{1} << 24;         // of all splits

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Between the matrices: whole cache lines, and no power of two, or the points of a tile would share cache sets.
int64_t stepOf(int64_t floats) { return ceilDiv(floats, 32) * 32 + 16; }

// Memory that is read or written soon. It comes to the cache during the products of a block, some with each.
class Soon {
 public:
  void add(const float* at, int64_t floats) { add(reinterpret_cast<const uint8_t*>(at), floats * 4); }
  void add(const uint8_t* at, int64_t bytes) {
    if (bytes >= kRun) all_[count_++] = {at, bytes / kRun, kRun, kRun};
  }
  // What an epilogue reads and writes of neighbouring rows.
  void add(const Epilogue& epilogue, int64_t row, int64_t rows, int64_t columns) {
    Ahead reads[Epilogue::kMaxAheads];
    const int count = epilogue.aheads(row, rows, 0, columns, reads);
    for (int i = 0; i < count; ++i) add(reads[i].at, reads[i].rows * reads[i].stride);
  }
  // The block brings part `part` of `parts`.
  void share(int64_t part, int64_t parts, GemmBlock* block) {
    for (int i = 0; i < count_; ++i) {
      const int64_t begin = all_[i].rows * part / parts, end = all_[i].rows * (part + 1) / parts;
      part_[i] = {all_[i].at + begin * kRun, end - begin, kRun, kRun};
    }
    block->ahead = part_;
    block->aheads = count_;
  }

 private:
  static constexpr int64_t kRun = 256;  // bytes
  Ahead all_[Epilogue::kMaxAheads + 2], part_[Epilogue::kMaxAheads + 2];
  int count_ = 0;
};

// Three taps of an axis, or fewer, that see neighbours: of the pixels that are `phase` modulo the stride, position j sees those
// from the one with number j + begin on.
struct AxisWindow {
  int64_t phase, begin;
  int64_t taps[3];  // -1: none
};

std::vector<AxisWindow> windowsOf(const PatchAxis& axis) {
  std::vector<AxisWindow> windows;
  for (int64_t first = 0; first < std::min(axis.stride, axis.size()); ++first) {
    for (int64_t tap = first; tap < axis.size(); tap += 3 * axis.stride) {
      const int64_t offset = axis.offsets[static_cast<size_t>(tap)];
      const int64_t phase = (offset % axis.stride + axis.stride) % axis.stride;
      AxisWindow window{phase, (offset - phase) / axis.stride, {}};
      for (int64_t t = 0; t < 3; ++t) {
        const int64_t at = tap + t * axis.stride;
        window.taps[t] = at < axis.size() ? at : -1;
      }
      windows.push_back(window);
    }
  }
  return windows;
}

// A larger window is cut into some of 3 x 3, with zeros where it ends inside of one, and one with a stride into those of each
// phase. Each sees a source of its own, as if they were more channels: the results of all are added before they are transformed
// back.
class Windows {
 public:
  explicit Windows(const PatchGrid& grid)
      : down_(windowsOf(*grid.axes[1])), across_(windowsOf(*grid.axes[2])), width_(grid.axes[2]->size()) {}

  int64_t count() const { return static_cast<int64_t>(down_.size() * across_.size()); }
  const AxisWindow& y(int64_t window) const { return down_[static_cast<size_t>(window) / across_.size()]; }
  const AxisWindow& x(int64_t window) const { return across_[static_cast<size_t>(window) % across_.size()]; }
  // Of the grid, or -1 where there is none.
  int64_t tap(int64_t window, int64_t t) const {
    const int64_t i = y(window).taps[t / 3], j = x(window).taps[t % 3];
    return i < 0 || j < 0 ? -1 : i * width_ + j;
  }

 private:
  std::vector<AxisWindow> down_, across_;
  int64_t width_;
};

// Rows of tiles, counted over all images. Those of a block cover pixels that follow each other.
class Tiling {
 public:
  Tiling(const ConvProblem& problem, const WinogradKernels& kernels, int64_t blockFloats, int64_t blockLeast,
         bool rounds, int64_t depth)
      : rounds_(rounds), size_(kernels.size) {
    const PatchGrid grid = problem.grid(0);
    const PatchAxis &y = *grid.axes[1], &x = *grid.axes[2];
    sourceHeight_ = y.extent;
    sourceWidth_ = x.extent;
    strideY_ = y.stride;
    strideX_ = x.stride;
    bottom_ = y.offsets.back();
    height_ = problem.dest[1];
    width_ = problem.dest[2];
    stepY_ = y.step;
    stepX_ = x.step;
    rowsOfImage_ = ceilDiv(ceilDiv(height_, stepY_), size_);
    sourceChannels_ = problem.sourceChannels;
    channels_ = problem.destChannels;
    images_ = problem.images;
    const int64_t byCache = blockFloats / kernels.points() / (depth + channels_);
    const int64_t tiles = std::clamp(byCache, blockLeast, kBlockMost);

    rowsOfBlock_ = std::min(rows(), ceilDiv(tiles, tilesOfRow()));
  }

  int64_t rows() const { return images_ * rowsOfImage_; }
  int64_t tilesOfRow() const { return ceilDiv(ceilDiv(width_, stepX_), size_); }
  int64_t rowsOfBlock() const { return rowsOfBlock_; }
  int64_t tilesOfBlock() const { return rowsOfBlock_ * tilesOfRow(); }
  // The first pixel of the destination that a row has.
  int64_t pixel(int64_t row) const {
    return (row / rowsOfImage_ * height_ + size_ * stepY_ * (row % rowsOfImage_)) * width_;
  }
  int64_t pixelsEnd(int64_t rowEnd) const { return rowEnd == rows() ? images_ * height_ * width_ : pixel(rowEnd); }
  int64_t pixelsOfBlock() const { return size_ * stepY_ * rowsOfBlock_ * width_; }

  // What a window sees.
  WinogradSource source(const float* x, int64_t row, const AxisWindow& down, const AxisWindow& across,
                        int64_t depth) const {
    const int64_t columns = ceilDiv(sourceWidth_ - across.phase, strideX_);
    WinogradSource from{{}, across.begin, columns, strideX_ * sourceChannels_, sourceChannels_, depth, rounds_};
    const int64_t y = size_ * (row % rowsOfImage_) + down.begin;
    for (int64_t i = 0; i < size_ + 2; ++i) {
      const int64_t at = (y + i) * strideY_ + down.phase;
      const int64_t sourceRow = row / rowsOfImage_ * sourceHeight_ + at;
      const bool inside = at >= 0 && at < sourceHeight_;
      from.rows[i] = inside ? x + (sourceRow * sourceWidth_ + across.phase) * sourceChannels_ : nullptr;
    }
    return from;
  }
  // `pixels` is where the row's first pixel is; of those the ones from `down` and `right` on, as far apart as the axes' steps.
  WinogradResult result(float* pixels, int64_t row, int64_t down = 0, int64_t right = 0) const {
    WinogradResult to{{}, ceilDiv(width_ - right, stepX_), stepX_ * channels_, channels_, rounds_};
    const int64_t rest = ceilDiv(height_ - down, stepY_) - size_ * (row % rowsOfImage_);
    for (int64_t i = 0; i < std::min(size_, rest); ++i)
      to.rows[i] = pixels + ((i * stepY_ + down) * width_ + right) * channels_;
    return to;
  }
  // What the next block reads of the source and of dest, if that is read; it is likely to be the next that this thread has.
  void addRows(const float* source, const float* dest, int64_t row, int64_t count, Soon* soon) const {
    const int64_t end = std::min(row + count, rows());
    const int64_t first = sourcePixel(row), at = pixel(row);
    soon->add(source + first * sourceChannels_, (sourcePixel(end) - first) * sourceChannels_);
    if (dest) soon->add(dest + at * channels_, (pixelsEnd(end) - at) * channels_);
  }

 private:
  // The first pixel of the source that the rows before do not see.
  int64_t sourcePixel(int64_t row) const {
    const int64_t y = row % rowsOfImage_ == 0 ? 0 : (size_ * (row % rowsOfImage_) - 1) * strideY_ + bottom_ + 1;
    return (row / rowsOfImage_ * sourceHeight_ + std::clamp<int64_t>(y, 0, sourceHeight_)) * sourceWidth_;
  }

  bool rounds_;   // what is read, to bfloat16
  int64_t size_;  // of a tile of the destination, along an axis
  int64_t images_, sourceHeight_, sourceWidth_, sourceChannels_;
  int64_t strideY_, strideX_;
  int64_t bottom_;  // of the rows that the first position sees
  int64_t height_, width_, channels_;
  int64_t stepY_, stepX_;  // between positions
  int64_t rowsOfImage_, rowsOfBlock_;
};

int64_t resultsOf(const ConvProblem& problem) { return problem.images * problem.dest[1] * problem.dest[2]; }

// Multiplications of a pair of channels: a large tile needs fewer for each result, but its last row and column may be filled
// with what nobody wants.
int64_t costOf(const ConvProblem& problem, const WinogradKernels& kernels) {
  int64_t cost = 0;
  for (int64_t i = 0; i < problem.phases(); ++i) {
    const PatchGrid grid = problem.grid(i);
    const int64_t tiles = ceilDiv(grid.axes[1]->count, kernels.size) * ceilDiv(grid.axes[2]->count, kernels.size);
    cost += grid.images * tiles * kernels.points() * Windows(grid).count();
  }
  return cost;
}
// The same without minimal filtering.
int64_t plainCostOf(const ConvProblem& problem) {
  int64_t cost = 0;
  for (int64_t i = 0; i < problem.phases(); ++i) {
    const PatchGrid grid = problem.grid(i);
    cost += grid.positions() * grid.tapRows() * grid.axes[2]->size();
  }
  return cost;
}

// The fewest taps that a position sees, and positions that see a tap.
int64_t fewestTaps(const PatchAxis& axis) {
  const auto seen = [&axis](int64_t position) {
    const auto [first, end] = axis.seen(position);
    return end - first;
  };
  return std::min(seen(0), seen(axis.count - 1));
}
int64_t fewestPositions(const PatchAxis& axis) {
  int64_t least = axis.count;
  for (int64_t t = 0; t < axis.size(); ++t) {
    const int64_t offset = axis.offsets[static_cast<size_t>(t)];
    const int64_t first = ceilDiv(std::max<int64_t>(0, -offset), axis.stride);
    const int64_t end = std::min(axis.count, ceilDiv(std::max<int64_t>(0, axis.extent - offset), axis.stride));
    least = std::min(least, std::max<int64_t>(0, end - first));
  }
  return least;
}

// Large tiles where they are cheaper and much is to be done: their error is two to three times as large, that of a sum over a
// whole tile. So results of fewer products than kLeastProducts, at corners that see little but padding, are exacter than that.
const WinogradKernels& kernelsFor(const ConvProblem& problem, int64_t fewestProducts) {
  const WinogradKernels *small = simd().winograd, *large = small + 1;
  const bool suits = resultsOf(problem) >= kLargeResults && fewestProducts >= kLeastProducts;
  return suits && costOf(problem, *large) < costOf(problem, *small) ? *large : *small;
}

const WinogradKernels& kernelsFor(const ConvProblem& problem) {
  int64_t fewest = problem.images * problem.dest[1] * problem.dest[2];
  for (int64_t i = 0; i < problem.phases(); ++i) {
    const PatchGrid grid = problem.grid(i);
    fewest = std::min(fewest, fewestTaps(*grid.axes[1]) * fewestTaps(*grid.axes[2]));
  }
  return kernelsFor(problem, problem.width * fewest);
}

const WinogradKernels& gradKernelsFor(const ConvProblem& problem) {
  const PatchGrid grid = problem.grid(0);
  return kernelsFor(problem, grid.images * fewestPositions(*grid.axes[1]) * fewestPositions(*grid.axes[2]));
}

// Forward and input gradient. That of a strided convolution has phases, of which each sees taps of its own.
class Winograd final : public Kernel {
 public:
  Winograd(const Instruction& instruction, const Memory& memory, ConvProblem problem)
      : gemm_(*simd().gemm),
        packing_(roundsToBfloat16(instruction) ? *simd().gemmRounded : gemm_),
        kernels_(kernelsFor(problem)),
        points_(kernels_.points()),
        p_(std::move(problem)),
        phases_(phasesOf()),
        tiling_(p_, kernels_, kBlockFloats, panelsFloats() > kWideKernel ? kWideBlockLeast : kBlockLeast,
                roundsToBfloat16(instruction), deepest() * p_.groups),
        source_(instruction.inputs[0], memory),
        kernel_(instruction, memory, p_),
        sourceStep_(stepOf(tiling_.tilesOfBlock() * deepest() * p_.groups)),
        productStep_(stepOf(tiling_.tilesOfBlock() * p_.destChannels)),
        keepsPanels_((instruction.steady >> 1 & 1) != 0),
        result_(instruction, memory) {
    taps_ = Floats(memory, kTaps * deepest() * columnsFloats());
    panels_ = keepsPanels_ ? Floats(panelsFloats()) : Floats(memory, panelsFloats());
    product_ = points_ * sourceStep_;
    const int64_t rows = result_.epilogue ? tiling_.pixelsOfBlock() * p_.destChannels : 0;
    if (p_.dense()) product_ = std::max(product_, rows);
    rows_ = p_.dense() ? 0 : product_ + points_ * productStep_;
    slots_.allocate(memory, Threads::pool().count(), p_.dense() ? product_ + points_ * productStep_ : rows_ + rows);
  }

  void run(RunContext& context) override {
    const float* source = source_.get<float>(context);
    if (!hasPanels_) {
      const float* kernel = kernel_.get(context);
      for (const Phase& phase : phases_) transformKernel(context.threads, kernel, phase);
    }
    hasPanels_ = keepsPanels_;
    const int64_t blocks = ceilDiv(tiling_.rows(), tiling_.rowsOfBlock());
    context.threads.each(blocks, [this, source](int64_t block) {
      float* slot = slots_.acquire();
      const int64_t begin = block * tiling_.rowsOfBlock();
      runBlock(source, begin, std::min(begin + tiling_.rowsOfBlock(), tiling_.rows()), slot);
      slots_.release(slot);
    });
  }

  void enter() override { hasPanels_ = false; }

 private:
  struct Phase {
    PatchGrid grid;
    Windows windows;
    int64_t depth;  // of a group's products: channels that all windows see
    int64_t panels;
  };

  std::vector<Phase> phasesOf() const {
    std::vector<Phase> phases;
    int64_t panels = 0;
    for (int64_t i = 0; i < p_.phases(); ++i) {
      const PatchGrid grid = p_.grid(i);
      const Windows windows(grid);
      const int64_t depth = windows.count() * p_.width;
      phases.push_back({grid, windows, depth, panels});
      panels += points_ * depth * columnsFloats();
    }
    return phases;
  }
  int64_t deepest() const {
    int64_t most = 0;
    for (const Phase& phase : phases_) most = std::max(most, phase.depth);
    return most;
  }
  // Of a row of all groups, in panels.
  int64_t columnsFloats() const { return p_.groups * ceilDiv(p_.columns, gemm_.panel) * gemm_.panel; }
  int64_t groupFloats(const Phase& phase) const { return phase.depth * columnsFloats() / p_.groups; }
  int64_t panelsFloats() const { return phases_.back().panels + points_ * phases_.back().depth * columnsFloats(); }

  // Taps are packed before they are transformed: there are 9 of them, and several times as many points.
  void transformKernel(Threads& threads, const float* kernel, const Phase& phase) const {
    const int64_t windows = phase.windows.count(), floats = phase.depth * columnsFloats();
    const int64_t cost = groupFloats(phase) / windows / 8;
    eachRange(threads, kTaps * windows * p_.groups, cost, [=, this, &phase](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        packTap(kernel, phase, i % p_.groups, i / p_.groups % windows, i / p_.groups / windows);
    });
    float* const panels = panels_.data() + phase.panels;
    eachRange(threads, ceilDiv(floats, 64), 64, [=, this](int64_t begin, int64_t end) {
      const float* from[kTaps];
      for (int t = 0; t < kTaps; ++t) from[t] = taps_.data() + t * floats + begin * 64;
      const int64_t n = std::min(end * 64, floats) - begin * 64;
      kernels_.kernel(from, n, panels + begin * 64, floats);
    });
  }

  // Tap t of a window: its rows of each panel of a group.
  void packTap(const float* kernel, const Phase& phase, int64_t group, int64_t window, int64_t t) const {
    float* to =
        taps_.data() + t * phase.depth * columnsFloats() + group * groupFloats(phase) + window * p_.width * gemm_.panel;
    const int64_t tap = phase.windows.tap(window, t);
    const float* const from = tap < 0 ? nullptr : kernel + p_.kernelAt(p_.tapOf(phase.grid, tap), group);
    for (int64_t column = 0; column < p_.columns; column += gemm_.panel, to += phase.depth * gemm_.panel) {
      if (from == nullptr) {
        std::fill_n(to, p_.width * gemm_.panel, 0.0f);
      } else {
        const int64_t columns = std::min(gemm_.panel, p_.columns - column);
        packing_.pack(from + column * p_.bColumn, p_.bRow, p_.bColumn, p_.width, columns, to);
      }
    }
  }

  // Channels of a group that its windows see follow each other.
  void transformSource(const float* source, const Phase& phase, int64_t row, float* to) const {
    const Windows& windows = phase.windows;
    const int64_t groups = windows.count() > 1 ? p_.groups : 1, width = p_.sourceChannels / groups;
    for (int64_t group = 0; group < groups; ++group) {
      for (int64_t w = 0; w < windows.count(); ++w, to += width) {
        WinogradSource from =
            tiling_.source(source + group * width, row, windows.y(w), windows.x(w), phase.depth * p_.groups);
        from.channels = width;
        kernels_.source(from, tiling_.tilesOfRow(), to, sourceStep_);
      }
    }
  }

  void runBlock(const float* source, int64_t begin, int64_t end, float* slot) const {
    const int64_t channels = p_.destChannels;
    const int64_t first = tiling_.pixel(begin), count = tiling_.pixelsEnd(end) - first;
    float* const to = result_.to ? result_.to + first * channels : slot + rows_;
    for (const Phase& phase : phases_) {
      multiply(source, phase, begin, end, slot);
      const int64_t tiles = tiling_.tilesOfRow();
      for (int64_t row = begin; row < end; ++row) {
        float* const pixels = to + (tiling_.pixel(row) - first) * channels;
        kernels_.result(slot + product_ + (row - begin) * tiles * channels, productStep_, tiles,
                        tiling_.result(pixels, row, phase.grid.axes[1]->first, phase.grid.axes[2]->first));
      }
    }
    if (result_.epilogue) result_.epilogue->run(to, channels, first, count, 0, channels);
    if (!result_.finishes) return;
    simd().conv->finish(result_.finish.from(0, first * channels), to, channels, count, channels);
  }

  // The products of all points.
  void multiply(const float* source, const Phase& phase, int64_t begin, int64_t end, float* slot) const {
    const int64_t tiles = tiling_.tilesOfRow(), depth = phase.depth * p_.groups;
    for (int64_t row = begin; row < end; ++row)
      transformSource(source, phase, row, slot + (row - begin) * tiles * depth);
    GemmBlock block{};
    block.aRow = depth;
    block.aDepth = 1;
    block.bRow = gemm_.panel;
    block.bPanel = phase.depth * gemm_.panel;
    block.cRow = p_.destChannels;
    block.m = (end - begin) * tiles;
    block.n = p_.columns;
    block.k = phase.depth;
    Soon soon;
    if (&phase == &phases_.back()) {
      const int64_t first = tiling_.pixel(begin);
      tiling_.addRows(source, nullptr, end, end - begin, &soon);
      addResults(first, tiling_.pixelsEnd(end) - first, &soon);
    }
    block.b = panels_.data() + phase.panels;
    for (int64_t i = 0; i < points_; ++i) {
      soon.share(i, points_, &block);
      block.a = slot + i * sourceStep_;
      block.c = slot + product_ + i * productStep_;
      for (int64_t group = 0; group < p_.groups; ++group) {
        gemm_.block(block);
        block.aheads = 0;
        block.a += phase.depth;
        block.b += groupFloats(phase);
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
  const std::vector<Phase> phases_;
  const Tiling tiling_;
  ContiguousInput source_;
  ConvKernelInput kernel_;
  const int64_t sourceStep_, productStep_;
  const bool keepsPanels_;  // the kernel is the same in all steps
  bool hasPanels_ = false;
  ProductResult result_;
  Floats taps_, panels_;  // the packed kernel, and its points
  Slots slots_;  // of a running block: its transformed source, then the products, then the results of several phases
  int64_t product_;  // where those begin
  int64_t rows_;     // results for an epilogue: of one phase they take the place of the source
};

// A task sums a split of the tiles for a part of the channels of x, some of one group or several groups, and transforms that back: the
// sum stays in the cache.
class WinogradKernelGrad final : public Kernel {
 public:
  WinogradKernelGrad(const Instruction& instruction, const Memory& memory, ConvProblem problem)
      : gemm_(*simd().gemm),
        kernels_(gradKernelsFor(problem)),
        points_(kernels_.points()),
        p_(std::move(problem)),
        windows_(p_.grid(0)),
        partWidth_(partWidth()),
        tiling_(p_, kernels_, kGradBlockFloats, sumFloats() > kWideGrad ? kWideGradBlockLeast : kGradBlockLeast,
                roundsToBfloat16(instruction), p_.sourceChannels),
        x_(instruction.inputs[0], memory),
        dy_(instruction.inputs[1], memory),
        total_(instruction, memory, p_),
        sumStep_(stepOf(partWidth_ * p_.columns)),
        xStep_(stepOf(tiling_.tilesOfBlock() * partWidth_)),
        dyStep_(stepOf(tiling_.tilesOfBlock() * p_.destChannels)) {
    const int64_t blocks = ceilDiv(tiling_.rows(), tiling_.rowsOfBlock());
    const int64_t wanted =
        std::min(resultsOf(p_) / kSplitResults, kPartialFloats / (p_.grid(0).depth() * p_.destChannels));
    total_.allocate(memory, std::min(std::clamp<int64_t>(wanted, 1, kMaxSplits), blocks));
    const int64_t noTap = windows_.count() > 1 ? partWidth_ * p_.columns : 0;
    total_.allocateSlots(memory, parts(), points_ * (xStep_ + dyStep_ + sumStep_) + noTap);
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
  int64_t partsOfWindow() const { return ceilDiv(p_.sourceChannels, partWidth_); }
  int64_t parts() const { return windows_.count() * partsOfWindow(); }
  int64_t sumFloats() const { return points_ * partWidth_ * p_.columns; }
  int64_t groupsOf(int64_t width) const { return p_.groups == 1 ? 1 : width / p_.width; }

  void runTask(const float* x, const float* dy, int64_t part, int64_t split, float* slot) const {
    const int64_t blocks = ceilDiv(tiling_.rows(), tiling_.rowsOfBlock()), splits = total_.splits();
    const int64_t first = blocks * split / splits, last = blocks * (split + 1) / splits;
    const int64_t window = part / partsOfWindow(), channel = part % partsOfWindow() * partWidth_;
    const int64_t width = std::min(partWidth_, p_.sourceChannels - channel);
    for (int64_t block = first; block < last; ++block) {
      const int64_t begin = block * tiling_.rowsOfBlock();
      addBlock(x, dy, begin, std::min(begin + tiling_.rowsOfBlock(), tiling_.rows()), window, channel, width,
               block > first, slot);
    }
    const float* sum = slot + points_ * (xStep_ + dyStep_);
    float* const noTap = slot + points_ * (xStep_ + dyStep_ + sumStep_);
    const int64_t groups = groupsOf(width), rows = width / groups;
    for (int64_t g = 0; g < groups; ++g, sum += rows * p_.columns) {
      float* const total = total_.of(split, channel / p_.width + g) + channel % p_.width * p_.columns;
      float* taps[kTaps];
      for (int t = 0; t < kTaps; ++t) {
        const int64_t tap = windows_.tap(window, t);
        taps[t] = tap < 0 ? noTap : total + tap * p_.width * p_.columns;
      }
      kernels_.kernelGrad(sum, sumStep_, rows * p_.columns, taps);
    }
  }

  void addBlock(const float* x, const float* dy, int64_t begin, int64_t end, int64_t window, int64_t channel,
                int64_t width, bool accumulate, float* slot) const {
    const int64_t tiles = tiling_.tilesOfRow(), groups = groupsOf(width), channels = p_.destChannels;
    float* const xTiles = slot;
    float* const dyTiles = xTiles + points_ * xStep_;
    float* const sum = dyTiles + points_ * dyStep_;
    for (int64_t row = begin; row < end; ++row) {
      WinogradSource source = tiling_.source(x + channel, row, windows_.y(window), windows_.x(window), width);
      source.channels = width;
      kernels_.source(source, tiles, xTiles + (row - begin) * tiles * width, xStep_);
      float* const pixels = const_cast<float*>(dy) + tiling_.pixel(row) * channels;  // only read
      kernels_.resultGrad(tiling_.result(pixels, row), tiles, dyTiles + (row - begin) * tiles * channels, dyStep_);
    }
    GemmBlock block{};
    block.aRow = 1;
    block.aDepth = width;
    block.bRow = channels;
    block.bPanel = gemm_.panel;
    block.cRow = p_.columns;
    block.m = width / groups;
    block.n = p_.columns;
    block.k = (end - begin) * tiles;
    block.accumulate = accumulate;
    Soon soon;
    tiling_.addRows(x, dy, end, end - begin, &soon);
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
  const Windows windows_;
  const int64_t partWidth_;  // channels of x
  const Tiling tiling_;
  ContiguousInput x_, dy_;
  KernelGradSum total_;
  const int64_t sumStep_, xStep_, dyStep_;
};

// Along both axes of an image positions see neighbours.
bool isPlain(const PatchGrid& grid) {
  const PatchAxis& outer = *grid.axes[0];
  if (outer.size() != 1 || outer.count != 1 || outer.extent != 1 || outer.offsets[0] != 0) return false;
  return std::all_of(grid.axes + 1, grid.axes + 3, [](const PatchAxis* a) { return a->isDense() && a->count > 0; });
}

}  // namespace

bool suitsWinograd(const ConvProblem& problem, bool rounds) {
  if (problem.width < kMinChannels || problem.columns < kMinChannels || resultsOf(problem) < kMinResults) return false;
  int64_t windows = 0;
  for (int64_t i = 0; i < problem.phases(); ++i) {
    const PatchGrid grid = problem.grid(i);
    if (!isPlain(grid)) return false;
    windows += Windows(grid).count();
  }
  const PatchGrid grid = problem.grid(0);
  if (std::min(grid.axes[1]->size(), grid.axes[2]->size()) < (problem.dense() ? 3 : 2)) return false;
  if (windows == 1) return true;
  const GemmKernels& direct = rounds ? *simd().gemmBf16 : *simd().gemm;
  if (direct.blockElements > 0) return false;  // tiles of matrices, which are much faster still
  const int64_t gain = direct.pair == 2 ? kLeastGainOverPairs : kLeastGain;
  return plainCostOf(problem) * 4 >= costOf(problem, kernelsFor(problem)) * gain;
}

std::unique_ptr<Kernel> bindWinograd(const Instruction& instruction, const Memory& memory, ConvProblem problem) {
  return std::make_unique<Winograd>(instruction, memory, std::move(problem));
}

std::unique_ptr<Kernel> bindWinogradKernelGrad(const Instruction& instruction, const Memory& memory,
                                               ConvProblem problem) {
  return std::make_unique<WinogradKernelGrad>(instruction, memory, std::move(problem));
}

}  // namespace steepest
