/** Reductions of what is there: NaN stands for a missing value and is left out. */
import type { Operand } from '../build.js';
import type { Tensor } from '../graph.js';
import { cast, divide, isNaN as isNotANumber, logicalNot, sqrt, square, subtract, where } from './elementwise.js';
import { all, max, min, prod, sum } from './reduce.js';
import { type Axes, type ReduceOptions, reducible } from './reducible.js';

const float = (op: string, x: Operand, axes: Axes | undefined, options: ReduceOptions | undefined): Tensor =>
  cast(reducible(op, x, axes, options), 'float32');
/** Other values in place of NaN. */
const filled = (t: Tensor, value: number): Tensor => where(isNotANumber(t), value, t);

/**
 * Sum over axes (default: all) without NaN; 0 where there is nothing else.
 *
 * @example
 * ops.nanSum(tensor([1, NaN, 3])); // 4
 */
export const nanSum = (x: Operand, axes?: Axes, options?: ReduceOptions): Tensor =>
  sum(filled(float('nanSum', x, axes, options), 0), axes, options);

/** Product over axes (default: all) without NaN; 1 where there is nothing else. */
export const nanProd = (x: Operand, axes?: Axes, options?: ReduceOptions): Tensor =>
  prod(filled(float('nanProd', x, axes, options), 1), axes, options);

/**
 * Arithmetic mean over axes (default: all) of what is not NaN; NaN where there is nothing else.
 *
 * @example
 * ops.nanMean(tensor([1, NaN, 3])); // 2
 */
export function nanMean(x: Operand, axes?: Axes, options?: ReduceOptions): Tensor {
  const t = float('nanMean', x, axes, options);
  return divide(nanSum(t, axes, options), sum(logicalNot(isNotANumber(t)), axes, options));
}

/** Largest value over axes (default: all) without NaN; NaN where there is nothing else. */
export const nanMax = (x: Operand, axes?: Axes, options?: ReduceOptions): Tensor =>
  extreme(max, float('nanMax', x, axes, options), Number.NEGATIVE_INFINITY, axes, options);

/** Smallest value over axes (default: all) without NaN; NaN where there is nothing else. */
export const nanMin = (x: Operand, axes?: Axes, options?: ReduceOptions): Tensor =>
  extreme(min, float('nanMin', x, axes, options), Number.POSITIVE_INFINITY, axes, options);

const extreme = (f: typeof max, t: Tensor, least: number, axes?: Axes, options?: ReduceOptions): Tensor =>
  where(all(isNotANumber(t), axes, options), Number.NaN, f(filled(t, least), axes, options));

/** Mean squared deviation from the mean over axes (default: all), of what is not NaN; NaN where there is nothing else. */
export function nanVariance(x: Operand, axes?: Axes, options?: ReduceOptions): Tensor {
  const t = float('nanVariance', x, axes, options);
  const missing = isNotANumber(t);
  const deviation = where(missing, 0, subtract(t, nanMean(t, axes, { keepDims: true })));
  return divide(sum(square(deviation), axes, options), sum(logicalNot(missing), axes, options));
}

/** Square root of `nanVariance`. */
export const nanStd = (x: Operand, axes?: Axes, options?: ReduceOptions): Tensor =>
  sqrt(nanVariance(float('nanStd', x, axes, options), axes, options));
