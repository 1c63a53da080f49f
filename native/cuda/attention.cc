#include "kernels/attention.h"

#include <cstring>

#include "bind.h"

namespace steepest::cuda {
namespace {

// `mask` is the place of the mask among the inputs, when there is one.
AttentionArguments argumentsOf(const Instruction& in, size_t mask, Binder& binder) {
  const View& query = in.inputs[0];
  const View& value = in.inputs[2];
  AttentionArguments arguments{};
  arguments.query = binder.dense<float>(query);
  arguments.key = binder.dense<float>(in.inputs[1]);
  arguments.value = binder.dense<float>(value);
  if (in.inputs.size() > mask) arguments.mask = binder.dense<uint8_t>(in.inputs[mask]);
  arguments.n = query.shape[0];
  arguments.t = query.shape[1];
  arguments.h = query.shape[2];
  arguments.d = query.shape[3];
  arguments.s = value.shape[1];
  arguments.k = value.shape[2];
  arguments.e = value.shape[3];
  std::memcpy(&arguments.scale, &in.attrs[0], sizeof arguments.scale);
  arguments.causal = in.attrs[1];
  arguments.p = reinterpret_cast<float*>(
      binder.scratch(static_cast<uint64_t>(arguments.n * arguments.h * arguments.t * arguments.s) * sizeof(float)));
  return arguments;
}

int64_t queriesOf(const AttentionArguments& a) { return a.n * a.h * a.t; }

}  // namespace

void bindAttention(const Instruction& in, Binder& binder) {
  AttentionArguments arguments = argumentsOf(in, 3, binder);
  arguments.y = binder.at<float>(in.outputs[0]);
  arguments.logSum = binder.at<float>(in.outputs[1]);
  binder.blocks("attention", queriesOf(arguments), arguments, 32);
}

void bindAttentionGrad(const Instruction& in, Binder& binder) {
  AttentionArguments arguments = argumentsOf(in, 6, binder);
  arguments.logSum = binder.at<float>(in.inputs[4]);  // contiguous, see the validator
  arguments.dy = binder.dense<float>(in.inputs[5]);
  arguments.dquery = binder.at<float>(in.outputs[0]);
  arguments.dkey = binder.at<float>(in.outputs[1]);
  arguments.dvalue = binder.at<float>(in.outputs[2]);
  arguments.ds = reinterpret_cast<float*>(
      binder.scratch(static_cast<uint64_t>(queriesOf(arguments) * arguments.s) * sizeof(float)));
  binder.blocks("attentionScoresGrad", queriesOf(arguments), arguments, 32);
  const int64_t keys = arguments.n * arguments.s * arguments.k;
  binder.each("attentionKeysGrad", keys * (arguments.d + arguments.e), arguments);
}

}  // namespace steepest::cuda
