import { asTensor, broadcastShapes, type Operand, opError } from '../build.js';
import { formatType, sameShape, Tensor } from '../graph.js';
import { add, cast, greater, greaterEqual, logicalAnd, multiply, where } from './elementwise.js';
import { matmul } from './linalg.js';
import { softmax } from './nn.js';
import { dropout, iota, type RandomOptions } from './random.js';
import { swapLastAxes } from './shape.js';

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
export const causalMask = (queries: number, keys = queries): Tensor =>
  greaterEqual(iota([queries, keys], 0), iota([queries, keys], 1));

/**
 * Turns scores [..., T, S] into weights that sum to 1 over the keys: softmax(scores + mask) with a float mask, and with a bool
 * one softmax over what each query may attend to.
 *
 * @throws Error when the mask is neither bool nor float32, or makes the scores larger
 */
export function attentionWeights(scores: Tensor, options: Omit<AttentionOptions, 'scale'> = {}): Tensor {
  const { mask, causal = false, dropout: rate = 0, seed } = options;
  if (mask !== undefined) checkMask(mask, scores);
  const [queries, keys] = scores.shape.slice(-2) as [number, number];
  const order = causal ? causalMask(queries, keys) : undefined;
  const seen = mask?.dtype === 'float32' ? greater(mask, Number.NEGATIVE_INFINITY) : mask;
  const visible = seen === undefined ? order : order === undefined ? seen : logicalAnd(seen, order);
  const moved = mask?.dtype === 'float32' ? add(scores, mask) : scores;
  // far below any score, and finite: a row without any key must not become 0 / 0
  const hidden = visible === undefined ? moved : where(visible, moved, -1e30);
  const soft = softmax(hidden);
  const weights = mask === undefined || visible === undefined ? soft : where(visible, soft, 0);
  return rate === 0 ? weights : dropout(weights, rate, seed === undefined ? {} : { seed });
}

function checkMask(mask: unknown, scores: Tensor): void {
  if (!(mask instanceof Tensor) || mask.dtype === 'int32') {
    const got = mask instanceof Tensor ? formatType(mask) : String(mask);
    throw opError('attention', `mask must be a tensor of bool or float32, got ${got}`);
  }
  if (!sameShape(broadcastShapes('attention', scores.shape, mask.shape), scores.shape)) {
    throw opError('attention', `mask ${formatType(mask)} must broadcast to the scores ${formatType(scores)}`);
  }
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
 * Source: Vaswani et al., "Attention is all you need", NeurIPS 2017.
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
  const scaled = multiply(q, options.scale ?? 1 / Math.sqrt(depth));
  return matmul(attentionWeights(matmul(scaled, swapLastAxes(k)), options), v);
}
