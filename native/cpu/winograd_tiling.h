// Where the tiles of minimal filtering are, in the source and in the destination.
#pragma once

#include <algorithm>
#include <cstdint>

#include "conv_problem.h"
#include "gemm.h"
#include "gemm_grid.h"
#include "tile.h"
#include "winograd_kernels.h"
#include "winograd_windows.h"

namespace steepest {

constexpr int kWinogradTaps = 9;
constexpr int64_t kMostTiles = 128;  // of a block

// Between the matrices of points: whole cache lines, and no power of two, or the points of a tile would share cache sets.
constexpr int64_t winogradStep(int64_t floats) { return ceilDiv(floats, 32) * 32 + 16; }

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

// Rows of tiles, counted over all images. Those of a block cover pixels that follow each other.
class WinogradTiling {
 public:
  WinogradTiling(const ConvProblem& problem, const WinogradKernels& kernels, int64_t blockFloats, int64_t blockLeast,
                 bool rounds, int64_t depth)
      : rounds_(rounds), size_(kernels.size) {
    const PatchGrid grid = problem.grid(0);
    const PatchAxis &y = *grid.axes[1], &x = *grid.axes[2];
    sourceHeight_ = y.extent;
    sourceWidth_ = x.extent;
    strideY_ = sourceStepOf(y);
    strideX_ = sourceStepOf(x);
    bottom_ = y.offsets.back();
    height_ = problem.dest[1];
    width_ = problem.dest[2];
    stepY_ = destStepOf(y);
    stepX_ = destStepOf(x);
    rowsOfImage_ = ceilDiv(ceilDiv(height_, stepY_), size_);
    sourceChannels_ = problem.sourceChannels;
    channels_ = problem.destChannels;
    images_ = problem.images;
    const int64_t byCache = blockFloats / kernels.points() / (depth + channels_);
    const int64_t tiles = std::clamp(byCache, blockLeast, kMostTiles);

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
  int64_t strideY_, strideX_;  // of the source, between what neighbouring positions see
  int64_t bottom_;             // of the rows that the first position sees
  int64_t height_, width_, channels_;
  int64_t stepY_, stepX_;  // between positions
  int64_t rowsOfImage_, rowsOfBlock_;
};

}  // namespace steepest
