import { asTensor, broadcastTo, make, normalizeAxis, type Operand, opError } from '../build.js';
import { formatType, sizeOf, type Tensor } from '../graph.js';
import { add, cast, equal, greaterEqual, less, logicalAnd, multiply, where } from './elementwise.js';
import { iota } from './random.js';
import { expandDims, reshape, transpose } from './shape.js';

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

/**
 * One element of `x` for each index, along an axis: result[..., j, ...] = x[..., indices[..., j, ...], ...]. All other
 * dimensions of `x` and `indices` agree. Positions out of range make the step fail with an error.
 *
 * @param axis default: -1
 * @throws Error when `indices` is not int32 or does not fit
 *
 * @example
 * ops.takeAlongAxis(x, ops.argsort(x)); // x in order
 */
export function takeAlongAxis(x: Operand, indices: Tensor, axis = -1): Tensor {
  const t = asTensor('takeAlongAxis', 'x', x);
  if (indices.dtype !== 'int32') throw opError('takeAlongAxis', `indices must be int32, got ${formatType(indices)}`);
  const a = normalizeAxis('takeAlongAxis', axis, t.rank);
  if (indices.rank !== t.rank || indices.shape.some((n, i) => i !== a && n !== t.shape[i])) {
    throw opError(
      'takeAlongAxis',
      `indices ${formatType(indices)} must have the shape of x ${formatType(t)} except along axis ${a}`,
    );
  }
  if (t.size > 0x7fffffff) throw opError('takeAlongAxis', `${formatType(t)} has too many elements for int32 positions`);
  const n = t.shape[a] as number;
  const inner = sizeOf(t.shape.slice(a + 1));
  // the position in row-major order; -1, which is an error in the kernel, where an index would reach into another row
  const outer = sizeOf(t.shape.slice(0, a));
  const counted = [outer, indices.shape[a] as number, inner];
  const along = (i: number): Tensor => reshape(iota(counted, i), indices.shape);
  const position = add(multiply(along(0), n * inner), add(multiply(indices, inner), along(2)));
  return take(reshape(t, [-1]), where(logicalAnd(greaterEqual(indices, 0), less(indices, n)), position, -1));
}

/**
 * Sums of the rows of `x` that have the same segment id: result[s] = sum of x[i] where segmentIds[i] = s. In a fixed order,
 * so always the same bits. Ids out of range make the step fail with an error.
 *
 * @param x [n, ...]
 * @param segmentIds int32 [n], in any order
 * @returns [numSegments, ...]; segments without rows are 0
 * @throws Error when `segmentIds` does not fit `x`
 *
 * @example
 * ops.segmentSum(tensor([1, 2, 3]), tensor(Int32Array.of(0, 2, 0)), 3); // 4, 0, 2
 */
export function segmentSum(x: Operand, segmentIds: Tensor, numSegments: number): Tensor {
  const t = asTensor('segmentSum', 'x', x);
  if (segmentIds.dtype !== 'int32' || segmentIds.rank !== 1 || t.rank < 1 || segmentIds.size !== t.shape[0]) {
    throw opError(
      'segmentSum',
      `segmentIds must be int32 with one id for each row of ${formatType(t)}, got ${formatType(segmentIds)}`,
    );
  }
  if (!Number.isInteger(numSegments) || numSegments < 0) {
    throw opError('segmentSum', `numSegments must be a whole number that is not negative, got ${numSegments}`);
  }
  return scatterAdd(segmentIds, t, numSegments);
}
