// Rows of a table by index.
#include <algorithm>
#include <cstring>

#include "chunks.h"
#include "copy.h"
#include "index.h"
#include "tile.h"

namespace steepest {
namespace {

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
      if (!gatherPart(indices, begin, end)) reportIndex(context);
    });
  }

 private:
  bool gatherPart(const int32_t* indices, int64_t begin, int64_t end) const {
    if (strided_) return gather(indices, begin, end);
    switch (inner_) {
      case 1:
        return gatherShort<1>(indices, begin, end);
      case 2:
        return gatherShort<2>(indices, begin, end);
      case 3:
        return gatherShort<3>(indices, begin, end);
      case 4:
        return gatherShort<4>(indices, begin, end);
      default:
        return gather(indices, begin, end);
    }
  }

  // Rows of so few elements that a copy of a size known here is most of the time.
  template <int64_t kInner>
  bool gatherShort(const int32_t* indices, int64_t begin, int64_t end) const {
    bool ok = true;
    T* to = out_ + begin * kInner;
    for (int64_t i = begin; i < end; ++i, to += kInner) {
      const bool known = inRange(indices[i], tableRows_);
      ok = ok && known;
      const T* from = table_ + (known ? indices[i] : 0) * tableStride_;
      for (int64_t k = 0; k < kInner; ++k) to[k] = known ? from[k] : T{};
    }
    return ok;
  }

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

}  // namespace steepest
