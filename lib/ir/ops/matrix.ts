import {
  asTensor,
  checkDType,
  checkList,
  checkTensor,
  checkWhole,
  normalizeAxis,
  type Operand,
  opError,
  show,
} from '../build.js';
import { type DType, formatType, type Tensor } from '../graph.js';
import { add, cast, equal, greaterEqual, lessEqual, multiply, where } from './elementwise.js';
import { matmul } from './linalg.js';
import { iota, onesLike, zerosLike } from './random.js';
import { sum } from './reduce.js';
import { expandDims, pad, reshape, slice, stack, transpose } from './shape.js';

/** For each element of the last two axes, column - row - k: 0 on the k-th diagonal, positive above it. */
function aboveDiagonal(op: string, shape: readonly number[], k: number): Tensor {
  if (shape.length < 2) throw opError(op, `expected rank 2 or more, got shape [${shape.join(', ')}]`);
  checkWhole(op, 'k', k);
  const [rows, columns] = [shape.length - 2, shape.length - 1];
  return add(iota(shape, columns), multiply(add(iota(shape, rows), k), -1));
}

/**
 * The lower triangle of matrices [..., M, N]: elements above the k-th diagonal become 0.
 *
 * @throws Error when x has rank below 2
 */
export const tril = (x: Operand, k = 0): Tensor => {
  const t = asTensor('tril', 'x', x);
  return where(lessEqual(aboveDiagonal('tril', t.shape, k), 0), t, zerosLike(t));
};

/**
 * The upper triangle of matrices [..., M, N]: elements below the k-th diagonal become 0.
 *
 * @throws Error when x has rank below 2
 */
export const triu = (x: Operand, k = 0): Tensor => {
  const t = asTensor('triu', 'x', x);
  return where(greaterEqual(aboveDiagonal('triu', t.shape, k), 0), t, zerosLike(t));
};

/** `aboveDiagonal` of one matrix. */
function rectangle(op: string, rows: number, columns: number, k: number, dtype: DType): Tensor {
  checkWhole(op, 'rows', rows, 0);
  checkWhole(op, 'columns', columns, 0);
  checkDType(op, dtype);
  return aboveDiagonal(op, [rows, columns], k);
}

/** 1 on the k-th diagonal, 0 elsewhere: [rows, columns], square by default. */
export const eye = (rows: number, columns = rows, k = 0, dtype: DType = 'float32'): Tensor =>
  cast(equal(rectangle('eye', rows, columns, k, dtype), 0), dtype);

/** The identity matrix: [n, n]. */
export function identity(n: number, dtype: DType = 'float32'): Tensor {
  checkWhole('identity', 'n', n, 0);
  checkDType('identity', dtype);
  return eye(n, n, 0, dtype);
}

/** 1 on the k-th diagonal and below, 0 above: [rows, columns], square by default. */
export const tri = (rows: number, columns = rows, k = 0, dtype: DType = 'float32'): Tensor =>
  cast(lessEqual(rectangle('tri', rows, columns, k, dtype), 0), dtype);

/** Each power is an operation of its own. */
const mostPowers = 2 ** 16;

/**
 * Vandermonde's matrix: the powers of each element of a vector [n] in a row, from count - 1 down to 0.
 *
 * @param count of powers. Default: n
 * @param increasing from 0 up to count - 1. Default: false
 * @throws Error when x is not of rank 1 or count is not a whole number in 1 .. 65536
 *
 * @example
 * ops.vander(tensor([2, 3]), 3); // [[4, 2, 1], [9, 3, 1]]
 */
export function vander(x: Tensor, count?: number, increasing = false): Tensor {
  checkTensor('vander', 'x', x);
  if (x.rank !== 1) throw opError('vander', `x must have rank 1, got ${formatType(x)}`);
  const n = count ?? x.size;
  if (!Number.isInteger(n) || n < 1 || n > mostPowers) {
    throw opError('vander', `count must be a whole number in 1 .. ${mostPowers}, got ${show(n)}`);
  }
  const powers = [onesLike(x)];
  // products, not power(), whose gradient at 0 is not defined
  while (powers.length < n) powers.push(multiply(powers.at(-1) as Tensor, x));
  return stack(increasing ? powers : powers.reverse(), 1);
}

/**
 * A vector [n] as the k-th diagonal of a matrix [n + |k|, n + |k|] that is 0 elsewhere, or the k-th diagonal of a matrix
 * as a vector.
 *
 * @throws Error when x has another rank than 1 or 2
 */
export function diag(x: Operand, k = 0): Tensor {
  const t = asTensor('diag', 'x', x);
  checkWhole('diag', 'k', k);
  if (t.rank === 2) return diagonal(t, k);
  if (t.rank !== 1) throw opError('diag', `expected a vector or a matrix, got ${formatType(t)}`);
  const size = t.size + Math.abs(k);
  // row r of the matrix holds x[r - before] in column r + k
  const before = Math.max(0, -k);
  const column = expandDims(pad(t, [[before, size - t.size - before]]), 1);
  return where(equal(aboveDiagonal('diag', [size, size], k), 0), column, zerosLike(column));
}

/**
 * The k-th diagonal of matrices: [..., M, N] -> [..., length]. No data moves.
 *
 * @throws Error when x has rank below 2
 */
export function diagonal(x: Operand, k = 0): Tensor {
  const t = asTensor('diagonal', 'x', x);
  if (t.rank < 2) throw opError('diagonal', `expected rank 2 or more, got ${formatType(t)}`);
  checkWhole('diagonal', 'k', k);
  const [rows, columns] = t.shape.slice(-2) as [number, number];
  const outer = t.shape.slice(0, -2);
  const first = k >= 0 ? k : -k * columns;
  const length = Math.max(0, Math.min(rows + Math.min(k, 0), columns - Math.max(k, 0)));
  // neighbours on a diagonal are columns + 1 apart in row-major order
  const flat = reshape(t, [...outer, rows * columns]);
  const start = [...outer.map(() => 0), length === 0 ? 0 : first];
  return slice(flat, start, [...outer, length], [...outer.map(() => 1), columns + 1]);
}

/** Sum of the k-th diagonal of matrices: [..., M, N] -> [...]. */
export function trace(x: Operand, k = 0): Tensor {
  const t = asTensor('trace', 'x', x);
  if (t.rank < 2) throw opError('trace', `expected rank 2 or more, got ${formatType(t)}`);
  checkWhole('trace', 'k', k);
  return sum(diagonal(t, k), -1);
}

/** All products of an element of `a` with one of `b`, both flattened: [a.size, b.size]. */
export const outer = (a: Operand, b: Operand): Tensor =>
  multiply(reshape(asTensor('outer', 'a', a), [-1, 1]), reshape(asTensor('outer', 'b', b), [1, -1]));

/**
 * NumPy's dot product: the sum over the last axis of `a` and the last but one of `b` (or its only one); scalars multiply.
 * The result has the other axes of `a`, then those of `b`.
 *
 * @throws Error when the summed axes differ in size
 */
export function dot(a: Operand, b: Operand): Tensor {
  const [x, y] = [asTensor('dot', 'a', a), asTensor('dot', 'b', b)];
  if (x.rank === 0 || y.rank === 0) return multiply(x, y);
  const [last, first] = [x.rank - 1, Math.max(0, y.rank - 2)];
  if (x.shape[last] !== y.shape[first]) {
    throw opError('dot', `axis ${last} of ${formatType(x)} and axis ${first} of ${formatType(y)} differ in size`);
  }
  return tensordot(x, y, [[last], [first]]);
}

/**
 * Sum of products over pairs of axes: the result has the other axes of `a`, then the other axes of `b`.
 *
 * @param axes how many axes, last of `a` with first of `b`; or the axes of `a` and those of `b`, in pairs
 * @throws Error when the pairs differ in number or size
 *
 * @example
 * ops.tensordot(a, b, 1); // [2, 3, 4] and [4, 5] -> [2, 3, 5]
 * ops.tensordot(a, b, [[0, 1], [1, 0]]); // [2, 3, 4] and [3, 2, 5] -> [4, 5]
 */
export function tensordot(
  a: Operand,
  b: Operand,
  axes: number | readonly [readonly number[], readonly number[]] = 2,
): Tensor {
  const [x, y] = [asTensor('tensordot', 'a', a), asTensor('tensordot', 'b', b)];
  const [ofX, ofY] = pairs(x, y, axes);
  const sizes = (t: Tensor, list: readonly number[]): number[] => list.map((i) => t.shape[i] as number);
  const inner = sizes(x, ofX);
  if (inner.some((n, i) => n !== y.shape[ofY[i] as number])) {
    throw opError(
      'tensordot',
      `axes [${ofX.join(', ')}] of ${formatType(x)} and [${ofY.join(', ')}] of ${formatType(y)} differ in size`,
    );
  }
  const restX = [...x.shape.keys()].filter((i) => !ofX.includes(i));
  const restY = [...y.shape.keys()].filter((i) => !ofY.includes(i));
  const size = (list: readonly number[]): number => list.reduce((p, n) => p * n, 1);
  const k = size(inner);
  const left = reshape(transpose(x, [...restX, ...ofX]), [size(sizes(x, restX)), k]);
  const right = reshape(transpose(y, [...ofY, ...restY]), [k, size(sizes(y, restY))]);
  return reshape(matmul(left, right), [...sizes(x, restX), ...sizes(y, restY)]);
}

function pairs(x: Tensor, y: Tensor, axes: number | readonly [readonly number[], readonly number[]]) {
  if (typeof axes === 'number') {
    if (!Number.isInteger(axes) || axes < 0 || axes > Math.min(x.rank, y.rank)) {
      throw opError('tensordot', `axes ${axes} must be a whole number that ${formatType(x)} and ${formatType(y)} have`);
    }
    const first = [...Array(axes).keys()];
    return [first.map((i) => x.rank - axes + i), first] as const;
  }
  checkList('tensordot', 'axes must be a number or two lists of numbers', axes);
  for (const list of [axes[0], axes[1]]) checkList('tensordot', 'axes must be a number or two lists of numbers', list);
  const [ofX, ofY] = [
    axes[0].map((i) => normalizeAxis('tensordot', i, x.rank)),
    axes[1].map((i) => normalizeAxis('tensordot', i, y.rank)),
  ];
  const distinct = (list: readonly number[]): boolean => new Set(list).size === list.length;
  if (ofX.length !== ofY.length || !distinct(ofX) || !distinct(ofY)) {
    throw opError('tensordot', `axes must be pairs of axes, each once, got [${axes[0]}] and [${axes[1]}]`);
  }
  return [ofX, ofY] as const;
}
