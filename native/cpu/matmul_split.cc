// The weights of a layer are written by the optimizer's update, rows 0, 1, 2, .. from thread to thread, and read by the next
// product. Memory that one core writes after another one has read it costs that core 8 to 30 ns for each cache line: as much
// as the multiply-adds, where a batch is small. So rows of B (and columns of A) stay with the thread that wrote them: each
// part of k is summed on its own, and the parts, which are much smaller than B, are added at the end. Likewise rows of a
// batch stay with the thread that wrote them when a gradient of weights sums over them.
#include "matmul_split.h"

#include <algorithm>

#include "../runtime/host.h"
#include "gemm.h"
#include "gemm_grid.h"
#include "pieces.h"
#include "product_result.h"
#include "scratch.h"
#include "simd/table.h"

namespace steepest {
namespace {

constexpr int64_t kMaxParts = 2;

// Columns of A are read, as in gradients of weights, where rows of both operands are those of a batch.
bool readsRows(const MatmulProblem& p) { return p.aRow == 1 && p.aDepth != 1; }

// So many that all parts together have a quarter of B's size at most, or half of both operands' where their rows are read; a
// power of two, as threads divide rows evenly.
int64_t partsOf(const MatmulProblem& p) {
  const int64_t operands = readsRows(p) ? p.k * (p.m + p.n) : p.k * p.n / 2, sums = p.m * p.n;
  int64_t parts = 1;
  while (parts < kMaxParts && operands >= 4 * parts * sums) parts *= 2;
  return parts;
}

bool hasPieces(const GemmKernels& gemm, const MatmulProblem& p) {
  return !gemm.rounds() && p.m <= Pieces::kHighRows && p.k * p.n >= kFarFloats;
}

class SplitMatmul final : public Kernel {
 public:
  SplitMatmul(const Instruction& instruction, const Memory& memory, const GemmKernels& gemm, const MatmulProblem& p)
      : gemm_(gemm),
        p_(p),
        parts_(partsOf(p)),
        depth_(ceilDiv(ceilDiv(p.k, parts_), 2) * 2),
        aPart_(depth_ * p.aDepth),
        result_(instruction, memory) {
    panels_ = ceilDiv(p_.n, gemm_.panel);
    sums_ = Floats(memory, parts_ * p_.m * p_.n);
    if (hasPieces(gemm, p)) {
      piece_ = ceilDiv(depth_, ceilDiv(depth_, gemm_.depth));
      blockRows_ = p_.m;
      blockColumns_ = panelsOfPieces(panels_, gemm_.panel) * gemm_.panel;
      const int64_t chunks = parts_ * ceilDiv(p_.n, blockColumns_);
      pieces_.allocate(memory, std::min<int64_t>(chunks, Threads::pool().count()), piece_ * blockColumns_);
    } else {
      if (gemm_.rounds() || worthPacking({gemm_.rows, gemm_.panel}, p_.m, p_.n, p_.k)) {
        packed_ = Floats(memory, parts_ * partPanels());
      }
      const Grid grid = chooseGrid({gemm_.rows, gemm_.panel}, p_.m, p_.n, depth_, parts_, 0,
                                   readsRows(p_) && p_.m * p_.k >= kFarFloats);
      blockRows_ = ceilDiv(p_.m, grid.rows);
      blockColumns_ = ceilDiv(panels_, grid.columns) * gemm_.panel;
    }
    const int64_t sumCost = kFloatCost * (parts_ + 1) * p_.n;
    sumRows_ = std::min(p_.m, std::max(ceilDiv(p_.m, kMaxChunksBySplitting), ceilDiv(kBlockCost / 2, sumCost)));
    if (result_.epilogue)
      slots_.allocate(memory, std::min<int64_t>(ceilDiv(p_.m, sumRows_), Threads::pool().count()), sumRows_ * p_.n);
  }

  bool canSlice(const View& fed, int64_t slices) const override {
    const bool rows = p_.aDepth == 1 && p_.aRow == p_.k && p_.k == static_cast<int64_t>(elementsPerRow(fed));
    return rows && slices == parts_ && slices * depth_ == p_.k;
  }
  void slice(int64_t) override {
    p_.aRow = depth_;
    aPart_ = p_.m * depth_;
  }

  void run(RunContext& context) override {
    if (packed_.any()) pack(context.threads);
    multiply(context.threads);
    add(context.threads);
  }

  void move(int64_t steps) override {
    p_.move(steps);
    result_.move(steps);
  }

 private:
  int64_t depthOf(int64_t part) const { return std::min(depth_, p_.k - part * depth_); }
  int64_t partPanels() const { return gemm_.packedDepth(depth_) * panels_ * gemm_.panel; }

  void pack(Threads& threads) {
    const int64_t each = std::max<int64_t>(1, kPackFloats / (depth_ * gemm_.panel)), chunks = ceilDiv(panels_, each);
    threads.each(parts_ * chunks, [&, this](int64_t chunk) {
      const int64_t part = chunk / chunks, first = chunk % chunks * each * gemm_.panel, k = depthOf(part);
      steepest::pack(gemm_, p_.b + part * depth_ * p_.bDepth + first * p_.bColumn, p_.bDepth, p_.bColumn, k,
                     std::min(each * gemm_.panel, p_.n - first),
                     packed_.data() + part * partPanels() + first * gemm_.packedDepth(k));
    });
  }

  void multiply(Threads& threads) {
    const int64_t rows = ceilDiv(p_.m, blockRows_), columns = ceilDiv(p_.n, blockColumns_);
    threads.each(parts_ * rows * columns, [&, this](int64_t chunk) {
      const int64_t part = chunk / (rows * columns), k = depthOf(part);
      const int64_t row = chunk % rows * blockRows_, column = chunk % (rows * columns) / rows * blockColumns_;
      GemmBlock g{};
      readA(p_.a + row * p_.aRow + part * aPart_, &g);
      g.aRow = p_.aRow;
      g.aDepth = p_.aDepth;
      g.m = std::min(blockRows_, p_.m - row);
      g.n = std::min(blockColumns_, p_.n - column);
      g.k = k;
      g.c = sums_.data() + (part * p_.m + row) * p_.n + column;
      g.cRow = p_.n;
      const Numbers b = p_.b + part * depth_ * p_.bDepth + column * p_.bColumn;
      if (piece_ > 0) {
        float* const panels = pieces_.acquire();
        Pieces{b.floats(), p_.bDepth, p_.bColumn, piece_}.multiply(gemm_, g, panels);
        return pieces_.release(panels);
      }
      if (packed_.any()) {
        g.b = packed_.data() + part * partPanels() + column * gemm_.packedDepth(k);
        g.bRow = gemm_.panel;
        g.bPanel = gemm_.packedDepth(k) * gemm_.panel;
      } else {
        g.b = b.floats();
        g.bRow = p_.bDepth;
        g.bPanel = gemm_.panel;
      }
      gemm_.block(g);
    });
  }

  void add(Threads& threads) {
    threads.each(ceilDiv(p_.m, sumRows_), [&, this](int64_t chunk) {
      const int64_t row = chunk * sumRows_, rows = std::min(sumRows_, p_.m - row), at = row * p_.n;
      float* slot = slots_.acquire();
      const GemmFinish finish = result_.finish.from(0, at);
      gemm_.add({sums_.data() + at, p_.m * p_.n, parts_, result_.epilogue ? slot : result_.to + at, rows, p_.n,
                 result_.finishes ? &finish : nullptr});
      if (result_.epilogue) result_.epilogue->run(slot, p_.n, row, rows, 0, p_.n);
      slots_.release(slot);
    });
  }

  const GemmKernels& gemm_;
  MatmulProblem p_;
  const int64_t parts_;
  const int64_t depth_;  // of k in each part but the last
  int64_t aPart_;        // elements of A from part to part
  ProductResult result_;
  int64_t panels_;
  int64_t blockRows_, blockColumns_;
  int64_t sumRows_;    // that are added at a time
  Floats packed_;      // B, part by part, or nothing where it is read as it lies, or in pieces
  int64_t piece_ = 0;  // of k, where each block packs its own
  Slots pieces_;       // that are packed at the time
  Floats sums_;        // [parts, m, n]
  Slots slots_;
};

}  // namespace

std::unique_ptr<Kernel> bindSplitMatmul(const Instruction& instruction, const Memory& memory, const MatmulProblem& p) {
  const bool steady = (instruction.steady >> 1 & 1) != 0;
  if (steady || p.transposed || p.batches > 1 || p.bColumn != 1 || p.m == 1 || partsOf(p) == 1) return nullptr;
  if ((p.k * p.n >= kFarFloats && !readsRows(p)) || p.m * p.n * p.k < 2 * kBlockCost) return nullptr;
  const GemmKernels& gemm = roundsToBfloat16(instruction) ? *simd().gemmBf16 : *simd().gemm;
  if (p.m * p.n >= (hasPieces(gemm, p) ? 1 : 2) * kFarFloats) return nullptr;  // sums would go to memory and come back
  return std::make_unique<SplitMatmul>(instruction, memory, gemm, p);
}

}  // namespace steepest
