// reduce: sum, max, min or product over any axes, of a program's values.
//
// The axes are reordered so that what is combined lies together: [kept, reduced] when the last axis is reduced (rows),
// [kept, reduced, inner] with inner the kept axes at the end otherwise (columns). Float32 values are combined in blocks
// of at most a thousand, whose results are combined in double: the error does not grow with the size. Blocks, parts and
// their order depend on the shape only.
#include <algorithm>
#include <limits>
#include <type_traits>
#include <vector>

#include "chunks.h"
#include "tile.h"
#include "tile_program.h"

namespace steepest {
namespace {

constexpr int64_t kBlockRows = 256;    // rows of a column reduction in one float32 block
constexpr int64_t kMaxColumns = 8192;  // wider matrices are cut into strips
constexpr int64_t kStrip = 4096;
constexpr int64_t kManyUnits = 32;  // enough to share out without cutting the reduced axis
constexpr int64_t kMaxParts = 64;
constexpr int64_t kTarget = kChunkCost * 1000;  // picoseconds of a chunk

struct Layout {
  TileProgram::Binding binding;
  int64_t outer = 1, reduced = 1, inner = 1;
};

Layout layoutOf(const Instruction& instruction) {
  if (instruction.inputs.empty()) throw PlanError("reduce: expected at least one input");
  const View& any = instruction.inputs.front();
  const uint32_t mask = instruction.attrs[1];
  std::vector<int> outer, reduced, inner;
  std::vector<int64_t> positions(any.rank);
  int64_t stride = 1;
  for (int axis = any.rank - 1; axis >= 0; --axis) {
    positions[axis] = stride;
    stride *= any.shape[axis];
    if (any.shape[axis] == 1) continue;
    const bool isReduced = (mask >> axis & 1) != 0;
    auto& group = isReduced ? reduced : reduced.empty() ? inner : outer;
    group.insert(group.begin(), axis);
  }
  std::vector<int> order = outer;
  order.insert(order.end(), reduced.begin(), reduced.end());
  order.insert(order.end(), inner.begin(), inner.end());

  Layout layout;
  for (int axis : outer) layout.outer *= any.shape[axis];
  for (int axis : reduced) layout.reduced *= any.shape[axis];
  for (int axis : inner) layout.inner *= any.shape[axis];
  for (int axis : order) layout.binding.positions.push_back(positions[axis]);
  for (const View& v : instruction.inputs) {
    View permuted = v;
    permuted.rank = static_cast<int>(order.size());
    for (size_t k = 0; k < order.size(); ++k) {
      permuted.shape[k] = v.shape[order[k]];
      permuted.strides[k] = v.strides[order[k]];
    }
    layout.binding.inputs.push_back(permuted);
  }
  return layout;
}

template <typename T>
class Reduce : public Kernel {
 public:
  using Total = std::conditional_t<std::is_same_v<T, float>, double, T>;

  Reduce(const Instruction& instruction, const Memory& memory) : Reduce(instruction, memory, layoutOf(instruction)) {}

  void run(RunContext& context) override {
    if (chunks_ == 1) {
      runChunk(0);
    } else if (chunks_ > 1) {
      context.threads.each(chunks_, [this](int64_t chunk) { runChunk(chunk); });
    }
    if (parts_ > 1) joinParts();
  }

  void move(int64_t steps) override {
    program_.move(steps);
    output_ = moved(output_, steps * outputSlide_);
  }

 private:
  Reduce(const Instruction& instruction, const Memory& memory, const Layout& layout)
      : kind_(static_cast<ReduceKind>(instruction.attrs[0])),
        reducer_(*simd().tile->reducer(kind_, std::is_same_v<T, float> ? Lane::kFloat : Lane::kInt)),
        program_(instruction.program, layout.binding, memory),
        outer_(layout.outer),
        reduced_(layout.reduced),
        inner_(layout.inner),
        bool_(instruction.outputs[0].dtype == DType::kBool),
        outputSlide_(slideOf(instruction.outputs[0])) {
    output_ = bool_ ? memory.at<uint8_t>(instruction.outputs[0])
                    : reinterpret_cast<uint8_t*>(memory.at<T>(instruction.outputs[0]));
    strip_ = inner_ > kMaxColumns ? kStrip : inner_;
    strips_ = strip_ == 0 ? 0 : (inner_ + strip_ - 1) / strip_;
    units_ = outer_ * strips_;
    const int64_t unitCost = std::max<int64_t>(1, reduced_ * strip_ * (program_.cost() + 60));
    if (units_ * unitCost <= 2 * kTarget) {
      unitsPerChunk_ = std::max<int64_t>(1, units_);
    } else if (units_ >= kManyUnits) {
      unitsPerChunk_ = std::max<int64_t>(1, kTarget / unitCost);
    } else {
      unitsPerChunk_ = 1;
      const int64_t most = inner_ > 1 ? reduced_ / 64 : reduced_ / 4096;
      parts_ = std::clamp<int64_t>(unitCost / kTarget, 1, std::clamp<int64_t>(most, 1, kMaxParts));
      const int64_t unit = inner_ > 1 ? 1 : 1024;
      partLength_ = ((reduced_ + parts_ - 1) / parts_ + unit - 1) / unit * unit;
      parts_ = (reduced_ + partLength_ - 1) / partLength_;
    }
    if (parts_ == 1) partLength_ = reduced_;
    isBlock_ = parts_ == 1 && reduced_ <= kBlockRows && !bool_;
    chunks_ = (units_ + unitsPerChunk_ - 1) / unitsPerChunk_ * parts_;
    totals_.resize(chunks_ * strip_);
    if (inner_ > 1) blocks_.resize(chunks_ * strip_);
  }

  T identity() const {
    using Limits = std::numeric_limits<T>;
    constexpr bool real = std::is_same_v<T, float>;
    switch (kind_) {
      case ReduceKind::kMax:
        return real ? -Limits::infinity() : Limits::lowest();
      case ReduceKind::kMin:
        return real ? Limits::infinity() : Limits::max();
      case ReduceKind::kProd:
        return 1;
      case ReduceKind::kSum:
        break;
    }
    return 0;
  }

  Total combine(Total a, Total b) const {
    switch (kind_) {
      case ReduceKind::kMax:
        return a != a || a > b ? a : b;
      case ReduceKind::kMin:
        return a != a || a < b ? a : b;
      case ReduceKind::kProd:
        if constexpr (std::is_same_v<T, int32_t>)
          return static_cast<T>(static_cast<uint32_t>(a) * static_cast<uint32_t>(b));
        return a * b;
      case ReduceKind::kSum:
        break;
    }
    if constexpr (std::is_same_v<T, int32_t>)
      return static_cast<T>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
    return a + b;
  }

  void write(int64_t i, Total value) const {
    if (bool_) {
      output_[i] = value != 0;
    } else {
      reinterpret_cast<T*>(output_)[i] = static_cast<T>(value);
    }
  }

  void runChunk(int64_t chunk) {
    TileWorker& worker = program_.begin();
    const int64_t group = parts_ == 1 ? chunk : chunk / parts_, part = chunk - group * parts_;
    const int64_t first = part * partLength_, last = std::min(reduced_, first + partLength_);
    const int64_t begin = group * unitsPerChunk_, end = std::min(units_, begin + unitsPerChunk_);
    Total* totals = totals_.data() + chunk * strip_;
    if (inner_ == 1) {
      reduceRows(worker, begin, end, first, last, totals);
      return;
    }
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t outer = strips_ == 1 ? unit : unit / strips_, column = (unit - outer * strips_) * strip_;
      const int64_t columns = std::min(strip_, inner_ - column);
      if (isBlock_) {
        T* const to = reinterpret_cast<T*>(output_) + outer * inner_ + column;
        std::fill(to, to + columns, identity());
        addRows(worker, outer * reduced_ * inner_ + column, reduced_, columns, to);
        continue;
      }
      reduceColumns(worker, outer, first, last, column, columns, blocks_.data() + chunk * strip_, totals);
      if (parts_ > 1) continue;
      for (int64_t c = 0; c < columns; ++c) write(outer * inner_ + column + c, totals[c]);
    }
  }

  // Elements first .. last-1 of the rows begin .. end-1.
  void reduceRows(TileWorker& worker, int64_t begin, int64_t end, int64_t first, int64_t last, Total* total) {
    const bool shares = program_.flat() && parts_ == 1 && reduced_ > 0 && 2 * reduced_ <= program_.tile();
    for (int64_t row = begin; row < end;) {
      // Short rows share a tile.
      const int64_t rows = shares ? std::min(end - row, program_.extent(row * reduced_) / reduced_) : 0;
      if (rows > 0) {
        program_.run(worker, row * reduced_, rows * reduced_);
        reduceTile(static_cast<const T*>(program_.result(worker)), row, rows);
        row += rows;
        continue;
      }
      *total = identity();
      const int64_t stop = row * reduced_ + last;
      for (int64_t i = row * reduced_ + first; i < stop;) {
        const int64_t count = std::min(program_.extent(i), stop - i);
        program_.run(worker, i, count);
        T value;
        reducer_.rows(program_.result(worker), 1, count, &value);
        *total = combine(*total, value);
        i += count;
      }
      if (parts_ == 1) write(row, *total);
      ++row;
    }
  }

  // Whole rows, one after the other.
  void reduceTile(const T* values, int64_t row, int64_t count) {
    if (!bool_) {
      reducer_.rows(values, count, reduced_, reinterpret_cast<T*>(output_) + row);
      return;
    }
    for (int64_t r = 0; r < count; ++r) {
      T value;
      reducer_.rows(values + r * reduced_, 1, reduced_, &value);
      write(row + r, value);
    }
  }

  // Rows first .. last-1 of the matrix [reduced, inner] number `outer`, in a strip of columns.
  void reduceColumns(TileWorker& worker, int64_t outer, int64_t first, int64_t last, int64_t column, int64_t columns,
                     T* block, Total* totals) {
    std::fill(totals, totals + columns, static_cast<Total>(identity()));
    for (int64_t row = first; row < last; row += kBlockRows) {
      const int64_t rows = std::min(kBlockRows, last - row);
      std::fill(block, block + columns, identity());
      addRows(worker, (outer * reduced_ + row) * inner_ + column, rows, columns, block);
      for (int64_t c = 0; c < columns; ++c) totals[c] = combine(totals[c], block[c]);
    }
  }

  void addRows(TileWorker& worker, int64_t i, int64_t rows, int64_t columns, T* block) {
    if (program_.plain() != nullptr) {
      reducer_.columns(program_.plain() + i * sizeof(T), inner_, rows, columns, block);
      return;
    }
    const bool shares = columns == inner_ && 2 * inner_ <= std::min(program_.tile(), program_.columns());
    for (int64_t r = 0; r < rows;) {
      const int64_t at = i + r * inner_;
      // Short rows share a tile.
      const int64_t together = shares ? std::min(rows - r, program_.extent(at) / inner_) : 0;
      if (together > 1) {
        program_.run(worker, at, together * inner_);
        reducer_.columns(program_.result(worker), inner_, together, inner_, block);
        r += together;
      } else {
        addRow(worker, at, columns, block);
        ++r;
      }
    }
  }

  void addRow(TileWorker& worker, int64_t i, int64_t columns, T* block) {
    for (int64_t c = 0; c < columns;) {
      const int64_t count = std::min(program_.extent(i + c), columns - c);
      program_.run(worker, i + c, count);
      reducer_.columns(program_.result(worker), count, 1, count, block + c);
      c += count;
    }
  }

  void joinParts() {
    for (int64_t unit = 0; unit < units_; ++unit) {
      const int64_t outer = unit / strips_, column = unit % strips_ * strip_;
      const int64_t columns = std::min(strip_, inner_ - column);
      Total* totals = totals_.data() + unit * parts_ * strip_;
      for (int64_t part = 1; part < parts_; ++part) {
        for (int64_t c = 0; c < columns; ++c) totals[c] = combine(totals[c], totals[part * strip_ + c]);
      }
      for (int64_t c = 0; c < columns; ++c) write(outer * inner_ + column + c, totals[c]);
    }
  }

  const ReduceKind kind_;
  const Reducer& reducer_;
  TileProgram program_;
  const int64_t outer_, reduced_, inner_;
  const bool bool_;  // 0 and 1 in float lanes, bytes in memory
  uint8_t* output_;
  const int64_t outputSlide_;
  int64_t strip_, strips_;  // columns that are reduced together
  int64_t units_;           // outer x strips: each writes its own outputs
  int64_t unitsPerChunk_;
  int64_t parts_ = 1;  // of the reduced axes, each a chunk of its own
  int64_t partLength_ = 0;
  bool isBlock_ = false;  // few rows, which are combined where the result is
  int64_t chunks_;
  std::vector<Total> totals_;  // of each chunk, a strip
  std::vector<T> blocks_;
};

}  // namespace

std::unique_ptr<Kernel> bindReduce(const Instruction& instruction, const Memory& memory) {
  if (instruction.outputs[0].dtype == DType::kInt32) return std::make_unique<Reduce<int32_t>>(instruction, memory);
  return std::make_unique<Reduce<float>>(instruction, memory);
}

}  // namespace steepest
