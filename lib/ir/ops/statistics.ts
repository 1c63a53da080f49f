import {
  asTensor,
  broadcastTo,
  checkNumber,
  checkOptions,
  checkScalar,
  checkTensor,
  normalizeAxes,
  normalizeAxis,
  type Operand,
  opError,
  show,
} from '../build.js';
import { formatType, sameShape, sizeOf, type Tensor } from '../graph.js';
import { ravel } from './arrange.js';
import { conv } from './conv.js';
import {
  add,
  cast,
  divide,
  isNaN as isNotANumber,
  less,
  lessEqual,
  multiply,
  sqrt,
  subtract,
  where,
} from './elementwise.js';
import { scatterAdd } from './indexing.js';
import { matmul } from './linalg.js';
import { diagonal } from './matrix.js';
import { numbers } from './numbers.js';
import { searchSorted, sort } from './order.js';
import { ones } from './random.js';
import { max, mean, min, sum } from './reduce.js';
import { type Axes, type ReduceOptions, reducible } from './reducible.js';
import { concatenate, expandDims, reshape, sliceAxis, stack, transpose } from './shape.js';

/**
 * Differences of neighbours along an axis: y[i] = x[i + 1] - x[i], `n` times over. Each time one element less.
 *
 * @param axis default: -1
 * @throws Error when n is not a whole number, is negative, or exceeds the size of the axis
 *
 * @example
 * ops.diff(tensor([1, 4, 9])); // 3, 5
 */
export function diff(x: Operand, n = 1, axis = -1): Tensor {
  const input = asTensor('diff', 'x', x);
  let t = numbers(input, 'int32');
  const a = normalizeAxis('diff', axis, t.rank);
  if (!Number.isInteger(n) || n < 0 || n > (t.shape[a] as number)) {
    throw opError('diff', `n must be a whole number in 0 .. ${t.shape[a]} for ${formatType(t)}, got ${show(n)}`);
  }
  for (let i = 0; i < n; i++) t = subtract(sliceAxis(t, a, 1), sliceAxis(t, a, 0, (t.shape[a] as number) - 1));
  return t;
}

export interface AverageOptions extends ReduceOptions {
  /** Of the shape of x, or one for each element of the only axis. Default: all 1. */
  readonly weights?: Tensor;
}

/**
 * Weighted mean over axes (default: all): sum(x * weights) / sum(weights).
 *
 * @throws Error when the weights do not fit
 *
 * @example
 * ops.average(tensor([1, 5]), 0, { weights: tensor([3, 1]) }); // 2
 */
export function average(x: Operand, axes?: Axes, options: AverageOptions = {}): Tensor {
  const t = asTensor('average', 'x', x);
  checkOptions('average', options);
  normalizeAxes('average', axes, t.rank);
  const { weights } = options;
  if (weights !== undefined) checkTensor('average', 'weights', weights);
  if (weights === undefined) return mean(t, axes, options);
  const list = normalizeAxes('average', axes, t.rank);
  let w = cast(weights, 'float32');
  if (!sameShape(w.shape, t.shape)) {
    const [axis] = list;
    if (list.length !== 1 || w.rank !== 1 || w.size !== t.shape[axis as number]) {
      throw opError(
        'average',
        `weights ${formatType(weights)} must have the shape of x ${formatType(t)}, or one for each element of a single axis`,
      );
    }
    const along = t.shape.map((n, i) => (i === axis ? n : 1));
    w = broadcastTo(reshape(w, along), t.shape);
  }
  return divide(sum(multiply(t, w), list, options), sum(w, list, options));
}

/**
 * Quantiles over axes (default: all), between two elements on the line through them: of n elements in order, the one at
 * position q (n - 1). NaN where there is a NaN. Gradients go to the one or two elements that a quantile comes from.
 *
 * @param q in 0 .. 1; a list gives a new leading axis with a quantile for each
 * @returns float32
 * @throws Error when q is not in 0 .. 1, or there are no elements
 *
 * @example
 * ops.quantile(tensor([1, 2, 3, 10]), [0.25, 0.5]); // 1.75, 2.5
 */
export function quantile(x: Operand, q: number | readonly number[], axes?: Axes, options: ReduceOptions = {}): Tensor {
  reducible('quantile', x, axes, options);
  if (typeof q !== 'number') {
    if (!Array.isArray(q) || q.length === 0) throw opError('quantile', `q must be a number or a list, got ${show(q)}`);
    return stack(q.map((one) => quantile(x, one, axes, options)));
  }
  if (!(q >= 0 && q <= 1)) throw opError('quantile', `q must be in 0 .. 1, got ${show(q)}`);
  const t = cast(asTensor('quantile', 'x', x), 'float32');
  const list = normalizeAxes('quantile', axes, t.rank);
  const kept = [...t.shape.keys()].filter((i) => !list.includes(i));
  const shape = kept.map((i) => t.shape[i] as number);
  const n = sizeOf(list.map((i) => t.shape[i] as number));
  if (n === 0) throw opError('quantile', `the quantile of no values is not defined: ${formatType(t)}`);
  const sorted = sort(reshape(transpose(t, [...kept, ...list]), [...shape, n]));
  const at = (i: number): Tensor => reshape(sliceAxis(sorted, -1, i, i + 1), shape);
  const low = Math.floor(q * (n - 1));
  const part = q * (n - 1) - low;
  // not low + (high - low) * part, in which two equal infinities would make NaN
  const between = part === 0 ? at(low) : add(multiply(at(low), 1 - part), multiply(at(low + 1), part));
  const value = where(isNotANumber(at(n - 1)), Number.NaN, between);
  return options.keepDims === true
    ? reshape(
        value,
        t.shape.map((m, i) => (list.includes(i) ? 1 : m)),
      )
    : value;
}

/** The middle element over axes (default: all), the mean of two where their number is even: `quantile` at 0.5. */
export const median = (x: Operand, axes?: Axes, options?: ReduceOptions): Tensor =>
  quantile(reducible('median', x, axes, options), 0.5, axes, options);

/**
 * The interval that each value lies in, as int32: the i with bins[i - 1] <= x < bins[i]; 0 below all, n from the last on.
 *
 * @param bins rank 1, in ascending order
 * @throws Error when `bins` is not of rank 1
 *
 * @example
 * ops.digitize(tensor([0.5, 1, 7]), tensor([1, 2, 3])); // 0, 1, 3
 */
export function digitize(x: Operand, bins: Tensor): Tensor {
  const t = asTensor('digitize', 'x', x);
  checkTensor('digitize', 'bins', bins);
  if (bins.rank !== 1) throw opError('digitize', `bins must have rank 1, got ${formatType(bins)}`);
  return searchSorted(bins, t, 'right');
}

/**
 * How often each of the numbers 0 .. length - 1 occurs, as int32; with weights, the sums of theirs in float32. Counts are
 * exact up to 2^24. Numbers out of range make the step fail with an error.
 *
 * @param x int32
 * @param length known beforehand, as every shape is
 * @param weights of the shape of x
 * @throws Error when x is not int32, the weights do not fit, or length is not a whole number
 *
 * @example
 * ops.bincount(tensor(Int32Array.of(1, 3, 1)), 4); // 0, 2, 0, 1
 */
export function bincount(x: Tensor, length: number, weights?: Tensor): Tensor {
  checkTensor('bincount', 'x', x, 'int32');
  if (!Number.isInteger(length) || length < 0) {
    throw opError('bincount', `length must be a whole number that is not negative, got ${show(length)}`);
  }
  if (weights === undefined) return cast(scatterAdd(ravel(x), ones([x.size]), length), 'int32');
  checkTensor('bincount', 'weights', weights);
  if (!sameShape(weights.shape, x.shape)) {
    throw opError('bincount', `weights ${formatType(weights)} must have the shape of x ${formatType(x)}`);
  }
  return scatterAdd(ravel(x), ravel(weights), length);
}

/**
 * How many elements lie between neighbouring edges, as int32: edges[i] <= x < edges[i + 1], and in the last interval its
 * upper edge too. Elements outside count nowhere. Compares each element with each edge.
 *
 * @param edges [n + 1], in ascending order
 * @returns int32 [n]
 * @throws Error when `edges` is not of rank 1 with at least 2 elements
 *
 * @example
 * ops.histogram(tensor([0, 0.5, 1, 2, 3]), tensor([0, 1, 2])); // 2, 2
 */
export function histogram(x: Operand, edges: Tensor): Tensor {
  const t = asTensor('histogram', 'x', x);
  checkTensor('histogram', 'edges', edges);
  if (edges.rank !== 1 || edges.size < 2) {
    throw opError('histogram', `edges must have rank 1 and at least 2 elements, got ${formatType(edges)}`);
  }
  const column = expandDims(ravel(t), 1);
  const last = edges.size - 1;
  const below = sum(less(column, sliceAxis(edges, 0, 0, last)), 0);
  const inAll = sum(lessEqual(column, sliceAxis(edges, 0, last)), 0);
  return diff(concatenate([below, inAll], 0));
}

/** Distance between the largest and the smallest value over axes (default: all). */
export function ptp(x: Operand, axes?: Axes, options?: ReduceOptions): Tensor {
  const t = reducible('ptp', x, axes, options);
  return subtract(max(t, axes, options), min(t, axes, options));
}

/**
 * Covariances of variables, whose observations stand in rows: sum((x - mean) (y - mean)) / (m - correction) for each pair.
 *
 * @param x [n, m]: n variables, m observations
 * @param correction default: 1
 * @returns float32 [n, n]
 * @throws Error when x is not of rank 2
 *
 * @example
 * ops.cov(tensor([[1, 2, 3], [2, 4, 6]])); // [[1, 2], [2, 4]]
 */
export function cov(x: Operand, correction = 1): Tensor {
  const t = cast(asTensor('cov', 'x', x), 'float32');
  checkNumber('cov', 'correction', correction);
  if (t.rank !== 2) throw opError('cov', `x must be [variables, observations], got ${formatType(t)}`);
  const centered = subtract(t, mean(t, 1, { keepDims: true }));
  return divide(matmul(centered, transpose(centered)), (t.shape[1] as number) - correction);
}

/**
 * Pearson's correlation coefficients of variables, whose observations stand in rows: cov(x, y) / sqrt(cov(x, x) cov(y, y)).
 *
 * @param x [n, m]: n variables, m observations
 * @returns float32 [n, n], NaN for a variable with one value only
 * @throws Error when x is not of rank 2
 *
 * @example
 * ops.corrcoef(tensor([[1, 2, 3], [6, 4, 2]])); // [[1, -1], [-1, 1]]
 */
export function corrcoef(x: Operand): Tensor {
  const t = asTensor('corrcoef', 'x', x);
  if (t.rank !== 2) throw opError('corrcoef', `x must be [variables, observations], got ${formatType(t)}`);
  const c = cov(t);
  const deviations = sqrt(diagonal(c));
  return divide(c, multiply(expandDims(deviations, 1), deviations));
}

export interface TrapezoidOptions {
  /** Where the values are: of the shape of y, or one for each element along the axis. Default: at distances `dx`. */
  readonly x?: Tensor;
  /** Default: 1. */
  readonly dx?: number;
  /** Default: -1. */
  readonly axis?: number;
}

/**
 * Integral along an axis by the trapezoidal rule: the sum of (y[i] + y[i + 1]) / 2 * (x[i + 1] - x[i]).
 *
 * @throws Error when x does not fit y
 *
 * @example
 * ops.trapezoid(tensor([1, 2, 3])); // 4
 */
export function trapezoid(y: Operand, options: TrapezoidOptions = {}): Tensor {
  const t = cast(asTensor('trapezoid', 'y', y), 'float32');
  checkOptions('trapezoid', options);
  const { x, dx = 1 } = options;
  checkScalar('trapezoid', 'dx', dx);
  if (x !== undefined) checkTensor('trapezoid', 'x', x);
  const axis = normalizeAxis('trapezoid', options.axis ?? -1, t.rank);
  const n = t.shape[axis] as number;
  if (n === 0) throw opError('trapezoid', `there is no value along axis ${axis} of ${formatType(t)}`);
  const means = multiply(add(sliceAxis(t, axis, 1), sliceAxis(t, axis, 0, n - 1)), 0.5);
  if (x === undefined) return multiply(sum(means, axis), dx);
  if (!sameShape(x.shape, t.shape) && !(x.rank === 1 && x.size === n)) {
    throw opError('trapezoid', `x must have the shape of y ${formatType(t)}, or [${n}], got ${formatType(x)}`);
  }
  const positions = sameShape(x.shape, t.shape)
    ? x
    : reshape(
        x,
        t.shape.map((m, i) => (i === axis ? m : 1)),
      );
  return sum(multiply(means, diff(positions, 1, axis)), axis);
}

/**
 * Cross-correlation of two vectors: y[k] = sum of a[k + i] * v[i], with a 0 outside.
 *
 * @param a [n]
 * @param v [m], m <= n
 * @param mode 'valid' (default): where v lies inside a, [n - m + 1]; 'same': [n], with floor(m / 2) zeros before a; 'full': wherever
 *     they overlap, [n + m - 1]
 * @throws Error when a and v are not such vectors
 *
 * @example
 * ops.correlate(tensor([1, 2, 3]), tensor([0, 1, 0.5]), 'full'); // 0.5, 2, 3.5, 3, 0
 */
export function correlate(a: Operand, v: Operand, mode: 'valid' | 'same' | 'full' = 'valid'): Tensor {
  const [long, short] = [asTensor('correlate', 'a', a), asTensor('correlate', 'v', v)];
  const [n, m] = [long.size, short.size];
  if (long.rank !== 1 || short.rank !== 1 || m === 0 || m > n) {
    throw opError(
      'correlate',
      `expected a [n] and v [m] with 1 <= m <= n, got ${formatType(long)}, ${formatType(short)}`,
    );
  }
  if (!['valid', 'same', 'full'].includes(mode)) {
    throw opError('correlate', `mode must be 'valid', 'same' or 'full', got ${show(mode)}`);
  }
  const before = { valid: 0, same: m >> 1, full: m - 1 }[mode];
  const after = { valid: 0, same: m - 1 - before, full: m - 1 }[mode];
  const product = conv(reshape(long, [1, n, 1]), reshape(short, [m, 1, 1]), { padding: [[before, after]] });
  return reshape(product, [-1]);
}
