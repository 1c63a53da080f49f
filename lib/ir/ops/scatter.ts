import {
  asTensor,
  checkList,
  checkShape,
  checkTensor,
  checkWhole,
  type Operand,
  opError,
  show,
  tensor,
} from '../build.js';
import { formatType, type Shape, sameShape, sizeOf, type Tensor } from '../graph.js';
import { ravel } from './arrange.js';
import {
  add,
  cast,
  equal,
  greater,
  greaterEqual,
  less,
  logicalAnd,
  maximum,
  multiply,
  notEqual,
  subtract,
  where,
} from './elementwise.js';
import { gather } from './gather.js';
import { scatterAdd } from './indexing.js';
import { numbers } from './numbers.js';
import { argsort } from './order.js';
import { iota, ones } from './random.js';
import { all, max, min } from './reduce.js';
import { concatenate, expandDims, pad, reshape, sliceAxis } from './shape.js';

/**
 * Row numbers that indices [..., k] name in a tensor of this shape, whose first k axes count as one; -1, which is an error
 * in the kernels, where one is out of range.
 */
function rowsOf(op: string, indices: Tensor, updates: Tensor, shape: Shape): { position: Tensor; rows: number } {
  checkTensor(op, 'indices', indices);
  checkTensor(op, op === 'scatter' ? 'values' : 'updates', updates);
  checkShape(op, shape);
  const k = indices.shape[indices.rank - 1];
  if (indices.dtype !== 'int32' || k === undefined || k < 1 || k > shape.length) {
    throw opError(op, `indices must be int32 [..., k] with k in 1 .. ${shape.length}, got ${formatType(indices)}`);
  }
  const expected = [...indices.shape.slice(0, -1), ...shape.slice(k)];
  if (!sameShape(updates.shape, expected)) {
    throw opError(op, `expected values of shape [${expected.join(', ')}], got ${formatType(updates)}`);
  }
  const sizes = shape.slice(0, k);
  const rows = sizeOf(sizes);
  if (rows > 0x7fffffff) throw opError(op, `shape [${shape.join(', ')}] has too many rows for int32 positions`);
  const limit = tensor(Int32Array.from(sizes));
  const inside = all(logicalAnd(greaterEqual(indices, 0), less(indices, limit)), -1);
  let position = reshape(sliceAxis(indices, -1, 0, 1), indices.shape.slice(0, -1));
  for (let i = 1; i < k; i++) {
    const next = reshape(sliceAxis(indices, -1, i, i + 1), indices.shape.slice(0, -1));
    position = add(multiply(position, sizes[i] as number), next);
  }
  return { position: where(inside, position, -1), rows };
}

/**
 * A tensor that is 0 except where indices name elements or slices: result[indices[i]] += values[i]. What is named more
 * than once gets the sum, in a fixed order. Indices out of range make the step fail with an error.
 *
 * @param indices int32 [..., k]: positions along the first k axes of the result
 * @param values [..., then the other axes of the result]
 * @returns float32 of the given shape
 * @throws Error when indices or values do not fit the shape
 *
 * @example
 * ops.scatter(tensor(Int32Array.of(0, 1, 1, 0), [2, 2]), tensor([5, 6]), [2, 2]); // [[0, 5], [6, 0]]
 */
export function scatter(indices: Tensor, values: Tensor, shape: Shape): Tensor {
  const { position, rows } = rowsOf('scatter', indices, values, shape);
  return reshape(scatterAdd(position, values, rows), shape);
}

/**
 * A copy of `x` with other values where indices name elements or slices: result[indices[i]] = updates[i]. Of updates to
 * one place the last counts. Indices out of range make the step fail with an error.
 *
 * @param indices int32 [..., k]: positions along the first k axes of x
 * @param updates [..., then the other axes of x], of the dtype of x
 * @throws Error when indices or updates do not fit x
 *
 * @example
 * ops.scatterUpdate(tensor([1, 2, 3]), tensor(Int32Array.of(2, 0), [2, 1]), tensor([30, 10])); // 10, 2, 30
 */
export function scatterUpdate(x: Operand, indices: Tensor, updates: Tensor): Tensor {
  const t = asTensor('scatterUpdate', 'x', x);
  const { position, rows } = rowsOf('scatterUpdate', indices, updates, t.shape);
  const count = position.size;
  if (count === 0 || t.size === 0) return t;
  if (count > 2 ** 24) throw opError('scatterUpdate', `at most 2^24 updates are supported, got ${count}`);
  const inner = t.shape.slice(t.shape.length - (updates.rank - position.rank));
  // equal positions become neighbours, in their order: the last of them is followed by another
  const order = argsort(ravel(position));
  const sorted = gather(ravel(position), order);
  const followed = notEqual(sliceAxis(sorted, 0, 1), sliceAxis(sorted, 0, 0, count - 1));
  const last = concatenate([cast(followed, 'int32'), ones([1], 'int32')], 0);
  // for each row the number of its update, from 1 on; the others add 0
  const source = cast(scatterAdd(sorted, multiply(add(order, 1), last), rows), 'int32');
  const updated = gather(reshape(cast(updates, t.dtype), [count, ...inner]), maximum(subtract(source, 1), 0));
  const chosen = reshape(greater(source, 0), [rows, ...inner.map(() => 1)]);
  return reshape(where(chosen, updated, reshape(t, [rows, ...inner])), t.shape);
}

/**
 * A copy of `x` with a box of other values, from position `start[i]` on along axis i.
 *
 * @param updates the box, of the rank of x
 * @throws Error when the box does not lie inside
 *
 * @example
 * ops.sliceUpdate(ops.zeros([4]), [1], tensor([5, 6])); // 0, 5, 6, 0
 */
export function sliceUpdate(x: Operand, start: readonly number[], updates: Tensor): Tensor {
  const t = asTensor('sliceUpdate', 'x', x);
  checkList('sliceUpdate', 'start must be a list of numbers', start);
  for (const n of start) checkWhole('sliceUpdate', 'a position of start', n, 0);
  checkTensor('sliceUpdate', 'updates', updates);
  const inside = (n: number, i: number): boolean => {
    const from = start[i];
    return Number.isInteger(from) && (from as number) >= 0 && (from as number) + (updates.shape[i] as number) <= n;
  };
  if (start.length !== t.rank || updates.rank !== t.rank || !t.shape.every(inside)) {
    throw opError(
      'sliceUpdate',
      `updates ${formatType(updates)} at [${start.join(', ')}] do not lie inside ${formatType(t)}`,
    );
  }
  const border = t.shape.map((n, i): [number, number] => {
    const before = start[i] as number;
    return [before, n - before - (updates.shape[i] as number)];
  });
  return where(greater(pad(ones(updates.shape), border), 0), pad(cast(updates, t.dtype), border), t);
}

function extreme(kind: 'max' | 'min', x: Operand, segmentIds: Tensor, numSegments: number): Tensor {
  const op = kind === 'max' ? 'segmentMax' : 'segmentMin';
  const input = asTensor(op, 'x', x);
  const t = numbers(input, 'int32');
  checkTensor(op, 'segmentIds', segmentIds);
  if (segmentIds.dtype !== 'int32' || segmentIds.rank !== 1 || t.rank < 1 || segmentIds.size !== t.shape[0]) {
    throw opError(
      op,
      `segmentIds must be int32 with one id for each row of ${formatType(t)}, got ${formatType(segmentIds)}`,
    );
  }
  if (!Number.isInteger(numSegments) || numSegments < 0) {
    throw opError(op, `numSegments must be a whole number that is not negative, got ${show(numSegments)}`);
  }
  const size = t.dtype === 'int32' ? 2 ** 31 : Number.POSITIVE_INFINITY;
  const none = kind === 'max' ? -size : t.dtype === 'int32' ? size - 1 : size;
  const member = equal(expandDims(iota([numSegments], 0), 1), segmentIds);
  const mask = reshape(member, [numSegments, segmentIds.size, ...t.shape.slice(1).map(() => 1)]);
  return (kind === 'max' ? max : min)(where(mask, t, none), 1);
}

/**
 * The largest of the rows of `x` that have the same segment id: result[s] = max of x[i] where segmentIds[i] = s. Compares
 * each row with each segment. Ids out of range count nowhere.
 *
 * @param x [n, ...]
 * @param segmentIds int32 [n], in any order
 * @returns [numSegments, ...]; segments without rows are -infinity, in int32 the smallest number
 * @throws Error when `segmentIds` does not fit `x`
 *
 * @example
 * ops.segmentMax(tensor([1, 2, 3]), tensor(Int32Array.of(0, 1, 0)), 2); // 3, 2
 */
export const segmentMax = (x: Operand, segmentIds: Tensor, numSegments: number): Tensor =>
  extreme('max', x, segmentIds, numSegments);

/** The smallest of the rows of the same segment id, otherwise as `segmentMax`: segments without rows are infinity. */
export const segmentMin = (x: Operand, segmentIds: Tensor, numSegments: number): Tensor =>
  extreme('min', x, segmentIds, numSegments);
