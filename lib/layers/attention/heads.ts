import { type InitializerName, resolveInitializer } from '../../initializers/resolve.js';
import { formatType, type Tensor, type TensorType } from '../../ir/graph.js';
import { logicalAnd } from '../../ir/ops/elementwise.js';
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
 * One to three sequences - query, value (default: the query), key (default: the value) - and then perhaps a bool mask.
 *
 * @throws Error when there are too many, or ranks or sizes do not fit
 */
export function attentionInputs<T extends TensorType>(layer: Layer, inputs: readonly T[]): AttentionInputs<T> {
  const last = inputs.at(-1);
  const mask = last?.dtype === 'bool' ? last : undefined;
  const sequences = mask === undefined ? inputs : inputs.slice(0, -1);
  const [query, value = query, key = value] = sequences;
  const shapes = inputs.map(formatType).join(', ');
  if (query === undefined || value === undefined || key === undefined || sequences.length > 3) {
    throw layer.error(`takes query, value, key and a bool mask (all but the query may be left out), got ${shapes}`);
  }
  if ([query, value, key].some((t) => t.shape.length !== 3 || t.dtype === 'bool')) {
    throw layer.error(`query, value and key must be [batch, time, features], got ${shapes}`);
  }
  if (key.shape[1] !== value.shape[1]) throw layer.error(`key and value must have the same length, got ${shapes}`);
  if (mask !== undefined) checkMask(layer, mask, query, key);
  return { query, value, key, mask };
}

function checkMask(layer: Layer, mask: TensorType, query: TensorType, key: TensorType): void {
  const [time, keys] = [query.shape[1], key.shape[1]];
  const [, a, b] = mask.shape;
  const fits = mask.shape.length === 2 ? a === keys : mask.shape.length === 3 && a === time && b === keys;
  if (!fits) {
    throw layer.error(`the mask must be bool [batch, ${keys}] or [batch, ${time}, ${keys}], got ${formatType(mask)}`);
  }
}

/**
 * Which key each query may attend to: what the mask that was given, the masks of value and key, and that of the query
 * allow. Broadcasts against scores [batch, ...further axes, T, S].
 *
 * @param further number of axes between the batch and the time steps: heads
 */
export function maskOfScores(
  { query, value, key, mask }: AttentionInputs<Tensor>,
  further: number,
): Tensor | undefined {
  const ofKeys = [...new Set([mask, stepMaskOf(value), stepMaskOf(key)])].filter((m) => m !== undefined);
  const ofQuery = stepMaskOf(query);
  const all = [
    ...ofKeys.map((m) => (m.rank === 2 ? expandDims(m, 1) : m)), // [batch, 1, S]
    ...(ofQuery === undefined ? [] : [expandDims(ofQuery, 2)]), // [batch, T, 1]
  ];
  if (all.length === 0) return undefined;
  const joint = all.reduce((a, b) => logicalAnd(a, b));
  const [batch, ...steps] = joint.shape as [number, number, number];
  return reshape(joint, [batch, ...new Array<number>(further).fill(1), ...steps]);
}

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
