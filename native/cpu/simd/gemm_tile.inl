// The tile of matrix product kernels: kRows x kPanel elements of C stay in registers while k runs. Each step loads one row of B (kVectors
// vectors) and broadcasts kRows elements of A. What else products share: copies, and what follows the sums. Included once per
// target, inside its namespace, after vector.inl and folds.inl.

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
constexpr int kStrip = 8;           // vectors of a one-row tile
constexpr int64_t kNarrow = 64;     // columns of a block that reads A where it lies
constexpr int64_t kNearRows = 256;  // of a block that does so, and fetches nothing
constexpr int64_t kRowsAhead = 32;  // of what a tile copies besides
constexpr int64_t kFarA = 1 << 19;  // elements of A that are in no cache of one core
constexpr int64_t kFarC = 1 << 17;  // elements of C that share L2 with panels of B
constexpr int64_t kGateSteps = 4;   // along k for each vector of a gate that is fetched
constexpr int64_t kRowDepth = 16;   // rows of B that a one-row product reads at a time
#if defined(__AVX512F__)
constexpr int64_t kDepth = 512;  // k of a tile of A: most of L1
#else
constexpr int64_t kDepth = 256;  // of 32 KB, which a panel of B that is twice as deep would fill alone
#endif
constexpr int64_t kPackedRow = kDepth + 16;  // whole vectors; no power of two, or the rows would share cache sets
constexpr int kPackedColumn = (kRows + kWidth - 1) / kWidth * kWidth;

}  // namespace
}  // namespace gemm

#include "copy_tiles.inl"
#include "pack.inl"

namespace gemm {
namespace {

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
  const float* bias = nullptr;  // what each row of that begins with besides, or null
  bool relu = false;            // what happens to the sums at last, see GemmFinish
  const float* gate = nullptr;  // and then, in rows as far apart as c's, or null
  const Fetches* fetches = nullptr;
  float* packed = nullptr;     // where rows of B are stored as a panel
  const Copy* copy = nullptr;  // in place of fetches
  int64_t steps = 0;           // along k for each vector of an update
};

// Sums that stay in registers: all of this is unrolled.
template <int rows, int vectors>
struct Sums {
  F at[rows][vectors];

  template <bool partial>
  static STEEPEST_INLINE F loadColumns(const float* p, int j, int64_t tail) {
    return partial && j == vectors - 1 ? loadFirst(p + j * kWidth, tail) : load(p + j * kWidth);
  }

  STEEPEST_INLINE void clear() {
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 16
      for (int j = 0; j < vectors; ++j) at[i][j] = F{};
    }
  }

  template <bool partial>
  STEEPEST_INLINE void begin(const Tile& t) {
    if (t.from) {
      const float* from = t.from;
#pragma GCC unroll 16
      for (int i = 0; i < rows; ++i, from += t.cRow) {
#pragma GCC unroll 16
        for (int j = 0; j < vectors; ++j) at[i][j] = loadColumns<partial>(from, j, t.tail);
      }
    } else {
      clear();
    }
    if (t.bias) {
#pragma GCC unroll 16
      for (int j = 0; j < vectors; ++j) {
        const F bias = loadColumns<partial>(t.bias, j, t.tail);
#pragma GCC unroll 16
        for (int i = 0; i < rows; ++i) at[i][j] += bias;
      }
    }
  }

  template <bool partial>
  STEEPEST_INLINE void end(const Tile& t) {
    if (t.relu) {
#pragma GCC unroll 16
      for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 16
        for (int j = 0; j < vectors; ++j) at[i][j] = vmax(at[i][j], F{});
      }
    }
    if (t.gate) {
      const float* gate = t.gate;
#pragma GCC unroll 16
      for (int i = 0; i < rows; ++i, gate += t.cRow) {
#pragma GCC unroll 16
        for (int j = 0; j < vectors; ++j) at[i][j] = loadColumns<partial>(gate, j, t.tail) > F{} ? at[i][j] : F{};
      }
    }
    put<partial>(t.c, t.cRow, t.tail);
  }

  template <bool partial>
  STEEPEST_INLINE void put(float* c, int64_t cRow, int64_t tail) {
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i, c += cRow) {
#pragma GCC unroll 16
      for (int j = 0; j < vectors; ++j) {
        if (partial && j == vectors - 1) {
          storeFirst(c + j * kWidth, at[i][j], tail);
        } else {
          store(c + j * kWidth, at[i][j]);
        }
      }
    }
  }
};

// What a tile does besides: between two of its steps, multipliers are busy and all else is idle.
enum class Meanwhile { kFetches, kPacks, kCopies };

// Calls step() for each of k, and asks for a line of memory before each as long as there are some.
template <typename Step>
STEEPEST_INLINE void alongDepth(int64_t p, const Fetches* fetches, Step step) {
  if (fetches) {
    for (const Fetch& f : *fetches) {
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

// With AVX-512 a masked load costs little: on Intel a place in the line of multiply-adds, 1 of 29. One variant serves both, but for tiles
// of large products.
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
  Sums<rows, vectors> sum;
  sum.template begin<partial>(t);
  [[maybe_unused]] float* packed = t.packed;
  const auto step = [&]() __attribute__((always_inline)) {
    F row[vectors];
#pragma GCC unroll 16
    for (int j = 0; j < vectors; ++j) row[j] = sum.template loadColumns<partial>(b, j, tail);
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
      for (int j = 0; j < vectors; ++j) sum.at[i][j] += factor * row[j];
    }
    a += byRows ? 1 : aStride;
    b += bRow;
  };
  if constexpr (meanwhile == Meanwhile::kCopies) {
    alongDepthCopying<byRows>(t, step);
  } else {
    alongDepth(t.k, t.fetches, step);
  }
  sum.template end<partial>(t);
}

using TileFunction = void (*)(const Tile&);

// A tile of rows, one panel after the other from the first to the one before `end`. Pointers of `t` are those of the first panel,
// and move. tileOf(partial, vectors) is asked before each.
template <typename TileOf>
STEEPEST_INLINE void eachPanel(Tile& t, int64_t bPanel, int64_t n, int64_t end, TileOf tileOf) {
  t.tail = kWidth;
  for (; end > 0 && n >= kPanel; --end, n -= kPanel) {
    tileOf(false, kVectors)(t);
    t.b += bPanel;
    t.c += kPanel;
    if (t.from) t.from += kPanel;
    if (t.bias) t.bias += kPanel;
    if (t.gate) t.gate += kPanel;
  }
  if (end == 0 || n == 0) return;
  const int64_t vectors = (n + kWidth - 1) / kWidth;
  t.tail = n - (vectors - 1) * kWidth;
  tileOf(t.tail < kWidth, vectors)(t);
}

// What the sums of a block begin with, or null: zeros.
STEEPEST_INLINE const float* begins(const GemmBlock& g, bool continues) {
  if (continues) return g.c;
  return !g.accumulate ? nullptr : g.from ? g.from : g.c;
}

// The ends of a finish that tiles do to their sums before they store them.
struct Ends {
  explicit Ends(const GemmFinish* finish) {
    if (finish == nullptr) return;
    const GemmFinish& f = *finish;
    const bool others = f.scale != 1 || f.scales || f.bias || f.added || (f.gate && f.gateMultiplies);
    if (others) {
      rest = finish;
    } else {
      relu = f.relu;
      gate = f.gate;
    }
  }
  bool relu = false;
  const float* gate = nullptr;
  const GemmFinish* rest = nullptr;  // all of it, for rows that are stored
};

}  // namespace
}  // namespace gemm

#include "gemm_finish.inl"
