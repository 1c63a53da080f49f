import { scalar } from '../ir/build.js';
import { cast, exp, multiply } from '../ir/ops/elementwise.js';
import { argumentError, checkOptions, numberIn, positiveInteger } from '../layers/arguments.js';
import { remember } from '../layers/recipe.js';
import { floorDivide, pick } from './integers.js';
import { defineSchedule, type NamedSchedule } from './schedule.js';

const positive = { min: 0, minOpen: true } as const;

/** Step numbers that grow: 0 <= boundaries[0] < boundaries[1] < ... */
function growing(where: string, name: string, values: unknown): readonly number[] {
  const fits =
    Array.isArray(values) &&
    values.every((v, i) => Number.isSafeInteger(v) && v >= 0 && (i === 0 || v > (values[i - 1] as number)));
  if (!fits) throw argumentError(where, name, 'an array of growing step numbers', values);
  return [...(values as number[])];
}

/**
 * The same rate in every step.
 *
 * @throws Error when the rate is negative or not finite
 *
 * @example
 * optimizers.adam({ learningRate: schedules.constant(0.001) });
 */
export function constant(learningRate: number): NamedSchedule {
  numberIn('schedules.constant', 'learningRate', learningRate, { min: 0 });
  const schedule = defineSchedule('constant', { learningRate }, () => scalar(learningRate));
  return remember(schedule, 'schedules.constant', learningRate);
}

export interface StepDecayOptions {
  /** Rate at step 0. */
  readonly initialLearningRate: number;
  /** Steps between two reductions. */
  readonly stepSize: number;
  /** Factor of each reduction. Default: 0.1. */
  readonly gamma?: number;
}

/**
 * initialLearningRate * gamma^floor(step / stepSize). PyTorch's StepLR; with stepSize 1 its ExponentialLR.
 *
 * @throws Error when an option is not valid
 *
 * @example
 * optimizers.sgd({ learningRate: schedules.stepDecay({ initialLearningRate: 0.1, stepSize: 3000, gamma: 0.5 }) });
 */
export function stepDecay(options: StepDecayOptions): NamedSchedule {
  const where = 'schedules.stepDecay';
  checkOptions(where, options, ['initialLearningRate', 'stepSize', 'gamma']);
  const rate = numberIn(where, 'initialLearningRate', options.initialLearningRate, { min: 0 });
  const size = positiveInteger(where, 'stepSize', options.stepSize);
  const gamma = numberIn(where, 'gamma', options.gamma ?? 0.1, positive);
  return defineSchedule('stepDecay', options, (step) =>
    multiply(exp(multiply(cast(floorDivide(step, size), 'float32'), Math.log(gamma))), rate),
  );
}

export interface MultiStepDecayOptions {
  /** Rate at step 0. */
  readonly initialLearningRate: number;
  /** Steps at which the rate is reduced. */
  readonly milestones: readonly number[];
  /** Factor of each reduction. Default: 0.1. */
  readonly gamma?: number;
}

/**
 * initialLearningRate * gamma^(number of milestones <= step). PyTorch's MultiStepLR.
 *
 * @throws Error when an option is not valid
 *
 * @example
 * optimizers.adam({ learningRate: schedules.multiStepDecay({ initialLearningRate: 0.1, milestones: [3000, 6000] }) });
 */
export function multiStepDecay(options: MultiStepDecayOptions): NamedSchedule {
  const where = 'schedules.multiStepDecay';
  checkOptions(where, options, ['initialLearningRate', 'milestones', 'gamma']);
  const rate = numberIn(where, 'initialLearningRate', options.initialLearningRate, { min: 0 });
  const milestones = growing(where, 'milestones', options.milestones);
  const gamma = numberIn(where, 'gamma', options.gamma ?? 0.1, positive);
  const starts = [0, ...milestones];
  const values = starts.map((_, i) => rate * gamma ** i);
  return defineSchedule('multiStepDecay', options, (step) => pick(step, starts, values));
}

export interface PiecewiseConstantOptions {
  /** Last steps of all but the last piece. */
  readonly boundaries: readonly number[];
  /** The rate of each piece: one more than boundaries. */
  readonly values: readonly number[];
}

/**
 * values[0] while step <= boundaries[0], then values[1] while step <= boundaries[1], ..., at last the last value. Keras's
 * PiecewiseConstantDecay.
 *
 * @throws Error when boundaries do not grow, or values are not one more
 *
 * @example
 * optimizers.adam({ learningRate: schedules.piecewiseConstant({ boundaries: [1000, 5000], values: [0.1, 0.01, 0.001] }) });
 */
export function piecewiseConstant(options: PiecewiseConstantOptions): NamedSchedule {
  const where = 'schedules.piecewiseConstant';
  checkOptions(where, options, ['boundaries', 'values']);
  const boundaries = growing(where, 'boundaries', options.boundaries);
  const { values } = options;
  if (!Array.isArray(values) || values.length !== boundaries.length + 1) {
    throw argumentError(where, 'values', `an array of ${boundaries.length + 1} rates`, values);
  }
  for (const [i, value] of values.entries()) numberIn(where, `values[${i}]`, value, { min: 0 });
  const starts = [0, ...boundaries.map((b) => b + 1)];
  return defineSchedule('piecewiseConstant', options, (step) => pick(step, starts, values as number[]));
}
