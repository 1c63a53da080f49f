// How a product is cut into blocks: by its size only, never by the number of threads.
#pragma once

#include <cstdint>

namespace steepest {

// Work is counted in multiply-adds; a float that is read or written weighs as much as four.
constexpr int64_t kFloatCost = 4;
constexpr int64_t kBlockCost = int64_t{1} << 18;  // 2 to 5 us
constexpr int64_t kMaxChunksBySplitting = 16;
constexpr int64_t kBlockRows = 224;                // of C in a block
constexpr int64_t kBlockColumns = 256;             // with k = 512 they fill half of a 1 MB cache
constexpr int64_t kShallow = 384;                  // of such a k, or a smaller one,
constexpr int64_t kShallowColumns = 384;           // so many do
constexpr int64_t kFarFloats = int64_t{1} << 18;   // B larger than such a cache
constexpr int64_t kPackFloats = int64_t{1} << 14;  // packed by one chunk
constexpr int64_t kWidePanel = 32;                 // of floats
constexpr int64_t kFewRows = 64;                   // read B where it lies
constexpr int64_t kStripFloats = 1 << 13;          // of a product that stays in L1

constexpr int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Of an [m, n] product: `rows` x `columns` blocks of a batch item, or several whole items in a block.
struct Grid {
  int64_t rows = 1, columns = 1, items = 1;
};

// The tile in registers.
struct TileShape {
  int64_t rows, panel;
  int64_t blockElements = 0;  // of B in a block, see GemmKernels
};

// k counts 32-bit words. `epilogue`: its cost for each element, or 0. `scattered`: A is transposed and far away.
Grid chooseGrid(const TileShape& tile, int64_t m, int64_t n, int64_t k, int64_t items, int64_t epilogue,
                bool scattered = false);

// Rows of B that lie far apart cost cache and TLB misses for every tile of A. They do not show where B is in L2 and a step of k
// takes a tile long enough, as of panels that are two lines wide; elsewhere copying B costs as much as a few tiles.
inline bool worthPacking(const TileShape& tile, int64_t m, int64_t n, int64_t k) {
  const bool near = k * n < kFarFloats;
  if (near && tile.panel >= kWidePanel) return false;
  return n > tile.panel && m > kFewRows && k * n > kPackFloats;
}

}  // namespace steepest
