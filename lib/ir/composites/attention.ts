import { broadcastTo } from '../build.js';
import type { AttentionAttributes, Tensor } from '../graph.js';
import { attentionWeights } from '../ops/attention.js';
import { visibleKeys } from '../ops/attention-mask.js';
import { multiply, subtract, where } from '../ops/elementwise.js';
import { matmul } from '../ops/linalg.js';
import { logSumExp, sum } from '../ops/reduce.js';
import { reshape, swapLastAxes, transpose } from '../ops/shape.js';

/** What `attention` computes, as other operations do it; a mask may be the last operand. */
export function attentionByParts(
  [query, key, value, mask]: readonly Tensor[],
  { scale, causal }: AttentionAttributes,
): readonly [Tensor, Tensor] {
  const [q, k, v] = byHeads(query as Tensor, key as Tensor, value as Tensor);
  const scores = multiply(matmul(q, swapLastAxes(k)), scale);
  const options = { causal, ...(mask === undefined ? {} : { mask }) };
  const visible = visibleKeys(scores, options);
  const joint = matmul(attentionWeights(scores, options), v);
  return [
    transpose(joint, [0, 2, 1, 3]),
    logSumExp(visible === undefined ? scores : where(visible, scores, -1e30), -1),
  ];
}

/** What `attentionGrad` computes. */
export function attentionGradByParts(
  [query, key, value, y, , dy, mask]: readonly Tensor[],
  { scale, causal, precision }: AttentionAttributes,
): readonly [Tensor, Tensor, Tensor] {
  const [q, k, v] = byHeads(query as Tensor, key as Tensor, value as Tensor);
  const scores = multiply(matmul(q, swapLastAxes(k)), scale);
  const weights = attentionWeights(scores, { causal, ...(mask === undefined ? {} : { mask }) });
  const upstream = transpose(dy as Tensor, [0, 2, 1, 3]);
  const toWeights = matmul(upstream, swapLastAxes(v));
  // the same but for rounding: y is the sum of rounded weights
  const total =
    precision === 'bfloat16'
      ? transpose(sum(multiply(y as Tensor, dy as Tensor), -1, { keepDims: true }), [0, 2, 1, 3])
      : sum(multiply(toWeights, weights), -1, { keepDims: true });
  const toScores = multiply(multiply(weights, subtract(toWeights, total)), scale);
  const shared = (t: Tensor, like: Tensor): Tensor => {
    const [batch, heads, keys, features] = t.shape as [number, number, number, number];
    const own = like.shape[2] as number;
    return transpose(sum(reshape(t, [batch, own, heads / own, keys, features]), 2), [0, 2, 1, 3]);
  };
  return [
    transpose(matmul(toScores, k), [0, 2, 1, 3]),
    shared(matmul(swapLastAxes(toScores), q), key as Tensor),
    shared(matmul(swapLastAxes(weights), upstream), value as Tensor),
  ];
}

/** [N, T, H, D] -> [N, H, T, D], with a head of keys and values for each that asks. */
function byHeads(query: Tensor, key: Tensor, value: Tensor): [Tensor, Tensor, Tensor] {
  const [q, k, v] = [query, key, value].map((t) => transpose(t, [0, 2, 1, 3])) as [Tensor, Tensor, Tensor];
  const heads = q.shape[1] as number;
  const repeated = (t: Tensor): Tensor => {
    const [batch, own, ...rest] = t.shape as [number, number, number, number];
    return own === heads
      ? t
      : reshape(broadcastTo(reshape(t, [batch, own, 1, ...rest]), [batch, own, heads / own, ...rest]), [
          batch,
          heads,
          ...rest,
        ]);
  };
  return [q, repeated(k), repeated(v)];
}
