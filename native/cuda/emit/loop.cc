#include "loop.h"

#include <algorithm>

#include "elements.h"
#include "lanes.h"
#include "memory.h"

namespace steepest::cuda::emit {
namespace {

class LoopWriter {
 public:
  explicit LoopWriter(const LoopLayout& loop) : loop_(loop), out_(Text::now()) {}

  void write() {
    thread_ = special("%tid.x");
    const auto [group, member] = divided(special("%ctaid.x"), loop_.members);
    member_ = member;
    firstRow_ = (U(group) * U(static_cast<uint32_t>(loop_.rowsOfBlock))).v;
    if (std::any_of(loop_.body.begin(), loop_.body.end(), [](const auto& in) { return in.product.has_value(); })) {
      shared_ = sharedMemory();
      for (const LoopInstruction& in : loop_.body) {
        if (in.product) hold(*in.product);
      }
      meet(Meeting::kBlock);
    }
    const Value step = out_.variable(Bank::kWord);
    const int again = out_.label();
    out_.assign(step, word(0));
    out_.place(again);
    step_ = make(Bank::kLong, "cvt.u64.u32", {step});
    for (const LoopInstruction& in : loop_.body) {
      meet(in.before);
      if (in.product) multiply(*in.product);
      apply(in.map, in.product ? &*in.product : nullptr);
    }
    out_.assign(step, (U(step) + U(1u)).v);
    out_.branchIf((U(step) < U(static_cast<uint32_t>(loop_.steps))).v, again);
    out_.line("ret;");
  }

 private:
  void meet(Meeting meeting) {
    emit::meet(meeting == Meeting::kCluster && loop_.members == 1 ? Meeting::kBlock : meeting);
  }

  // The threads of the block take the numbers below `count` in turns.
  template <typename Body>
  void each(int64_t count, Body&& body) {
    emit::each(thread_, kLoopThreads, count, body);
  }
  // Runs the body when the row, or a number below a multiple of the block's, is one.
  void leaveUnless(bool always, const Value& number, int64_t end, int label) {
    if (!always) out_.branchUnless((U(number) < U(static_cast<uint32_t>(end))).v, label);
  }
  bool wholeBlocks() const { return loop_.rows % loop_.rowsOfBlock == 0; }

  Value weightsOf(const LoopProduct& p) const {
    const Value all = Fields(p.arguments).wide(16);
    if (loop_.members == 1) return all;
    return plus(all, member_, 4 * p.parts * p.partDepth * p.columns);
  }

  // The first rows of each part of the weights, to shared memory.
  void hold(const LoopProduct& p) {
    if (p.held == 0) return;
    const Value weights = weightsOf(p), to = plus(shared_, p.weightsAt);
    each(p.parts * p.held * p.columns / 4, [&](const Value& i) {
      const auto [part, rest] = divided(i, p.held * p.columns / 4);
      Value lanes[4];
      load(DType::kFloat32, plus(plus(weights, rest, 16), part, 4 * p.partDepth * p.columns), 0, 4, lanes);
      if (p.bfloat16) std::transform(lanes, lanes + 4, lanes, toBfloat16);
      storeShared(plus(to, i, 16), 0, 4, lanes);
    });
  }

  void stage(const LoopProduct& p) {
    const int width = p.aligned ? 4 : 1;
    const int64_t groups = p.parts * p.partDepth / width;
    const Value a = addressesOf({p.a}, Fields(p.arguments), 0, 8, step_)[0];
    each(loop_.rowsOfBlock * groups, [&](const Value& i) {
      const auto [row, group] = divided(i, groups);
      const Value all = (U(firstRow_) + U(row)).v;
      Value lanes[4];
      for (int k = 0; k < width; ++k) out_.assign(lanes[k] = out_.variable(Bank::kFloat), real(0.0f));
      const int none = out_.label();
      leaveUnless(wholeBlocks(), all, loop_.rows, none);
      leaveUnless(p.depth == groups * width, group, p.depth / width, none);
      Offsets offsets;
      offsets.add({all, group}, {1, width});
      Value loaded[4];
      load(DType::kFloat32, offsets.addressOf(a, p.a.strides, 4), 0, width, loaded);
      for (int k = 0; k < width; ++k) out_.assign(lanes[k], p.bfloat16 ? toBfloat16(loaded[k]) : loaded[k]);
      out_.place(none);
      storeShared(plus(plus(shared_, row, 4 * stagedStride(p)), group, 4 * width), 0, width, lanes);
    });
    meet(p.staged);
  }

  // sums += a * weights along `count` rows of the weights, four at a time.
  void accumulate(const LoopProduct& p, int64_t count, const Value& a, const Value& weights, bool held,
                  Value (*sums)[4]) {
    if (count == 0) return;
    const Value k = out_.variable(Bank::kWord);
    const int again = out_.label();
    out_.assign(k, word(0));
    out_.place(again);
    Value w[4][4];
    for (int d = 0; d < 4; ++d) {
      if (held) {
        loadShared(weights, 4 * d * p.columns, 4, w[d]);
        continue;
      }
      load(DType::kFloat32, weights, 4 * d * p.columns, 4, w[d]);
      if (p.bfloat16) std::transform(w[d], w[d] + 4, w[d], toBfloat16);
    }
    for (int64_t r = 0; r < p.rowsOfThread; ++r) {
      Value x[4];
      loadShared(a, 4 * r * stagedStride(p), 4, x);
      for (int d = 0; d < 4; ++d) {
        for (int c = 0; c < 4; ++c) {
          out_.line("fma.rn.f32 $, $, $, $;", {sums[r][c], x[d], w[d][c], sums[r][c]});
        }
      }
    }
    out_.assign(a, plus(a, 16));
    out_.assign(weights, plus(weights, 16 * p.columns));
    out_.assign(k, (U(k) + U(4u)).v);
    out_.branchIf((U(k) < U(static_cast<uint32_t>(count))).v, again);
  }

  void multiply(const LoopProduct& p) {
    stage(p);
    const int64_t quads = p.columns / 4, tiles = loop_.rowsOfBlock / p.rowsOfThread;
    const Value memory = weightsOf(p);
    each(quads * tiles * p.parts, [&](const Value& i) {
      const auto [tileAndPart, quad] = divided(i, quads);
      const auto [part, tile] = divided(tileAndPart, tiles);
      Value sums[8][4];
      for (int64_t r = 0; r < p.rowsOfThread; ++r) {
        for (Value& sum : sums[r]) out_.assign(sum = out_.variable(Bank::kFloat), real(0.0f));
      }
      const Value a = out_.variable(Bank::kLong), weights = out_.variable(Bank::kLong);
      out_.assign(a, plus(plus(shared_, tile, 4 * p.rowsOfThread * stagedStride(p)), part, 4 * p.partDepth));
      if (p.held > 0) {
        out_.assign(weights, plus(plus(plus(shared_, p.weightsAt), part, 4 * p.held * p.columns), quad, 16));
        accumulate(p, p.held, a, weights, true, sums);
      }
      if (p.held < p.partDepth) {
        out_.assign(weights,
                    plus(plus(plus(memory, 4 * p.held * p.columns), part, 4 * p.partDepth * p.columns), quad, 16));
        accumulate(p, p.partDepth - p.held, a, weights, false, sums);
      }
      const int64_t row = 4 * p.columns;
      const Value to = plus(
          plus(plus(plus(shared_, loop_.sumsAt), part, loop_.rowsOfBlock * row), tile, p.rowsOfThread * row), quad, 16);
      for (int64_t r = 0; r < p.rowsOfThread; ++r) storeShared(to, r * row, 4, sums[r]);
    });
    meet(Meeting::kBlock);
  }

  // The product of a row and `width` columns from `column + more` on: its parts added up.
  void total(const LoopProduct& p, const Value& row, const Value& column, int64_t more, int width, Value* lanes) {
    const Value at = plus(plus(plus(shared_, loop_.sumsAt + 4 * more), row, 4 * p.columns), column, 4);
    loadShared(at, 0, width, lanes);
    for (int64_t part = 1; part < p.parts; ++part) {
      Value next[4];
      loadShared(at, 4 * part * loop_.rowsOfBlock * p.columns, width, next);
      for (int k = 0; k < width; ++k) lanes[k] = (F(lanes[k]) + F(next[k])).v;
    }
  }

  void apply(const LoopMap& map, const LoopProduct* product) {
    const MapLayout& layout = map.layout;
    const int rank = layout.rank, width = layout.width;
    const std::vector<Value> data =
        addressesOf(layout.operands, Fields(map.arguments), 0, static_cast<int64_t>(8 * layout.operands.size()), step_);
    Elements elements(map.program, layout, data, static_cast<size_t>(map.slices));

    int64_t shape[kAxes];
    std::copy(layout.shape, layout.shape + rank, shape);
    shape[rank - 1] /= width;
    int64_t groups = 1;
    for (int d = 1; d < rank; ++d) groups *= shape[d];
    each(loop_.rowsOfBlock * groups, [&](const Value& i) {
      const int none = out_.label();
      const auto [row, rest] = divided(i, groups);
      const Value all = (U(firstRow_) + U(row)).v;
      leaveUnless(wholeBlocks(), all, loop_.rows, none);
      std::vector<Value> indices = indicesOf(rest, shape + 1, rank - 1);
      // Those of the member, which has them one after the other.
      Value column = rest;
      if (width > 1) column = (U(rest) * U(static_cast<uint32_t>(width))).v;
      if (loop_.members > 1) {
        indices.back() = (I(indices.back()) + I(member_) * I(static_cast<int32_t>(shape[rank - 1]))).v;
      }
      indices.insert(indices.begin(), all);
      std::vector<int64_t> factors(static_cast<size_t>(rank), 1);
      factors.back() = width;
      Offsets offsets;
      offsets.add(indices, factors);
      elements.write(offsets, elements.positional() ? offsets.at(map.positions) : Value{},
                     [&](size_t slice, Value* lanes) {
                       total(*product, row, column, static_cast<int64_t>(slice) * groups * width, width, lanes);
                     });
      out_.place(none);
    });
  }

  const LoopLayout& loop_;
  Text& out_;
  Value thread_, member_, firstRow_, shared_, step_;
};

}  // namespace

Kernel emitLoop(const LoopLayout& loop, size_t words) {
  Text out;
  LoopWriter(loop).write();
  return {out.module({"loop", static_cast<unsigned>(8 * words), kLoopThreads, 0, true, loop.members}), "loop",
          kLoopThreads};
}

}  // namespace steepest::cuda::emit
