import {
  asTensor,
  checkNumber,
  checkOptions,
  make,
  normalizeAxes,
  normalizeAxis,
  type Operand,
  opError,
  scalar,
  show,
} from '../build.js';
import { type ReduceKind, sizeOf, type Tensor } from '../graph.js';
import { identityProgram } from '../program.js';
import {
  abs,
  add,
  cast,
  customGradient,
  divide,
  equal,
  exp,
  less,
  log,
  multiply,
  power,
  sqrt,
  square,
  stopGradient,
  subtract,
  where,
} from './elementwise.js';
import { numbers } from './numbers.js';
import { type Axes, type ReduceOptions, reducible } from './reducible.js';
import { reshape, squeeze } from './shape.js';

export type { Axes, ReduceOptions } from './reducible.js';

function reduce(
  kind: ReduceKind,
  name: string,
  x: Operand,
  axes: Axes | undefined,
  options: ReduceOptions = {},
): Tensor {
  const input = asTensor(name, 'x', x);
  checkOptions(name, options);
  const t = numbers(input, kind === 'sum' ? 'int32' : 'float32');
  const list = normalizeAxes(name, axes, t.rank);
  const kept = t.shape.filter((_, i) => !list.includes(i));
  if ((kind === 'max' || kind === 'min') && t.size === 0 && sizeOf(kept) > 0) {
    throw opError(name, `the ${kind} of no values is not defined: shape [${t.shape.join(', ')}]`);
  }
  const value =
    list.length === 0 ? t : make('reduce', [t], { kind, axes: list, program: identityProgram }, kept, t.dtype);
  return options.keepDims === true
    ? reshape(
        value,
        t.shape.map((n, i) => (list.includes(i) ? 1 : n)),
      )
    : value;
}

/** Sum over axes (default: all). */
export const sum = (x: Operand, axes?: Axes, options?: ReduceOptions): Tensor => reduce('sum', 'sum', x, axes, options);
/** Largest value over axes; NaN if there is one. */
export const max = (x: Operand, axes?: Axes, options?: ReduceOptions): Tensor => reduce('max', 'max', x, axes, options);
/** Smallest value over axes; NaN if there is one. */
export const min = (x: Operand, axes?: Axes, options?: ReduceOptions): Tensor => reduce('min', 'min', x, axes, options);
/** Product over axes. */
export const prod = (x: Operand, axes?: Axes, options?: ReduceOptions): Tensor =>
  reduce('prod', 'prod', cast(reducible('prod', x, axes, options), 'float32'), axes, options);

/** Arithmetic mean over axes, in float32. */
export function mean(x: Operand, axes?: Axes, options?: ReduceOptions): Tensor {
  const t = cast(reducible('mean', x, axes, options), 'float32');
  const list = normalizeAxes('mean', axes, t.rank);
  const count = list.reduce((p, a) => p * (t.shape[a] as number), 1);
  return multiply(sum(t, list, options), 1 / count);
}

const fewElements = 256;

/** Mean squared deviation from the mean: sum((x - mean)^2) / (n - correction). */
export function variance(
  x: Operand,
  axes?: Axes,
  options: ReduceOptions & { readonly correction?: number } = {},
): Tensor {
  const t = cast(reducible('variance', x, axes, options), 'float32');
  const list = normalizeAxes('variance', axes, t.rank);
  const count = list.reduce((p, a) => p * (t.shape[a] as number), 1);
  const { correction = 0 } = options;
  checkNumber('variance', 'correction', correction);
  const divisor = count - correction;
  const deviation = (v: Tensor): Tensor => subtract(v, mean(v, list, { keepDims: true }));
  const squaredDeviation = (v: Tensor): Tensor => divide(sum(square(deviation(v)), list, { keepDims: true }), divisor);
  // Deviations add up to 0, so that the mean has no part in the derivative: that saves a pass over many elements. Those of a
  // few add up to their rounding errors, which show where the rest of a gradient cancels.
  const value =
    count < fewElements
      ? squaredDeviation(t)
      : customGradient([t], squaredDeviation, (dy) => [multiply(deviation(t), multiply(dy, 2 / divisor))]);
  return options.keepDims === true ? value : squeeze(value, list);
}

/** Square root of a sum of squares. At 0, where it has a kink, its slope counts as 0. */
const lengthOf = (squares: Tensor): Tensor =>
  customGradient([squares], sqrt, (dy) => {
    const y = sqrt(squares);
    return [where(equal(y, 0), 0, divide(multiply(dy, 0.5), y))];
  });

/** Square root of the variance; its gradient is 0 where the variance is. */
export const std = (x: Operand, axes?: Axes, options?: ReduceOptions & { readonly correction?: number }): Tensor =>
  lengthOf(variance(reducible('std', x, axes, options), axes, options));

/**
 * Mean and variance over axes (default: all), for normalization: the variance is biased, sum((x - mean)^2) / n.
 *
 * @example
 * const { mean, variance } = ops.moments(x, [0]);
 */
export function moments(x: Operand, axes?: Axes, options?: ReduceOptions): { mean: Tensor; variance: Tensor } {
  const t = reducible('moments', x, axes, options);
  return { mean: mean(t, axes, options), variance: variance(t, axes, options) };
}

export interface NormOptions extends ReduceOptions {
  /** p of the norm; Infinity and -Infinity: the largest and smallest size, 0: how many are not 0. Default: 2. */
  readonly ord?: number;
}

/**
 * The p-norm over axes (default: all): sum(|x|^p)^(1/p); with p = 2 the Euclidean length sqrt(sum(x^2)), whose gradient is
 * 0 where all x are.
 *
 * @throws Error when `ord` is NaN
 */
export function norm(x: Operand, axes?: Axes, options: NormOptions = {}): Tensor {
  const t = cast(reducible('norm', x, axes, options), 'float32');
  const { ord = 2 } = options;
  if (typeof ord !== 'number' || Number.isNaN(ord)) throw opError('norm', `ord must be a number, got ${show(ord)}`);
  if (ord === 2) return lengthOf(sum(square(t), axes, options));
  const size = abs(t);
  if (ord === 1) return sum(size, axes, options);
  if (ord === 0) return cast(countNonzero(size, axes, options), 'float32');
  if (ord === Number.POSITIVE_INFINITY) return max(size, axes, options);
  if (ord === Number.NEGATIVE_INFINITY) return min(size, axes, options);
  return power(sum(power(size, ord), axes, options), 1 / ord);
}

/** How many elements are not 0, over axes (default: all), as int32. */
export const countNonzero = (x: Operand, axes?: Axes, options?: ReduceOptions): Tensor =>
  sum(cast(reducible('countNonzero', x, axes, options), 'bool'), axes, options);

/** log(sum(exp(x))) without overflow; -infinity for no values. */
export function logSumExp(x: Operand, axes?: Axes, options?: ReduceOptions): Tensor {
  const t = reducible('logSumExp', x, axes, options);
  if (t.size === 0) return log(sum(cast(t, 'float32'), axes, options));
  const list = normalizeAxes('logSumExp', axes, t.rank);
  const top = stopGradient(max(t, list, { keepDims: true }));
  // an infinite maximum would give inf - inf
  const shift = where(less(abs(top), scalar(Number.POSITIVE_INFINITY)), top, 0);
  const total = log(sum(exp(subtract(t, shift)), list, { keepDims: true }));
  const result = add(total, shift);
  return options?.keepDims === true
    ? result
    : reshape(
        result,
        t.shape.filter((_, i) => !list.includes(i)),
      );
}

/** Whether any element is true (or not 0); false for no values. */
export function any(x: Operand, axes?: Axes, options?: ReduceOptions): Tensor {
  const t = cast(cast(reducible('any', x, axes, options), 'bool'), 'float32');
  return cast((t.size === 0 ? sum : max)(t, axes, options), 'bool');
}

/** Whether all elements are true (or not 0); true for no values. */
export function all(x: Operand, axes?: Axes, options?: ReduceOptions): Tensor {
  const t = cast(cast(reducible('all', x, axes, options), 'bool'), 'float32');
  return cast((t.size === 0 ? prod : min)(t, axes, options), 'bool');
}

function argReduce(kind: 'max' | 'min', x: Operand, axis = -1): Tensor {
  const name = `arg${kind}`;
  const input = asTensor(name, 'x', x);
  const t = numbers(input, 'int32');
  const a = normalizeAxis(name, axis, t.rank);
  if (t.shape[a] === 0) throw opError(name, `axis ${a} of [${t.shape.join(', ')}] is empty`);
  return make(
    'argReduce',
    [t],
    { kind, axis: a },
    t.shape.filter((_, i) => i !== a),
    'int32',
  );
}

/** Index of the largest value along an axis (the first of equals). */
export const argmax = (x: Operand, axis?: number): Tensor => argReduce('max', x, axis);
/** Index of the smallest value along an axis (the first of equals). */
export const argmin = (x: Operand, axis?: number): Tensor => argReduce('min', x, axis);
