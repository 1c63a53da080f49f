#include "rows.h"

#include <cstddef>

#include "../../plan/ops.h"
#include "../kernels/step.h"
#include "block.h"
#include "functions.h"
#include "lanes.h"
#include "memory.h"
#include "totals.h"

namespace steepest::cuda::emit {
namespace {

constexpr int64_t kLanes = 32, kRows = kThreads / kLanes;
constexpr uint32_t kLabelError = 1;  // DataError of native/runtime/kernel.h

F applied(ScalarOp op, F x) {
  Step step{};
  step.op = static_cast<uint8_t>(op);
  step.lanes = STEEPEST_LANES_F;
  return F(evaluate(step, x.v, word(0), word(0), {}));
}
F exponential(F x) { return applied(ScalarOp::kExp, x); }
F logarithm(F x) { return applied(ScalarOp::kLog, x); }

// A row: the numbers of a lane, every 32nd from its own on, and those of others by exchange.
class RowWriter {
 public:
  RowWriter(const RowLayout& layout, const Frame& frame)
      : l_(layout),
        out_(Text::now()),
        fields_(frame.fields()),
        count_(static_cast<int>((l_.columns + kLanes - 1) / kLanes)) {
    const Value thread = special("%tid.x");
    const auto [warp, lane] = divided(thread, kLanes);
    lane_ = lane;
    row_ = (U(frame.block) * U(uint32_t{kRows}) + U(warp)).v;
  }

  void write() {
    const int over = out_.label();
    if (l_.rows % kRows != 0) out_.branchUnless(isBelow(row_, l_.rows), over);
    switch (l_.kind) {
      case RowKind::kSoftmax:
        softmax();
        break;
      case RowKind::kSoftmaxGrad:
        softmaxGrad();
        break;
      case RowKind::kCrossEntropy:
      case RowKind::kCrossEntropyGrad:
        crossEntropy();
        break;
      default:
        argReduce();
    }
    out_.place(over);
  }

 private:
  using Numbers = std::vector<F>;

  Value addressOf(int argument) { return plus(plus(fields_.wide(8 * argument), row_, 4 * l_.columns), lane_, 4); }
  Value ofRow(int argument, int64_t bytes = 4) { return plus(fields_.wide(8 * argument), row_, bytes); }
  // Runs the body when lane and `k` are a column.
  template <typename Body>
  void inside(int k, Body&& body) {
    const bool always = (k + 1) * kLanes <= l_.columns;
    const int none = out_.label();
    if (!always) out_.branchUnless(isBelow(lane_, l_.columns - k * kLanes), none);
    body();
    out_.place(none);
  }
  Numbers loaded(int argument, float otherwise) {
    const Value from = addressOf(argument);
    Numbers numbers;
    for (int k = 0; k < count_; ++k) {
      const Value number = out_.variable(Bank::kFloat);
      out_.assign(number, real(otherwise));
      inside(k, [&] {
        Value lane;
        load(DType::kFloat32, from, 4 * kLanes * k, 1, &lane);
        out_.assign(number, lane);
      });
      numbers.emplace_back(number);
    }
    return numbers;
  }
  template <typename Make>
  void stored(int argument, Make&& make) {
    const Value to = addressOf(argument);
    for (int k = 0; k < count_; ++k) {
      inside(k, [&] {
        const Value lane = make(k).v;
        store(DType::kFloat32, plus(to, 4 * kLanes * k), 1, &lane);
      });
    }
  }
  F sumOf(D own) { return F(narrow(overLanes(STEEPEST_REDUCE_KINDS_SUM, own.v))); }

  struct Partition {
    F max, sum;         // of exp(x - max)
    Numbers exponents;  // exp(x - max)
  };
  // Of a row with -inf where there are no columns. NaN shows in the sum.
  Partition partition(const Numbers& x) {
    Value top = x[0].v;
    for (size_t k = 1; k < x.size(); ++k) top = combine(STEEPEST_REDUCE_KINDS_MAX, top, x[k].v);
    Partition p;
    p.max = F(overLanes(STEEPEST_REDUCE_KINDS_MAX, top));
    D sum;
    for (size_t k = 0; k < x.size(); ++k) {
      F e = exponential(x[k] - p.max);
      // -inf less -inf is NaN, and those beyond the end do not count.
      const int64_t rest = l_.columns - static_cast<int64_t>(k) * kLanes;
      if (rest < kLanes) e = choose(M{isBelow(lane_, rest)}, e, F(0.0f));
      p.exponents.push_back(e);
      sum = k == 0 ? lowDouble(e) : sum + lowDouble(e);
    }
    p.sum = sumOf(sum);
    return p;
  }

  void softmax() {
    const Numbers x = loaded(0, -__builtin_inff());
    const Partition p = partition(x);
    const F log = logarithm(p.sum), scale = F(1.0f) / p.sum;
    stored(1, [&](int k) {
      const auto i = static_cast<size_t>(k);
      return l_.log ? x[i] - p.max - log : p.exponents[i] * scale;
    });
  }

  // dx = y (dy - sum(y dy)); of the logarithm: dx = dy - exp(y) sum(dy)
  void softmaxGrad() {
    const Numbers y = loaded(0, 0), dy = loaded(1, 0);
    D sum;
    for (size_t k = 0; k < y.size(); ++k) {
      const D term = l_.log ? lowDouble(dy[k]) : lowDouble(y[k]) * lowDouble(dy[k]);
      sum = k == 0 ? term : sum + term;
    }
    const F total = sumOf(sum);
    stored(2, [&](int k) {
      const auto i = static_cast<size_t>(k);
      return l_.log ? dy[i] - exponential(y[i]) * total : y[i] * (dy[i] - total);
    });
  }

  // Keeps the first error and its step.
  void report(const Value& state, const M& valid) {
    const int fine = out_.label();
    out_.branchIf(valid.v, fine);
    const Value before = out_.fresh(Bank::kWord);
    out_.line("atom.global.cas.b32 $, [$], 0, $;",
              {before, plus(state, offsetof(StepState, error)), word(kLabelError)});
    out_.branchUnless((U(before) == U(0u)).v, fine);
    const Value step = Fields(state, 0).wide(offsetof(StepState, step));
    out_.line("st.global.b64 [$], $;", {plus(state, offsetof(StepState, errorStep)), step});
    out_.place(fine);
  }

  // loss = (max - x[label]) + log(sum exp(x - max)), NaN where the label is out of range; dx = (softmax(x) - [i = label]) dloss, 0 there
  void crossEntropy() {
    const bool gradient = l_.kind == RowKind::kCrossEntropyGrad;
    const Numbers x = loaded(0, -__builtin_inff());
    const Partition p = partition(x);
    Value label;
    load(DType::kInt32, ofRow(1), 0, 1, &label);
    const M valid{isBelow(label, l_.columns)};  // below as numbers without sign
    const int others = out_.label();
    out_.branchUnless((U(lane_) == U(0u)).v, others);
    report(fields_.wide(24), valid);
    if (!gradient || l_.loss) {
      const Value loss = out_.variable(Bank::kFloat);
      const int none = out_.label();
      out_.assign(loss, real(__builtin_nanf("")));
      out_.branchUnless(valid.v, none);
      Value wanted;
      load(DType::kFloat32, plus(ofRow(0, 4 * l_.columns), label, 4), 0, 1, &wanted);
      out_.assign(loss, (p.max - F(wanted) + logarithm(p.sum)).v);
      out_.place(none);
      store(DType::kFloat32, ofRow(2), 1, &loss);
    }
    out_.place(others);
    if (!gradient) return;
    Value upstream;
    load(DType::kFloat32, ofRow(4, 4 * l_.upstreamStep), 0, 1, &upstream);
    const F scale = F(1.0f) / p.sum;
    stored(5, [&](int k) {
      const M hit = I(lane_) + I(static_cast<int32_t>(k * kLanes)) == I(label);
      const F difference = p.exponents[static_cast<size_t>(k)] * scale - truth(hit);
      return choose(valid, difference * F(upstream), F(0.0f));
    });
  }

  // The first of the largest, or smallest, numbers; a NaN is beyond all of them.
  void argReduce() {
    const Numbers x = loaded(0, 0);
    const auto better = [&](F a, I at, F b, I bAt) {
      const M none = a != a, otherNone = b != b;
      const M beyond = l_.least ? a < b : a > b;
      const M first = at < bAt;
      return (none & (~otherNone | first)) | (~otherNone & (beyond | ((a == b) & first)));
    };
    F best = x[0];
    I at(lane_);
    // Lanes without a column are behind all that have one.
    if (l_.columns < kLanes) at = choose(M{isBelow(lane_, l_.columns)}, at, I(INT32_MAX));
    const auto take = [&](F other, I otherAt) {
      // Places that are none: INT32_MAX.
      const M is = (otherAt != I(INT32_MAX)) & ((at == I(INT32_MAX)) | better(other, otherAt, best, at));
      best = choose(is, other, best);
      at = choose(is, otherAt, at);
    };
    for (int k = 1; k < count_; ++k) {
      I place = I(lane_) + I(static_cast<int32_t>(k * kLanes));
      const int64_t rest = l_.columns - k * kLanes;
      if (rest < kLanes) place = choose(M{isBelow(lane_, rest)}, place, I(INT32_MAX));
      take(x[static_cast<size_t>(k)], place);
    }
    for (uint32_t lanes = kLanes / 2; lanes > 0; lanes /= 2) {
      take(F(exchanged(best.v, lanes)), I(exchanged(at.v, lanes)));
    }
    const int others = out_.label();
    out_.branchUnless((U(lane_) == U(0u)).v, others);
    store(DType::kInt32, ofRow(1), 1, &at.v);
    out_.place(others);
  }

  const RowLayout& l_;
  Text& out_;
  const Fields fields_;
  const int count_;
  Value lane_, row_;
};

}  // namespace

int64_t rowBlocks(const RowLayout& layout) { return (layout.rows + kRows - 1) / kRows; }

Part rowPart(const RowLayout& layout) {
  return [=](const Frame& frame) {
    RowWriter(layout, frame).write();
    return 0u;
  };
}

}  // namespace steepest::cuda::emit
