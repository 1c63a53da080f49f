// Convolutions by minimal filtering, see winograd.h. Blocks of whole rows of 2x2 tiles are transformed into the cache,
// multiplied there as 16 products over the channels, and transformed back. Every sum has a fixed order.

#include "winograd.h"

#include <algorithm>

#include "chunks.h"
#include "conv_kernels.h"
#include "copy.h"
#include "matmul_problem.h"
#include "rows.h"
#include "scratch.h"
#include "simd/table.h"
#include "tile.h"
#include "winograd_kernels.h"

namespace steepest {
namespace {

constexpr int kPoints = 16;  // of a transformed tile
constexpr int kTaps = 9;
constexpr int64_t kMinChannels = 12;                   // fewer do not pay for the transforms
constexpr int64_t kMinTiles = 64;                      // nor do fewer tiles for that of the kernel
constexpr int64_t kBlockFloats = int64_t{1} << 17;     // of transformed tiles: half of a 1 MB cache
constexpr int64_t kBlockLeast = 56, kBlockMost = 128;  // tiles
constexpr int64_t kSplitTiles = 256;                   // of a partial sum: adding it up is a few per cent of making it
constexpr int64_t kMaxSplits = 32;
constexpr int64_t kPartialFloats = int64_t{1} << 24;  // of all splits

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Between the 16 matrices: whole cache lines, and no power of two, or the points of a tile would share cache sets.
int64_t stepOf(int64_t floats) { return ceilDiv(floats, 32) * 32 + 16; }

// Rows of tiles, counted over all images. Those of a block cover pixels that follow each other.
class Tiling {
 public:
  explicit Tiling(const ConvProblem& problem) {
    const PatchGrid grid = problem.grid(0);
    const PatchAxis &y = *grid.axes[1], &x = *grid.axes[2];
    sourceHeight_ = y.extent;
    sourceWidth_ = x.extent;
    top_ = y.offsets[0];
    left_ = x.offsets[0];
    height_ = y.count;
    width_ = x.count;
    rowsOfImage_ = ceilDiv(height_, 2);
    sourceChannels_ = problem.sourceChannels;
    channels_ = problem.destChannels;
    images_ = problem.images;
    const int64_t tiles = std::clamp(kBlockFloats / kPoints / (sourceChannels_ + channels_), kBlockLeast, kBlockMost);
    rowsOfBlock_ = std::min(rows(), ceilDiv(tiles, tilesOfRow()));
  }

  int64_t rows() const { return images_ * rowsOfImage_; }
  int64_t tilesOfRow() const { return ceilDiv(width_, 2); }
  int64_t rowsOfBlock() const { return rowsOfBlock_; }
  int64_t tilesOfBlock() const { return rowsOfBlock_ * tilesOfRow(); }
  // The first pixel of the destination that a row has.
  int64_t pixel(int64_t row) const { return (row / rowsOfImage_ * height_ + 2 * (row % rowsOfImage_)) * width_; }
  int64_t pixelsEnd(int64_t rowEnd) const { return rowEnd == rows() ? images_ * height_ * width_ : pixel(rowEnd); }
  int64_t pixelsOfBlock() const { return 2 * rowsOfBlock_ * width_; }

  WinogradSource source(const float* x, int64_t row) const {
    WinogradSource from{{}, left_, sourceWidth_, sourceChannels_};
    const int64_t y = 2 * (row % rowsOfImage_) + top_;
    for (int64_t i = 0; i < 4; ++i) {
      const bool inside = y + i >= 0 && y + i < sourceHeight_;
      const int64_t sourceRow = row / rowsOfImage_ * sourceHeight_ + y + i;
      from.rows[i] = inside ? x + sourceRow * sourceWidth_ * sourceChannels_ : nullptr;
    }
    return from;
  }
  // `pixels` is where the row's first pixel is.
  WinogradResult result(float* pixels, int64_t row) const {
    const bool two = 2 * (row % rowsOfImage_) + 1 < height_;
    return {{pixels, two ? pixels + width_ * channels_ : nullptr}, width_, channels_};
  }

 private:
  int64_t images_, sourceHeight_, sourceWidth_, sourceChannels_;
  int64_t top_, left_;  // where the first tile of the source begins
  int64_t height_, width_, channels_;
  int64_t rowsOfImage_, rowsOfBlock_;
};

// Forward and input gradient.
class Winograd final : public Kernel {
 public:
  Winograd(const Instruction& instruction, const Memory& memory, ConvProblem problem)
      : gemm_(*simd().gemm),
        kernels_(*simd().winograd),
        p_(std::move(problem)),
        tiling_(p_),
        source_(instruction.inputs[0], memory),
        kernel_(instruction.inputs[1], memory),
        kernelSize_(p_.width * p_.columns),
        sourceStep_(stepOf(tiling_.tilesOfBlock() * p_.width)),
        productStep_(stepOf(tiling_.tilesOfBlock() * p_.columns)),
        keepsPanels_((instruction.steady >> 1 & 1) != 0) {
    if (instruction.attrs[0] == 1) {
      finishes_ = recogniseFinish(instruction, memory, &finish_);
      if (!finishes_) epilogue_ = bindEpilogue(instruction, 2, memory);
    }
    if (!epilogue_) dest_ = memory.at<float>(instruction.outputs[0]);
    weights_ = Floats(kPoints * kernelSize_);
    panels_ = Floats(kPoints * panelsFloats());
    const int64_t rows = epilogue_ ? tiling_.pixelsOfBlock() * p_.columns : 0;  // in place of the source
    product_ = std::max(kPoints * sourceStep_, rows);
    slots_.allocate(Threads::pool().count(), product_ + kPoints * productStep_);
  }

  void run(RunContext& context) override {
    const float* source = source_.get<float>(context);
    if (!hasPanels_) transformKernel(context.threads, kernel_.get<float>(context));
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
  int64_t panelsFloats() const { return p_.width * ceilDiv(p_.columns, gemm_.panel) * gemm_.panel; }

  void transformKernel(Threads& threads, const float* kernel) const {
    const float* taps[kTaps];
    for (int64_t t = 0; t < kTaps; ++t) taps[t] = kernel + p_.kernelAt(p_.tapOf(p_.grid(0), t), 0);
    eachRange(threads, ceilDiv(kernelSize_, 64), 64, [&taps, this](int64_t begin, int64_t end) {
      const float* from[kTaps];
      for (int t = 0; t < kTaps; ++t) from[t] = taps[t] + begin * 64;
      const int64_t n = std::min(end * 64, kernelSize_) - begin * 64;
      kernels_.kernel(from, n, weights_.data() + begin * 64, kernelSize_);
    });
    eachRange(threads, kPoints, kernelSize_ / 8, [this](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        gemm_.pack(weights_.data() + i * kernelSize_, p_.bRow, p_.bColumn, p_.width, p_.columns,
                   panels_.data() + i * panelsFloats());
      }
    });
  }

  void runBlock(const float* source, int64_t begin, int64_t end, float* slot) const {
    const int64_t tiles = tiling_.tilesOfRow(), columns = p_.columns;
    for (int64_t row = begin; row < end; ++row) {
      kernels_.source(tiling_.source(source, row), tiles, slot + (row - begin) * tiles * p_.width, sourceStep_);
    }
    GemmBlock block{};
    block.aRow = p_.width;
    block.aDepth = 1;
    block.bRow = gemm_.panel;
    block.bPanel = p_.width * gemm_.panel;
    block.cRow = columns;
    block.m = (end - begin) * tiles;
    block.n = columns;
    block.k = p_.width;
    float* const product = slot + product_;
    for (int64_t i = 0; i < kPoints; ++i) {
      block.a = slot + i * sourceStep_;
      block.b = panels_.data() + i * panelsFloats();
      block.c = product + i * productStep_;
      gemm_.block(block);
    }
    const int64_t first = tiling_.pixel(begin), count = tiling_.pixelsEnd(end) - first;
    float* const to = dest_ ? dest_ + first * columns : slot;
    for (int64_t row = begin; row < end; ++row) {
      kernels_.result(product + (row - begin) * tiles * columns, productStep_, tiles,
                      tiling_.result(to + (tiling_.pixel(row) - first) * columns, row));
    }
    if (epilogue_) epilogue_->run(to, columns, first, count, 0, columns);
    if (!finishes_) return;
    simd().conv->finish(finish_.from(0, first * columns), to, columns, count, columns);
  }

  const GemmKernels& gemm_;
  const WinogradKernels& kernels_;
  const ConvProblem p_;
  const Tiling tiling_;
  ContiguousInput source_, kernel_;
  const int64_t kernelSize_;  // of a tap
  const int64_t sourceStep_, productStep_;
  const bool keepsPanels_;  // the kernel is the same in all steps
  bool hasPanels_ = false;
  float* dest_ = nullptr;  // null when the epilogue stores
  GemmFinish finish_;
  bool finishes_ = false;
  std::unique_ptr<Epilogue> epilogue_;
  Floats weights_, panels_;  // the transformed kernel, as it lies and packed
  Slots slots_;              // of a running block: its transformed source, then the products
  int64_t product_;          // where those begin
};

class WinogradKernelGrad final : public Kernel {
 public:
  WinogradKernelGrad(const Instruction& instruction, const Memory& memory, ConvProblem problem)
      : gemm_(*simd().gemm),
        kernels_(*simd().winograd),
        rows_(*simd().rows),
        p_(std::move(problem)),
        tiling_(p_),
        x_(instruction.inputs[0], memory),
        dy_(instruction.inputs[1], memory),
        kernelSize_(p_.width * p_.columns),
        sumStep_(stepOf(kernelSize_)),
        xStep_(stepOf(tiling_.tilesOfBlock() * p_.width)),
        dyStep_(stepOf(tiling_.tilesOfBlock() * p_.columns)) {
    if (instruction.attrs[0] == 1) {
      epilogue_ = bindEpilogue(instruction, 2, memory);
      product_ = Floats(kTaps * kernelSize_);
      dest_ = product_.data();
    } else {
      dest_ = memory.at<float>(instruction.outputs[0]);
    }
    const int64_t blocks = ceilDiv(tiling_.rows(), tiling_.rowsOfBlock());
    const int64_t wanted = tiling_.rows() * tiling_.tilesOfRow() / kSplitTiles;
    splits_ = std::clamp<int64_t>(std::min(wanted, kPartialFloats / (kPoints * sumStep_)), 1, kMaxSplits);
    splits_ = std::min(splits_, blocks);
    sums_ = Floats(splits_ * kPoints * sumStep_);
    slots_.allocate(std::min<int64_t>(splits_, Threads::pool().count()), kPoints * (xStep_ + dyStep_));
  }

  void run(RunContext& context) override {
    const float* x = x_.get<float>(context);
    const float* dy = dy_.get<float>(context);
    context.threads.each(splits_, [this, x, dy](int64_t split) {
      float* slot = slots_.acquire();
      runSplit(x, dy, split, slot);
      slots_.release(slot);
    });
    eachRange(context.threads, p_.width, 1 + splits_ * kPoints * p_.columns / 8,
              [this](int64_t begin, int64_t end) { finish(begin, end); });
  }

 private:
  void runSplit(const float* x, const float* dy, int64_t split, float* slot) const {
    const int64_t blocks = ceilDiv(tiling_.rows(), tiling_.rowsOfBlock());
    const int64_t first = blocks * split / splits_, last = blocks * (split + 1) / splits_;
    float* const sum = sums_.data() + split * kPoints * sumStep_;
    for (int64_t block = first; block < last; ++block) {
      const int64_t begin = block * tiling_.rowsOfBlock();
      addBlock(x, dy, begin, std::min(begin + tiling_.rowsOfBlock(), tiling_.rows()), block > first, slot, sum);
    }
  }

  void addBlock(const float* x, const float* dy, int64_t begin, int64_t end, bool accumulate, float* slot,
                float* sum) const {
    const int64_t tiles = tiling_.tilesOfRow();
    float* const xTiles = slot;
    float* const dyTiles = slot + kPoints * xStep_;
    for (int64_t row = begin; row < end; ++row) {
      kernels_.source(tiling_.source(x, row), tiles, xTiles + (row - begin) * tiles * p_.width, xStep_);
      float* const pixels = const_cast<float*>(dy) + tiling_.pixel(row) * p_.columns;  // only read
      kernels_.resultGrad(tiling_.result(pixels, row), tiles, dyTiles + (row - begin) * tiles * p_.columns, dyStep_);
    }
    GemmBlock block{};
    block.aRow = 1;
    block.aDepth = p_.width;
    block.bRow = p_.columns;
    block.bPanel = gemm_.panel;
    block.cRow = p_.columns;
    block.m = p_.width;
    block.n = p_.columns;
    block.k = (end - begin) * tiles;
    block.accumulate = accumulate;
    for (int64_t i = 0; i < kPoints; ++i) {
      block.a = xTiles + i * xStep_;
      block.b = dyTiles + i * dyStep_;
      block.c = sum + i * sumStep_;
      gemm_.block(block);
    }
  }

  // Channels begin .. end-1 of the kernel: the splits are added, transformed back, and the epilogue stores.
  void finish(int64_t begin, int64_t end) const {
    const int64_t columns = p_.columns, at = begin * columns, n = (end - begin) * columns;
    float* const sum = sums_.data() + at;
    for (int64_t split = 1; split < splits_; ++split) {
      for (int64_t i = 0; i < kPoints; ++i) {
        rows_.add(sum + (split * kPoints + i) * sumStep_, sum + i * sumStep_, n);
      }
    }
    float* taps[kTaps];
    for (int t = 0; t < kTaps; ++t) taps[t] = dest_ + t * kernelSize_ + at;
    kernels_.kernelGrad(sum, sumStep_, n, taps);
    for (int64_t t = 0; t < kTaps && epilogue_; ++t) {
      epilogue_->run(taps[t], columns, t * p_.width + begin, end - begin, 0, columns);
    }
  }

  const GemmKernels& gemm_;
  const WinogradKernels& kernels_;
  const RowKernels& rows_;
  const ConvProblem p_;
  const Tiling tiling_;
  ContiguousInput x_, dy_;
  const int64_t kernelSize_;  // of a tap
  const int64_t sumStep_, xStep_, dyStep_;
  std::unique_ptr<Epilogue> epilogue_;
  Floats product_;  // what the epilogue reads
  float* dest_;
  int64_t splits_;
  Floats sums_;  // of each split: 16 matrices
  Slots slots_;  // of a running split: transformed tiles of x, then of dy
};

bool isWindowOfThree(const PatchAxis& axis) {
  return axis.size() == 3 && axis.stride == 1 && axis.step == 1 && axis.offsets[1] == axis.offsets[0] + 1 &&
         axis.offsets[2] == axis.offsets[0] + 2;
}

}  // namespace

bool suitsWinograd(const ConvProblem& problem) {
  if (!problem.dense() || problem.groups != 1) return false;
  if (problem.width < kMinChannels || problem.columns < kMinChannels) return false;
  const PatchGrid grid = problem.grid(0);
  const PatchAxis& outer = *grid.axes[0];
  if (outer.size() != 1 || outer.count != 1 || outer.extent != 1 || outer.offsets[0] != 0) return false;
  if (!isWindowOfThree(*grid.axes[1]) || !isWindowOfThree(*grid.axes[2])) return false;
  return grid.images * ceilDiv(grid.axes[1]->count, 2) * ceilDiv(grid.axes[2]->count, 2) >= kMinTiles;
}

std::unique_ptr<Kernel> bindWinograd(const Instruction& instruction, const Memory& memory, ConvProblem problem) {
  return std::make_unique<Winograd>(instruction, memory, std::move(problem));
}

std::unique_ptr<Kernel> bindWinogradKernelGrad(const Instruction& instruction, const Memory& memory,
                                               ConvProblem problem) {
  return std::make_unique<WinogradKernelGrad>(instruction, memory, std::move(problem));
}

}  // namespace steepest
