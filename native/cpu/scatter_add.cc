// Rows added up by index, and what follows on all rows: the gradient of a table that rows were taken from, and its update.
//
// Every element gets its terms in the order of the indices, whichever chunk it falls into, so the bits do not depend on the
// partition.
#include <algorithm>
#include <cstring>

#include "chunks.h"
#include "copy.h"
#include "index.h"
#include "rows.h"
#include "scratch.h"
#include "simd/table.h"
#include "sort_pairs.h"
#include "tile.h"
#include "zero_effect.h"

namespace steepest {
namespace {

constexpr int64_t kNarrow = 16;  // shorter rows are not worth sorting their indices
constexpr int64_t kTile = 4096;  // floats: rows that a program finishes while they are in L1

// Rows [rows, inner] of an instruction, and where they go: to its output, or through a program that stores what it makes of them.
class ScatterAdd : public Kernel {
 protected:
  ScatterAdd(const Instruction& instruction, const Memory& memory)
      : kernels_(*simd().rows),
        indices_(instruction.inputs[0], memory),
        updates_(instruction.inputs[1], memory),
        count_(instruction.inputs[0].size()),
        rows_(instruction.outputs[0].shape[0]),
        inner_(sizeFrom(instruction.outputs[0], 1)),
        last_(instruction.outputs[0].rank == 1 ? rows_
                                               : instruction.outputs[0].shape[instruction.outputs[0].rank - 1]) {
    if (instruction.attrs[0] == 1) {
      epilogue_ = bindEpilogue(instruction, 2, memory);
      rowCost_ += inner_ * epilogue_->cost() / 16;
    } else {
      out_ = memory.at<float>(instruction.outputs[0]);
    }
  }

  // Finishes whole rows.
  void finish(const float* sums, int64_t row, int64_t rows) const {
    if (inner_ == 0) return;
    if (inner_ < last_) return epilogue_->run(sums, last_, 0, 1, row, rows);  // of a vector, elements
    epilogue_->run(sums, last_, row * (inner_ / last_), rows * (inner_ / last_), 0, last_);
  }

  int64_t workOf(int64_t rows, int64_t indices) const { return rows * rowCost_ + indices * (4 + inner_ / 8); }

  const RowKernels& kernels_;
  ContiguousInput indices_, updates_;
  const int64_t count_, rows_, inner_, last_;
  float* out_ = nullptr;  // null when a program stores
  std::unique_ptr<Epilogue> epilogue_;
  int64_t rowCost_ = 1 + inner_ / 16;  // nanoseconds, about
};

// Each chunk goes through the indices for those of its rows.
class NarrowRows final : public ScatterAdd {
 public:
  NarrowRows(const Instruction& instruction, const Memory& memory)
      : ScatterAdd(instruction, memory), ranges_(memory, 2 * ((count_ + kBlock - 1) / kBlock)) {
    if (epilogue_) sums_ = Floats(memory, rows_ * inner_);
  }

  void run(RunContext& context) override {
    const int32_t* indices = indices_.get<int32_t>(context);
    const float* updates = updates_.get<float>(context);
    eachRange(context.threads, (count_ + kBlock - 1) / kBlock, kBlock,
              [this, indices, &context](int64_t begin, int64_t end) {
                for (int64_t block = begin; block < end; ++block) {
                  const Range range = ranges_.as<Range>()[block] = rangeOf(indices, block);
                  if (range.least < 0 || range.most >= rows_) reportIndex(context);
                }
              });
    const bool small = workOf(rows_, count_) <= 2 * kChunkCost;
    const int64_t parts = small ? 1 : kPartsOfThread * context.threads.count();
    context.threads.each(parts, [this, indices, updates, parts](int64_t part) {
      addRows(indices, updates, partBegin(rows_, parts, part), partBegin(rows_, parts, part + 1));
    });
  }

 private:
  static constexpr int64_t kPartsOfThread = 2;
  static constexpr int64_t kBlock = 256;  // indices

  struct Range {
    int32_t least, most;
  };

  Range rangeOf(const int32_t* indices, int64_t block) const {
    Range range{indices[block * kBlock], indices[block * kBlock]};
    for (int64_t i = block * kBlock; i < std::min(count_, (block + 1) * kBlock); ++i) {
      range.least = std::min(range.least, indices[i]);
      range.most = std::max(range.most, indices[i]);
    }
    return range;
  }

  void addRows(const int32_t* indices, const float* updates, int64_t firstRow, int64_t lastRow) const {
    if (firstRow == lastRow) return;
    float* const sums = epilogue_ ? sums_.data() : out_;
    std::fill(sums + firstRow * inner_, sums + lastRow * inner_, 0.0f);
    for (int64_t begin = 0; begin < count_; begin += kBlock) {
      const Range range = ranges_.as<const Range>()[begin / kBlock];
      if (range.most < firstRow || range.least >= lastRow) continue;
      for (int64_t i = begin; i < std::min(count_, begin + kBlock); ++i) {
        const int64_t row = indices[i];
        if (row < firstRow || row >= lastRow) continue;
        if (inner_ == 1) {
          sums[row] += updates[i];
        } else {
          kernels_.add(updates + i * inner_, sums + row * inner_, inner_);
        }
      }
    }
    if (epilogue_) finish(sums + firstRow * inner_, firstRow, lastRow - firstRow);
  }

  Floats ranges_;  // of each block of indices
  Floats sums_;
};

// The indices are sorted: a chunk finds those of its rows one after the other. No more rows than fit L1 are ever all zeros, or
// sums, in memory, if a program finishes them.
class WideRows final : public ScatterAdd {
 public:
  WideRows(const Instruction& instruction, const Memory& memory)
      : ScatterAdd(instruction, memory),
        skips_(epilogue_ && zeroHasNoEffect(instruction)),
        cuts_(!epilogue_ || inner_ == last_),
        pairs_(memory, floatsOfPairs(count_)) {
    if (skips_) rowCost_ = 0;
    if (epilogue_) slots_.allocate(memory, Threads::pool().count(), tileRows() * inner_);
  }

  void run(RunContext& context) override {
    const float* updates = updates_.get<float>(context);
    const Sorted sorted = sort(context);
    const int64_t work = workOf(rows_, sorted.count());
    const int64_t parts = std::min(rows_, work <= 2 * kChunkCost ? 1 : partsOfAtMost(kPart, work));
    // Of a row that most of the work is for, each chunk takes some columns.
    const int64_t blocks =
        cuts_ && workOf(0, sorted.longest()) > work / 4 ? std::max<int64_t>(1, inner_ / kColumns) : 1;
    context.threads.each(parts * blocks, [this, &sorted, updates, work, parts, blocks](int64_t task) {
      const int64_t part = task / blocks, block = task % blocks;
      const int64_t column = partBegin(inner_, blocks, block), end = partBegin(inner_, blocks, block + 1);
      const int64_t row = rowAt(sorted, work, parts, part), lastRow = rowAt(sorted, work, parts, part + 1);
      if (row == lastRow) return;
      const Rows rows{sorted.from(row), sorted.end, updates + column, row, lastRow, column, end - column};
      if (!epilogue_) return store(rows);
      float* tile = slots_.acquire();
      finish(rows, tile);
      slots_.release(tile);
    });
  }

 private:
  static constexpr int64_t kPart = 4 * kChunkCost;
  static constexpr int64_t kColumns = 64;

  // Rows and positions of indices.
  struct Sorted {
    const Pair *begin, *end;
    int64_t count() const { return end - begin; }
    const Pair* from(int64_t row) const {
      return row > UINT32_MAX ? end : std::lower_bound(begin, end, pairOf(static_cast<uint32_t>(row), 0));
    }
    // Of those of one row.
    int64_t longest() const {
      int64_t longest = 0;
      for (const Pair *first = begin, *pair = begin; pair < end; ++pair) {
        if (keyOfPair(*pair) != keyOfPair(*first)) first = pair;
        longest = std::max(longest, pair - first + 1);
      }
      return longest;
    }
  };

  // What a chunk makes: columns of some rows, from `pair` on.
  struct Rows {
    const Pair *pair, *end;
    const float* updates;
    int64_t row, lastRow, column, columns;
    bool has(int64_t r) const { return pair < end && keyOfPair(*pair) == r; }
  };

  int64_t tileRows() const { return std::max<int64_t>(1, kTile / std::max<int64_t>(1, inner_)); }

  // Those out of range are left out, and reported.
  Sorted sort(RunContext& context) {
    const int32_t* indices = indices_.get<int32_t>(context);
    Pair* const pairs = pairs_.as<Pair>();
    int64_t n = 0;
    for (int64_t i = 0; i < count_; ++i) {
      pairs[n] = pairOf(static_cast<uint32_t>(indices[i]), i);
      n += inRange(indices[i], rows_);
    }
    if (n < count_) reportIndex(context);
    const Pair* const sorted = sortByDigits(pairs, pairs + count_, n);
    return {sorted, sorted + n};
  }

  // Where a part begins, of as many as have the same work.
  int64_t rowAt(const Sorted& sorted, int64_t work, int64_t parts, int64_t part) const {
    if (part == 0) return 0;
    if (part == parts) return rows_;
    int64_t low = 0, high = rows_;
    while (low < high) {
      const int64_t row = (low + high) / 2;
      if (workOf(row, sorted.from(row) - sorted.begin) * parts < work * part) {
        low = row + 1;
      } else {
        high = row;
      }
    }
    return low;
  }

  // Adds what belongs to row `row` to zeros.
  void add(Rows* rows, int64_t row, float* to) const {
    for (; rows->has(row); ++rows->pair) {
      kernels_.add(rows->updates + static_cast<int64_t>(valueOfPair(*rows->pair)) * inner_, to, rows->columns);
    }
  }

  void store(Rows rows) const {
    for (int64_t row = rows.row; row < rows.lastRow; ++row) {
      float* const to = out_ + row * inner_ + rows.column;
      std::fill_n(to, rows.columns, 0.0f);
      add(&rows, row, to);
    }
  }

  void finish(Rows rows, float* tile) const {
    const int64_t most = skips_ ? 1 : tileRows();
    std::fill_n(tile, most * rows.columns, 0.0f);
    for (int64_t row = rows.row; row < rows.lastRow;) {
      if (skips_) {
        if (rows.pair == rows.end || keyOfPair(*rows.pair) >= rows.lastRow) return;
        row = keyOfPair(*rows.pair);
      }
      const int64_t n = std::min(most, rows.lastRow - row);
      const Pair* const first = rows.pair;
      for (int64_t r = 0; r < n; ++r) add(&rows, row + r, tile + r * rows.columns);
      if (rows.columns == inner_) {
        ScatterAdd::finish(tile, row, n);
      } else {
        epilogue_->run(tile, rows.columns, row, n, rows.column, rows.columns);
      }
      for (const Pair* pair = first; pair < rows.pair; ++pair) {
        if (pair > first && keyOfPair(*pair) == keyOfPair(pair[-1])) continue;
        std::fill_n(tile + (keyOfPair(*pair) - row) * rows.columns, rows.columns, 0.0f);
      }
      row += n;
    }
  }

  const bool skips_;  // rows to which nothing is added stay as they are
  const bool cuts_;   // columns can be finished apart
  Floats pairs_;
  Slots slots_;
};

}  // namespace

std::unique_ptr<Kernel> bindScatterAdd(const Instruction& instruction, const Memory& memory) {
  if (sizeFrom(instruction.outputs[0], 1) < kNarrow) return std::make_unique<NarrowRows>(instruction, memory);
  return std::make_unique<WideRows>(instruction, memory);
}

}  // namespace steepest
