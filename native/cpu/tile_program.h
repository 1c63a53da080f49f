// A scalar program bound to memory, run tile by tile: what map, reduce and the epilogue of matmul share.
//
// A tile is a few hundred neighbouring elements of the domain. Every step of the program is one loop over the tile, whose
// registers stay in L1. What each register is, is decided once when binding:
//
//   walking   contiguous memory (along the last axis at least): used in place
//   uniform   one number for the whole domain or, in row mode, for a row: never spread out, and steps on such numbers
//             only run once per chunk or row
//   periodic  the last axes repeat over the domain and are short (the bias of a layer): spread out once per chunk; or over the
//             last two axes only (numbers of each image and channel): spread out once per block, which is what those two span
//   staged    any other strides: copied into the tile before its steps run
//
// In flat mode tiles follow each other through the linear domain. In row mode (operands broadcast or strided over long
// rows) a tile lies within a row.
#pragma once

#include <cstdint>
#include <vector>

#include "../plan/plan.h"
#include "../runtime/kernel.h"
#include "gemm.h"
#include "simd/program.h"
#include "simd/table.h"

namespace steepest {

// The registers of the tiles that a thread runs. One per thread, so that running allocates nothing.
struct TileWorker {
  static constexpr int kMaxSlots = 4096;
  static constexpr int kMaxRows = 768;           // operands that move with the row
  static constexpr size_t kScratch = 256 << 10;  // bytes

  void* slots[kMaxSlots];
  uint8_t* rows[kMaxRows];  // where the current row of each walking operand begins
  int64_t row, block;
  alignas(64) uint8_t scratch[kScratch];
};

class TileProgram {
 public:
  struct Binding {
    std::vector<View> inputs;        // all of the domain's shape
    std::vector<View> outputs;       // the same; rows may lie apart. Empty for `reduce`, which reads result()
    std::vector<int64_t> positions;  // strides of the linear index, when the axes were permuted; else empty
    bool product = false;            // register 0 is given to each tile: inputs[0] is contiguous, its address unused
    bool rowwise = false;            // tiles never cross the last axis, whose index is the column
  };

  TileProgram(const Program& program, const Binding& binding, const Memory& memory);

  // Readies the calling thread's worker for tiles of this program; it serves until the thread begins another one.
  TileWorker& begin() const;
  // Most elements that one tile may hold when it begins at element `i`.
  int64_t extent(int64_t i) const {
    const int64_t span = block_ == 0 ? columns_ : block_;
    const int64_t left = span - (span == size_ ? i : i % span);
    return left < tile_ ? left : tile_;
  }
  // Elements i .. i+count-1, count <= extent(i).
  void run(TileWorker& worker, int64_t i, int64_t count) const;
  // The same with register 0 at `product`.
  void run(TileWorker& worker, int64_t i, int64_t count, const float* product) const {
    worker.slots[productSlot_] = const_cast<float*>(product);
    run(worker, i, count);
  }
  // Whether all of it is one fused run that walks through contiguous lines: then rectangles run at once.
  bool hasLines() const { return lines_ != nullptr; }
  // `rows` lines of `count` elements: the first begins at element `i`, the next ones `pitch` elements after each other.
  // Those of register 0 begin at `product`, `ld` elements apart.
  void runLines(TileWorker& worker, int64_t i, int64_t rows, int64_t pitch, int64_t count, const float* product,
                int64_t ld) const;
  // The kernel that makes an update of the product's lines, if those of all matrices lie `pitch` elements apart and results
  // are written over what they update; else null.
  GemmUpdating updating(const GemmKernels& gemm, int64_t pitch) const;
  // What it updates from element `i` on.
  GemmUpdate update(TileWorker& worker, int64_t i, int64_t pitch) const;
  // Memory of operands that a rectangle walks through: rows of `count` elements from element `i` on, `ld` elements apart.
  // As many as `most` and as lie evenly.
  int aheads(int64_t i, int64_t rows, int64_t ld, int64_t count, int most, Ahead* to) const;
  // Values of the program's (first) output in the tile that ran last.
  const void* result(const TileWorker& worker) const { return worker.slots[resultSlot_]; }

  // Where all values lie when the output is an input that is contiguous over the whole domain; else null.
  const uint8_t* plain() const { return plain_; }

  // As Kernel::move.
  void move(int64_t steps);

  // Runs all tiles of the elements begin .. end-1.
  void runRange(int64_t begin, int64_t end) const;

  int64_t size() const { return size_; }
  int64_t tile() const { return tile_; }
  int64_t columns() const { return columns_; }  // of a row; the whole domain in flat mode
  bool flat() const { return columns_ == size_; }
  // Whether tiles may begin anywhere at no cost.
  bool linear() const { return flat() && staged_.empty(); }
  // Picoseconds of an element, roughly, and the same on every CPU: what work is cut by.
  int64_t cost() const { return cost_; }

 private:
  enum Level : uint8_t { kUniform, kRow, kTile };
  struct Value {
    uint16_t slot;
    Level level;
  };
  struct Slot {
    uintptr_t address;
    bool scratch;   // relative to the worker's scratch
    int64_t slide;  // bytes, with every step of a loop
  };
  struct Operand {  // memory: walking, periodic or staged
    uint16_t slot;
    DType dtype;
    uint8_t bytes;  // of an element
    uint8_t* base;
    int64_t slide;                 // bytes, with every step of a loop
    int64_t period;                // periodic: elements
    size_t scratch;                // periodic: where it was spread out
    std::vector<int64_t> strides;  // of the collapsed domain
  };
  struct Builder;

  void enterRow(TileWorker& worker, int64_t row) const;
  void enterBlock(TileWorker& worker, int64_t block) const;
  void spread(TileWorker& worker, const Operand& operand, int64_t i) const;
  void stage(const Operand& operand, int64_t i, int64_t count, void* to) const;
  int64_t offsetOf(const std::vector<int64_t>& strides, int64_t row) const;

  std::vector<int64_t> shape_;  // collapsed: neighbouring axes that all operands walk as one are one
  int64_t size_ = 1;
  int64_t columns_ = 1;  // of a row; the whole domain in flat mode
  int64_t block_ = 0;    // elements, in flat mode: what some operands are periodic in; 0 when there are none
  int64_t tile_ = 1;
  int64_t cost_ = 0;
  std::vector<uint32_t> constants_;
  std::vector<Slot> slots_;
  std::vector<Operand> walking_;  // move with every tile
  std::vector<Operand> byRow_;    // one number per row
  std::vector<Operand> periodic_;
  std::vector<Operand> blockPeriodic_;
  std::vector<Operand> staged_;
  std::vector<int64_t> positions_;  // collapsed strides of the linear index; empty when tiles run in its order
  std::vector<SimdStep> uniformSteps_, rowSteps_, tileSteps_;
  FusedLines lines_ = nullptr;
  int linesRun_ = -1;  // its index
  uint16_t productSlot_ = 0;
  uint16_t resultSlot_ = 0;
  const uint8_t* plain_ = nullptr;
  int64_t plainSlide_ = 0;
};

}  // namespace steepest
