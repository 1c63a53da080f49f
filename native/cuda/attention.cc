#include <algorithm>
#include <cmath>
#include <cstring>
#include <initializer_list>
#include <string>

#include "../runtime/matmul_problem.h"
#include "gemm.h"
#include "kernels/attention_wgmma.h"
#include "rounded.h"

namespace steepest::cuda {
namespace {

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
enum Way { kFloat32, kMma, kWgmma };
// By the width of the tiles.
constexpr const char* kKernels[][3][2] = {{{"attention64", "attention128"},
                                           {"attentionQueryGrad64", "attentionQueryGrad128"},
                                           {"attentionKeyGrad64", "attentionKeyGrad128"}},
                                          {{"attentionMma64", "attentionMma128"},
                                           {"attentionMmaQueryGrad64", "attentionMmaQueryGrad128"},
                                           {"attentionMmaKeyGrad64", "attentionMmaKeyGrad128"}},
                                          {{"attentionWgmma64", "attentionWgmma128"},
                                           {"attentionWgmmaQueryGrad64", "attentionWgmmaQueryGrad128"},
                                           {"attentionWgmmaKeyGrad64", "attentionWgmmaKeyGrad128"}}};

// Steps of both kinds from which on the tiles of wgmma are worth it.
constexpr int32_t kWgmmaSteps = 128;
// Bytes of keys and values that are used at the same time: about half of the cache.
constexpr int64_t kCacheBytes = int64_t{24} << 20;

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
    if (arguments.bfloat16 != 0 && widest <= kAttentionMmaTiles[1].width) {
      way_ = wantsWgmma() ? kWgmma : kMma;
    }
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
    if (way_ != kFloat32) {
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
    arguments.quads = quads_;
    arguments.resultQuads = arguments.d % 4 == 0 && arguments.e % 4 == 0 &&
                            std::all_of(results.begin(), results.end(), [](const float* p) { return isAligned(p); });
    const char* const kernel = kKernels[way_][step][tiles_];
    const int64_t all = arguments.n * heads;
    if (way_ == kWgmma) {
      launchWgmma(step, all * tilesOf(steps, kAttentionWgmmaRows));
    } else if (way_ == kMma) {
      const AttentionMmaTiles& tiles = kAttentionMmaTiles[tiles_];
      const int64_t rows = (step == kForward ? tiles.queries : tiles.gradientRows) * kMmaRows;
      const int bytes = step == kForward ? forwardBytes(tiles) : gradientBytes(tiles);
      binder_.blocks(kernel, all * tilesOf(steps, rows), arguments, kAttentionThreads, static_cast<uint32_t>(bytes));
    } else {
      const AttentionTiles& tiles = kAttentionTiles[tiles_];
      const int64_t rows = step == kForward ? tiles.queries : tiles.gradientRows;
      const int bytes = step == kForward ? forwardBytes(tiles) : gradientBytes(tiles);
      const int64_t chunks = tilesOf(std::max<int64_t>(width, 1), tiles.width);
      binder_.blocks(kernel, all * tilesOf(steps, rows) * chunks, arguments, kAttentionThreads,
                     static_cast<uint32_t>(bytes));
    }
  }

  AttentionArguments arguments{};

 private:
  // Whether wgmma can do it, and should: sequences are long, or STEEPEST_CUDA_PRODUCTS names its kernels.
  bool wantsWgmma() const {
    const AttentionArguments& a = arguments;
    constexpr int64_t kMost = int64_t{1} << 30;  // coordinates of boxes are 32-bit, and numbers of tiles
    const bool able = binder_.device().capability() == 90 && a.scale > 0 && std::isfinite(a.scale) &&
                      std::min({a.t, a.s, a.h}) > 0 && std::max<int64_t>(a.t, a.s) <= kMost &&
                      a.n * a.h * tilesOf(std::max(a.t, a.s), kAttentionWgmmaRows) <= kMost;
    const auto isWanted = [&](Way way) {
      return std::string(kKernels[way][kForward][tiles_]).find(wantedKernel()) != std::string::npos;
    };
    if (isWanted(kWgmma) != isWanted(kMma)) return able && isWanted(kWgmma);
    return able && std::min(a.t, a.s) >= kWgmmaSteps;
  }

  // Boxes of so many steps of a rounded operand [N, heads, steps, width].
  TensorMap describe(const uint16_t* packed, int64_t heads, int64_t steps, int64_t box) const {
    const int64_t width = kAttentionMmaTiles[tiles_].width;
    auto* const data = const_cast<uint16_t*>(packed);
    return describeBoxes({data, false, arguments.n * heads, steps, width, width, steps * width, false}, box,
                         binder_.device());
  }

  void launchWgmma(Step step, int64_t count) {
    const AttentionArguments& a = arguments;
    const AttentionWgmmaTiles& tiles = kAttentionWgmma[step][tiles_];
    AttentionWgmmaArguments all{};
    all.attention = a;
    all.statistics = a.means;
    const bool keysDown = step == kKeyGrad;
    const auto queries = [&](const uint16_t* packed, int64_t box) { return describe(packed, a.h, a.t, box); };
    const auto keys = [&](const uint16_t* packed, int64_t box) { return describe(packed, a.k, a.s, box); };
    constexpr int64_t kRows = kAttentionWgmmaRows;
    all.rowsD = keysDown ? keys(a.packedKey, kRows) : queries(a.packedQuery, kRows);
    if (step != kForward) all.rowsE = keysDown ? keys(a.packedValue, kRows) : queries(a.packedDy, kRows);
    all.columnsD = keysDown ? queries(a.packedQuery, tiles.columns) : keys(a.packedKey, tiles.columns);
    all.columnsE = keysDown ? queries(a.packedDy, tiles.columns) : keys(a.packedValue, tiles.columns);
    // Of what the rows of a head share.
    const int64_t shares = a.h / a.k, steps = keysDown ? shares * a.t : a.s;
    const int64_t bytes = int64_t{2} * tiles.width * static_cast<int64_t>(sizeof(uint16_t)) * steps;
    all.together = a.causal != 0 ? std::max<int64_t>(kCacheBytes / bytes, 1) * (keysDown ? 1 : shares) : 1;
    binder_.blocks(kKernels[kWgmma][step][tiles_], std::min<int64_t>(count, binder_.device().multiprocessors()), all,
                   kAttentionWgmmaThreads, static_cast<uint32_t>(attentionWgmmaBytes(tiles)));
  }

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
  int tiles_ = 0;  // which of the sizes
  Way way_ = kFloat32;
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
  // by wgmma two numbers for each query, up to a multiple of some
  const int64_t queries = tilesOf(a.t, kQueriesTogether) * kQueriesTogether;
  a.means = reinterpret_cast<float*>(binder.scratch(static_cast<uint64_t>(2 * a.n * a.h * queries) * sizeof(float)));
  problem.launch(kQueryGrad, a.t, a.h, a.d, {a.dquery});
  problem.launch(kKeyGrad, a.s, a.k, std::max(a.d, a.e), {a.dkey, a.dvalue});
}

}  // namespace steepest::cuda
