// Products whose results an optimizer's update reads, and nothing else: the update of a tile is made while the next one is
// multiplied, a vector between two steps along k. An update waits for roots and quotients, and for the weights, the multipliers
// have nothing to do with them. Included by gemm.inl.

namespace gemm {
namespace {

// Registers that do not accumulate hold a vector of the update.
#if defined(__AVX512F__)
constexpr int kUpdateRows = 12;
#elif defined(__aarch64__)
constexpr int kUpdateRows = 8;
#else
constexpr int kUpdateRows = 1;  // not worth it: too few registers are left (AVX2: tiles of 4 rows, 0.97)
#endif

// A fused run that is worth it. `product`: the operand that the product is.
struct UpdatingRun {
  int run, product;
};
constexpr UpdatingRun kUpdatingRuns[] = {{fusedRun("adam"), 0},
                                         {fusedRun("adamw"), 2},
                                         {fusedRun("sgd"), 0},
                                         {fusedRun("sgd, momentum"), 0},
                                         {fusedRun("rmsprop"), 0}};

// What is to do: a fused run on the tile that was multiplied last.
struct Pending {
  Pending(const FusedRun& run, const GemmUpdate& u) : pitch(u.pitch) {
    for (int k = 0; k < run.operands; ++k) {
      if (run.uniform[k]) numbers[k] = *static_cast<const tile::AliasFloat*>(u.slots[u.step->fused[k]]);
    }
    for (int output = 0; output < run.outputs; ++output) {
      lines[output] = static_cast<uint8_t*>(u.slots[u.step->fused[run.writtenOver(output)]]);
    }
  }

  float numbers[FusedRun::kMaxOperands];
  uint8_t* lines[FusedRun::kMaxOutputs];  // the first of each matrix
  int64_t pitch;                          // bytes between two of them
  int64_t at = 0;                         // where the tile begins, and
  int64_t next = 0;                       // how far behind it the next one does: bytes
  int64_t vectors = 0;                    // of the tile
};

// One vector after another of what is pending.
template <UpdatingRun updating>
class Updates {
 public:
  Updates(const Pending& p, const float* sums) : pending_(p), sums_(sums), at_(p.at) {}

  STEEPEST_INLINE void next() {
    fused::Values x;
#pragma GCC unroll 16
    for (int k = 0; k < run_.operands; ++k) {
      if (run_.uniform[k]) x.v[k] = splat(pending_.numbers[k]);
    }
    x.v[updating.product] = load(sums_);
    read<0>(x);
    fused::runSteps<updating.run>(x);
    int output = 0;
#pragma GCC unroll 32
    for (int k = 0; k < run_.steps; ++k) {
      if (run_.stored[k]) store(line(output++), x.v[run_.operands + k]);
    }
    sums_ += kWidth;
    at_ += step_;
    step_ = pending_.pitch - step_;
  }

 private:
  static constexpr const FusedRun& run_ = kFusedRuns[updating.run];
  static_assert(kVectors == 2);

  STEEPEST_INLINE tile::AliasFloat* line(int output) const {
    return reinterpret_cast<tile::AliasFloat*>(pending_.lines[output] + at_);
  }
  template <int output>
  STEEPEST_INLINE void read(fused::Values& x) {
    if constexpr (output < run_.outputs) {
      x.v[run_.writtenOver(output)] = load(line(output));
      __builtin_prefetch(reinterpret_cast<const uint8_t*>(line(output)) + pending_.next, 0, 3);
      read<output + 1>(x);
    }
  }

  const Pending& pending_;
  const float* sums_;
  int64_t at_, step_ = kWidth * kBytes;  // to the right, then to the next row
};

// Columns of A one after another, and whole panels. Sums of the tile before are at t.c, where its own will be.
template <UpdatingRun updating, int rows, bool copies>
void updatingTile(const Tile& t, const Pending& pending) {
  const float* a = t.a;
  const float* b = t.b;
  const int64_t aStride = t.aStride, bRow = t.bRow;
  [[maybe_unused]] const float* from = copies ? t.copy->from : nullptr;
  [[maybe_unused]] float* to = copies ? t.copy->to : nullptr;
  Sums<rows, kVectors> sum;
  sum.clear();
  const auto step = [&]() __attribute__((always_inline)) {
    if constexpr (copies) {
      store(to, loadFirst(from, t.copy->rest));
      __builtin_prefetch(from + t.copy->ahead, 0, 2);
      from += t.copy->fromVector;
      to += kPackedColumn;
    }
    F row[kVectors];
#pragma GCC unroll 16
    for (int j = 0; j < kVectors; ++j) row[j] = load(b + j * kWidth);
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) {
      const F factor = splat(a[i]);
#pragma GCC unroll 16
      for (int j = 0; j < kVectors; ++j) sum.at[i][j] += factor * row[j];
    }
    a += aStride;
    b += bRow;
  };
  Updates<updating> updates(pending, t.c);
  int64_t left = t.k, vectors = pending.vectors;
  const int64_t steps = t.steps;
  for (; vectors > 0 && left >= steps; --vectors, left -= steps) {
    updates.next();
    int64_t n = steps;
    do step();
    while (--n > 0);
  }
  for (; vectors > 0; --vectors) updates.next();
  if constexpr (copies) {
    for (; left > 0; --left) step();
  } else {
    alongDepth(left, t.fetches, step);
  }
  sum.template put<false>(t.c, t.cRow, 0);
}

// Steps along k for each vector of an update: a quotient, but most tiles are like the one before.
class Pace {
 public:
  STEEPEST_INLINE int64_t of(int64_t steps, int64_t vectors) {
    if (steps != steps_ || vectors != vectors_) {
      steps_ = steps;
      vectors_ = vectors;
      each_ = steps > vectors ? steps / (vectors + 1) : 1;
    }
    return each_;
  }

 private:
  int64_t steps_ = -1, vectors_ = -1, each_ = 1;
};

// The end: nothing is left to multiply.
template <UpdatingRun updating>
void updateLast(const Pending& pending, const float* sums) {
  Updates<updating> updates(pending, sums);
  for (int64_t n = pending.vectors; n > 0; --n) updates.next();
}

// What is compiled for a run. Of kLeastUpdateRows or more, tiles of equal heights have no fewer rows than two thirds of the highest.
struct UpdatingTiles {
  static constexpr int kLeast = (2 * kUpdateRows + 1) / 3;
  FusedRun run;
  void (*at[2][kUpdateRows - kLeast + 1])(const Tile&, const Pending&);
  void (*last)(const Pending&, const float*);

  template <UpdatingRun updating, int rows = kUpdateRows>
  constexpr void fill() {
    at[0][rows - kLeast] = updatingTile<updating, rows, false>;
    if constexpr (kCopiesColumns) at[1][rows - kLeast] = updatingTile<updating, rows, true>;
    if constexpr (rows > kLeast) fill<updating, rows - 1>();
  }
};
constexpr int kLeastUpdateRows = 2 * UpdatingTiles::kLeast;

template <UpdatingRun updating>
constexpr UpdatingTiles tilesOf() {
  UpdatingTiles tiles{kFusedRuns[updating.run], {}, updateLast<updating>};
  tiles.fill<updating>();
  return tiles;
}

void updatingBlock(const UpdatingTiles& tiles, const GemmBlock& g, const GemmUpdate& u) {
  alignas(64) static thread_local float packed[2][kDepth * kPackedColumn];
  alignas(64) static thread_local float sums[kUpdateRows * kPanel];
  const int64_t panels = g.n / kPanel, rowTiles = (g.m + kUpdateRows - 1) / kUpdateRows;
  const bool copies = g.n > kNarrow;
  Walk walks[kMostAheads];
  for (int n = 0; n < g.aheads; ++n) walks[n] = Walk(g.ahead[n], rowTiles * (panels - (copies && kCopiesColumns)));
  Pending pending(tiles.run, u);
  Pace pace;
  for (int64_t it = 0, i = 0; it < rowTiles; ++it) {
    const int64_t rows = rowsOfTile(g.m, it, kUpdateRows);
    const float* const a = g.a + i;
    Tile t{a, g.aDepth, nullptr, g.bRow, sums, kPanel, g.k, 0};
    Copy next{};
    Walk nextTile;
    if (copies) {
      if (it == 0 || !kCopiesColumns) copyColumns(a, g.aDepth, rows, g.k, packed[it % 2]);
      t.a = packed[it % 2];
      t.aStride = kPackedColumn;
      if (kCopiesColumns && it + 1 < rowTiles) {
        next = copyBehind(g, it, i + rows, 0, g.k, packed[1 - it % 2], kUpdateRows);
        nextTile = Walk(floatsAhead(next.from + next.rest - 1, next.length, g.aDepth, 1), panels - 1);
      }
    }
    for (int64_t j = 0; j < panels; ++j) {
      t.b = g.b + j * g.bPanel;
      const bool copying = next.runs > 0 && j + 1 == panels;
      Fetches fetches(g.k - pending.vectors);
      if (copying) {
        t.copy = &next;
      } else {
        for (int n = 0; n < g.aheads; ++n) walks[n].take(fetches);
        nextTile.take(fetches);
        t.fetches = &fetches;
      }
      t.steps = pace.of(g.k - fetches.lines(), pending.vectors);
      tiles.at[copying][rows - tiles.kLeast](t, pending);
      pending.at = i * pending.pitch + j * kPanel * kBytes;
      pending.next = j + 1 < panels ? kPanel * kBytes : rows * pending.pitch - j * kPanel * kBytes;
      pending.vectors = rows * kVectors;
    }
    i += rows;
  }
  tiles.last(pending, sums);
}

template <UpdatingRun updating>
void updatingBlockOf(const GemmBlock& g, const GemmUpdate& u) {
  static constexpr UpdatingTiles tiles = tilesOf<updating>();
  updatingBlock(tiles, g, u);
}

template <size_t n = 0>
GemmUpdating updatingOf(int run, int product) {
  if constexpr (kUpdateRows > 1 && n < sizeof(kUpdatingRuns) / sizeof(kUpdatingRuns[0])) {
    constexpr UpdatingRun updating = kUpdatingRuns[n];
    return run == updating.run && product == updating.product ? updatingBlockOf<updating>
                                                              : updatingOf<n + 1>(run, product);
  } else {
    return nullptr;
  }
}

GemmUpdating findUpdating(int run, int product) { return updatingOf(run, product); }

}  // namespace
}  // namespace gemm
