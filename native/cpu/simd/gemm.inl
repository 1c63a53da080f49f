// Matrix product kernels, see ../gemm.h. Included once per target, inside its namespace, after vector.inl.
//
// A tile of kRows x kPanel elements of C stays in registers while k runs: each step loads one row of B (kVectors vectors)
// and broadcasts kRows elements of A. B comes from memory in panels as wide as the tile; A is copied tile by tile to the
// thread's own memory when enough panels read it, so that its rows neither conflict in L1 nor leave the TLB.

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
constexpr int64_t kRowsAhead = 32;           // of what a tile copies besides
constexpr int64_t kFarA = 1 << 19;           // elements of A that are in no cache of one core
constexpr int64_t kFarC = 1 << 17;           // elements of C that share L2 with panels of B
constexpr int64_t kRowDepth = 16;            // rows of B that a one-row product reads at a time
constexpr int64_t kDepth = 384;              // k of a tile of A: fits L1 beside what streams through
constexpr int64_t kPackedRow = kDepth + 16;  // whole vectors; no power of two, or the rows would share cache sets
constexpr int kPackedColumn = (kRows + kWidth - 1) / kWidth * kWidth;

}  // namespace
}  // namespace gemm

#include "copy_tiles.inl"
#include "pack.inl"

namespace gemm {
namespace {

// --- the tile in registers

struct Tile {
  const float* a;
  int64_t aStride;  // between rows, or along k; the other stride is one
  const float* b;
  int64_t bRow;
  float* c;
  int64_t cRow;
  int64_t k;
  int64_t tail;                 // columns of the last vector
  const float* from = nullptr;  // what the sums begin with, in rows as far apart as c's; null: zeros
  const Fetches* fetches = nullptr;
  float* packed = nullptr;     // where rows of B are stored as a panel
  const Copy* copy = nullptr;  // in place of fetches
};

// What a tile does besides: between two of its steps, multipliers are busy and all else is idle.
enum class Meanwhile { kFetches, kPacks, kCopies };

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

// Calls step() for each of k, and copies a vector before each as long as there are some.
template <bool byRows, typename Step>
STEEPEST_INLINE void alongDepthCopying(const Tile& t, Step step) {
  const Copy& c = *t.copy;
  const float* from = c.from;
  float* to = c.to;
  for (int64_t run = 0; run < c.runs; ++run, from += c.fromRun, to += c.toRun) {
    const float* f = from;
    float* o = to;
    for (int64_t n = c.length; n > 0; --n, f += c.fromVector, o += c.toVector) {
      store(o, byRows ? load(f) : loadFirst(f, c.rest));
      __builtin_prefetch(f + c.ahead, 0, 2);
      step();
    }
    if (byRows && c.rest > 0) store(o, loadFirst(f, c.rest));
  }
  for (int64_t p = t.k - c.runs * c.length; p > 0; --p) step();
}

// With AVX-512 a masked load costs what a plain one does, and one variant serves both.
#if defined(__AVX512F__)
constexpr bool kMaskAlways = true;
#else
constexpr bool kMaskAlways = false;
#endif

template <int rows, int vectors, bool byRows, bool partial, Meanwhile meanwhile = Meanwhile::kFetches>
void tile(const Tile& t) {
  const float* a = t.a;
  const float* b = t.b;
  const int64_t aStride = t.aStride, bRow = t.bRow, tail = t.tail;
  const auto loadColumns = [tail](const float* p, int j) __attribute__((always_inline)) {
    return partial && j == vectors - 1 ? loadFirst(p + j * kWidth, tail) : load(p + j * kWidth);
  };
  F sum[rows][vectors];
  if (t.from) {
    const float* from = t.from;
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i, from += t.cRow) {
#pragma GCC unroll 16
      for (int j = 0; j < vectors; ++j) sum[i][j] = loadColumns(from, j);
    }
  } else {
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 16
      for (int j = 0; j < vectors; ++j) sum[i][j] = F{};
    }
  }
  [[maybe_unused]] float* packed = t.packed;
  const auto step = [&]() __attribute__((always_inline)) {
    F row[vectors];
#pragma GCC unroll 16
    for (int j = 0; j < vectors; ++j) row[j] = loadColumns(b, j);
    if constexpr (meanwhile == Meanwhile::kPacks) {
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
  };
  if constexpr (meanwhile == Meanwhile::kCopies) {
    alongDepthCopying<byRows>(t, step);
  } else {
    alongDepth(t, step);
  }
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
    FillWholeTiles<kRows, false, Meanwhile::kCopies>::fill(copying[0]);
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

// --- blocks

// What the sums of a block begin with, or null: zeros.
STEEPEST_INLINE const float* begins(const GemmBlock& g, bool continues) {
  if (continues) return g.c;
  return !g.accumulate ? nullptr : g.from ? g.from : g.c;
}

// Rows of B that are longer than a strip are read a few at a time, from end to end: no processor foresees jumps from row to row.
void multiplyRow(const GemmBlock& g) {
  const int64_t depth = g.n > kStrip * kWidth ? kRowDepth : g.k;
  int64_t p = 0;
  do {  // once at least: a sum over nothing is zero
    const int64_t k = g.k - p < depth ? g.k - p : depth;
    Tile t{g.a + p, 0, nullptr, g.bRow, nullptr, 0, k, 0};
    const float* const begun = begins(g, p > 0);
    for (int64_t j = 0; j < g.n; j += kStrip * kWidth) {
      const int64_t columns = g.n - j < kStrip * kWidth ? g.n - j : kStrip * kWidth;
      const int64_t vectors = (columns + kWidth - 1) / kWidth;
      t.b = g.b + p * g.bRow + j;
      t.c = g.c + j;
      t.from = begun ? begun + j : nullptr;
      t.tail = columns - (vectors - 1) * kWidth;
      tiles.strip[t.tail < kWidth][vectors - 1](t);
    }
    p += k;
  } while (p < g.k);
  if (g.finish) finishRows(*g.finish, g.c, 0, 0, 1, g.n);
}

void block(const GemmBlock& g) {
  if (g.m == 1 && g.aDepth == 1 && g.bPanel == kPanel && g.panels == nullptr) return multiplyRow(g);
  constexpr int64_t kPacked = kRows * kPackedRow > kDepth * kPackedColumn ? kRows * kPackedRow : kDepth * kPackedColumn;
  alignas(64) static thread_local float packed[2][kPacked];  // this tile of A, and the next one
  GemmCopied none;
  GemmCopied& copied = g.copied ? *g.copied : none;
  const int64_t panels = (g.n + kPanel - 1) / kPanel, wholePanels = g.n / kPanel;
  const int64_t rowTiles = (g.m + kRows - 1) / kRows;
  const bool byRows = g.aDepth == 1, byColumns = g.aRow == 1 && !byRows;
  const bool copy = g.n > kNarrow || !(byRows || byColumns);
  // Columns of A share few sets of a cache where its rows are long: of a long k fewer elements at a time are fetched ahead.
  const int64_t most = byColumns && g.k > 2 * kDepth ? kDepth / 2 : kDepth;
  const int64_t depths = (g.k + most - 1) / most, depth = depths > 1 ? (g.k + depths - 1) / depths : most;
  const bool farA = g.farA || g.m * g.k >= kFarA, farC = g.m * g.n >= kFarC;
  // Tiles that do not copy fetch what is read soon.
  const bool copies = copy && (byRows || (byColumns && kPackedColumn == kWidth));
  const int64_t fetching = rowTiles * (panels - copies) * (depths > 1 ? depths : 1);
  Walk walks[kMostAheads];
  for (int n = 0; n < g.aheads; ++n) walks[n] = Walk(g.ahead[n], fetching);
  int64_t p0 = 0;
  do {  // once at least: a sum over nothing is zero
    const int64_t k = g.k - p0 < depth ? g.k - p0 : depth;
    for (int64_t it = 0, i = 0; it < rowTiles; ++it) {
      const int64_t rows = rowsOfTile(g.m, it);
      const float* a = g.a + i * g.aRow + p0 * g.aDepth;
      Tile t{a, byRows ? g.aRow : g.aDepth, nullptr, g.bRow, nullptr, g.cRow, k, 0};
      const float* const begun = begins(g, p0 > 0);
      if (copy) {
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
      for (int64_t j = 0; j < panels; ++j) {
        const int64_t columns = g.n - j * kPanel < kPanel ? g.n - j * kPanel : kPanel;
        const int64_t vectors = (columns + kWidth - 1) / kWidth;
        t.b = g.b + j * g.bPanel + p0 * g.bRow;
        t.c = g.c + i * g.cRow + j * kPanel;
        t.from = begun ? begun + i * g.cRow + j * kPanel : nullptr;
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
        if (t.from && (farC || g.from)) {
          const bool down = j + 1 == panels;
          const float* const next = down ? begun + (i + rows) * g.cRow : t.from + kPanel;
          if (!down || it + 1 < rowTiles) Walk(floatsAhead(next, rows, g.cRow, kPanel), 1).take(fetches);
        }
        t.fetches = &fetches;
        if (g.panels && it == 0) {
          t.packed = g.panels + j * g.k * kPanel + p0 * kPanel;
          if (columns == kPanel) {
            tiles.packing[byRows][rows - 1](t);
            continue;
          }
          packRows(t.b, g.bRow, k, columns, t.packed);
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
const GemmKernels gemmKernels = {gemm::kRows, gemm::kPanel, gemm::kDepth, gemm::block,
                                 gemm::dots,  gemm::pack,   gemm::add,    gemm::turn};
