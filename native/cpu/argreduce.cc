// The index of the largest or smallest element along one axis. The first one wins; a NaN is beyond every number.
#include "chunks.h"
#include "copy.h"
#include "rows.h"
#include "simd/table.h"
#include "tile.h"

namespace steepest {
namespace {

// x [outer, axis, inner] -> index [outer, inner], for the three dtypes
template <typename T>
struct Functions {
  void (*rows)(const T*, int32_t*, int64_t rows, int64_t columns);
  void (*down)(const T*, int32_t*, int64_t rows, int64_t columns, int64_t ld);
};

template <bool kMax>
void argDownBool(const uint8_t* x, int32_t* index, int64_t rows, int64_t columns, int64_t ld) {
  for (int64_t c = 0; c < columns; ++c) {
    int64_t r = 0;
    while (r < rows && (x[r * ld + c] != 0) != kMax) ++r;
    index[c] = r < rows ? static_cast<int32_t>(r) : 0;
  }
}

template <bool kMax>
void argRowsBool(const uint8_t* x, int32_t* index, int64_t rows, int64_t columns) {
  for (int64_t r = 0; r < rows; ++r) argDownBool<kMax>(x + r * columns, index + r, columns, 1, 1);
}

template <typename T>
class ArgReduce : public Kernel {
 public:
  ArgReduce(const Instruction& instruction, const Memory& memory, Functions<T> functions)
      : x_(instruction.inputs[0], memory), index_(memory.at<int32_t>(instruction.outputs[0])), functions_(functions) {
    const View& x = instruction.inputs[0];
    const int axis = static_cast<int>(instruction.attrs[1]);
    for (int d = 0; d < axis; ++d) outer_ *= x.shape[d];
    axis_ = x.shape[axis];
    for (int d = axis + 1; d < x.rank; ++d) inner_ *= x.shape[d];
  }

  void run(RunContext& context) override {
    const T* x = x_.template get<T>(context);
    if (inner_ == 1) {
      eachRange(context.threads, outer_, 4 + axis_ / 4, [this, x](int64_t begin, int64_t end) {
        functions_.rows(x + begin * axis_, index_ + begin, end - begin, axis_);
      });
      return;
    }
    const int64_t blocks = (inner_ + kBlock - 1) / kBlock;
    eachRange(context.threads, outer_ * blocks, 16 * axis_, [this, x, blocks](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t outer = i / blocks, column = i % blocks * kBlock;
        functions_.down(x + outer * axis_ * inner_ + column, index_ + outer * inner_ + column, axis_,
                        std::min(kBlock, inner_ - column), inner_);
      }
    });
  }

 private:
  static constexpr int64_t kBlock = 64;  // columns done together: whole cache lines

  ContiguousInput x_;
  int32_t* index_;
  Functions<T> functions_;
  int64_t outer_ = 1, axis_ = 1, inner_ = 1;
};

}  // namespace

std::unique_ptr<Kernel> bindArgReduce(const Instruction& instruction, const Memory& memory) {
  const RowKernels& k = *simd().rows;
  const bool max = instruction.attrs[0] == 0;
  switch (instruction.inputs[0].dtype) {
    case DType::kFloat32:
      return std::make_unique<ArgReduce<float>>(instruction, memory,
                                                max ? Functions<float>{k.argMaxFloat, k.argMaxFloatDown}
                                                    : Functions<float>{k.argMinFloat, k.argMinFloatDown});
    case DType::kInt32:
      return std::make_unique<ArgReduce<int32_t>>(
          instruction, memory,
          max ? Functions<int32_t>{k.argMaxInt, k.argMaxIntDown} : Functions<int32_t>{k.argMinInt, k.argMinIntDown});
    default:
      return std::make_unique<ArgReduce<uint8_t>>(instruction, memory,
                                                  max ? Functions<uint8_t>{argRowsBool<true>, argDownBool<true>}
                                                      : Functions<uint8_t>{argRowsBool<false>, argDownBool<false>});
  }
}

}  // namespace steepest
