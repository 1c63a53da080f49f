// Positions of the elements along one axis in sorted order.
#include <algorithm>
#include <cstring>

#include "chunks.h"
#include "copy.h"
#include "scratch.h"
#include "sort_pairs.h"
#include "tile.h"

namespace steepest {
namespace {

// The same window with one axis moved to the end.
View withLast(View v, int axis) {
  std::rotate(v.shape + axis, v.shape + axis + 1, v.shape + v.rank);
  std::rotate(v.strides + axis, v.strides + axis + 1, v.strides + v.rank);
  return v;
}

// Unsigned numbers in the order of the elements: -0 equals 0, NaN is beyond infinity.
uint32_t keyOf(float x) {
  if (x != x) return UINT32_MAX;
  x += 0.0f;
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits >> 31 != 0 ? ~bits : bits | 0x80000000u;
}
uint32_t keyOf(int32_t x) { return static_cast<uint32_t>(x) ^ 0x80000000u; }

constexpr int64_t kLeastByDigits = 96;  // of fewer numbers, counting digits takes longer than comparing

template <typename T>
class Argsort : public Kernel {
 public:
  Argsort(const Instruction& instruction, const Memory& memory)
      : x_(withLast(instruction.inputs[0], static_cast<int>(instruction.attrs[0])), memory),
        out_(memory.at<int32_t>(instruction.outputs[0])),
        flip_(instruction.attrs[1] != 0 ? UINT32_MAX : 0) {
    const View& x = instruction.inputs[0];
    const int axis = static_cast<int>(instruction.attrs[0]);
    for (int d = 0; d < axis; ++d) outer_ *= x.shape[d];
    axis_ = x.shape[axis];
    for (int d = axis + 1; d < x.rank; ++d) inner_ *= x.shape[d];
    count_ = instruction.outputs[0].shape[axis];
    slots_.allocate(memory, Threads::pool().count(), floatsOfPairs(axis_));
  }

  void run(RunContext& context) override {
    const T* x = x_.template get<T>(context);
    eachRange(context.threads, outer_ * inner_, 20 * axis_, [this, x](int64_t begin, int64_t end) {
      float* const slot = slots_.acquire();
      for (int64_t line = begin; line < end; ++line) sort(x + line * axis_, line, reinterpret_cast<Pair*>(slot));
      slots_.release(slot);
    });
  }

 private:
  void sort(const T* x, int64_t line, Pair* pairs) const {
    for (int64_t i = 0; i < axis_; ++i) pairs[i] = pairOf(keyOf(x[i]) ^ flip_, i);
    if (count_ < axis_) std::nth_element(pairs, pairs + count_, pairs + axis_);
    const Pair* sorted = pairs;
    // What has been selected has lost the order of equal keys, which digits of the keys do not restore.
    if (count_ == axis_ && count_ >= kLeastByDigits) {
      sorted = sortByDigits(pairs, pairs + axis_, count_);
    } else {
      std::sort(pairs, pairs + count_);
    }
    int32_t* out = out_ + line / inner_ * count_ * inner_ + line % inner_;
    for (int64_t i = 0; i < count_; ++i) out[i * inner_] = static_cast<int32_t>(valueOfPair(sorted[i]));
  }

  ContiguousInput x_;
  int32_t* out_;
  uint32_t flip_;
  int64_t outer_ = 1, axis_ = 1, inner_ = 1, count_ = 0;
  Slots slots_;  // pairs of a line, twice
};

}  // namespace

std::unique_ptr<Kernel> bindArgsort(const Instruction& instruction, const Memory& memory) {
  if (instruction.inputs[0].dtype == DType::kInt32) return std::make_unique<Argsort<int32_t>>(instruction, memory);
  return std::make_unique<Argsort<float>>(instruction, memory);
}

}  // namespace steepest
