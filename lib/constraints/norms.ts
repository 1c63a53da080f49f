import type { Tensor } from '../ir/graph.js';
import { add, clip, divide, maximum, multiply } from '../ir/ops/elementwise.js';
import { type Axes, norm } from '../ir/ops/reduce.js';
import { argumentError, checkOptions, numberIn, withoutOptions } from '../layers/arguments.js';
import type { ConstraintFn } from '../layers/layer.js';
import { remember } from '../layers/recipe.js';

/** Keeps vectors of zeros from dividing by 0; Keras's value. */
const epsilon = 1e-7;

export interface AxisOptions {
  /**
   * Axes along which norms are taken. Default: 0, which for a dense kernel [inputs, units] is all that comes into one
   * unit; for a convolution's kernel [height, width, inputs, filters] it is [0, 1, 2].
   */
  readonly axis?: Axes;
}

function checkAxis(where: string, axis: Axes = 0): Axes {
  const list = Array.isArray(axis) ? axis : [axis];
  if (list.length === 0 || list.some((a) => !Number.isInteger(a))) {
    throw argumentError(where, 'axis', 'an integer or an array of integers', axis);
  }
  return axis;
}

/** Scales vectors from their norm to the one that `wanted` gives. */
const rescaled = (w: Tensor, axis: Axes, wanted: (norms: Tensor) => Tensor): Tensor => {
  const norms = norm(w, axis, { keepDims: true });
  return multiply(w, divide(wanted(norms), add(norms, epsilon)));
};

/**
 * Every weight at least 0: max(0, w).
 *
 * @example
 * layers.dense({ units: 8, kernelConstraint: constraints.nonNeg() });
 */
export const nonNeg: () => ConstraintFn = withoutOptions('constraints.nonNeg', () =>
  remember((w: Tensor) => maximum(w, 0), 'constraints.nonNeg'),
);

export interface MaxNormOptions extends AxisOptions {
  /** Largest length. Default: 2. */
  readonly maxValue?: number;
}

/**
 * Scales vectors that are longer than `maxValue` down to it: w * min(|w|, maxValue) / |w|.
 *
 * @throws Error when an option is not valid; when used, if the weight has no such axis
 *
 * @example
 * layers.dense({ units: 8, kernelConstraint: constraints.maxNorm({ maxValue: 3 }) });
 *
 * Source: Srivastava et al., "Dropout", JMLR 2014, section 5.1.
 */
export function maxNorm(options: MaxNormOptions = {}): ConstraintFn {
  const where = 'constraints.maxNorm';
  checkOptions(where, options, ['maxValue', 'axis']);
  const limit = numberIn(where, 'maxValue', options.maxValue ?? 2, { min: 0 });
  const axis = checkAxis(where, options.axis);
  return remember((w: Tensor) => rescaled(w, axis, (norms) => clip(norms, 0, limit)), where, options);
}

/**
 * Every vector of length 1: w / |w|.
 *
 * @throws Error when an option is not valid; when used, if the weight has no such axis
 *
 * @example
 * layers.conv2d({ filters: 8, kernelSize: 3, kernelConstraint: constraints.unitNorm({ axis: [0, 1, 2] }) });
 */
export function unitNorm(options: AxisOptions = {}): ConstraintFn {
  const where = 'constraints.unitNorm';
  checkOptions(where, options, ['axis']);
  const axis = checkAxis(where, options.axis);
  return remember((w: Tensor) => divide(w, add(norm(w, axis, { keepDims: true }), epsilon)), where, options);
}

export interface MinMaxNormOptions extends AxisOptions {
  /** Smallest length. Default: 0. */
  readonly minValue?: number;
  /** Largest length. Default: 1. */
  readonly maxValue?: number;
  /** How far each update goes toward the bounds: 1 is all the way. Default: 1. */
  readonly rate?: number;
}

/**
 * Moves the length of vectors into minValue .. maxValue: to rate * clip(norm) + (1 - rate) * norm.
 *
 * @throws Error when an option is not valid; when used, if the weight has no such axis
 *
 * @example
 * layers.dense({ units: 8, kernelConstraint: constraints.minMaxNorm({ minValue: 0.5, maxValue: 2 }) });
 */
export function minMaxNorm(options: MinMaxNormOptions = {}): ConstraintFn {
  const where = 'constraints.minMaxNorm';
  checkOptions(where, options, ['minValue', 'maxValue', 'rate', 'axis']);
  const low = numberIn(where, 'minValue', options.minValue ?? 0, { min: 0 });
  const high = numberIn(where, 'maxValue', options.maxValue ?? 1, { min: low });
  const rate = numberIn(where, 'rate', options.rate ?? 1, { min: 0, max: 1 });
  const axis = checkAxis(where, options.axis);
  const wanted = (norms: Tensor): Tensor => {
    const inside = multiply(clip(norms, low, high), rate);
    return rate === 1 ? inside : add(inside, multiply(norms, 1 - rate));
  };
  return remember((w: Tensor) => rescaled(w, axis, wanted), where, options);
}
