import { asTensor, checkOptions, checkTensor, make, normalizeAxis, type Operand, opError, show } from '../build.js';
import { formatType, type Tensor } from '../graph.js';
import { less, lessEqual } from './elementwise.js';
import { gatherAlongAxis } from './gather.js';
import { numbers } from './numbers.js';
import { sum } from './reduce.js';
import { expandDims } from './shape.js';

export interface SortOptions {
  /** Largest first. Default: false. */
  readonly descending?: boolean;
}

function order(op: string, t: Tensor, axis: number, count: number | undefined, descending: boolean): Tensor {
  const a = normalizeAxis(op, axis, t.rank);
  const n = t.shape[a] as number;
  const shape = t.shape.map((m, i) => (i === a ? (count ?? n) : m));
  return make('argsort', [t], { axis: a, descending }, shape, 'int32');
}

function isDescending(op: string, options: SortOptions): boolean {
  checkOptions(op, options);
  return options.descending === true;
}

const sortable = (op: string, x: Operand): Tensor => {
  const t = asTensor(op, 'x', x);
  return numbers(t, 'int32');
};

/**
 * Positions that would sort `x` along an axis, as int32. Equal elements keep their order; NaN comes after every number,
 * in descending order before.
 *
 * @param axis default: -1
 *
 * @example
 * ops.argsort(tensor([3, 1, 2])); // 1, 2, 0
 */
export const argsort = (x: Operand, axis = -1, options: SortOptions = {}): Tensor =>
  order('argsort', sortable('argsort', x), axis, undefined, isDescending('argsort', options));

/**
 * The elements of `x` in order along an axis; NaN comes last, in descending order first. Gradients go back to where the
 * elements came from.
 *
 * @param axis default: -1
 *
 * @example
 * ops.sort(tensor([3, 1, 2]), -1, { descending: true }); // 3, 2, 1
 */
export function sort(x: Operand, axis = -1, options: SortOptions = {}): Tensor {
  const t = sortable('sort', x);
  return gatherAlongAxis(t, order('sort', t, axis, undefined, isDescending('sort', options)), axis);
}

/**
 * The k largest elements along the last axis, largest first, and their positions: [..., n] -> [..., k] twice. Of equal
 * elements the first come first.
 *
 * @returns `values` in the dtype of `x`, `indices` in int32
 * @throws Error when k is not in 0 .. n
 *
 * @example
 * const { values, indices } = ops.topK(tensor([1, 5, 3]), 2); // 5, 3 at 1, 2
 */
export function topK(x: Operand, k: number): { values: Tensor; indices: Tensor } {
  const t = sortable('topK', x);
  const n = t.shape[normalizeAxis('topK', -1, t.rank)] as number;
  if (!Number.isInteger(k) || k < 0 || k > n) {
    throw opError('topK', `k must be a whole number in 0 .. ${n} for ${formatType(t)}, got ${show(k)}`);
  }
  const indices = order('topK', t, -1, k, true);
  return { values: gatherAlongAxis(t, indices, -1), indices };
}

/**
 * Where each value would have to be inserted into a sorted sequence to keep it sorted, as int32: the number of elements
 * below it (`side` 'left'), or not above it ('right'). Compares each value with each element.
 *
 * @param sorted rank 1, in ascending order
 * @throws Error when `sorted` is not of rank 1
 *
 * @example
 * ops.searchSorted(tensor([1, 2, 2, 5]), tensor([2, 9])); // 1, 4
 */
export function searchSorted(sorted: Tensor, values: Operand, side: 'left' | 'right' = 'left'): Tensor {
  checkTensor('searchSorted', 'sorted', sorted);
  if (sorted.rank !== 1) throw opError('searchSorted', `sorted must have rank 1, got ${formatType(sorted)}`);
  if (side !== 'left' && side !== 'right')
    throw opError('searchSorted', `side must be 'left' or 'right', got ${show(side)}`);
  const column = expandDims(asTensor('searchSorted', 'values', values), -1);
  return sum(side === 'left' ? less(sorted, column) : lessEqual(sorted, column), -1);
}
