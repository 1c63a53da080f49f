// Copies of A, tile by tile: at once, or vector by vector while another tile is multiplied. Included by gemm_tile.inl.

namespace gemm {
namespace {

// The tile's rows one after another, kPackedRow apart.
void copyRows(const float* a, int64_t aRow, int64_t rows, int64_t k, float* to) {
  for (int64_t i = 0; i < rows; ++i, a += aRow, to += kPackedRow) {
    int64_t p = 0;
    for (; p + kWidth <= k; p += kWidth) store(to + p, load(a + p));
    if (p < k) store(to + p, loadFirst(a + p, k - p));  // a masked store is slow with AVX2, and there is room
  }
}

// The tile's columns one after another, kPackedColumn apart.
void copyColumns(const float* a, int64_t aDepth, int64_t rows, int64_t k, float* to) {
  for (int64_t p = 0; p < k; ++p, a += aDepth, to += kPackedColumn) {
    int64_t i = 0;
    for (; i + kWidth <= rows; i += kWidth) store(to + i, load(a + i));
    if (i < rows) store(to + i, loadFirst(a + i, rows - i));
  }
}

void copyStrided(const float* a, int64_t aRow, int64_t aDepth, int64_t rows, int64_t k, float* to) {
  for (int64_t p = 0; p < k; ++p, a += aDepth, to += kPackedColumn) {
    for (int64_t i = 0; i < rows; ++i) to[i] = a[i * aRow];
  }
}

void copyTile(const GemmBlock& g, const float* a, int64_t rows, int64_t k, float* to) {
  if (g.aDepth == 1) return copyRows(a, g.aRow, rows, k, to);
  if (g.aRow == 1) return copyColumns(a, g.aDepth, rows, k, to);
  copyStrided(a, g.aRow, g.aDepth, rows, k, to);
}

// A block has tiles of equal heights.
int64_t rowsOfTile(int64_t m, int64_t tile, int64_t most = kRows) {
  const int64_t tiles = (m + most - 1) / most;
  return tiles == 1 ? m : m / tiles + (tile < m % tiles);
}

// --- columns of several tiles at once, where a tile has a small part of the line that each of its columns lies in: all of a line is
// used while it is in L1, from which the next tile would find it gone, and where lines share few sets of a cache, from L2 as well

constexpr int64_t kBytes = sizeof(float);
constexpr int64_t kColumnTiles = 48 / kRows;  // three lines
constexpr int64_t kColumnsAhead = 12;         // along k: fetched before they are copied

// Tiles tile .. tile+tiles-1 of m rows, of which the first begins at `a`, as copyColumns would copy them, `pitch` floats apart.
void copyColumnTiles(const float* a, int64_t aDepth, int64_t m, int64_t tile, int64_t tiles, int64_t k, float* to,
                     int64_t pitch) {
  int64_t rows = 0, offsets[kColumnTiles];
  for (int64_t n = 0; n < tiles; ++n) {
    offsets[n] = rows;
    rows += rowsOfTile(m, tile + n);
  }
  int64_t whole = tiles;  // those that may be read with what is behind them
  while (whole > 0 && offsets[whole - 1] + kPackedColumn > rows) --whole;
  for (int64_t p = 0; p < k; ++p, a += aDepth, to += kPackedColumn) {
    const float* const ahead = a + kColumnsAhead * aDepth;
    for (int64_t i = 0; i < rows; i += kLine / kBytes) __builtin_prefetch(ahead + i, 0, 3);
    float* at = to;
    int64_t n = 0;
    for (; n < whole; ++n, at += pitch) {
#pragma GCC unroll 4
      for (int i = 0; i < kPackedColumn; i += kWidth) store(at + i, load(a + offsets[n] + i));
    }
    for (; n < tiles; ++n, at += pitch) {
      const int64_t height = (n + 1 < tiles ? offsets[n + 1] : rows) - offsets[n];
      copyColumns(a + offsets[n], aDepth, height, 1, at);
    }
  }
}

// --- while another tile is multiplied

// Columns of A are copied so where a tile has most of a line and each column is one vector: one in each step along k.
constexpr bool kCopiesColumns = kPackedColumn == kWidth && kRows * 2 > kLine / kBytes;

// A copy of a tile of A: runs of vectors.
struct Copy {
  const float* from;
  float* to;
  int64_t fromVector, toVector;  // between vectors
  int64_t runs, length;          // vectors of a run
  int64_t fromRun, toRun;        // between runs
  int64_t rest;                  // by rows: floats behind the vectors of a run; else floats of each vector
  int64_t ahead;                 // where what is copied soon lies
};

// The copy of the tile behind tile `tile` of at most `most` rows, which ends before row `row` and has `k` from p on: below it, further
// along k or in the next block. None behind the last one.
Copy copyBehind(const GemmBlock& g, int64_t tile, int64_t row, int64_t p, int64_t k, float* to, int64_t most = kRows) {
  int64_t rows = 0;
  if (row < g.m) {
    rows = rowsOfTile(g.m, tile + 1, most);
  } else if (p + k < g.k) {
    row = 0;
    p += k;
    k = g.k - p < k ? g.k - p : k;
    rows = rowsOfTile(g.m, 0, most);
  } else if (g.below > 0 && p == 0) {
    rows = rowsOfTile(g.below, 0, most);
  }
  const float* from = g.a + row * g.aRow + p * g.aDepth;
  // As copyRows and copyColumns would do it.
  if (g.aDepth == 1) return {from, to, kWidth, kWidth, rows, k / kWidth, g.aRow, kPackedRow, k % kWidth, g.aRow};
  // What lies behind a short column is not A's, and may be another thread's to write.
  const int64_t ahead = k > kRowsAhead ? kRowsAhead * g.aDepth + rows - 1 : 0;
  return {from, to, g.aDepth, kPackedColumn, rows > 0, k, 0, 0, rows, ahead};
}

}  // namespace
}  // namespace gemm
