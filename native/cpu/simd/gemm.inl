// Matrix product kernels, see ../gemm.h. Included once per target, inside its namespace, after vector.inl.
//
// A tile of kRows x kPanel elements of C stays in registers while k runs: each step loads one row of B (kVectors vectors)
// and broadcasts kRows elements of A. B comes from memory in panels as wide as the tile; A is copied tile by tile to the
// stack when enough panels read it, so that its rows neither conflict in L1 nor leave the TLB.

#include "fetch.inl"

namespace gemm {
namespace {

#if defined(__AVX512F__)
constexpr int kRows = 14;  // 28 of 32 registers accumulate
#elif defined(__AVX__)
constexpr int kRows = 6;  // 12 of 16
#elif defined(__aarch64__)
constexpr int kRows = 8;  // 16 of 32: four units of four cycles each
#else
constexpr int kRows = 4;  // 8 of 16; a product without FMA needs registers of its own
#endif
constexpr int kVectors = 2;
constexpr int kPanel = kVectors * STEEPEST_WIDTH;
constexpr int kStrip = 8;                    // vectors of a one-row tile
constexpr int64_t kNarrow = 64;              // columns of a block that reads A where it lies
constexpr int64_t kRowsAhead = 32;           // of B, where a tile packs it
constexpr int64_t kFarC = 1 << 17;           // elements of C that share L2 with panels of B
constexpr int64_t kRowDepth = 16;            // rows of B that a one-row product reads at a time
constexpr int64_t kDepth = 384;              // k of a tile of A: fits L1 beside what streams through
constexpr int64_t kPackedRow = kDepth + 16;  // whole vectors; no power of two, or the rows would share cache sets
constexpr int kPackedColumn = (kRows + kWidth - 1) / kWidth * kWidth;

// --- the tile in registers

struct Tile {
  const float* a;
  int64_t aStride;  // between rows, or along k; the other stride is one
  const float* b;
  int64_t bRow;
  float* c;
  int64_t cRow;
  int64_t k;
  int64_t tail;     // columns of the last vector
  bool accumulate;  // onto what c holds
  const Fetches* fetches = nullptr;
  float* packed = nullptr;  // where rows of B are stored as a panel
};

// Calls step() for each of k, and asks for a line of memory before each as long as there are some.
template <typename Step>
STEEPEST_INLINE void alongDepth(const Tile& t, Step step) {
  int64_t p = t.k;
  if (t.fetches) {
    for (const Fetch& f : *t.fetches) {
      const uint8_t* at = f.at;
      p -= f.lines;
      for (int64_t n = f.lines; n > 0; --n, at += f.step) {
        __builtin_prefetch(at, 0, 2);
        step();
      }
    }
  }
  for (; p > 0; --p) step();
}

// With AVX-512 a masked load costs what a plain one does, and one variant serves both.
#if defined(__AVX512F__)
constexpr bool kMaskAlways = true;
#else
constexpr bool kMaskAlways = false;
#endif

template <int rows, int vectors, bool byRows, bool partial, bool packs = false>
void tile(const Tile& t) {
  const float* a = t.a;
  const float* b = t.b;
  const int64_t aStride = t.aStride, bRow = t.bRow, tail = t.tail;
  const auto loadColumns = [tail](const float* p, int j) __attribute__((always_inline)) {
    return partial && j == vectors - 1 ? loadFirst(p + j * kWidth, tail) : load(p + j * kWidth);
  };
  F sum[rows][vectors];
  if (t.accumulate) {
    const float* c = t.c;
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i, c += t.cRow) {
#pragma GCC unroll 16
      for (int j = 0; j < vectors; ++j) sum[i][j] = loadColumns(c, j);
    }
  } else {
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 16
      for (int j = 0; j < vectors; ++j) sum[i][j] = F{};
    }
  }
  [[maybe_unused]] float* packed = t.packed;
  alongDepth(t, [&]() __attribute__((always_inline)) {
    F row[vectors];
#pragma GCC unroll 16
    for (int j = 0; j < vectors; ++j) row[j] = loadColumns(b, j);
    if constexpr (packs) {
#pragma GCC unroll 16
      for (int j = 0; j < vectors; ++j) {
        store(packed + j * kWidth, row[j]);
        if (j % (kLine / kWidth / 4) == 0) __builtin_prefetch(b + kRowsAhead * bRow + j * kWidth, 0, 2);
      }
      packed += kPanel;
    }
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) {
      const F factor = splat(byRows ? a[i * aStride] : a[i]);
#pragma GCC unroll 16
      for (int j = 0; j < vectors; ++j) sum[i][j] += factor * row[j];
    }
    a += byRows ? 1 : aStride;
    b += bRow;
  });
  float* c = t.c;
  const int64_t cRow = t.cRow;
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i, c += cRow) {
#pragma GCC unroll 16
    for (int j = 0; j < vectors; ++j) {
      if (partial && j == vectors - 1) {
        storeFirst(c + j * kWidth, sum[i][j], tail);
      } else {
        store(c + j * kWidth, sum[i][j]);
      }
    }
  }
}

using TileFunction = void (*)(const Tile&);

// tiles[byRows][partial][vectors - 1][rows - 1]
template <int rows, int vectors, bool byRows, bool partial>
struct FillTiles {
  static constexpr void fill(TileFunction (&table)[kRows]) {
    table[rows - 1] = tile < rows, vectors, byRows, partial || kMaskAlways > ;
    if constexpr (rows > 1) FillTiles<rows - 1, vectors, byRows, partial>::fill(table);
  }
};
template <int rows, bool byRows>
struct FillPackingTiles {
  static constexpr void fill(TileFunction (&table)[kRows]) {
    table[rows - 1] = tile<rows, kVectors, byRows, false, true>;
    if constexpr (rows > 1) FillPackingTiles<rows - 1, byRows>::fill(table);
  }
};
struct Tiles {
  TileFunction at[2][2][kVectors][kRows];
  TileFunction packing[2][kRows];  // of whole panels
  TileFunction strip[2][kStrip];  // one row of A, along k
  template <int vectors>
  constexpr void fillStrips() {
    strip[0][vectors - 1] = tile<1, vectors, true, kMaskAlways>;
    strip[1][vectors - 1] = tile<1, vectors, true, true>;
    if constexpr (vectors > 1) fillStrips<vectors - 1>();
  }
  constexpr Tiles() : at{}, packing{}, strip{} {
    FillPackingTiles<kRows, false>::fill(packing[0]);
    FillPackingTiles<kRows, true>::fill(packing[1]);
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

// --- what follows the sum

// c is row `row` of the block, so that what is as large as C is found.
template <typename Finish>
STEEPEST_INLINE void finishEach(float* c, int64_t cRow, int64_t row, int64_t m, int64_t n, Finish finish) {
  for (int64_t i = 0; i < m; ++i) {
    float* ci = c + i * cRow;
    const int64_t at = (row + i) * cRow;
    int64_t j = 0;
    for (; j + kWidth <= n; j += kWidth) {
      finish(
          at + j, j, [](const float* p) __attribute__((always_inline)) { return load(p); },
          [p = ci + j](F v) __attribute__((always_inline)) { store(p, v); }, ci + j);
    }
    if (j < n) {
      const int64_t tail = n - j;
      finish(
          at + j, j, [tail](const float* p) __attribute__((always_inline)) { return loadFirst(p, tail); },
          [p = ci + j, tail](F v) __attribute__((always_inline)) { storeFirst(p, v, tail); }, ci + j);
    }
  }
}

void finishRows(const GemmFinish& f, float* c, int64_t cRow, int64_t row, int64_t m, int64_t n) {
  const bool plain = f.scale == 1 && !f.scales && !f.added;
  // The two that are in most models are decided once for all rows: small products are over in less than the decisions take.
  if (plain && f.bias && f.biasStep != 0 && f.relu && !f.gate) {
    const float* const bias = f.bias;
    return finishEach(c, cRow, row, m, n,
                      [bias](int64_t, int64_t column, auto get, auto put, const float* at)
                          __attribute__((always_inline)) { put(vmax(get(at) + get(bias + column), F{})); });
  }
  if (plain && !f.bias && !f.relu && f.gate && !f.gateMultiplies) {
    const float* const gate = f.gate;
    return finishEach(c, cRow, row, m, n,
                      [gate](int64_t element, int64_t, auto get, auto put, const float* at)
                          __attribute__((always_inline)) { put(get(gate + element) > F{} ? get(at) : F{}); });
  }
  finishEach(c, cRow, row, m, n,
             [&f](int64_t element, int64_t column, auto get, auto put, const float* at) __attribute__((always_inline)) {
               F v = get(at) * splat(f.scale);
               if (f.scales) v *= f.scalesStep ? get(f.scales + column) : splat(*f.scales);
               if (f.bias) v += f.biasStep ? get(f.bias + column) : splat(*f.bias);
               if (f.added) v += get(f.added + element);
               if (f.relu) v = vmax(v, F{});
               if (f.gate) {
                 const auto open = get(f.gate + element) > F{};
                 v = f.gateMultiplies ? v * (open ? splat(1.0f) : F{}) : open ? v : F{};
               }
               put(v);
             });
}

void add(const GemmParts& g) {
  const int64_t n = g.m * g.n;
  const auto sum = [&g](int64_t i, auto get) __attribute__((always_inline)) {
    F v = get(g.sums + i);
    for (int64_t p = 1; p < g.parts; ++p) v += get(g.sums + p * g.stride + i);
    return v;
  };
  int64_t i = 0;
  for (; i + kWidth <= n; i += kWidth) {
    store(g.c + i, sum(i, [](const float* p) __attribute__((always_inline)) { return load(p); }));
  }
  if (i < n) {
    const int64_t tail = n - i;
    storeFirst(g.c + i, sum(i, [tail](const float* p) __attribute__((always_inline)) { return loadFirst(p, tail); }),
               tail);
  }
  if (g.finish) finishRows(*g.finish, g.c, g.n, 0, g.m, g.n);
}

// --- A, tile by tile

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

void packRows(const float* b, int64_t bRow, int64_t k, int64_t columns, float* to);

// --- what is read soon

Ahead floatsAhead(const float* at, int64_t rows, int64_t stride, int64_t count) {
  constexpr int64_t kBytes = sizeof(float);
  return {reinterpret_cast<const uint8_t*>(at), rows, stride * kBytes, count * kBytes};
}

// What the next tile of A will be copied from: rows below, or the first ones further along k. No processor foresees them.
Ahead nextTile(const GemmBlock& g, int64_t row, int64_t p, int64_t k) {
  if (row == g.m) {
    row = 0;
    p += k;
    k = g.k - p < k ? g.k - p : k;
  }
  const int64_t rows = g.m - row < kRows ? g.m - row : kRows;
  const float* at = g.a + row * g.aRow + p * g.aDepth;
  if (g.aDepth == 1) return floatsAhead(at, rows, g.aRow, k);
  // What is left of a line that this tile reads needs no fetching, and a run is shorter than a line: its end is in the next.
  const float* last = at + rows - 1;
  const auto lineOf = [](const float* f) { return reinterpret_cast<uintptr_t>(f) / kLine; };
  const bool sameLines = row > 0 && g.aDepth * int64_t{sizeof(float)} % kLine == 0;
  if (sameLines && lineOf(at - 1) == lineOf(last)) return Ahead{};
  return floatsAhead(last, k, g.aDepth, 1);
}

// Rows of B that are longer than a strip are read a few at a time, from end to end: no processor foresees jumps from row to row.
void multiplyRow(const GemmBlock& g) {
  const int64_t depth = g.n > kStrip * kWidth ? kRowDepth : g.k;
  int64_t p = 0;
  do {  // once at least: a sum over nothing is zero
    const int64_t k = g.k - p < depth ? g.k - p : depth;
    Tile t{g.a + p, 0, nullptr, g.bRow, nullptr, 0, k, 0, g.accumulate || p > 0};
    for (int64_t j = 0; j < g.n; j += kStrip * kWidth) {
      const int64_t columns = g.n - j < kStrip * kWidth ? g.n - j : kStrip * kWidth;
      const int64_t vectors = (columns + kWidth - 1) / kWidth;
      t.b = g.b + p * g.bRow + j;
      t.c = g.c + j;
      t.tail = columns - (vectors - 1) * kWidth;
      tiles.strip[t.tail < kWidth][vectors - 1](t);
    }
    p += k;
  } while (p < g.k);
  if (g.finish) finishRows(*g.finish, g.c, 0, 0, 1, g.n);
}

void block(const GemmBlock& g) {
  if (g.m == 1 && g.aDepth == 1 && g.bPanel == kPanel && g.panels == nullptr) return multiplyRow(g);
  alignas(64) float packed[kRows * kPackedRow > kDepth * kPackedColumn ? kRows * kPackedRow : kDepth * kPackedColumn];
  const int64_t panels = (g.n + kPanel - 1) / kPanel;
  const int64_t rowTiles = (g.m + kRows - 1) / kRows;
  const bool byRows = g.aDepth == 1, byColumns = g.aRow == 1 && !byRows;
  const bool copy = g.n > kNarrow || !(byRows || byColumns);
  const int64_t depths = (g.k + kDepth - 1) / kDepth, depth = depths > 1 ? (g.k + depths - 1) / depths : kDepth;
  const bool farC = g.m * g.n >= kFarC;
  Walk walks[kMostAheads];
  for (int n = 0; n < g.aheads; ++n) walks[n] = Walk(g.ahead[n], rowTiles * panels * (depths > 1 ? depths : 1));
  int64_t p0 = 0;
  do {  // once at least: a sum over nothing is zero
    const int64_t k = g.k - p0 < depth ? g.k - p0 : depth;
    for (int64_t it = 0, i = 0; it < rowTiles; ++it) {
      const int64_t rows = rowTiles == 1 ? g.m : g.m / rowTiles + (it < g.m % rowTiles);
      const float* a = g.a + i * g.aRow + p0 * g.aDepth;
      Tile t{a, byRows ? g.aRow : g.aDepth, nullptr, g.bRow, nullptr, g.cRow, k, 0, g.accumulate || p0 > 0};
      if (copy) {
        if (byRows) {
          copyRows(a, g.aRow, rows, k, packed);
        } else if (byColumns) {
          copyColumns(a, g.aDepth, rows, k, packed);
        } else {
          copyStrided(a, g.aRow, g.aDepth, rows, k, packed);
        }
        t.a = packed;
        t.aStride = byRows ? kPackedRow : kPackedColumn;
      }
      Walk next(copy && (byRows || byColumns) ? nextTile(g, i + rows, p0, k) : Ahead{}, panels);
      for (int64_t j = 0; j < panels; ++j) {
        const int64_t columns = g.n - j * kPanel < kPanel ? g.n - j * kPanel : kPanel;
        const int64_t vectors = (columns + kWidth - 1) / kWidth;
        Fetches fetches(k);
        for (int n = 0; n < g.aheads; ++n) walks[n].take(fetches);
        next.take(fetches);
        if (farC && t.accumulate && j + 1 < panels) {
          Walk(floatsAhead(g.c + i * g.cRow + (j + 1) * kPanel, rows, g.cRow, kPanel), 1).take(fetches);
        }
        t.fetches = &fetches;
        t.b = g.b + j * g.bPanel + p0 * g.bRow;
        t.c = g.c + i * g.cRow + j * kPanel;
        t.tail = columns - (vectors - 1) * kWidth;
        if (g.panels != nullptr) {
          float* const panel = g.panels + j * g.k * kPanel + p0 * kPanel;
          t.packed = panel;
          if (it == 0 && columns == kPanel) {
            tiles.packing[byRows][rows - 1](t);
            continue;
          }
          if (it == 0) packRows(t.b, g.bRow, k, columns, panel);
          t.b = panel;
          t.bRow = kPanel;
        }
        tiles.at[byRows][t.tail < kWidth][vectors - 1][rows - 1](t);
      }
      if (g.finish && p0 + k == g.k) finishRows(*g.finish, g.c + i * g.cRow, g.cRow, i, rows, g.n);
      i += rows;
    }
    p0 += k;
  } while (p0 < g.k);
}

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

template <int... lane>
struct Lanes {};
#if STEEPEST_WIDTH == 16
using AllLanes = Lanes<0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15>;
#elif STEEPEST_WIDTH == 8
using AllLanes = Lanes<0, 1, 2, 3, 4, 5, 6, 7>;
#else
using AllLanes = Lanes<0, 1, 2, 3>;
#endif

// Groups of `size` lanes of x and y, each added up by halves: half as many lanes. Groups of more than four lanes of x come
// before those of y, smaller ones beside each other in the same four lanes, which is one instruction on every processor.
template <int size, int... lane>
STEEPEST_INLINE F addHalves(F x, F y, Lanes<lane...>) {
  constexpr int half = size / 2;
  if constexpr (size > 4) {
    return __builtin_shufflevector(x, y, (lane / half * size + lane % half)...) +
           __builtin_shufflevector(x, y, (lane / half * size + lane % half + half)...);
  } else {
    return __builtin_shufflevector(x, y, (lane / 4 * 4 + lane / 2 % 2 * kWidth + lane % 2 * (2 / half))...) +
           __builtin_shufflevector(x, y, (lane / 4 * 4 + lane / 2 % 2 * kWidth + lane % 2 * (2 / half) + half)...);
  }
}

// Lane i becomes the sum of vector i's lanes. Overwrites the vectors.
template <int size = kWidth>
STEEPEST_INLINE F sumLanes(F (&v)[kWidth]) {
  if constexpr (size > 1) {
#pragma GCC unroll 16
    for (int i = 0; i < size / 2; ++i) {
      const int x = size > 4 ? i / 4 * 8 + i % 4 : 2 * i, y = size > 4 ? x + 4 : x + 1;
      v[i] = addHalves<size>(v[x], v[y], AllLanes{});
    }
    return sumLanes<size / 2>(v);
  }
  return v[0];
}

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
    return storeFirst(c, sumLanes(v), columns);
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
    store(sums + n * kWidth, sumLanes(v));
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

// --- packing B

// Transposes the blocks of `size` x `size` inside each block of twice the size: rows `size` apart swap lanes `size` apart.
template <int size, int... lane>
STEEPEST_INLINE void exchange(F (&r)[kWidth], Lanes<lane...>) {
#pragma GCC unroll 16
  for (int i = 0; i < kWidth; ++i) {
    if (i & size) continue;
    const F x = r[i], y = r[i + size];
    r[i] = __builtin_shufflevector(x, y, (lane & size ? kWidth + lane - size : lane)...);
    r[i + size] = __builtin_shufflevector(x, y, (lane & size ? kWidth + lane : lane + size)...);
  }
}

template <int size = kWidth / 2>
STEEPEST_INLINE void transpose(F (&r)[kWidth]) {
  exchange<size>(r, AllLanes{});
  if constexpr (size > 1) transpose<size / 2>(r);
}

// One vector of a panel from `columns` columns of B that have unit stride along k.
void packColumns(const float* b, int64_t bColumn, int64_t k, int64_t columns, float* to) {
  int64_t p = 0;
  if (columns == kWidth) {
    for (; p + kWidth <= k; p += kWidth) {
      F r[kWidth];
#pragma GCC unroll 16
      for (int i = 0; i < kWidth; ++i) r[i] = load(b + i * bColumn + p);
      transpose(r);
#pragma GCC unroll 16
      for (int i = 0; i < kWidth; ++i) store(to + (p + i) * kPanel, r[i]);
    }
  }
  for (; p < k; p += kWidth) {
    const int64_t depth = k - p < kWidth ? k - p : kWidth;
    F r[kWidth];
#pragma GCC unroll 16
    for (int i = 0; i < kWidth; ++i) r[i] = i < columns ? loadFirst(b + i * bColumn + p, depth) : F{};
    transpose(r);
#pragma GCC unroll 16
    for (int i = 0; i < kWidth; ++i) {
      if (i < depth) store(to + (p + i) * kPanel, r[i]);
    }
  }
}

void packRows(const float* b, int64_t bRow, int64_t k, int64_t columns, float* to) {
  for (int64_t p = 0; p < k; ++p, b += bRow, to += kPanel) {
#pragma GCC unroll 4
    for (int j = 0; j < kPanel; j += kWidth) {
      const int64_t n = columns - j;
      store(to + j, n >= kWidth ? load(b + j) : n > 0 ? loadFirst(b + j, n) : F{});
    }
  }
}

void packStrided(const float* b, int64_t bRow, int64_t bColumn, int64_t k, int64_t columns, float* to) {
  for (int64_t p = 0; p < k; ++p, b += bRow, to += kPanel) {
    for (int64_t j = 0; j < kPanel; ++j) to[j] = j < columns ? b[j * bColumn] : 0;
  }
}

void pack(const float* b, int64_t bRow, int64_t bColumn, int64_t k, int64_t n, float* panels) {
  for (int64_t j = 0; j < n; j += kPanel, panels += k * kPanel) {
    const float* from = b + j * bColumn;
    const int64_t columns = n - j < kPanel ? n - j : kPanel;
    if (bColumn == 1) {
      packRows(from, bRow, k, columns, panels);
    } else if (bRow == 1) {
      for (int64_t v = 0; v < kPanel; v += kWidth) {
        const int64_t rest = columns - v < 0 ? 0 : columns - v;
        packColumns(from + v * bColumn, bColumn, k, rest < kWidth ? rest : kWidth, panels + v);
      }
    } else {
      packStrided(from, bRow, bColumn, k, columns, panels);
    }
  }
}

// A few lanes of each vector are used where one side is short: less work than single elements all the same.
void turn(const float* from, int64_t stride, int64_t rows, int64_t columns, float* to) {
  for (int64_t i = 0; i < rows; i += kWidth, from += kWidth * stride) {
    const int64_t height = rows - i < kWidth ? rows - i : kWidth;
    for (int64_t j = 0; j < columns; j += kWidth) {
      const int64_t width = columns - j < kWidth ? columns - j : kWidth;
      F r[kWidth];
#pragma GCC unroll 16
      for (int v = 0; v < kWidth; ++v) r[v] = v < height ? loadFirst(from + v * stride + j, width) : F{};
      transpose(r);
      float* at = to + j * rows + i;
#pragma GCC unroll 16
      for (int v = 0; v < kWidth; ++v, at += rows) {
        if (v < width) storeFirst(at, r[v], height);
      }
    }
  }
}

}  // namespace
}  // namespace gemm

extern const GemmKernels gemmKernels;
const GemmKernels gemmKernels = {gemm::kRows, gemm::kPanel, gemm::kDepth, gemm::block,
                                 gemm::dots,  gemm::pack,   gemm::add,    gemm::turn};
