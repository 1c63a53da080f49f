import { asTensor, broadcastTo, make, normalizeAxis, type Operand, opError } from '../build.js';
import { formatType, type Tensor } from '../graph.js';
import { cast, equal } from './elementwise.js';
import { iota } from './random.js';
import { expandDims, transpose } from './shape.js';

/**
 * Slices of `x` along `axis` at the given positions: result shape is x.shape with the axis replaced by indices.shape.
 * Positions out of range make the step fail with an error.
 *
 * @throws Error when `indices` is not int32
 */
export function take(x: Operand, indices: Tensor, axis = 0): Tensor {
  const t = asTensor('take', 'x', x);
  if (indices.dtype !== 'int32') throw opError('take', `indices must be int32, got ${formatType(indices)}`);
  const a = normalizeAxis('take', axis, t.rank);
  const order = [a, ...t.shape.map((_, i) => i).filter((i) => i !== a)];
  const rows = transpose(t, order);
  const inner = rows.shape.slice(1);
  const taken = make('gather', [rows, indices], {}, [...indices.shape, ...inner], t.dtype);
  if (a === 0) return taken;
  // the indexed axes stand in front: move the first `a` inner axes before them
  const k = indices.rank;
  const axes = [...Array(a).keys()]
    .map((i) => k + i)
    .concat(
      [...Array(k).keys()],
      [...Array(inner.length - a).keys()].map((i) => k + a + i),
    );
  return transpose(taken, axes);
}

/**
 * Adds rows into a zero tensor of `rows` rows: result[indices[i]] += updates[i]. In a fixed order, so always the same bits.
 */
export function scatterAdd(indices: Tensor, updates: Tensor, rows: number): Tensor {
  if (indices.dtype !== 'int32') throw opError('scatterAdd', `indices must be int32, got ${formatType(indices)}`);
  if (indices.shape.some((n, i) => n !== updates.shape[i])) {
    throw opError(
      'scatterAdd',
      `updates ${formatType(updates)} must begin with the shape of indices ${formatType(indices)}`,
    );
  }
  return make(
    'scatterAdd',
    [indices, cast(updates, 'float32')],
    {},
    [rows, ...updates.shape.slice(indices.rank)],
    'float32',
  );
}

/** 1 at the position each index names, 0 elsewhere, along a new last axis of size `depth`. Out of range: all 0. */
export function oneHot(indices: Tensor, depth: number): Tensor {
  if (indices.dtype !== 'int32') throw opError('oneHot', `indices must be int32, got ${formatType(indices)}`);
  const shape = [...indices.shape, depth];
  return cast(equal(broadcastTo(expandDims(indices, -1), shape), iota(shape, indices.rank)), 'float32');
}
