import { type InitializerName, resolveInitializer } from '../../initializers/resolve.js';
import { formatType, type Tensor, type TensorType } from '../../ir/graph.js';
import { expandDims } from '../../ir/ops/shape.js';
import type { InitializerFn, Layer } from '../layer.js';
import { maskOf, withMask } from '../mask.js';

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

/** A mask [batch, S] or [batch, T, S] with further axes after the batch (heads), broadcasting against scores. */
export function maskOfScores(mask: Tensor | undefined, further: number): Tensor | undefined {
  let wide = mask?.rank === 2 ? expandDims(mask, 1) : mask;
  for (let i = 0; i < further; i++) wide = wide && expandDims(wide, 1);
  return wide;
}

/** A result that has a vector for each time step of `query` has its mask, too. */
export function withMaskOf(query: Tensor, result: Tensor): Tensor {
  const mask = maskOf(query);
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
