// Products of float32 rows, rounded to int8, and an int8 matrix. Rows are rounded first, then blocks of the product are computed
// from them. Sums are exact: neither the cut nor the number of threads could show.

#include <algorithm>

#include "../runtime/matmul_problem.h"
#include "gemm_grid.h"
#include "gemm_int8.h"
#include "product_result.h"
#include "scratch.h"
#include "simd/table.h"

namespace steepest {
namespace {

constexpr int64_t kRoundFloats = int64_t{1} << 15;  // by one chunk
constexpr int64_t kPackBytes = int64_t{1} << 16;    // by one chunk
constexpr int64_t kSlabBytes = int64_t{1} << 19;    // of A rounded at a time: they stay in L2

class MatmulInt8 final : public Kernel {
 public:
  MatmulInt8(const Instruction& instruction, const Memory& memory)
      : kernels_(*simd().int8),
        a_(memory.at<const float>(instruction.inputs[0])),
        b_(memory.at<const int8_t>(instruction.inputs[1])),
        result_(instruction, memory),
        aSlide_(slideOf(instruction.inputs[0])),
        bSlide_(slideOf(instruction.inputs[1])),
        keepsPanels_((instruction.steady >> 1 & 1) != 0) {
    const View& a = instruction.inputs[0];
    const View& b = instruction.inputs[1];
    m_ = a.shape[0];
    k_ = a.shape[1];
    n_ = b.shape[1];
    aRow_ = a.strides[0];
    aDepth_ = k_ == 1 ? 1 : a.strides[1];
    bRow_ = b.strides[0];
    bColumn_ = b.strides[1];
    allocate(memory);
  }

  void run(RunContext& context) override {
    if (!hasPanels_) pack(context.threads);
    hasPanels_ = keepsPanels_;
    for (int64_t row = 0; row < m_; row += slab_) {
      const int64_t rows = std::min(slab_, m_ - row);
      roundRows(context.threads, row, rows);
      multiply(context.threads, row, rows);
    }
  }

  void enter() override { hasPanels_ = false; }

  void move(int64_t steps) override {
    a_ = moved(a_, steps * aSlide_);
    b_ = moved(b_, steps * bSlide_);
    result_.move(steps);
  }

 private:
  void allocate(const Memory& memory) {
    const int64_t words = kernels_.words(k_);
    panelBytes_ = kernels_.panelBytes(k_);
    const int64_t panels = floatsFor(ceilDiv(n_, kernels_.panel) * panelBytes_);
    panels_ = keepsPanels_ ? Floats(panels) : Floats(memory, panels);
    // One more cache line than a power of two: rows do not meet in the same sets.
    rowBytes_ = ceilDiv(words * kernels_.wordBytes, kUnit) * kUnit + Int8Kernels::kSlack;
    const int64_t wholeBlocks = ceilDiv(kBlockRows, kernels_.rows) * kernels_.rows;
    slab_ = std::min(m_, std::max<int64_t>(1, kSlabBytes / rowBytes_ / wholeBlocks) * wholeBlocks);
    rows_ = Floats(memory, floatsFor(slab_ * rowBytes_));
    steps_ = Floats(memory, slab_);
    const Grid grid = chooseGrid({kernels_.rows, kernels_.panel}, slab_, n_, words, 1,
                                 result_.epilogue ? result_.epilogue->cost() : 0);
    blockRows_ = ceilDiv(slab_, grid.rows);
    blockColumns_ = ceilDiv(ceilDiv(n_, kernels_.panel), grid.columns) * kernels_.panel;
    stripRows_ = blockRows_;
    if (result_.epilogue) {
      const int64_t tiles = std::max<int64_t>(1, kStripFloats / (kernels_.rows * blockColumns_));
      stripRows_ = std::min(blockRows_, tiles * kernels_.rows);
      const int64_t chunks = grid.rows * grid.columns;
      slots_.allocate(memory, std::min<int64_t>(chunks, Threads::pool().count()), stripRows_ * blockColumns_);
    }
  }

  uint8_t* rowAt(int64_t row) const { return rows_.as<uint8_t>() + row * rowBytes_; }

  void pack(Threads& threads) {
    const int64_t panels = ceilDiv(n_, kernels_.panel), each = std::max<int64_t>(1, kPackBytes / panelBytes_);
    threads.each(ceilDiv(panels, each), [this, each](int64_t chunk) {
      const int64_t column = chunk * each * kernels_.panel, columns = std::min(each * kernels_.panel, n_ - column);
      kernels_.pack(b_ + column * bColumn_, bRow_, bColumn_, k_, columns,
                    panels_.as<uint8_t>() + chunk * each * panelBytes_);
    });
  }

  void roundRows(Threads& threads, int64_t row, int64_t rows) {
    const int64_t each = std::max<int64_t>(1, kRoundFloats / k_);
    threads.each(ceilDiv(rows, each), [this, each, row, rows](int64_t chunk) {
      const int64_t end = std::min(rows, (chunk + 1) * each);
      for (int64_t i = chunk * each; i < end; ++i) {
        kernels_.quantize(a_ + (row + i) * aRow_, aDepth_, k_, rowAt(i), steps_.data() + i);
      }
    });
  }

  // Rows row .. row+rows-1 of the product, which have been rounded.
  void multiply(Threads& threads, int64_t row, int64_t rows) {
    const int64_t down = ceilDiv(rows, blockRows_), across = ceilDiv(n_, blockColumns_);
    threads.each(down * across, [this, down, row, rows](int64_t chunk) {
      // Neighbours in time share columns of B.
      const int64_t first = chunk % down * blockRows_, end = std::min(rows, first + blockRows_);
      const int64_t column = chunk / down * blockColumns_;
      float* slot = slots_.acquire();
      for (int64_t i = first; i < end; i += stripRows_) strip(row, i, std::min(stripRows_, end - i), column, slot);
      slots_.release(slot);
    });
  }

  void strip(int64_t slab, int64_t i, int64_t rows, int64_t column, float* slot) {
    const int64_t n = std::min(blockColumns_, n_ - column), at = (slab + i) * n_ + column;
    const GemmFinish finish = result_.finish.from(column, at);
    kernels_.block({rowAt(i), rowBytes_, steps_.data() + i,
                    panels_.as<uint8_t>() + column / kernels_.panel * panelBytes_,
                    result_.epilogue ? slot : result_.to + at, result_.epilogue ? n : n_, rows, n, k_,
                    result_.finishes ? &finish : nullptr});
    if (result_.epilogue) result_.epilogue->run(slot, n, slab + i, rows, column, n);
  }

  const Int8Kernels& kernels_;
  const float* a_;
  const int8_t* b_;
  ProductResult result_;
  int64_t aSlide_, bSlide_;  // bytes, with every step of a loop
  int64_t m_, n_, k_;
  int64_t aRow_, aDepth_, bRow_, bColumn_;
  Floats panels_;  // of B
  int64_t panelBytes_;
  const bool keepsPanels_;  // B is the same until `enter`
  bool hasPanels_ = false;
  int64_t slab_;  // rows rounded at a time
  Floats rows_;   // of A, rounded
  int64_t rowBytes_;
  Floats steps_;  // what one stands for in each of them
  int64_t blockRows_, blockColumns_, stripRows_;
  Slots slots_;  // a running chunk's product, for the epilogue
};

}  // namespace

std::unique_ptr<Kernel> bindMatmulInt8(const Instruction& instruction, const Memory& memory) {
  return std::make_unique<MatmulInt8>(instruction, memory);
}

}  // namespace steepest
