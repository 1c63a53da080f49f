// Matrix product kernels, one table per CPU target and precision. matmul.cc cuts a product into blocks and chooses how B is read.
#pragma once

#include <cstdint>

#include "../runtime/gemm_finish.h"

namespace steepest {

struct SimdStep;  // see simd/program.h

// Memory that will be read soon: `rows` runs of `bytes` bytes, `stride` bytes apart. Brought to the cache while the product
// is computed, which leaves the memory idle.
struct Ahead {
  const uint8_t* at;
  int64_t rows, stride, bytes;
  const uint32_t* order = nullptr;  // which runs, where they do not follow each other
};

constexpr int kMostAheads = 6;

// The tile of A that the thread's next block begins with has been copied by the one before.
struct GemmCopied {
  bool first = false;
  int64_t buffer = 0;
};

// C [m, n] = A [m, k] B [k, n], all rows of C and the last axis of B's panels with unit stride.
struct GemmBlock {
  const float* a;
  int64_t aRow, aDepth;  // strides between rows and along k
  // B is read in panels of `panel` columns: column j of row p is at b[(j / panel) * bPanel + p * bRow + j % panel].
  // A plain row-major matrix has bRow = ld and bPanel = panel; a packed one bRow = panel and bPanel = k * panel.
  const float* b;
  int64_t bRow, bPanel;
  float* c;
  int64_t cRow;
  int64_t m, n, k;
  const GemmFinish* finish = nullptr;
  bool accumulate = false;      // onto what C holds, or
  const float* from = nullptr;  // onto these numbers, in rows as far apart as C's
  const float* bias = nullptr;  // and onto these, in each row
  bool farA = false;            // it comes from memory, whatever size this block of it has
  const Ahead* ahead = nullptr;
  int aheads = 0;  // kMostAheads at most
  // Or B is read as it lies, with unit stride along its rows, by the first tile of rows, which packs it here for the others.
  float* panels = nullptr;
  // Where blocks follow each other down the rows of the same A on one thread: rows of the next one, or 0.
  GemmCopied* copied = nullptr;
  int64_t below = 0;
  const uint16_t* aNarrow = nullptr;  // bfloat16 numbers instead of a: of kernels that round
};

// B^T is read instead: both operands have unit stride along k.
struct GemmDots {
  const float* a;
  int64_t aRow;
  const float* b;
  int64_t bColumn;
  float* c;
  int64_t cRow;
  int64_t m, n, k;
  const GemmFinish* finish;
};

// Sums over parts of k, added in order and finished: C [m, n], without gaps between rows.
struct GemmParts {
  const float* sums;
  int64_t stride;  // between parts
  int64_t parts;
  float* c;
  int64_t m, n;
  const GemmFinish* finish;
};

// An update that reads a product and stores all that is left of it: a fused run (simd/fused.h) on matrices of the same size.
struct GemmUpdate {
  const SimdStep* step;
  void* const* slots;  // of the step: where the matrices of a block begin
  int64_t pitch;       // bytes between rows of all of them
};
using GemmUpdating = void (*)(const GemmBlock&, const GemmUpdate&);

struct GemmKernels {
  int64_t rows;   // of C in registers
  int64_t panel;  // columns of C in registers
  int64_t depth;  // of k that a tile of A is copied for at a time
  // Every element is summed over k in order, from the first to the last: how the product is cut does not show in the bits.
  void (*block)(const GemmBlock&);
  // Each element is summed in a fixed order that depends on k only.
  void (*dots)(const GemmDots&);
  // Packs B [k, n] of any strides as panels, zeros to the right of the last column: ceil(n / panel) * k * panel floats.
  // Kernels of a reduced precision round on the way (see `pair`).
  void (*pack)(const float* b, int64_t bRow, int64_t bColumn, int64_t k, int64_t n, float* panels);
  void (*add)(const GemmParts&);
  // The transposed of a [rows, columns] matrix whose rows lie `stride` apart, without gaps.
  void (*turn)(const float* from, int64_t stride, int64_t rows, int64_t columns, float* to);
  // 0: float32, and B may lie anywhere. Else operands are rounded while they are copied: `block` reads B only as `pack` made
  // it, there are no `dots`, and this many elements along k share a 32-bit word of a panel.
  int64_t pair = 0;
  // As `pack`, of bfloat16 numbers: of kernels that round.
  void (*packNarrow)(const uint16_t* b, int64_t bRow, int64_t bColumn, int64_t k, int64_t n, float* panels) = nullptr;

  // As `block`, which stores nothing but makes such an update, or null: where columns of A and whole panels are read, m is no
  // smaller than updatingRows and k no larger than depth. `product`: the operand of the run that the product is.
  GemmUpdating (*updating)(int run, int product) = nullptr;
  int64_t updatingRows = 0;

  // Products so fast that copies of A show, of which each block has its own: blocks of a small k are wider, up to so many elements of B.
  int64_t blockElements = 0;

  bool rounds() const { return pair != 0; }
  // Rows of a packed panel.
  int64_t packedDepth(int64_t k) const { return pair == 2 ? (k + 1) / 2 : k; }
};

}  // namespace steepest
