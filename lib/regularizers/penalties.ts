import type { Tensor } from '../ir/graph.js';
import { abs, add, multiply, square } from '../ir/ops/elementwise.js';
import { sum } from '../ir/ops/reduce.js';
import { checkOptions, numberIn } from '../layers/arguments.js';
import type { RegularizerFn } from '../layers/layer.js';
import { remember } from '../layers/recipe.js';

/**
 * Penalty factor * sum(|w|): drives weights to exactly 0.
 *
 * @throws Error when `factor` is negative or not finite
 *
 * @example
 * layers.dense({ units: 8, kernelRegularizer: regularizers.l1(1e-4) });
 */
export function l1(factor = 0.01): RegularizerFn {
  numberIn('regularizers.l1', 'factor', factor, { min: 0 });
  return remember((w) => multiply(sum(abs(w)), factor), 'regularizers.l1', factor);
}

/**
 * Penalty factor * sum(w^2), without the 1/2 that some libraries put in front.
 *
 * @throws Error when `factor` is negative or not finite
 *
 * @example
 * layers.dense({ units: 64, kernelRegularizer: regularizers.l2(1e-4) });
 */
export function l2(factor = 0.01): RegularizerFn {
  numberIn('regularizers.l2', 'factor', factor, { min: 0 });
  return remember((w) => multiply(sum(square(w)), factor), 'regularizers.l2', factor);
}

export interface L1L2Options {
  /** Factor of the sum of sizes. Default: 0.01. */
  readonly l1?: number;
  /** Factor of the sum of squares. Default: 0.01. */
  readonly l2?: number;
}

/**
 * Penalty l1 * sum(|w|) + l2 * sum(w^2).
 *
 * @throws Error when a factor is negative or not finite
 *
 * @example
 * layers.dense({ units: 8, kernelRegularizer: regularizers.l1l2({ l1: 1e-5, l2: 1e-4 }) });
 */
export function l1l2(options: L1L2Options = {}): RegularizerFn {
  const where = 'regularizers.l1l2';
  checkOptions(where, options, ['l1', 'l2']);
  const first = numberIn(where, 'l1', options.l1 ?? 0.01, { min: 0 });
  const second = numberIn(where, 'l2', options.l2 ?? 0.01, { min: 0 });
  const penalty = (w: Tensor): Tensor => sum(add(multiply(abs(w), first), multiply(square(w), second)));
  return remember(penalty, 'regularizers.l1l2', options);
}
