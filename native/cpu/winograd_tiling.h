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

constexpr int64_t kMostTiles = 128;  // of a block
// So many times the wanted tiles a row has, where parts of it are blocks: whole rows are read ahead. Of few rows, sooner, for there
// would be too few blocks.
constexpr int64_t kLongRow = 16, kLongRowOfFew = 2, kFewTileRows = 16;

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

// Some whole rows of tiles, whose pixels follow each other, or a part of one row where rows are long.
struct WinogradBlock {
  int64_t row, rowEnd;  // counted over all planes of all images
  int64_t tile, tileEnd;

  int64_t rows() const { return rowEnd - row; }
  int64_t tilesOfRow() const { return tileEnd - tile; }
  int64_t tiles() const { return rows() * tilesOfRow(); }
};

// Rows of tiles are counted over all planes of all images, and cut into blocks.
class WinogradTiling {
 public:
  WinogradTiling(const ConvProblem& problem, const WinogradKernels& kernels, int64_t blockFloats, int64_t blockLeast,
                 bool rounds, int64_t depth)
      : rounds_(rounds), tileHeight_(kernels.height), tileWidth_(kernels.width), reach_(kernels.rows()) {
    const PatchGrid grid = problem.grid(0);
    const PatchAxis &z = *grid.axes[0], &y = *grid.axes[1], &x = *grid.axes[2];
    sourcePlanes_ = z.extent;
    sourceHeight_ = y.extent;
    sourceWidth_ = x.extent;
    strideZ_ = z.stride;
    strideY_ = sourceStepOf(y);
    strideX_ = sourceStepOf(x);
    bottom_ = y.offsets.back();
    back_ = z.offsets.back();
    planes_ = problem.dest[0];
    height_ = problem.dest[1];
    width_ = problem.dest[2];
    stepY_ = destStepOf(y);
    stepX_ = destStepOf(x);
    rowsOfPlane_ = ceilDiv(ceilDiv(height_, stepY_), tileHeight_);
    tilesOfRow_ = ceilDiv(ceilDiv(width_, stepX_), tileWidth_);
    sourceChannels_ = problem.sourceChannels;
    channels_ = problem.destChannels;
    images_ = problem.images;
    const int64_t byCache = blockFloats / kernels.points() / (depth + channels_);
    const int64_t tiles = std::clamp(byCache, blockLeast, kMostTiles);
    const int64_t longRow = rows() < kFewTileRows ? kLongRowOfFew : kLongRow;
    parts_ = tilesOfRow_ < longRow * tiles ? 1 : tilesOfRow_ / tiles;
    tilesOfBlock_ = ceilDiv(tilesOfRow_, parts_);
    parts_ = ceilDiv(tilesOfRow_, tilesOfBlock_);
    rowsOfBlock_ = parts_ > 1 ? 1 : std::min(rows(), ceilDiv(tiles, tilesOfRow_));
  }

  int64_t blocks() const { return ceilDiv(rows(), rowsOfBlock_) * parts_; }
  WinogradBlock block(int64_t i) const {
    const int64_t row = i / parts_ * rowsOfBlock_, tile = i % parts_ * tilesOfBlock_;
    return {row, std::min(row + rowsOfBlock_, rows()), tile, std::min(tile + tilesOfBlock_, tilesOfRow_)};
  }
  // At most, of a block.
  int64_t tilesOfBlock() const { return rowsOfBlock_ * tilesOfBlock_; }
  int64_t pixelsOfBlock() const {
    return rowsOfBlock_ * tileHeight_ * stepY_ * std::min(width_, tilesOfBlock_ * tileWidth_ * stepX_);
  }

  // Blocks are whole rows.
  bool isContiguous() const { return parts_ == 1; }
  // Calls f(pixel, count, at) for runs of pixels of the destination that are the block's; `at` counts those before. Only parts of
  // rows have several.
  template <typename F>
  void eachRun(const WinogradBlock& block, F f) const {
    const int64_t first = pixel(block.row), end = pixelsEnd(block.rowEnd);
    if (isContiguous()) return f(first, end - first, int64_t{0});
    const int64_t wide = widthOf(block);
    int64_t at = 0;
    for (int64_t line = first + leftOf(block); line < end; line += width_, at += wide) f(line, wide, at);
  }
  // Where a block's first pixel is, and how many pixels are between two that are below each other.
  int64_t firstPixel(const WinogradBlock& block) const { return pixel(block.row) + leftOf(block); }
  int64_t pitch() const { return width_; }
  int64_t pitchOf(const WinogradBlock& block) const { return widthOf(block); }

  // What a window sees.
  WinogradSource source(const float* x, const WinogradBlock& block, int64_t row, const Windows& windows, int64_t window,
                        int64_t depth) const {
    const AxisWindow &down = windows.y(window), &across = windows.x(window);
    const int64_t columns = ceilDiv(sourceWidth_ - across.phase, strideX_);
    const int64_t first = across.begin + tileWidth_ * block.tile;
    WinogradSource from{{}, first, columns, strideX_ * sourceChannels_, sourceChannels_, depth, rounds_};
    const int64_t image = row / rowsOfPlane_ / planes_;
    const int64_t z = row / rowsOfPlane_ % planes_ * strideZ_ + windows.plane(window);
    if (z < 0 || z >= sourcePlanes_) return from;
    const int64_t y = tileHeight_ * (row % rowsOfPlane_) + down.begin;
    for (int64_t i = 0; i < reach_; ++i) {
      const int64_t at = (y + i) * strideY_ + down.phase;
      const int64_t sourceRow = (image * sourcePlanes_ + z) * sourceHeight_ + at;
      const bool inside = at >= 0 && at < sourceHeight_;
      from.rows[i] = inside ? x + (sourceRow * sourceWidth_ + across.phase) * sourceChannels_ : nullptr;
    }
    return from;
  }
  // A row of tiles in memory that holds the block's pixels: `pixels` is where the first is, `pitch` pixels before the one below it.
  // Of those the ones from `down` and `right` on, as far apart as the axes' steps.
  WinogradResult result(float* pixels, int64_t pitch, const WinogradBlock& block, int64_t row, int64_t down = 0,
                        int64_t right = 0) const {
    const int64_t columns = ceilDiv(width_ - right, stepX_) - tileWidth_ * block.tile;
    WinogradResult to{{}, columns, stepX_ * channels_, channels_, rounds_};
    const int64_t rest = ceilDiv(height_ - down, stepY_) - tileHeight_ * (row % rowsOfPlane_);
    const int64_t above = (pixel(row) - pixel(block.row)) / width_;
    for (int64_t i = 0; i < std::min(tileHeight_, rest); ++i)
      to.rows[i] = pixels + ((above + i * stepY_ + down) * pitch + right) * channels_;
    return to;
  }
  // What the next block reads of the source and of dest, if that is read; it is likely to be the next that this thread has.
  void addNext(const float* source, const float* dest, const WinogradBlock& block, Soon* soon) const {
    if (!isContiguous()) return;
    const int64_t end = std::min(block.rowEnd + block.rows(), rows());
    const int64_t first = sourcePixel(block.rowEnd), at = pixel(block.rowEnd);
    soon->add(source + first * sourceChannels_, (sourcePixel(end) - first) * sourceChannels_);
    if (dest) soon->add(dest + at * channels_, (pixelsEnd(end) - at) * channels_);
  }

 private:
  int64_t rows() const { return images_ * planes_ * rowsOfPlane_; }
  // The first pixel of the destination that a row has.
  int64_t pixel(int64_t row) const {
    return (row / rowsOfPlane_ * height_ + tileHeight_ * stepY_ * (row % rowsOfPlane_)) * width_;
  }
  int64_t pixelsEnd(int64_t rowEnd) const {
    return rowEnd == rows() ? images_ * planes_ * height_ * width_ : pixel(rowEnd);
  }
  int64_t leftOf(const WinogradBlock& block) const { return tileWidth_ * stepX_ * block.tile; }
  int64_t widthOf(const WinogradBlock& block) const {
    return std::min(width_, tileWidth_ * stepX_ * block.tileEnd) - leftOf(block);
  }
  // The first pixel of the source that the rows before do not see.
  int64_t sourcePixel(int64_t row) const {
    const int64_t y = row % rowsOfPlane_ == 0 ? 0 : (tileHeight_ * (row % rowsOfPlane_) - 1) * strideY_ + bottom_ + 1;
    const int64_t z = std::clamp<int64_t>(row / rowsOfPlane_ % planes_ * strideZ_ + back_, 0, sourcePlanes_);
    const int64_t plane = row / rowsOfPlane_ / planes_ * sourcePlanes_ + z;
    const int64_t line = plane * sourceHeight_ + std::clamp<int64_t>(y, 0, sourceHeight_);
    return std::min(line, images_ * sourcePlanes_ * sourceHeight_) * sourceWidth_;
  }

  bool rounds_;  // what is read, to bfloat16
  int64_t tileHeight_, tileWidth_, reach_;
  int64_t images_, sourcePlanes_, sourceHeight_, sourceWidth_, sourceChannels_;
  int64_t strideZ_, strideY_, strideX_;  // of the source, between what neighbouring positions see
  int64_t bottom_, back_;                // of the rows and planes that the first position sees
  int64_t planes_, height_, width_, channels_;
  int64_t stepY_, stepX_;  // between positions
  int64_t rowsOfPlane_, tilesOfRow_;
  int64_t rowsOfBlock_, tilesOfBlock_, parts_;  // parts of a row
};

}  // namespace steepest
