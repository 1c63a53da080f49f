// Transforms of tiles for minimal filtering (see winograd.h), one table per CPU target and size of a tile.
#pragma once

#include <cstdint>

namespace steepest {

constexpr int kWinogradMost = 4;  // results of a tile along an axis

// A row of tiles of the source: pixels of as many rows as a tile sees, of which tile t sees the columns from first + width * t on.
struct WinogradSource {
  const float* rows[kWinogradMost + 2];  // null: zeros
  int64_t first, extent;                 // columns outside 0 .. extent-1 are zeros
  int64_t pixel, channels;               // floats between pixels, and how many of them are taken
  int64_t depth;                         // floats between tiles where they go
  bool rounds;                           // pixels to bfloat16
};

// A row of tiles of the result, `height` pixels high and `columns` wide; the last rows (null) and columns may be missing.
struct WinogradResult {
  float* rows[kWinogradMost];
  int64_t columns;
  int64_t pixel, channels;  // floats between pixels, and how many of them are given
  bool rounds;              // what is read, to bfloat16
};

// Transformed tiles lie as matrices [tiles, channels], one for each of their points, `step` floats apart; those of the source may be
// a part of the columns.
struct WinogradKernels {
  int64_t height, width;  // of a tile; 1 where nothing is filtered along an axis
  void (*source)(const WinogradSource& from, int64_t tiles, float* to, int64_t step);        // B^T x B
  void (*result)(const float* from, int64_t step, int64_t tiles, const WinogradResult& to);  // A^T m A
  // A dy A^T: the adjoint of `result`.
  void (*resultGrad)(const WinogradResult& from, int64_t tiles, float* to, int64_t step);
  // n elements of all taps to the matrices, G w G^T; and its adjoint.
  void (*kernel)(const float* const* taps, int64_t n, float* to, int64_t step);
  void (*kernelGrad)(const float* from, int64_t step, int64_t n, float* const* taps);

  static constexpr int64_t reachOf(int64_t size) { return size > 1 ? size + 2 : 1; }
  static constexpr int64_t tapsOf(int64_t size) { return size > 1 ? 3 : 1; }
  int64_t rows() const { return reachOf(height); }  // of the source that a tile sees
  int64_t points() const { return reachOf(height) * reachOf(width); }
  int64_t tapsDown() const { return tapsOf(height); }
  int64_t tapsAcross() const { return tapsOf(width); }
  int64_t taps() const { return tapsDown() * tapsAcross(); }
  bool isLarge() const { return height == kWinogradMost || width == kWinogradMost; }
};

constexpr int kWinogradTaps = 9;  // at most

// Along both axes and along rows, with small tiles and large ones; along columns, where nobody needs the small ones, with large ones.
constexpr int kWinogradKinds = 5;

}  // namespace steepest
