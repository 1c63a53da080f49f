// Normalization of rows and its gradients.
#include "normalize.h"

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

constexpr int64_t kRowsOfPart = 16;  // of a sum over rows, at least

struct Rows {
  explicit Rows(const Instruction& in)
      : n(in.inputs[0].shape[in.inputs[0].rank - 1]),
        count(in.inputs[0].size() / std::max<int64_t>(1, n)),
        centered(in.attrs[1] != 0),
        scale(in.attrs[2] != 0),
        offset(in.attrs[3] != 0) {
    std::memcpy(&epsilon, &in.attrs[0], sizeof epsilon);
  }
  int64_t n, count;
  bool centered, scale, offset;
  float epsilon;
  int64_t cost() const { return 10 + (n <= 16 ? 4 * n : n / 8); }  // of a row, nanoseconds
};

class Normalize final : public Kernel {
 public:
  Normalize(const Instruction& in, const Memory& memory)
      : rows_(in),
        x_(in.inputs[0], memory),
        y_(memory.at<float>(in.outputs[0])),
        mean_(memory.at<float>(in.outputs[1])),
        inverse_(memory.at<float>(in.outputs[2])) {
    if (rows_.scale) scale_ = std::make_unique<ContiguousInput>(in.inputs[1], memory);
    if (rows_.offset) offset_ = std::make_unique<ContiguousInput>(in.inputs.back(), memory);
  }

  void run(RunContext& context) override {
    const float* x = x_.get<float>(context);
    const float* scale = scale_ ? scale_->get<float>(context) : nullptr;
    const float* offset = offset_ ? offset_->get<float>(context) : nullptr;
    eachRange(context.threads, rows_.count, rows_.cost(), [=, this](int64_t begin, int64_t end) {
      const int64_t at = begin * rows_.n;
      kernels_.forward(x + at, scale, offset, rows_.epsilon, rows_.centered, end - begin, rows_.n, y_ + at,
                       mean_ + begin, inverse_ + begin);
    });
  }

 private:
  const NormalizeKernels& kernels_ = *simd().normalize;
  Rows rows_;
  ContiguousInput x_;
  std::unique_ptr<ContiguousInput> scale_, offset_;
  float* y_;
  float* mean_;
  float* inverse_;
};

// Every part of the rows has sums of its own, which are added in order.
class NormalizeGrad final : public Kernel {
 public:
  NormalizeGrad(const Instruction& in, const Memory& memory)
      : rows_(in),
        x_(in.inputs[0], memory),
        mean_(in.inputs[1], memory),
        inverse_(in.inputs[2], memory),
        dy_(in.inputs[3], memory),
        dx_(memory.at<float>(in.outputs[0])) {
    if (rows_.scale) scale_ = std::make_unique<ContiguousInput>(in.inputs[4], memory);
    if (rows_.scale) dscale_ = memory.at<float>(in.outputs[1]);
    if (rows_.offset) doffset_ = memory.at<float>(in.outputs.back());
    each_ = std::max(kRowsOfPart, 2 * kChunkCost / rows_.cost());
    parts_ = (rows_.count + each_ - 1) / each_;
    sums_ = Floats(memory, parts_ * 2 * rows_.n);
  }

  void run(RunContext& context) override {
    const float* x = x_.get<float>(context);
    const float* mean = mean_.get<float>(context);
    const float* inverse = inverse_.get<float>(context);
    const float* dy = dy_.get<float>(context);
    const float* scale = scale_ ? scale_->get<float>(context) : nullptr;
    context.threads.each(parts_, [=, this](int64_t part) {
      const int64_t begin = part * each_, count = std::min(each_, rows_.count - begin), at = begin * rows_.n;
      float* sums = sums_.data() + part * 2 * rows_.n;
      std::memset(sums, 0, static_cast<size_t>(2 * rows_.n) * sizeof(float));
      kernels_.backward(x + at, mean + begin, inverse + begin, dy + at, scale, rows_.epsilon, rows_.centered, count,
                        rows_.n, dx_ + at, dscale_ ? sums : nullptr, doffset_ ? sums + rows_.n : nullptr);
    });
    if (dscale_) join(sums_.data(), dscale_);
    if (doffset_) join(sums_.data() + rows_.n, doffset_);
  }

 private:
  void join(const float* sums, float* to) const {
    std::memcpy(to, sums, static_cast<size_t>(rows_.n) * sizeof(float));
    for (int64_t part = 1; part < parts_; ++part) simd().rows->add(sums + part * 2 * rows_.n, to, rows_.n);
  }

  const NormalizeKernels& kernels_ = *simd().normalize;
  Rows rows_;
  ContiguousInput x_, mean_, inverse_, dy_;
  std::unique_ptr<ContiguousInput> scale_;
  float* dx_;
  float* dscale_ = nullptr;
  float* doffset_ = nullptr;
  int64_t each_, parts_;
  Floats sums_;
};

}  // namespace

std::unique_ptr<Kernel> bindNormalize(const Instruction& instruction, const Memory& memory) {
  return std::make_unique<Normalize>(instruction, memory);
}

std::unique_ptr<Kernel> bindNormalizeGrad(const Instruction& instruction, const Memory& memory) {
  return std::make_unique<NormalizeGrad>(instruction, memory);
}

}  // namespace steepest
