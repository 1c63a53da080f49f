// Attention and its gradients: cuts the work into rows of heads (forward) and keys of heads (gradients), by the sizes only.
#include "attention.h"

#include <algorithm>
#include <cstring>

#include "../runtime/matmul_problem.h"
#include "rows.h"
#include "scratch.h"
#include "simd/table.h"
#include "tile.h"

namespace steepest {
namespace {

constexpr int64_t kWantedParts = 16;  // so that the threads have enough to share
constexpr int64_t kBlocksOfPart = 2;  // of keys, at least
constexpr int64_t kFloatsOfChunk = 1 << 14;

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// A tensor [N, steps, heads, features], of which a head of a sample is a matrix.
struct Heads {
  Heads(const View& v, const Memory& memory)
      : at(memory.at<float>(v)), sample(v.strides[0]), row(v.strides[1]), head(v.strides[2]), column(v.strides[3]) {}
  Steps of(int64_t n, int64_t h) const { return {at + n * sample + h * head, row, column}; }
  float* write(int64_t n, int64_t h) const { return at + n * sample + h * head; }

  float* at;
  int64_t sample, row, head, column;
};

// The operands that both directions have, and what follows from their shapes. `mask` is the index of the mask, if any.
class Problem {
 public:
  Problem(const Instruction& in, const Memory& memory, const View& y, const View& logSum, size_t mask)
      : samples(in.inputs[0].shape[0]),
        heads(in.inputs[0].shape[2]),
        shared(heads / in.inputs[1].shape[2]),
        query_(in.inputs[0], memory),
        key_(in.inputs[1], memory),
        value_(in.inputs[2], memory),
        y_(y, memory),
        logSum_(memory.at<float>(logSum)) {
    head_.queries = in.inputs[0].shape[1];
    head_.keys = in.inputs[1].shape[1];
    head_.depth = in.inputs[0].shape[3];
    head_.width = in.inputs[2].shape[3];
    std::memcpy(&head_.scale, &in.attrs[0], sizeof(float));
    head_.causal = in.attrs[1] != 0;
    head_.gemm = precisionOf(in) == Precision::kBfloat16 ? simd().gemmBf16 : simd().gemm;
    head_.yRow = y_.row;
    if (mask < in.inputs.size()) {
      const View& v = in.inputs[mask];
      mask_ = memory.at<uint8_t>(v);
      maskSample_ = v.strides[0];
      maskHead_ = v.strides[1];
      head_.maskRow = v.strides[2];
      head_.maskColumn = v.strides[3];
    }
  }

  AttentionHead head(int64_t n, int64_t h) const {
    AttentionHead head = head_;
    head.query = query_.of(n, h);
    head.key = key_.of(n, h / shared);
    head.value = value_.of(n, h / shared);
    head.y = y_.write(n, h);
    head.logSum = logSum_ + (n * heads + h) * head.queries;
    if (mask_) head.mask = mask_ + n * maskSample_ + h * maskHead_;
    return head;
  }

  const AttentionHead& sizes() const { return head_; }

  const int64_t samples, heads;
  const int64_t shared;  // query heads for each head of keys and values

 private:
  AttentionHead head_{};
  Heads query_, key_, value_, y_;
  float* logSum_;
  const uint8_t* mask_ = nullptr;
  int64_t maskSample_ = 0, maskHead_ = 0;
};

// Runs body(i, scratch) for i = 0 .. n-1. `work` is the multiply-adds of all.
template <typename F>
void eachPart(RunContext& context, Slots& slots, int64_t n, int64_t work, F body) {
  constexpr int64_t kInline = int64_t{1} << 17;
  if (work < kInline) {
    float* scratch = slots.acquire();
    for (int64_t i = 0; i < n; ++i) body(i, scratch);
    return slots.release(scratch);
  }
  context.threads.each(n, [&](int64_t i) {
    float* scratch = slots.acquire();
    body(i, scratch);
    slots.release(scratch);
  });
}

class Attention final : public Kernel {
 public:
  Attention(const Instruction& in, const Memory& memory)
      : kernels_(*simd().attention), problem_(in, memory, in.outputs[0], in.outputs[1], 3) {
    const AttentionHead& sizes = problem_.sizes();
    const int64_t heads = problem_.samples * problem_.heads;
    // Fewer rows at a time where there are few heads: every part packs the keys it sees.
    const int64_t wanted = std::max<int64_t>(1, ceilDiv(kWantedParts, heads));
    rows_ = std::clamp<int64_t>(ceilDiv(sizes.queries, wanted), std::min<int64_t>(64, kernels_.rows), kernels_.rows);
    parts_ = ceilDiv(sizes.queries, rows_);
    work_ = heads * sizes.queries * sizes.keys * (sizes.depth + sizes.width);
    slots_.allocate(memory, std::min<int64_t>(heads * parts_, Threads::pool().count()), kernels_.forwardScratch(sizes));
  }

  void run(RunContext& context) override {
    const int64_t heads = problem_.heads, queries = problem_.sizes().queries;
    eachPart(context, slots_, problem_.samples * heads * parts_, work_,
             [this, heads, queries](int64_t i, float* scratch) {
               // The last rows of a causal head see the most keys: they begin.
               const int64_t part = parts_ - 1 - i % parts_, head = i / parts_;
               AttentionHead h = problem_.head(head / heads, head % heads), next;
               if (parts_ == 1 && head + 1 < problem_.samples * heads) {
                 next = problem_.head((head + 1) / heads, (head + 1) % heads);
                 h.next = &next;
               }
               kernels_.forward(h, part * rows_, std::min(queries, (part + 1) * rows_), scratch);
             });
  }

 private:
  const AttentionKernels& kernels_;
  Problem problem_;
  int64_t rows_, parts_, work_;
  Slots slots_;
};

class AttentionGrad final : public Kernel {
 public:
  AttentionGrad(const Instruction& in, const Memory& memory)
      : kernels_(*simd().attention),
        problem_(in, memory, in.inputs[3], in.inputs[4], 6),
        dy_(in.inputs[5], memory),
        dquery_(in.outputs[0], memory),
        dkey_(in.outputs[1], memory),
        dvalue_(in.outputs[2], memory) {
    const AttentionHead& sizes = problem_.sizes();
    keyHeads_ = problem_.heads / problem_.shared;
    const int64_t heads = problem_.samples * keyHeads_;
    const int64_t wanted = ceilDiv(kWantedParts, heads);
    const int64_t unit = kBlocksOfPart * kernels_.keys;
    keys_ = ceilDiv(std::max(unit, ceilDiv(sizes.keys, wanted)), unit) * unit;
    parts_ = ceilDiv(sizes.keys, keys_);
    work_ = heads * problem_.shared * sizes.queries * sizes.keys * (3 * sizes.depth + 2 * sizes.width);
    slots_.allocate(memory, std::min<int64_t>(heads * parts_, Threads::pool().count()),
                    kernels_.backwardScratch(sizes));
    if (parts_ > 1) partial_ = Floats(memory, (parts_ - 1) * in.outputs[0].size());
    size_ = in.outputs[0].size();
  }

  void run(RunContext& context) override {
    eachPart(context, slots_, problem_.samples * keyHeads_ * parts_, work_, [this](int64_t i, float* scratch) {
      const int64_t part = i % parts_, head = i / parts_;
      runPart(head / keyHeads_, head % keyHeads_, part, scratch);
    });
    if (parts_ > 1) addPartials(context.threads);
  }

 private:
  // Gradients from some keys of the heads that share them.
  void runPart(int64_t n, int64_t keyHead, int64_t part, float* scratch) {
    const AttentionHead& sizes = problem_.sizes();
    const int64_t first = part * keys_, last = std::min(sizes.keys, first + keys_);
    const int64_t begin = n * problem_.heads + keyHead * problem_.shared;
    for (int64_t head = begin; head < begin + problem_.shared; ++head) {
      AttentionHeadGrad g = gradient(head, part), next;
      if (parts_ == 1 && head + 1 < problem_.samples * problem_.heads) {
        next = gradient(head + 1, part);
        g.next = &next;
      }
      kernels_.backward(g, first, last, scratch);
      if (sizes.causal) clear(g.dquery, g.dqueryRow, 0, std::min(sizes.queries, first), sizes.depth);
    }
    if (!sizes.causal) return;
    const int64_t unseen = std::clamp(sizes.queries, first, last);
    clear(dkey_.write(n, keyHead), dkey_.row, unseen, last, sizes.depth);
    clear(dvalue_.write(n, keyHead), dvalue_.row, unseen, last, sizes.width);
  }

  // Those of the queries go to an array of the part's own, of the first part to the result.
  AttentionHeadGrad gradient(int64_t head, int64_t part) {
    const int64_t n = head / problem_.heads, h = head % problem_.heads, keyHead = h / problem_.shared;
    AttentionHeadGrad g{};
    g.head = problem_.head(n, h);
    g.dy = dy_.of(n, h);
    g.dquery = dquery_.write(n, h);
    if (part > 0) g.dquery = partial_.data() + (part - 1) * size_ + (g.dquery - dquery_.at);
    g.dkey = dkey_.write(n, keyHead);
    g.dvalue = dvalue_.write(n, keyHead);
    g.dqueryRow = dquery_.row;
    g.dkeyRow = dkey_.row;
    g.dvalueRow = dvalue_.row;
    g.accumulate = h % problem_.shared != 0;
    return g;
  }

  static void clear(float* at, int64_t row, int64_t first, int64_t last, int64_t columns) {
    for (int64_t r = first; r < last; ++r) std::memset(at + r * row, 0, static_cast<size_t>(columns) * sizeof(float));
  }

  void addPartials(Threads& threads) {
    threads.each(ceilDiv(size_, kFloatsOfChunk), [this](int64_t chunk) {
      const int64_t first = chunk * kFloatsOfChunk, count = std::min(kFloatsOfChunk, size_ - first);
      for (int64_t part = 1; part < parts_; ++part) {
        simd().rows->add(partial_.data() + (part - 1) * size_ + first, dquery_.at + first, count);
      }
    });
  }

  const AttentionKernels& kernels_;
  Problem problem_;
  Heads dy_, dquery_, dkey_, dvalue_;
  int64_t keyHeads_, keys_, parts_, work_, size_;
  Slots slots_;
  Floats partial_;
};

}  // namespace

std::unique_ptr<Kernel> bindAttention(const Instruction& instruction, const Memory& memory) {
  return std::make_unique<Attention>(instruction, memory);
}

std::unique_ptr<Kernel> bindAttentionGrad(const Instruction& instruction, const Memory& memory) {
  return std::make_unique<AttentionGrad>(instruction, memory);
}

}  // namespace steepest
