import {
  asTensor,
  broadcastTo,
  checkTensor,
  checkWhole,
  make,
  normalizeAxis,
  type Operand,
  opError,
  show,
} from '../build.js';
import { formatType, type Tensor } from '../graph.js';
import { add, cast, equal, less, where } from './elementwise.js';
import { gather, gatherAlongAxis } from './gather.js';
import { iota } from './random.js';
import { expandDims } from './shape.js';

/** Positions that may count from the end, as positions from the start; what is out of range stays out of it. */
function fromStart(indices: Tensor, n: number): Tensor {
  if (indices.known?.every((i) => i >= 0)) return indices;
  return where(less(indices, 0), add(indices, n), indices);
}

/**
 * Slices of `x` along `axis` at the given positions: result shape is x.shape with the axis replaced by indices.shape.
 * Negative positions count from the end, as in NumPy; those outside -n .. n - 1 make the step fail with an error.
 *
 * @param axis default: 0
 * @throws Error when `indices` is not int32
 *
 * @example
 * ops.take(tensor([10, 20, 30]), tensor(Int32Array.of(0, -1))); // 10, 30
 */
export function take(x: Operand, indices: Tensor, axis = 0): Tensor {
  const t = asTensor('take', 'x', x);
  checkTensor('take', 'indices', indices, 'int32');
  const a = normalizeAxis('take', axis, t.rank);
  return gather(t, fromStart(indices, t.shape[a] as number), a);
}

/**
 * Adds rows into a zero tensor of `rows` rows: result[indices[i]] += updates[i]. In a fixed order, so always the same bits.
 */
export function scatterAdd(indices: Tensor, updates: Tensor, rows: number): Tensor {
  checkTensor('scatterAdd', 'indices', indices, 'int32');
  checkTensor('scatterAdd', 'updates', updates);
  checkWhole('scatterAdd', 'rows', rows, 0);
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
  checkTensor('oneHot', 'indices', indices, 'int32');
  checkWhole('oneHot', 'depth', depth, 0);
  const shape = [...indices.shape, depth];
  return cast(equal(broadcastTo(expandDims(indices, -1), shape), iota(shape, indices.rank)), 'float32');
}

/**
 * One element of `x` for each index, along an axis: result[..., j, ...] = x[..., indices[..., j, ...], ...]. All other
 * dimensions of `x` and `indices` agree. Negative positions count from the end; those outside -n .. n - 1 make the step fail
 * with an error.
 *
 * @param axis default: -1
 * @throws Error when `indices` is not int32 or does not fit
 *
 * @example
 * ops.takeAlongAxis(x, ops.argsort(x)); // x in order
 */
export function takeAlongAxis(x: Operand, indices: Tensor, axis = -1): Tensor {
  const t = asTensor('takeAlongAxis', 'x', x);
  checkTensor('takeAlongAxis', 'indices', indices, 'int32');
  const a = normalizeAxis('takeAlongAxis', axis, t.rank);
  return gatherAlongAxis(t, fromStart(indices, t.shape[a] as number), a);
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
  checkTensor('segmentSum', 'segmentIds', segmentIds);
  if (segmentIds.dtype !== 'int32' || segmentIds.rank !== 1 || t.rank < 1 || segmentIds.size !== t.shape[0]) {
    throw opError(
      'segmentSum',
      `segmentIds must be int32 with one id for each row of ${formatType(t)}, got ${formatType(segmentIds)}`,
    );
  }
  if (!Number.isInteger(numSegments) || numSegments < 0) {
    throw opError('segmentSum', `numSegments must be a whole number that is not negative, got ${show(numSegments)}`);
  }
  return scatterAdd(segmentIds, t, numSegments);
}
