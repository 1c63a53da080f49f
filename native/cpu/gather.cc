// Rows of a table by index, and the gradient: rows added up by index.
#include <algorithm>
#include <cstring>

#include "chunks.h"
#include "copy.h"
#include "rows.h"
#include "scratch.h"
#include "simd/table.h"
#include "tile.h"

namespace steepest {
namespace {

bool inRange(int32_t index, int64_t n) { return static_cast<uint32_t>(index) < static_cast<uint64_t>(n); }

void report(RunContext& context) {
  context.error.store(static_cast<uint32_t>(DataError::kIndex), std::memory_order_relaxed);
}

// Elements of the axes from `first` on.
int64_t sizeFrom(const View& v, int first) {
  int64_t size = 1;
  for (int d = first; d < v.rank; ++d) size *= v.shape[d];
  return size;
}

// out[i] = table[indices[i]], zero where the index is out of range. T is the element as plain bits.
template <typename T>
class Gather : public Kernel {
 public:
  Gather(const Instruction& instruction, const Memory& memory)
      : table_(memory.at<T>(instruction.inputs[0])),
        tableRows_(instruction.inputs[0].shape[0]),
        tableStride_(instruction.inputs[0].strides[0]),
        inner_(sizeFrom(instruction.inputs[0], 1)),
        count_(instruction.inputs[1].size()),
        indices_(instruction.inputs[1], memory),
        out_(memory.at<T>(instruction.outputs[0])) {
    const View& table = instruction.inputs[0];
    int64_t stride = 1;
    int64_t strides[kMaxRank];
    bool contiguous = true;
    for (int d = table.rank; d-- > 1;) {
      strides[d] = stride;
      stride *= table.shape[d];
      contiguous = contiguous && (table.shape[d] == 1 || table.strides[d] == strides[d]);
    }
    if (!contiguous) {
      strided_ =
          std::make_unique<CopyPlan>(table.dtype, table.rank - 1, table.shape + 1, table.strides + 1, strides + 1);
    }
  }

  void run(RunContext& context) override {
    const int32_t* indices = indices_.get<int32_t>(context);
    eachRange(context.threads, count_, 4 + inner_ / 8, [this, indices, &context](int64_t begin, int64_t end) {
      if (!gather(indices, begin, end)) report(context);
    });
  }

 private:
  bool gather(const int32_t* indices, int64_t begin, int64_t end) const {
    bool ok = true;
    for (int64_t i = begin; i < end; ++i) {
      T* to = out_ + i * inner_;
      if (!inRange(indices[i], tableRows_)) {
        std::memset(to, 0, static_cast<size_t>(inner_) * sizeof(T));
        ok = false;
        continue;
      }
      const T* from = table_ + indices[i] * tableStride_;
      if (strided_) {
        strided_->runInline(from, to);
      } else if (inner_ == 1) {
        *to = *from;
      } else {
        std::memcpy(to, from, static_cast<size_t>(inner_) * sizeof(T));
      }
    }
    return ok;
  }

  const T* table_;
  int64_t tableRows_, tableStride_, inner_, count_;
  ContiguousInput indices_;
  T* out_;
  std::unique_ptr<CopyPlan> strided_;  // of one row, when its elements have gaps
};

// out = 0; out[indices[i]] += updates[i], indices out of range left out. Every element of the output gets its terms in
// the order of the indices, whichever chunk it falls into, so the bits do not depend on the partition.
class ScatterAdd : public Kernel {
 public:
  ScatterAdd(const Instruction& instruction, const Memory& memory)
      : indices_(instruction.inputs[0], memory),
        updates_(instruction.inputs[1], memory),
        out_(memory.at<float>(instruction.outputs[0])),
        rows_(instruction.outputs[0].shape[0]),
        inner_(sizeFrom(instruction.outputs[0], 1)),
        count_(instruction.inputs[0].size()),
        ranges_(memory, 2 * ((count_ + kBlock - 1) / kBlock)),
        kernels_(*simd().rows) {}

  void run(RunContext& context) override {
    const int32_t* indices = indices_.get<int32_t>(context);
    const float* updates = updates_.get<float>(context);
    eachRange(context.threads, rows_, 1 + inner_ / 16, [this](int64_t begin, int64_t end) {
      std::memset(out_ + begin * inner_, 0, static_cast<size_t>((end - begin) * inner_) * sizeof(float));
    });
    eachRange(context.threads, (count_ + kBlock - 1) / kBlock, kBlock,
              [this, indices, &context](int64_t begin, int64_t end) {
                for (int64_t block = begin; block < end; ++block) {
                  const Range range = ranges_.as<Range>()[block] = rangeOf(indices, block);
                  if (range.least < 0 || range.most >= rows_) report(context);
                }
              });

    const int64_t work = count_ * (4 + inner_ / 4);
    if (work <= 2 * kChunkCost) {
      add(indices, updates, 0, rows_, 0, inner_);
    } else if (inner_ >= 2 * kColumns) {
      context.threads.each((inner_ + kColumns - 1) / kColumns, [this, indices, updates](int64_t chunk) {
        add(indices, updates, 0, rows_, chunk * kColumns, std::min(inner_, (chunk + 1) * kColumns));
      });
    } else {
      // Narrow rows: each chunk takes the indices of its part of the output.
      const int64_t parts = kPartsOfThread * context.threads.count(), size = (rows_ + parts - 1) / parts;
      context.threads.each(parts, [this, indices, updates, size](int64_t chunk) {
        add(indices, updates, std::min(rows_, chunk * size), std::min(rows_, (chunk + 1) * size), 0, inner_);
      });
    }
  }

 private:
  static constexpr int64_t kColumns = 64;
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

  void add(const int32_t* indices, const float* updates, int64_t firstRow, int64_t lastRow, int64_t firstColumn,
           int64_t lastColumn) const {
    for (int64_t begin = 0; begin < count_; begin += kBlock) {
      const Range range = ranges_.as<const Range>()[begin / kBlock];
      if (range.most < firstRow || range.least >= lastRow) continue;
      for (int64_t i = begin; i < std::min(count_, begin + kBlock); ++i) {
        const int64_t row = indices[i];
        if (row < firstRow || row >= lastRow) continue;
        if (inner_ == 1) {
          out_[row] += updates[i];
        } else {
          kernels_.add(updates + i * inner_ + firstColumn, out_ + row * inner_ + firstColumn, lastColumn - firstColumn);
        }
      }
    }
  }

  ContiguousInput indices_, updates_;
  float* out_;
  int64_t rows_, inner_, count_;
  Floats ranges_;  // of each block of indices
  const RowKernels& kernels_;
};

}  // namespace

std::unique_ptr<Kernel> bindGather(const Instruction& instruction, const Memory& memory) {
  switch (sizeOf(instruction.inputs[0].dtype)) {
    case 1:
      return std::make_unique<Gather<uint8_t>>(instruction, memory);
    case 2:
      return std::make_unique<Gather<uint16_t>>(instruction, memory);
    default:
      return std::make_unique<Gather<uint32_t>>(instruction, memory);
  }
}

std::unique_ptr<Kernel> bindScatterAdd(const Instruction& instruction, const Memory& memory) {
  return std::make_unique<ScatterAdd>(instruction, memory);
}

}  // namespace steepest
