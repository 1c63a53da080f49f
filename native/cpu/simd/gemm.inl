// Matrix product kernels, see ../gemm.h. Included once per target, inside its namespace, after vector.inl and folds.inl.
//
// B comes from memory in panels as wide as the tile; A is copied tile by tile to the thread's own memory when enough panels read
// it, so that its rows neither conflict in L1 nor leave the TLB.

#include "gemm_tile.inl"

namespace gemm {
namespace {

// tiles[byRows][partial][vectors - 1][rows - 1]
template <int rows, int vectors, bool byRows, bool partial>
struct FillTiles {
  static constexpr void fill(TileFunction (&table)[kRows]) {
    // Large products have the higher half of whole tiles.
    constexpr bool masks = partial || (kMaskAlways && (vectors < kVectors || 2 * rows < kRows));
    table[rows - 1] = tile<rows, vectors, byRows, masks>;
    if constexpr (rows > 1) FillTiles<rows - 1, vectors, byRows, partial>::fill(table);
  }
};
template <int rows, bool byRows, Meanwhile meanwhile>
struct FillWholeTiles {
  static constexpr void fill(TileFunction (&table)[kRows]) {
    table[rows - 1] = tile<rows, kVectors, byRows, false, meanwhile>;
    if constexpr (rows > 1) FillWholeTiles<rows - 1, byRows, meanwhile>::fill(table);
  }
};
struct Tiles {
  TileFunction at[2][2][kVectors][kRows];
  TileFunction packing[2][kRows], copying[2][kRows];  // of whole panels
  TileFunction strip[2][kStrip];                      // one row of A, along k
  template <int vectors>
  constexpr void fillStrips() {
    strip[0][vectors - 1] = tile<1, vectors, true, kMaskAlways>;
    strip[1][vectors - 1] = tile<1, vectors, true, true>;
    if constexpr (vectors > 1) fillStrips<vectors - 1>();
  }
  constexpr Tiles() : at{}, packing{}, copying{}, strip{} {
    FillWholeTiles<kRows, false, Meanwhile::kPacks>::fill(packing[0]);
    FillWholeTiles<kRows, true, Meanwhile::kPacks>::fill(packing[1]);
    if constexpr (kCopiesColumns) FillWholeTiles<kRows, false, Meanwhile::kCopies>::fill(copying[0]);
    FillWholeTiles<kRows, true, Meanwhile::kCopies>::fill(copying[1]);
    FillTiles<kRows, 1, false, false>::fill(at[0][0][0]);
    FillTiles<kRows, 2, false, false>::fill(at[0][0][1]);
    FillTiles<kRows, 1, false, true>::fill(at[0][1][0]);
    FillTiles<kRows, 2, false, true>::fill(at[0][1][1]);
    FillTiles<kRows, 1, true, false>::fill(at[1][0][0]);
    FillTiles<kRows, 2, true, false>::fill(at[1][0][1]);
    FillTiles<kRows, 1, true, true>::fill(at[1][1][0]);
    FillTiles<kRows, 2, true, true>::fill(at[1][1][1]);
    fillStrips<kStrip>();
  }
};
static_assert(kVectors == 2);
constexpr Tiles tiles;

// --- blocks

// Rows of B that are longer than a strip are read a few at a time, from end to end: no processor foresees jumps from row to row.
__attribute__((noinline)) void multiplyRow(const GemmBlock& g) {
  const int64_t depth = g.n > kStrip * kWidth ? kRowDepth : g.k;
  const Ends ends(g.finish);
  int64_t p = 0;
  do {  // once at least: a sum over nothing is zero
    const int64_t k = g.k - p < depth ? g.k - p : depth;
    Tile t{g.a + p, 0, nullptr, g.bRow, nullptr, 0, k, 0};
    const float* const begun = begins(g, p > 0);
    const bool first = p == 0, last = p + k == g.k;
    t.relu = last && ends.relu;
    for (int64_t j = 0; j < g.n; j += kStrip * kWidth) {
      const int64_t columns = g.n - j < kStrip * kWidth ? g.n - j : kStrip * kWidth;
      const int64_t vectors = (columns + kWidth - 1) / kWidth;
      t.b = g.b + p * g.bRow + j;
      t.c = g.c + j;
      t.from = begun ? begun + j : nullptr;
      t.bias = first && g.bias ? g.bias + j : nullptr;
      t.gate = last && ends.gate ? ends.gate + j : nullptr;
      t.tail = columns - (vectors - 1) * kWidth;
      tiles.strip[t.tail < kWidth][vectors - 1](t);
    }
    p += k;
  } while (p < g.k);
  if (ends.rest) finishRows(*ends.rest, g.c, 0, 0, 1, g.n);
}

// Nothing to copy or to pack, and little to fetch: attention's blocks and small layers, whose tiles are short.
STEEPEST_INLINE bool isNear(const GemmBlock& g) {
  return g.n <= kNarrow && (g.aDepth == 1 || g.aRow == 1) && g.k <= kDepth && g.m <= kNearRows && g.aheads <= 1 &&
         !g.panels && !g.copied && !g.from && !(g.finish && g.finish->gate && g.k >= kGateSteps * kRows);
}

STEEPEST_INLINE TileFunction tileFor(bool byRows, bool partial, int64_t vectors, int64_t rows) {
  return tiles.at[byRows][partial][vectors - 1][rows - 1];
}

__attribute__((noinline)) void multiplyNear(const GemmBlock& g) {
  const bool byRows = g.aDepth == 1;
  const int64_t rowTiles = (g.m + kRows - 1) / kRows;
  const int64_t least = rowTiles <= 1 ? g.m : g.m / rowTiles, taller = g.m - rowTiles * least;
  const Ends ends(g.finish);
  Fetches fetches(0);
  Walk walk;
  if (g.aheads > 0) walk = Walk(g.ahead[0], rowTiles * ((g.n + kPanel - 1) / kPanel));
  for (int64_t it = 0, i = 0; it < rowTiles; ++it) {
    const int64_t rows = least + (it < taller);
    Tile t{g.a + i * g.aRow, byRows ? g.aRow : g.aDepth, g.b, g.bRow, g.c + i * g.cRow, g.cRow, g.k, 0};
    t.from = g.accumulate ? t.c : nullptr;
    t.bias = g.bias;
    t.relu = ends.relu;
    t.gate = ends.gate ? ends.gate + i * g.cRow : nullptr;
    eachPanel(t, g.bPanel, g.n, kNarrow / kPanel, [&](bool partial, int64_t vectors) __attribute__((always_inline)) {
      if (walk.any()) {
        fetches.again(g.k);
        walk.take(fetches);
        t.fetches = &fetches;
      }
      return tileFor(byRows, partial, vectors, rows);
    });
    if (ends.rest) finishRows(*ends.rest, g.c + i * g.cRow, g.cRow, i, rows, g.n);
    i += rows;
  }
}

__attribute__((noinline)) void multiplyTiles(const GemmBlock& g) {
  constexpr int64_t kPacked = kRows * kPackedRow > kDepth * kPackedColumn ? kRows * kPackedRow : kDepth * kPackedColumn;
  alignas(64) static thread_local float packed[2][kPacked];  // this tile of A, and the next one
  alignas(64) static thread_local float
      columns[kCopiesColumns ? 1 : kColumnTiles * (kDepth * kPackedColumn + kLine / kBytes)];
  GemmCopied none;
  GemmCopied& copied = g.copied ? *g.copied : none;
  const int64_t panels = (g.n + kPanel - 1) / kPanel, wholePanels = g.n / kPanel;
  const int64_t rowTiles = (g.m + kRows - 1) / kRows;
  const bool byRows = g.aDepth == 1, byColumns = g.aRow == 1 && !byRows;
  const bool copy = g.n > kNarrow || !(byRows || byColumns);
  // Columns of A share few sets of a cache where its rows are long: of a long k fewer elements at a time are fetched ahead.
  const int64_t most = byColumns && kCopiesColumns && g.k > 2 * kDepth ? kDepth / 2 : kDepth;
  const int64_t depths = (g.k + most - 1) / most, depth = depths > 1 ? (g.k + depths - 1) / depths : most;
  const bool farA = g.farA || g.m * g.k >= kFarA, farC = g.m * g.n >= kFarC;
  // Tiles that do not copy fetch what is read soon.
  const bool copies = copy && (byRows || (byColumns && kCopiesColumns)),
             together = copy && byColumns && !kCopiesColumns;
  const int64_t fetching = rowTiles * (panels - copies) * (depths > 1 ? depths : 1);
  Walk walks[kMostAheads];
  for (int n = 0; n < g.aheads; ++n) walks[n] = Walk(g.ahead[n], fetching);
  const Ends ends(g.finish);
  int64_t p0 = 0;
  do {  // once at least: a sum over nothing is zero
    const int64_t k = g.k - p0 < depth ? g.k - p0 : depth;
    const bool firstDepth = p0 == 0, lastDepth = p0 + k == g.k;
    for (int64_t it = 0, i = 0; it < rowTiles; ++it) {
      const int64_t rows = rowsOfTile(g.m, it);
      const float* a = g.a + i * g.aRow + p0 * g.aDepth;
      Tile t{a, byRows ? g.aRow : g.aDepth, nullptr, g.bRow, nullptr, g.cRow, k, 0};
      t.relu = lastDepth && ends.relu;
      const float* const begun = begins(g, !firstDepth);
      const float* const gate = lastDepth && ends.gate ? ends.gate + i * g.cRow : nullptr;
      if (together) {
        const int64_t pitch = k * kPackedColumn + kLine / kBytes, first = it % kColumnTiles;
        if (first == 0) {
          const int64_t left = rowTiles - it, tiles = left < kColumnTiles ? left : kColumnTiles;
          copyColumnTiles(a, g.aDepth, g.m, it, tiles, k, columns, pitch);
        }
        t.a = columns + first * pitch;
        t.aStride = kPackedColumn;
      } else if (copy) {
        float* const to = packed[copied.buffer];
        if (!copied.first) copyTile(g, a, rows, k, to);
        copied = {false, 1 - copied.buffer};
        t.a = to;
        t.aStride = byRows ? kPackedRow : kPackedColumn;
      }
      Copy next;
      if (copies && !(g.panels && it == 0)) {
        next = copyBehind(g, it, i + rows, p0, k, packed[copied.buffer]);
        copied.first = next.runs > 0 && next.runs * next.length <= k;
        t.copy = &next;
      }
      Walk nextTile;  // what is far, or scattered, is fetched by the tiles before the one that copies it
      if (copied.first && !byRows) {
        nextTile = Walk(floatsAhead(next.from + next.rest - 1, next.length, g.aDepth, 1), wholePanels - 1);
      } else if (copied.first && farA) {
        nextTile = Walk(floatsAhead(next.from, next.runs, g.aRow, next.length * kWidth + next.rest), wholePanels - 1);
      }
      const bool packs = g.panels && it == 0, fetchesFrom = begun && (farC || g.from),
                 fetchesGate = gate && k >= kGateSteps * rows * kVectors;
      int64_t j = 0;
      if (g.aheads == 0 && !nextTile.any() && !packs && !fetchesFrom && !fetchesGate) {
        j = wholePanels - copied.first;
        t.b = g.panels ? g.panels + p0 * kPanel : g.b + p0 * g.bRow;
        if (g.panels) t.bRow = kPanel;
        t.c = g.c + i * g.cRow;
        t.from = begun ? begun + i * g.cRow : nullptr;
        t.bias = firstDepth ? g.bias : nullptr;
        t.gate = gate;
        eachPanel(t, g.panels ? g.k * kPanel : g.bPanel, g.n, j,
                  [&](bool partial, int64_t vectors)
                      __attribute__((always_inline)) { return tileFor(byRows, partial, vectors, rows); });
      }
      for (; j < panels; ++j) {
        const int64_t columns = g.n - j * kPanel < kPanel ? g.n - j * kPanel : kPanel;
        const int64_t vectors = (columns + kWidth - 1) / kWidth;
        t.b = g.b + j * g.bPanel + p0 * g.bRow;
        t.c = g.c + i * g.cRow + j * kPanel;
        t.from = begun ? begun + i * g.cRow + j * kPanel : nullptr;
        t.bias = firstDepth && g.bias ? g.bias + j * kPanel : nullptr;
        t.gate = gate ? gate + j * kPanel : nullptr;
        t.tail = columns - (vectors - 1) * kWidth;
        if (g.panels && it > 0) {
          t.b = g.panels + j * g.k * kPanel + p0 * kPanel;
          t.bRow = kPanel;
        }
        if (copied.first && j == wholePanels - 1) {
          tiles.copying[byRows][rows - 1](t);
          continue;
        }
        Fetches fetches(k);
        for (int n = 0; n < g.aheads; ++n) walks[n].take(fetches);
        nextTile.take(fetches);
        // What the next tile begins or ends with; `below`: the first of the next row of tiles.
        const auto fetchNext = [&](const float* at, const float* below) __attribute__((always_inline)) {
          const bool down = j + 1 == panels;
          if (down && it + 1 == rowTiles) return;
          Walk(floatsAhead(down ? below : at + kPanel, rows, g.cRow, kPanel), 1).take(fetches);
        };
        if (fetchesFrom) fetchNext(t.from, begun + (i + rows) * g.cRow);
        if (fetchesGate) fetchNext(t.gate, gate + rows * g.cRow);
        t.fetches = &fetches;
        if (packs) {
          t.packed = g.panels + j * g.k * kPanel + p0 * kPanel;
          if (columns == kPanel) {
            tiles.packing[byRows][rows - 1](t);
            continue;
          }
          packRows(t.b, g.bRow, k, columns, t.packed);
        }
        tileFor(byRows, t.tail < kWidth, vectors, rows)(t);
      }
      if (ends.rest && lastDepth) finishRows(*ends.rest, g.c + i * g.cRow, g.cRow, i, rows, g.n);
      i += rows;
    }
    p0 += k;
  } while (p0 < g.k);
}

void block(const GemmBlock& g) {
  if (g.m == 1 && g.aDepth == 1 && g.bPanel == kPanel && g.panels == nullptr) return multiplyRow(g);
  if (isNear(g)) return multiplyNear(g);
  multiplyTiles(g);
}

}  // namespace
}  // namespace gemm

#include "gemm_update.inl"

namespace gemm {
namespace {

// --- products of rows, for few rows of A and a transposed B

#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kDotRows = 4;
#elif defined(__AVX__)
constexpr int kDotRows = 3;  // 12 of 16 registers accumulate
#else
constexpr int kDotRows = 2;
#endif
constexpr int kDotColumns = 4;
constexpr int kDotStrip = 8;  // columns for one row: as many sums as keep the multipliers busy

template <int rows, int columns>
void dotTile(const GemmDots& g, const float* a, const float* b, float* c) {
  F sum[rows][columns]{};
  const int64_t k = g.k;
  const auto step = [&](int64_t p, auto get) __attribute__((always_inline)) {
    F x[rows];
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i) x[i] = get(a + i * g.aRow + p);
#pragma GCC unroll 8
    for (int j = 0; j < columns; ++j) {
      const F y = get(b + j * g.bColumn + p);
#pragma GCC unroll 8
      for (int i = 0; i < rows; ++i) sum[i][j] += x[i] * y;
    }
  };
  int64_t p = 0;
  for (; p + kWidth <= k; p += kWidth) step(p, [](const float* q) __attribute__((always_inline)) { return load(q); });
  if (p < k) {
    const int64_t tail = k - p;
    step(p, [tail](const float* q) __attribute__((always_inline)) { return loadFirst(q, tail); });
  }
  if constexpr (rows == 1 && columns <= kWidth) {
    F v[kWidth];
#pragma GCC unroll 16
    for (int i = 0; i < kWidth; ++i) v[i] = i < columns ? sum[0][i] : F{};
    return storeFirst(c, foldEach(v, Add()), columns);
  }
  constexpr int kCount = rows * columns, kVectorsOfSums = (kCount + kWidth - 1) / kWidth;
  float sums[kVectorsOfSums * kWidth];
#pragma GCC unroll 8
  for (int n = 0; n < kVectorsOfSums; ++n) {
    F v[kWidth];
#pragma GCC unroll 16
    for (int i = 0; i < kWidth; ++i) {
      const int at = n * kWidth + i;
      v[i] = at < kCount ? sum[at / columns][at % columns] : F{};
    }
    store(sums + n * kWidth, foldEach(v, Add()));
  }
#pragma GCC unroll 8
  for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 8
    for (int j = 0; j < columns; ++j) c[i * g.cRow + j] = sums[i * columns + j];
  }
}

using DotTile = void (*)(const GemmDots&, const float* a, const float* b, float* c);
struct DotTiles {
  DotTile at[kDotRows][kDotStrip];
  template <int rows, int columns = rows == 1 ? kDotStrip : kDotColumns>
  constexpr void fill() {
    at[rows - 1][columns - 1] = dotTile<rows, columns>;
    if constexpr (columns > 1) fill<rows, columns - 1>();
  }
  template <int rows = kDotRows>
  constexpr void fillRows() {
    fill<rows>();
    if constexpr (rows > 1) fillRows<rows - 1>();
  }
  constexpr DotTiles() : at{} { fillRows(); }
};
constexpr DotTiles dotTiles;

void dots(const GemmDots& g) {
  for (int64_t i = 0; i < g.m; i += kDotRows) {
    const int64_t rows = g.m - i < kDotRows ? g.m - i : kDotRows;
    const int64_t most = rows == 1 ? kDotStrip : kDotColumns;
    for (int64_t j = 0; j < g.n; j += most) {
      const int64_t columns = g.n - j < most ? g.n - j : most;
      dotTiles.at[rows - 1][columns - 1](g, g.a + i * g.aRow, g.b + j * g.bColumn, g.c + i * g.cRow + j);
    }
  }
  if (g.finish) finishRows(*g.finish, g.c, g.cRow, 0, g.m, g.n);
}

}  // namespace
}  // namespace gemm

extern const GemmKernels gemmKernels;
const GemmKernels gemmKernels = {
    gemm::kRows, gemm::kPanel, gemm::kDepth,       gemm::block,
    gemm::dots,  gemm::pack,   gemm::add,          gemm::turn,
    0,           nullptr,      gemm::findUpdating, gemm::kLeastUpdateRows,
};
