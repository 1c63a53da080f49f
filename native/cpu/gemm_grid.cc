#include "gemm_grid.h"

#include <algorithm>

namespace steepest {
namespace {

constexpr int64_t kEpilogueColumns = 2048;
constexpr int64_t kFarColumns = 512;
constexpr int64_t kFarRows = 56;
constexpr int64_t kScatteredRows = 154;  // half of it at least are in a block
constexpr int64_t kScatteredBlocks = 8;
constexpr int64_t kLowRows = 56;  // of few rows
constexpr int64_t kLowBlocks = 8;
constexpr int64_t kNearBlocks = 16;  // by splitting, where B is not far

// The least one that is not below n.
int64_t powerOfTwo(int64_t n) {
  int64_t power = 1;
  while (power < n) power *= 2;
  return power;
}

}  // namespace

Grid chooseGrid(const TileShape& tile, int64_t m, int64_t n, int64_t k, int64_t items, int64_t epilogue,
                bool scattered) {
  const int64_t tiles = ceilDiv(m, tile.rows), panels = ceilDiv(n, tile.panel);
  const int64_t cost = m * n * (k + epilogue) + kFloatCost * (m * k + k * n + m * n);
  // Blocks that are worth having. A second one may be smaller, unless weights stay with one thread where there is only one.
  int64_t wanted = std::max<int64_t>(1, cost * items / kBlockCost);
  if (wanted == 1 && epilogue == 0 && cost * items >= kBlockCost) wanted = 2;
  // Every block copies its tiles of A, which costs most where B's panels come from far away: then blocks are wide and low.
  // So they are for an epilogue, which is the faster the longer its rows are. Columns of A, which are read one by one, come
  // from memory once where blocks are wide, and neighbours that share cache lines follow each other where they are tall.
  const bool far = k * n >= kFarFloats, wide = far || scattered || epilogue > 0;
  const int64_t leastTiles = ceilDiv(scattered ? kScatteredRows : far ? kFarRows : 1, tile.rows);
  // Powers of two, so that threads have equally many.
  int64_t rows = powerOfTwo(ceilDiv(m, kBlockRows));
  const int64_t widest = tile.blockElements / std::max<int64_t>(1, k);
  int64_t columns = powerOfTwo(ceilDiv(n, widest > kFarColumns ? widest
                                          : far || scattered   ? kFarColumns
                                          : epilogue > 0       ? kEpilogueColumns
                                          : k <= kShallow      ? kShallowColumns
                                                               : kBlockColumns));
  const auto blocks = [&] { return items * rows * columns; };
  while (blocks() > wanted && rows * columns > 1) {
    (rows > 1 ? rows : columns) /= 2;
  }
  while (blocks() < std::min(wanted, far || scattered ? kMaxChunksBySplitting : kNearBlocks)) {
    const int64_t tilesEach = ceilDiv(tiles, rows), panelsEach = ceilDiv(panels, columns);
    if (scattered && tilesEach <= leastTiles && blocks() >= kScatteredBlocks) break;
    if (panelsEach == 1 && tilesEach * tile.rows <= kLowRows && blocks() >= kLowBlocks)
      break;  // all would read the same panel
    const bool tall = wide ? tilesEach > leastTiles : tilesEach * tile.rows > panelsEach * tile.panel;
    if (tilesEach > 1 && (tall || panelsEach == 1)) {
      rows *= 2;
    } else if (panelsEach > 1) {
      columns *= 2;
    } else {
      break;
    }
  }
  Grid grid{std::min(rows, tiles), std::min(columns, panels), 1};
  if (grid.rows * grid.columns == 1) grid.items = std::max<int64_t>(1, items / std::min(wanted, items));
  return grid;
}

}  // namespace steepest
