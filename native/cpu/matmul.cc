// Matrix product. The product is cut into blocks by its size only; every element is summed over k by one thread and in
// order, so that neither the cut nor the number of threads shows in the bits.

#include "matmul.h"

#include <algorithm>
#include <cstring>

#include "../runtime/host.h"
#include "../runtime/matmul_problem.h"
#include "blas.h"
#include "gemm.h"
#include "gemm_grid.h"
#include "matmul_split.h"
#include "next_rows.h"
#include "pieces.h"
#include "product_result.h"
#include "scratch.h"
#include "simd/table.h"
#include "tile.h"

namespace steepest {
namespace {

constexpr int64_t kStripCost = int64_t{1} << 17;       // so that starting an epilogue does not show
constexpr int64_t kVectorOfSums = 2;                   // cost of storing one
constexpr int64_t kDotsEnd = 48;                       // cost of adding the lanes of 4 x 4 sums
constexpr int64_t kFarUpdate = int64_t{1} << 19;       // results of which the epilogue's operands are not in a cache
constexpr int64_t kBeyondFloats = int64_t{1} << 20;    // B that is in no cache of one core, and hardly in one of many
constexpr int64_t kFarthestFloats = int64_t{1} << 21;  // not even if it were alone there
constexpr int64_t kFarRows = int64_t{1} << 20;         // A likewise
constexpr int64_t kTurnedRows = Pieces::kHighRows;     // of C^T: its blocks have all of them
constexpr int64_t kSlabFloats = int64_t{1} << 22;      // of B packed at a time

enum class Reading {
  kDots,           // B^T has unit stride along k, as A has: products of rows
  kCopiedDots,     // so it has after each block copied it: few columns
  kTurned,         // C^T = B^T A^T, which has few rows and whole vectors of columns
  kDirect,         // B as it lies
  kPacked,         // B packed once, read by all blocks
  kPackedByBlock,  // each block packs what it needs of B: many small products, or B large and A low
};

class Matmul final : public ProductKernel {
 public:
  Matmul(const Instruction& instruction, const Memory& memory, const MatmulProblem& p)
      : gemm_(roundsToBfloat16(instruction) ? *simd().gemmBf16 : *simd().gemm),
        p_(p),
        packedDepth_(gemm_.packedDepth(p_.k)),
        turns_(p_.transposed && p_.m > 1),
        mayUpdate_(instruction.attrs[0] != 0 && p_.aRow == 1 && p_.aDepth != 1),
        steady_((instruction.steady >> (p_.transposed ? 0 : 1) & 1) != 0),
        reading_(chooseReading()),
        result_(instruction, memory, true, !isNarrow()) {
    chooseGrids(memory);
    // the last block of an odd number of columns may be narrow: halves of the rows are equal
    const int64_t rows = ceilDiv(p_.m, blockRows_), columns = ceilDiv(std::min(slab_, p_.n), blockColumns_);
    const bool evenByRows = rows % 2 == 0 && columns % 2 != 0;
    byRows_ = steady_ || p_.m > p_.n || p_.m * p_.n >= kFarFloats || evenByRows;
    keepsPanels_ = steady_ && itemsPerPack_ == p_.batches && slab_ >= p_.n;
  }

  bool readsFeed(uint32_t slot, const View& fed, bool alone) override {
    const bool plain = p_.batches == 1 && !p_.transposed && !p_.a.narrow;
    readsFeed_ = plain && p_.aRow == 1 && p_.aDepth == p_.m && !isNarrow();
    if (alone && plain && p_.aDepth == 1 && p_.aRow == p_.k) {
      copied_ = p_.a.at;
      fedRowBytes_ = elementsPerRow(fed) * sizeof(float);
    }
    feed_ = slot;
    return copied_ != nullptr;
  }

  bool canSlice(const View& fed, int64_t slices) const override {
    const int64_t width = p_.m / slices;
    const bool columns = readsFeed_ && p_.m == static_cast<int64_t>(elementsPerRow(fed));
    return columns && slices * width == p_.m && width % blockRows_ == 0;
  }
  void slice(int64_t slices) override { p_.aDepth = p_.m / slices; }

  void run(RunContext& context) override {
    if (readsFeed_) nextRows_.begin(context, feed_, p_.k, p_.m);
    if (copied_ != nullptr) {
      const uint8_t* const rows = context.rowsOf(feed_, fedRowBytes_);
      p_.a.at = rows != nullptr ? rows : copied_;
    }
    if (small_) return block(0, 0, p_.m, 0, 0, p_.n, slots_.first());
    if (reading_ != Reading::kPacked) return multiply(context.threads, 0, p_.batches, 0, p_.n);
    for (int64_t item = 0; item < p_.batches; item += itemsPerPack_) {
      for (int64_t column = 0; column < p_.n; column += slab_) {
        const int64_t columns = std::min(slab_, p_.n - column);
        if (!hasPanels_) pack(context.threads, p_.b + p_.bOffset(item) + column * p_.bColumn, columns);
        hasPanels_ = keepsPanels_;
        multiply(context.threads, item, itemsPerPack_, column, columns);
      }
    }
  }

  void enter() override { hasPanels_ = false; }

  void read(const float* a, const float* b) override {
    p_.a.at = reinterpret_cast<const uint8_t*>(a);
    p_.b.at = reinterpret_cast<const uint8_t*>(b);
  }

  void move(int64_t steps) override {
    p_.move(steps);
    result_.move(steps);
  }

 private:
  Reading chooseReading() const {
    if (gemm_.rounds()) return !steady_ && packsByBlock() ? Reading::kPackedByBlock : Reading::kPacked;
    if (const Reading narrow = chooseNarrow(); narrow != Reading::kDirect) return narrow;
    if (!steady_ && passesOnce()) return Reading::kPackedByBlock;
    if (p_.bColumn == 1 && !worthCopying()) return Reading::kDirect;
    return manySmall() || turnsLittle() ? Reading::kPackedByBlock : Reading::kPacked;
  }

  // Few rows are not worth a transposed copy of B, and few columns leave most lanes of a vector empty. Costs are counted in
  // vectors of multiply-adds and what takes as long. kDirect: neither is so.
  Reading chooseNarrow() const {
    const int64_t width = gemm_.panel / 2;
    const bool alongDepth = p_.bDepth == 1 && (p_.bColumn != 1 || p_.n == 1);
    const int64_t copied = alongDepth ? ceilDiv(p_.n, width) * ceilDiv(p_.k, width) * width * 6 : 0;
    const int64_t tiles = p_.m * (p_.k + kVectorOfSums) * ceilDiv(p_.n, width) + copied;
    const int64_t dots =
        p_.m * p_.n * ceilDiv(p_.k, width) * 9 / 8 + ceilDiv(p_.m, 4) * ceilDiv(p_.n, p_.m == 1 ? 8 : 4) * kDotsEnd;
    if (p_.aDepth == 1 && alongDepth) return dots < tiles ? Reading::kDots : Reading::kDirect;
    if (p_.n >= width || p_.m == 1) return Reading::kDirect;
    if (p_.aDepth == 1 && p_.bColumn == 1) return dots + p_.n * p_.k < tiles ? Reading::kCopiedDots : Reading::kDirect;
    const int64_t turned = p_.n * (p_.k + kVectorOfSums) * ceilDiv(p_.m, width) + p_.m * p_.n;
    return p_.aRow == 1 && turned < tiles ? Reading::kTurned : Reading::kDirect;
  }
  bool isNarrow() const { return readsDots() || reading_ == Reading::kTurned; }
  bool readsDots() const { return reading_ == Reading::kDots || reading_ == Reading::kCopiedDots; }

  bool manySmall() const { return p_.batches > 1 && !p_.sharesB() && p_.m * p_.n * p_.k < 32 * kBlockCost; }

  // Rows of B are turned, by one or two blocks of columns: each its own, instead of one thread all of them while the other one waits.
  bool turnsLittle() const {
    return p_.bColumn != 1 && !steady_ && p_.batches == 1 && p_.n > gemm_.panel && p_.m * p_.n * p_.k < 2 * kBlockCost;
  }

  bool worthCopying() const { return worthPacking({gemm_.rows, gemm_.panel}, p_.m, p_.n, p_.k); }

  // Where B is copied in any case: one block has all rows, and its copy stays in cache.
  bool packsByBlock() const {
    const bool low = p_.m <= 4 * gemm_.rows || (p_.m <= Pieces::kHighRows && isFar());
    return manySmall() || low || p_.m * p_.n * p_.k < 2 * kBlockCost;
  }

  // A block can have all rows of A (more of them where panels of B would come from memory), so that every panel of B has one
  // reader, which packs it itself, see pieces.h.
  bool passesOnce() const {
    if (gemm_.rounds() || p_.batches > 1 || p_.m <= gemm_.rows) return false;
    const bool copies = p_.bColumn != 1 ? p_.m > kFewRows && p_.k * p_.n > kPackFloats : worthCopying();
    return isFar() || (p_.m <= kBlockRows && copies && p_.n >= kMaxChunksBySplitting * gemm_.panel);
  }

  // B is so far away that a panel should have one reader; the more rows a block has then, the farther.
  bool isFar() const {
    const int64_t size = p_.k * p_.n;
    return size >= (p_.m > Pieces::kHighRows ? kFarthestFloats : p_.m > kBlockRows ? kBeyondFloats : kFarFloats);
  }

  // Blocks that pack what they read of B.
  void cutForPanels() {
    const int64_t blocks = grid_.rows * grid_.columns;
    grid_.rows = 1;
    if (gemm_.rounds()) return;
    const int64_t all = ceilDiv(p_.n, gemm_.panel);
    grid_.columns = turnsLittle() ? std::min(all, blocks) : 1;
    if (passesOnce()) {
      grid_.rows = ceilDiv(p_.m, Pieces::kMostRows);
      grid_.columns = ceilDiv(all, panelsOfPieces(all, gemm_.panel));
    }
    pieces_ = std::max<int64_t>(1, ceilDiv(p_.k, gemm_.depth));
  }

  void chooseGrids(const Memory& memory) {
    const bool packed = reading_ == Reading::kPacked;
    itemsPerPack_ = packed && !p_.sharesB() ? 1 : p_.batches;
    slab_ = p_.n;
    if (packed) {
      const int64_t panels =
          std::max(kBlockColumns / gemm_.panel, kSlabFloats / std::max<int64_t>(1, p_.k * gemm_.panel));
      slab_ = std::min(ceilDiv(p_.n, gemm_.panel), panels) * gemm_.panel;
      packed_ = steady_ ? Floats(slab_ * packedDepth_) : Floats(memory, slab_ * packedDepth_);
    }
    grid_ = chooseGrid({gemm_.rows, gemm_.panel, gemm_.blockElements}, p_.m, std::min(slab_, p_.n), p_.k, itemsPerPack_,
                       result_.epilogue ? result_.epilogue->cost() : 0,
                       p_.aRow == 1 && p_.aDepth != 1 && p_.m * p_.k >= kFarFloats);
    if (reading_ == Reading::kPackedByBlock) {
      cutForPanels();
    }
    blockRows_ = ceilDiv(p_.m, grid_.rows);
    blockColumns_ = ceilDiv(ceilDiv(std::min(slab_, p_.n), gemm_.panel), grid_.columns) * gemm_.panel;
    if (result_.epilogue && !readsDots() && !p_.transposed && p_.k <= gemm_.depth) {
      const int64_t floats = gemm_.rows * blockColumns_;
      const int64_t tiles = std::min(ceilDiv(kStripCost, std::max<int64_t>(1, floats * p_.k)), kStripFloats / floats);
      stripRows_ = std::min(blockRows_, std::max<int64_t>(1, tiles) * gemm_.rows);
    } else {
      stripRows_ = blockRows_;
    }
    if (updates()) updating_ = result_.epilogue->updating(gemm_);
    const int64_t product = result_.epilogue || turns_ ? ceilDiv(stripRows_ * blockColumns_, 16) * 16 : 0;
    const int64_t panels = reading_ == Reading::kPackedByBlock ? blockColumns_ * ceilDiv(packedDepth_, pieces_)
                           : reading_ == Reading::kCopiedDots  ? p_.n * p_.k
                           : reading_ == Reading::kTurned      ? p_.n * blockRows_
                                                               : 0;
    slotPanels_ = product;
    small_ = !packed && p_.batches == 1 && blockRows_ >= p_.m && blockColumns_ >= p_.n;
    if (product + panels > 0) {
      const int64_t chunks = ceilDiv(itemsPerPack_, grid_.items) * grid_.rows * grid_.columns;
      slots_.allocate(memory, std::min<int64_t>(chunks, Threads::pool().count()), product + panels);
    }
  }

  // Whether a block can make an update while it multiplies.
  bool updates() const {
    const bool reads = reading_ == Reading::kDirect || reading_ == Reading::kPacked;
    return mayUpdate_ && result_.epilogue && reads && !p_.transposed && p_.k > 0 && p_.k <= gemm_.depth;
  }

  void pack(Threads& threads, const Numbers& b, int64_t columns) {
    const int64_t panel = gemm_.panel, panels = ceilDiv(columns, panel);
    // Kernels that round read all columns of a chunk row by row.
    const int64_t least = gemm_.rounds() ? std::clamp<int64_t>(panels / 8, 1, 4) : 1;
    const int64_t each = std::max<int64_t>(least, kPackFloats / std::max<int64_t>(1, p_.k * panel));
    threads.each(ceilDiv(panels, each), [&, this](int64_t chunk) {
      const int64_t first = chunk * each * panel, count = std::min(each * panel, columns - first);
      steepest::pack(gemm_, b + first * p_.bColumn, p_.bDepth, p_.bColumn, p_.k, count,
                     packed_.data() + first * packedDepth_);
    });
  }

  // Columns column .. column+columns-1 of the products of `items` batch items from `item` on.
  void multiply(Threads& threads, int64_t item, int64_t items, int64_t column, int64_t columns) {
    const int64_t blockRows = ceilDiv(p_.m, blockRows_), blockColumns = ceilDiv(columns, blockColumns_);
    const int64_t perItem = blockRows * blockColumns;
    threads.each(ceilDiv(items, grid_.items) * perItem, [&, this](int64_t chunk) {
      const int64_t first = chunk / perItem * grid_.items, count = std::min(grid_.items, items - first);
      const int64_t block = chunk % perItem;
      const int64_t row = (byRows_ ? block / blockColumns : block % blockRows) * blockRows_;
      const int64_t j = (byRows_ ? block % blockColumns : block / blockRows) * blockColumns_;
      float* slot = slots_.acquire();
      for (int64_t i = first; i < first + count; ++i) {
        this->block(item + i, row, std::min(blockRows_, p_.m - row), column, j, std::min(blockColumns_, columns - j),
                    slot);
      }
      slots_.release(slot);
    });
  }

  // One block: columns slab+column .. slab+column+n-1, where B is packed from column `slab` on.
  void block(int64_t item, int64_t row, int64_t m, int64_t slab, int64_t column, int64_t n, float* slot) {
    GemmBlock g;
    g.aRow = p_.aRow;
    g.aDepth = p_.aDepth;
    g.n = n;
    g.k = p_.k;
    g.cRow = result_.epilogue || turns_ ? n : p_.n;
    const Numbers b = p_.b + p_.bOffset(item) + (slab + column) * p_.bColumn;
    g.b = b.floats();
    if (reading_ == Reading::kDirect) {
      g.bRow = p_.bDepth;
      g.bPanel = gemm_.panel;
    } else if (reading_ == Reading::kCopiedDots) {
      float* const copy = slot + slotPanels_;
      gemm_.turn(g.b, p_.bDepth, p_.k, n, copy);
      g.b = copy;
    } else if (!isNarrow() && pieces_ == 1) {
      if (reading_ == Reading::kPackedByBlock && packsMeanwhile(gemm_, p_.bColumn, m)) {
        g.panels = slot + slotPanels_;
      } else if (reading_ == Reading::kPackedByBlock) {
        steepest::pack(gemm_, b, p_.bDepth, p_.bColumn, p_.k, n, slot + slotPanels_);
        g.b = slot + slotPanels_;
      } else {
        g.b = packed_.data() + column * packedDepth_;
      }
      g.bRow = g.panels ? p_.bDepth : gemm_.panel;
      g.bPanel = g.panels ? gemm_.panel : packedDepth_ * gemm_.panel;
    }
    Numbers a = p_.a + p_.aOffset(item);
    if (readsFeed_) a = a + row / p_.aDepth * p_.aDepth * (p_.k - 1);  // what slices before have of other rows
    Ahead ahead[Epilogue::kMaxAheads + 1];
    g.ahead = ahead;
    g.farA = p_.m * p_.k >= kFarRows || (copied_ != nullptr && p_.a.at != copied_);  // of the caller's data
    const int64_t whole = updating_ != nullptr && m >= gemm_.updatingRows ? n / gemm_.panel * gemm_.panel : 0;
    if (whole > 0) {
      readA(a + row * p_.aRow, &g);
      g.m = m;
      g.n = whole;
      if (nextRows_.known() && column == 0) ahead[g.aheads++] = nextRows_.part(row, m, 0, 1);
      updating_(g, result_.epilogue->update(item * p_.m + row, slab + column));
      if (whole < n) block(item, row, m, slab, column + whole, n - whole, slot);
      return;
    }
    const bool far = p_.m * p_.n >= kFarUpdate;
    const int64_t strips = m <= stripRows_ ? 1 : ceilDiv(m, stripRows_), first = row, end = row + m;
    const int64_t rows = strips == 1 ? m : m / strips, taller = m - strips * rows;
    GemmCopied copied;
    if (strips > 1) g.copied = &copied;
    for (int64_t s = 0; s < strips; ++s, row += g.m) {
      g.m = rows + (s < taller);
      g.below = s + 1 < strips ? rows + (s + 1 < taller) : 0;
      readA(a + row * p_.aRow, &g);
      const int64_t next = row + g.m;
      g.aheads = far && next < end
                     ? result_.epilogue->aheads(item * p_.m + next, std::min(end - next, g.m), slab + column, n, ahead)
                     : 0;
      if (nextRows_.known() && column == 0) ahead[g.aheads++] = nextRows_.part(first, m, s, strips);
      strip(g, item, row, slab + column, slot);
      if (g.panels) {  // packed now
        g.b = g.panels;
        g.bRow = gemm_.panel;
        g.bPanel = packedDepth_ * gemm_.panel;
        g.panels = nullptr;
      }
    }
  }

  // Some rows of a block, from row `row` and column `column` on.
  void strip(GemmBlock& g, int64_t item, int64_t row, int64_t column, float* slot) {
    const int64_t at = (item * p_.m + row) * p_.n + column;
    g.c = result_.epilogue || turns_ ? slot : result_.to + at;
    GemmFinish finish = result_.finish.from(column, at);
    if (!isNarrow()) beginSums(&finish, &g);
    g.finish = finish.any() ? &finish : nullptr;
    if (readsDots()) {
      const int64_t bColumn = reading_ == Reading::kDots ? p_.bColumn : p_.k;
      gemm_.dots({g.a, p_.aRow, g.b, bColumn, g.c, g.cRow, g.m, g.n, p_.k, g.finish});
    } else if (reading_ == Reading::kTurned) {
      turned(g, slot + slotPanels_);
    } else if (pieces_ > 1) {
      Pieces{g.b, p_.bDepth, p_.bColumn, ceilDiv(p_.k, pieces_)}.multiply(gemm_, g, slot + slotPanels_);
    } else {
      gemm_.block(g);
    }
    if (turns_) gemm_.turn(slot, g.n, g.m, g.n, result_.to + column * p_.m);
    if (!result_.epilogue) return;
    if (p_.transposed) {
      result_.epilogue->run(slot, 1, item * p_.n + column, g.n, 0, 1);
    } else {
      result_.epilogue->run(slot, g.n, item * p_.m + row, g.m, column, g.n);
    }
  }

  // The roles of A and B change, and C^T goes to C from where it was computed.
  void turned(const GemmBlock& g, float* product) {
    GemmBlock t;
    t.a = g.b;
    t.aRow = p_.bColumn;
    t.aDepth = p_.bDepth;
    t.b = g.a;
    t.bRow = p_.aDepth;
    t.bPanel = gemm_.panel;
    t.c = product;
    t.cRow = t.n = g.m;
    t.m = g.n;
    t.k = p_.k;
    gemm_.block(t);
    gemm_.turn(product, g.m, g.n, g.m, g.c);
    if (g.finish) gemm_.add({g.c, 0, 1, g.c, g.m, g.n, g.finish});
  }

  const GemmKernels& gemm_;
  MatmulProblem p_;
  const int64_t packedDepth_;
  const bool turns_;      // C^T, whose blocks have all of its rows, and are turned when they are done
  const bool mayUpdate_;  // in blocks that do so while they multiply
  const bool steady_;     // B is the same in all runs of a loop
  Reading reading_;
  ProductResult result_;
  Grid grid_;
  int64_t blockRows_, blockColumns_;
  int64_t slab_;          // columns packed at a time
  int64_t itemsPerPack_;  // batch items between two packings
  Floats packed_;
  // The epilogue follows each tile's rows while they are in L1, and what the next ones need comes from memory meanwhile.
  int64_t stripRows_;
  GemmUpdating updating_ = nullptr;  // what follows an update in their place
  // A thread has neighbouring blocks: those of the same columns of B, which it packed, or, where B was packed long ago or the
  // other operands are larger, of the same rows of A and C.
  bool byRows_;
  bool keepsPanels_;  // in a loop: B is the same in all steps
  bool hasPanels_ = false;
  bool small_;   // one block: nothing to count
  Slots slots_;  // a running chunk's product and panels
  int64_t slotPanels_;
  bool readsFeed_ = false;  // A is the transposed of what feed feed_ copies
  uint32_t feed_ = 0;
  const uint8_t* copied_ = nullptr;  // A, where the feed copies it that need not always
  uint64_t fedRowBytes_ = 0;
  NextRows nextRows_;
  int64_t pieces_ = 1;  // of k, where each block packs its own
};

// Columns of a large A, a few to a tile, are read line by line; as the B of C^T they are packed by panels, once each. Blocks of C^T have
// all of its rows only where they pack B themselves, which they do not when it is steady.
bool worthTurning(const Instruction& instruction, const MatmulProblem& p, const GemmKernels& gemm) {
  const bool steady = (instruction.steady & 1) != 0;
  if (gemm.rounds() || instruction.attrs[0] != 0 || steady || p.transposed || p.batches > 1) return false;
  const bool columns = p.aRow == 1 && p.aDepth != 1 && p.bColumn == 1;
  return columns && p.m > p.n && p.n > gemm.rows && p.n <= kTurnedRows && p.m * p.k >= kBeyondFloats;
}

class Nothing final : public Kernel {
 public:
  void run(RunContext&) override {}
};

}  // namespace

std::unique_ptr<ProductKernel> bindProduct(const Instruction& instruction, const Memory& memory,
                                           const MatmulProblem& problem) {
  return std::make_unique<Matmul>(instruction, memory, problem);
}

std::unique_ptr<Kernel> bindMatmul(const Instruction& instruction, const Memory& memory) {
  if (instruction.outputs[0].size() == 0) return std::make_unique<Nothing>();
  if (std::unique_ptr<Kernel> kernel = bindBlasMatmul(instruction, memory)) return kernel;
  MatmulProblem p = matmulProblem(instruction, memory);
  if (std::unique_ptr<Kernel> kernel = bindSplitMatmul(instruction, memory, p)) return kernel;
  if (worthTurning(instruction, p, roundsToBfloat16(instruction) ? *simd().gemmBf16 : *simd().gemm)) p.transpose();
  return std::make_unique<Matmul>(instruction, memory, p);
}

}  // namespace steepest
