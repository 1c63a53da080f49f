import { type InitializerName, resolveInitializer } from '../../initializers/resolve.js';
import { formatType, sameShape, type Tensor, type TensorType } from '../../ir/graph.js';
import { logicalAnd, where } from '../../ir/ops/elementwise.js';
import { expandDims, reshape } from '../../ir/ops/shape.js';
import type { InitializerFn, Layer } from '../layer.js';
import { stepMaskOf, withMask } from '../mask.js';

/** Inputs of an attention layer, sorted out. */
export interface AttentionInputs<T extends TensorType> {
  readonly query: T;
  readonly value: T;
  readonly key: T;
  readonly mask: T | undefined;
}

/**
 * One to three sequences - query, value (default: the query), key (default: the value) - and then perhaps a mask: the last
 * input when it is bool, and the fourth in any case.
 *
 * @param heads the sizes of further axes of the scores between the batch and the time steps, which a mask may have, too
 * @throws Error when there are too many, or ranks or sizes do not fit
 */
export function attentionInputs<T extends TensorType>(
  layer: Layer,
  inputs: readonly T[],
  heads: readonly number[] = [],
): AttentionInputs<T> {
  const last = inputs.at(-1);
  const mask = last?.dtype === 'bool' || inputs.length === 4 ? last : undefined;
  const sequences = mask === undefined ? inputs : inputs.slice(0, -1);
  const [query, value = query, key = value] = sequences;
  const shapes = inputs.map(formatType).join(', ');
  if (query === undefined || value === undefined || key === undefined || sequences.length > 3) {
    throw layer.error(`takes query, value, key and a mask (all but the query may be left out), got ${shapes}`);
  }
  if ([query, value, key].some((t) => t.shape.length !== 3 || t.dtype === 'bool')) {
    throw layer.error(`query, value and key must be [batch, time, features], got ${shapes}`);
  }
  if (key.shape[1] !== value.shape[1]) throw layer.error(`key and value must have the same length, got ${shapes}`);
  if (mask !== undefined) checkMask(layer, mask, query, key, heads);
  return { query, value, key, mask };
}

function checkMask(layer: Layer, mask: TensorType, query: TensorType, key: TensorType, heads: readonly number[]): void {
  const [time, keys] = [query.shape[1] as number, key.shape[1] as number];
  const shapes = [[keys], [time, keys], ...(heads.length > 0 ? [[...heads, time, keys]] : [])];
  const fits = shapes.some((shape) => sameShape(mask.shape.slice(1), shape));
  if (!fits || mask.dtype === 'int32') {
    const list = shapes.map((shape) => `[batch, ${shape.join(', ')}]`).join(' or ');
    throw layer.error(`the mask must be bool or float32 ${list}, got ${formatType(mask)}`);
  }
}

/**
 * Which key each query may attend to: what the mask that was given, the masks of value and key, and that of the query
 * allow. A float mask stays one, with -Infinity where another mask forbids. Broadcasts against scores
 * [batch, ...heads, T, S].
 *
 * @param heads number of further axes
 */
export function maskOfScores({ query, value, key, mask }: AttentionInputs<Tensor>, heads: number): Tensor | undefined {
  const ofQuery = stepMaskOf(query);
  const given = mask === undefined ? [] : [mask.rank === 2 ? expandDims(mask, 1) : mask];
  const carried = [...new Set([stepMaskOf(value), stepMaskOf(key)])].flatMap((m) => m ?? []);
  const all = [
    ...given, // [batch, 1 or T, S], or with heads
    ...carried.map((m) => expandDims(m, 1)), // [batch, 1, S]
    ...(ofQuery === undefined ? [] : [expandDims(ofQuery, 2)]), // [batch, T, 1]
  ].map((m) => (m.rank > 3 ? m : alongHeads(m, heads)));
  const bools = all.filter((m) => m.dtype === 'bool');
  const allowed = bools.length === 0 ? undefined : bools.reduce((a, b) => logicalAnd(a, b));
  const added = all.find((m) => m.dtype === 'float32');
  if (added === undefined || allowed === undefined) return added ?? allowed;
  return where(allowed, added, Number.NEGATIVE_INFINITY);
}

/** [batch, T, S] -> [batch, 1, ..., T, S] */
const alongHeads = (mask: Tensor, heads: number): Tensor =>
  reshape(mask, [mask.shape[0] as number, ...new Array<number>(heads).fill(1), ...mask.shape.slice(1)]);

/** A result that has a vector for each time step of `query` has its mask, too. */
export function withMaskOf(query: Tensor, result: Tensor): Tensor {
  const mask = stepMaskOf(query);
  return mask === undefined ? result : withMask(result, mask);
}

/**
 * An initializer that sees a kernel of several axes as the matrix that it multiplies by, so that fans are counted right.
 */
export function asMatrix(
  where: string,
  name: string,
  initializer: InitializerName | InitializerFn,
  inputAxes: number,
): InitializerFn {
  const inner = resolveInitializer(where, name, initializer);
  const product = (sizes: readonly number[]): number => sizes.reduce((p, n) => p * n, 1);
  return (shape, random) => inner([product(shape.slice(0, inputAxes)), product(shape.slice(inputAxes))], random);
}
