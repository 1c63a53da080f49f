import {
  asTensor,
  broadcastShapes,
  broadcastTo,
  checkNumber,
  checkOperands,
  checkOptions,
  checkTensor,
  checkWhole,
  currentScope,
  type Operand,
  opError,
} from '../build.js';
import { type AttentionAttributes, formatType, Node, sizeOf, Tensor } from '../graph.js';
import { productAttributes } from '../precision.js';
import { currentRandom } from '../random-source.js';
import { checkMask, lowerTriangle, visibleKeys } from './attention-mask.js';
import { add, cast, multiply, where } from './elementwise.js';
import { matmul } from './linalg.js';
import { softmax } from './nn.js';
import { dropout, type RandomOptions } from './random.js';
import { reshape, swapLastAxes, transpose } from './shape.js';

export interface AttentionOptions {
  /**
   * Broadcasts against the scores [..., T, S]. bool: true where to attend. float32: what is added to the scores, which is
   * -Infinity where not to attend. A query that may attend to nothing gets 0.
   */
  readonly mask?: Tensor;
  /** Query i attends to keys 0 .. i only. Default: false. */
  readonly causal?: boolean;
  /** Factor of the scores. Default: 1 / sqrt(D). */
  readonly scale?: number | Tensor;
  /** Probability that an attention weight is dropped. Default: 0. */
  readonly dropout?: number;
  /** For the dropout; needed outside a model only. */
  readonly seed?: RandomOptions['seed'];
}

/** true where query i may see key j <= i: [queries, keys]. */
export function causalMask(queries: number, keys = queries): Tensor {
  checkWhole('causalMask', 'queries', queries, 0);
  checkWhole('causalMask', 'keys', keys, 0);
  return lowerTriangle(queries, keys);
}

/**
 * Turns scores [..., T, S] into weights that sum to 1 over the keys: softmax(scores + mask) with a float mask, and with a bool
 * one softmax over what each query may attend to.
 *
 * @throws Error when the mask is neither bool nor float32, or makes the scores larger
 */
export const attentionWeights = (scores: Tensor, options: Omit<AttentionOptions, 'scale'> = {}): Tensor =>
  weightsOf('attentionWeights', scores, options);

function weightsOf(op: string, scores: Tensor, options: Omit<AttentionOptions, 'scale'>): Tensor {
  checkTensor(op, 'scores', scores);
  if (scores.rank < 2) throw opError(op, `scores must be [..., T, S], got ${formatType(scores)}`);
  checkOptions(op, options);
  const { mask, dropout: rate = 0, seed } = options;
  checkMask(op, mask, scores.shape);
  checkDropout(op, rate, seed);
  const visible = visibleKeys(scores, options);
  const moved = mask?.dtype === 'float32' ? add(scores, mask) : scores;
  // far below any score, and finite: a row without any key must not become 0 / 0
  const hidden = visible === undefined ? moved : where(visible, moved, -1e30);
  const soft = softmax(hidden);
  const weights = mask === undefined || visible === undefined ? soft : where(visible, soft, 0);
  return rate === 0 ? weights : dropout(weights, rate, seed === undefined ? {} : { seed });
}

/**
 * softmax(query · key^T · scale) · value: for each query, the mean of the values weighted by how well the keys fit.
 *
 * @param query [..., T, D]
 * @param key [..., S, D]
 * @param value [..., S, E]; leading axes (batch, heads) broadcast
 * @returns [..., T, E]
 * @throws Error when the shapes do not fit or the mask is neither bool nor float32
 *
 * @example
 * ops.scaledDotProductAttention(q, k, v, { causal: true });
 *
 * Sources: Vaswani et al., "Attention is all you need", NeurIPS 2017; without a matrix of scores in memory: Dao et al.,
 * "FlashAttention", NeurIPS 2022.
 */
export function scaledDotProductAttention(
  query: Operand,
  key: Operand,
  value: Operand,
  options: AttentionOptions = {},
): Tensor {
  const op = 'scaledDotProductAttention';
  const [q, k, v] = [query, key, value].map((t, i) =>
    cast(asTensor(op, ['query', 'key', 'value'][i] as string, t), 'float32'),
  ) as [Tensor, Tensor, Tensor];
  const [depth, keys] = [q.shape.at(-1) as number, k.shape.at(-2)];
  if (Math.min(q.rank, k.rank, v.rank) < 2 || k.shape.at(-1) !== depth || v.shape.at(-2) !== keys) {
    throw opError(
      op,
      `expected query [..., T, D], key [..., S, D] and value [..., S, E], got ${[q, k, v].map(formatType).join(', ')}`,
    );
  }
  checkOptions(op, options);
  const { scale = 1 / Math.sqrt(depth), mask, causal = false } = options;
  checkOperands(op, { query: q, scale });
  if (typeof scale === 'number' && !Number.isFinite(scale)) throw opError(op, `scale must be finite, got ${scale}`);
  const outer = broadcastShapes(op, ...[q, k, v].map((t) => t.shape.slice(0, -2)));
  checkMask(op, mask, [...outer, q.shape.at(-2) as number, keys as number]);
  // what is dropped is drawn for the matrix of weights, and a float mask may have a gradient
  const needsWeights = (options.dropout ?? 0) !== 0 || mask?.dtype === 'float32';
  if (needsWeights || Math.min(q.size, k.size, v.size) === 0) {
    return matmul(weightsOf(op, matmul(multiply(q, scale), swapLastAxes(k)), options), v);
  }
  return withoutScores(op, scale instanceof Tensor ? multiply(q, scale) : q, k, v, {
    ...{ scale: scale instanceof Tensor ? 1 : Math.fround(scale), causal, ...productAttributes() },
    mask,
  });
}

function checkDropout(op: string, rate: number, seed: RandomOptions['seed']): void {
  checkNumber(op, 'dropout', rate);
  if (!(rate >= 0 && rate <= 1)) throw opError(op, `dropout must be between 0 and 1, got ${rate}`);
  if (seed !== undefined) checkWhole(op, 'seed', seed);
  else if (rate > 0 && currentRandom() === undefined) {
    throw opError(op, 'outside a model a seed is needed: { dropout: 0.1, seed: 1 }');
  }
}

/** By the kernel, which knows one axis of batches and one of heads. */
function withoutScores(
  op: string,
  q: Tensor,
  k: Tensor,
  v: Tensor,
  { mask, ...attrs }: AttentionAttributes & { readonly mask: Tensor | undefined },
): Tensor {
  const leading = (t: Tensor): readonly number[] => t.shape.slice(0, -2);
  const [queries, keys, width] = [q.shape.at(-2), k.shape.at(-2), v.shape.at(-1)] as [number, number, number];
  const outer = broadcastShapes(op, leading(q), leading(k), leading(v));
  // keys and values that all heads of a group share are not repeated
  const group = outer.length >= 2 && [k, v].every((t) => (t.shape.at(-3) ?? 1) === 1) ? (outer.at(-1) as number) : 1;
  const shared = group === 1 ? outer : [...outer.slice(0, -1), 1];
  const batch = group === 1 ? outer.slice(0, -1) : outer.slice(0, -2);
  const heads = sizeOf(outer) / sizeOf(batch);
  // [..., T, D] -> [N, T, H, D]
  const arranged = (t: Tensor, lead: readonly number[]): Tensor => {
    const whole = broadcastTo(t, [...lead, ...t.shape.slice(-2)]);
    return transpose(reshape(whole, [sizeOf(batch), sizeOf(lead) / sizeOf(batch), ...t.shape.slice(-2)]), [0, 2, 1, 3]);
  };
  const operands = [arranged(q, outer), arranged(k, shared), arranged(v, shared)];
  if (mask !== undefined) {
    operands.push(reshape(broadcastTo(mask, [...outer, queries, keys]), [sizeOf(batch), heads, queries, keys]));
  }
  const types = [
    { shape: [sizeOf(batch), queries, heads, width], dtype: 'float32' },
    { shape: [sizeOf(batch), heads, queries], dtype: 'float32' },
  ] as const;
  const [joint] = new Node('attention', operands, attrs, types, currentScope()).outputs as readonly [Tensor, Tensor];
  return reshape(transpose(joint, [0, 2, 1, 3]), [...outer, queries, width]);
}
