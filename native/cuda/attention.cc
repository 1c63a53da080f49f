#include "kernels/attention.h"

#include <algorithm>
#include <cstring>
#include <initializer_list>

#include "../runtime/matmul_problem.h"
#include "bind.h"

namespace steepest::cuda {
namespace {

bool isAligned(const void* p) { return reinterpret_cast<uintptr_t>(p) % 16 == 0; }

int64_t tilesOf(int64_t size, int64_t edge) { return (size + edge - 1) / edge; }

// A tensor [N, steps, heads, features].
AttentionHeads headsOf(const View& view, Binder& binder) {
  if (view.steps == 0 && (view.strides[3] == 1 || view.shape[3] == 1)) {
    return {binder.at<float>(view), view.strides[0], view.strides[1], view.strides[2]};
  }
  const int64_t step = view.shape[2] * view.shape[3];
  return {binder.dense<float>(view), view.shape[1] * step, step, view.shape[3]};
}

enum Step { kForward, kQueryGrad, kKeyGrad };
// By the width of the tiles.
constexpr const char* kKernels[][2] = {{"attention64", "attention128"},
                                       {"attentionQueryGrad64", "attentionQueryGrad128"},
                                       {"attentionKeyGrad64", "attentionKeyGrad128"}};
constexpr const char* kMmaKernels[][2] = {{"attentionMma64", "attentionMma128"},
                                          {"attentionMmaQueryGrad64", "attentionMmaQueryGrad128"},
                                          {"attentionMmaKeyGrad64", "attentionMmaKeyGrad128"}};

class Problem {
 public:
  // `mask` is the place of the mask among the inputs, when there is one.
  Problem(const Instruction& in, size_t mask, Binder& binder) : binder_(binder) {
    const View& query = in.inputs[0];
    const View& key = in.inputs[1];
    const View& value = in.inputs[2];
    arguments.n = query.shape[0];
    arguments.t = static_cast<int32_t>(query.shape[1]);
    arguments.h = static_cast<int32_t>(query.shape[2]);
    arguments.d = static_cast<int32_t>(query.shape[3]);
    arguments.s = static_cast<int32_t>(value.shape[1]);
    arguments.k = static_cast<int32_t>(value.shape[2]);
    arguments.e = static_cast<int32_t>(value.shape[3]);
    std::memcpy(&arguments.scale, &in.attrs[0], sizeof arguments.scale);
    arguments.causal = in.attrs[1];
    arguments.bfloat16 = precisionOf(in) == Precision::kBfloat16;
    const int widest = std::max({arguments.d, arguments.e, 1});
    tiles_ = widest <= kAttentionTiles[0].width ? 0 : 1;
    mma_ = arguments.bfloat16 != 0 && widest <= kAttentionMmaTiles[1].width;
    setOperand(query, &arguments.query, &arguments.packedQuery);
    setOperand(key, &arguments.key, &arguments.packedKey);
    setOperand(value, &arguments.value, &arguments.packedValue);
    if (in.inputs.size() > mask) setMask(in.inputs[mask]);
  }

  // Where it lies, or rounded to memory of its own.
  void setOperand(const View& view, AttentionHeads* heads, const uint16_t** packed) {
    *heads = headsOf(view, binder_);
    const bool quads = isAligned(heads->at) && view.shape[3] % 4 == 0 && heads->sample % 4 == 0 &&
                       heads->step % 4 == 0 && heads->head % 4 == 0;
    AttentionOperand operand{*heads, nullptr, view.shape[0], view.shape[1], view.shape[2], view.shape[3], 0, quads};
    if (mma_) {
      operand.width = kAttentionMmaTiles[tiles_].width;
      const int64_t numbers = operand.n * operand.heads * operand.steps * operand.width;
      operand.to = binder_.scratch(static_cast<uint64_t>(numbers) * sizeof(uint16_t));
      *packed = static_cast<const uint16_t*>(operand.to);
      binder_.each("attentionPack", numbers / 8, operand);
    } else if (arguments.bfloat16 != 0) {
      operand.to = binder_.scratch(static_cast<uint64_t>(view.size()) * sizeof(float));
      binder_.each("attentionRound", view.size(), operand);
      const int64_t step = operand.heads * operand.features;
      *heads = {static_cast<const float*>(operand.to), operand.steps * step, step, operand.features};
      quads_ = quads_ && view.shape[3] % 4 == 0;
    } else {
      quads_ = quads_ && quads;
    }
  }

  // A kernel whose blocks go through `steps` of each head, and make `width` features of each.
  void launch(Step step, int64_t steps, int64_t heads, int64_t width, std::initializer_list<const float*> results) {
    const AttentionTiles& tiles = kAttentionTiles[tiles_];
    const AttentionMmaTiles& mma = kAttentionMmaTiles[tiles_];
    arguments.quads = quads_;
    arguments.resultQuads =
        arguments.d % 4 == 0 && arguments.e % 4 == 0 && std::all_of(results.begin(), results.end(), isAligned);
    const int64_t rows = mma_ ? (step == kForward ? mma.queries : mma.gradientRows) * kMmaRows
                              : (step == kForward ? tiles.queries : tiles.gradientRows);
    const int bytes = mma_ ? (step == kForward ? forwardBytes(mma) : gradientBytes(mma))
                           : (step == kForward ? forwardBytes(tiles) : gradientBytes(tiles));
    const int64_t chunks = tilesOf(std::max<int64_t>(width, 1), tiles.width);
    binder_.blocks((mma_ ? kMmaKernels : kKernels)[step][tiles_], arguments.n * heads * tilesOf(steps, rows) * chunks,
                   arguments, kAttentionThreads, static_cast<uint32_t>(bytes));
  }

  AttentionArguments arguments{};

 private:
  void setMask(const View& view) {
    if (view.steps == 0) {
      arguments.mask = binder_.at<uint8_t>(view);
      arguments.maskSample = view.strides[0];
      arguments.maskHead = view.strides[1];
      arguments.maskQuery = view.strides[2];
      arguments.maskKey = view.strides[3];
    } else {
      arguments.mask = binder_.dense<uint8_t>(view);
      arguments.maskKey = 1;
      arguments.maskQuery = view.shape[3];
      arguments.maskHead = view.shape[2] * arguments.maskQuery;
      arguments.maskSample = view.shape[1] * arguments.maskHead;
    }
  }

  Binder& binder_;
  int tiles_ = 0;     // which of the sizes
  bool mma_ = false;  // on tensor cores
  bool quads_ = true;
};

}  // namespace

void bindAttention(const Instruction& in, Binder& binder) {
  Problem problem(in, 3, binder);
  AttentionArguments& a = problem.arguments;
  a.y = binder.at<float>(in.outputs[0]);
  a.logSum = binder.at<float>(in.outputs[1]);
  problem.launch(kForward, a.t, a.h, a.e, {a.y});
}

void bindAttentionGrad(const Instruction& in, Binder& binder) {
  Problem problem(in, 6, binder);
  AttentionArguments& a = problem.arguments;
  a.y = binder.at<float>(in.inputs[3]);  // contiguous, as logSum is, see the validator
  a.logSum = binder.at<float>(in.inputs[4]);
  problem.setOperand(in.inputs[5], &a.dy, &a.packedDy);
  a.dquery = binder.at<float>(in.outputs[0]);
  a.dkey = binder.at<float>(in.outputs[1]);
  a.dvalue = binder.at<float>(in.outputs[2]);
  a.means = reinterpret_cast<float*>(binder.scratch(static_cast<uint64_t>(2 * a.n * a.h * a.t) * sizeof(float)));
  problem.launch(kQueryGrad, a.t, a.h, a.d, {a.dquery});
  problem.launch(kKeyGrad, a.s, a.k, std::max(a.d, a.e), {a.dkey, a.dvalue});
}

}  // namespace steepest::cuda
