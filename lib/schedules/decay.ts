import type { Tensor } from '../ir/graph.js';
import {
  add,
  cast,
  divide,
  equal,
  exp,
  minimum,
  multiply,
  power,
  where as select,
  subtract,
} from '../ir/ops/elementwise.js';
import { boolean, checkOptions, numberIn, positiveInteger } from '../layers/arguments.js';
import { floorDivide, fraction } from './integers.js';
import { defineSchedule, type NamedSchedule } from './schedule.js';

export interface DecayOptions {
  /** Rate at step 0. */
  readonly initialLearningRate: number;
  /** Unit in which steps are counted. */
  readonly decaySteps: number;
  /** Strength of the decay, see the formula. */
  readonly decayRate: number;
  /** Counts whole units only, so that the rate falls in stairs. Default: false. */
  readonly staircase?: boolean;
}

function decay(name: string, options: DecayOptions, minRate: number, rule: (units: Tensor) => Tensor): NamedSchedule {
  const where = `schedules.${name}`;
  checkOptions(where, options, ['initialLearningRate', 'decaySteps', 'decayRate', 'staircase']);
  const rate = numberIn(where, 'initialLearningRate', options.initialLearningRate, { min: 0 });
  const steps = positiveInteger(where, 'decaySteps', options.decaySteps);
  numberIn(where, 'decayRate', options.decayRate, { min: minRate, minOpen: name === 'exponentialDecay' });
  const staircase = boolean(where, 'staircase', options.staircase ?? false);
  return defineSchedule(name, options, (step) =>
    multiply(rule(staircase ? cast(floorDivide(step, steps), 'float32') : fraction(step, steps)), rate),
  );
}

/**
 * initialLearningRate * decayRate^(step / decaySteps).
 *
 * @throws Error when an option is not valid
 *
 * @example
 * schedules.exponentialDecay({ initialLearningRate: 0.1, decaySteps: 1000, decayRate: 0.96, staircase: true });
 */
export const exponentialDecay = (options: DecayOptions): NamedSchedule =>
  decay('exponentialDecay', options, 0, (units) => exp(multiply(units, Math.log(options.decayRate))));

/**
 * initialLearningRate / (1 + decayRate * step / decaySteps).
 *
 * @throws Error when an option is not valid
 *
 * @example
 * optimizers.adam({ learningRate: schedules.inverseTimeDecay({ initialLearningRate: 0.1, decaySteps: 1000, decayRate: 0.5 }) });
 */
export const inverseTimeDecay = (options: DecayOptions): NamedSchedule =>
  decay('inverseTimeDecay', options, 0, (units) => divide(1, add(multiply(units, options.decayRate), 1)));

export interface PolynomialDecayOptions {
  /** Rate at step 0. */
  readonly initialLearningRate: number;
  /** Steps until the end of the decay. */
  readonly decaySteps: number;
  /** Rate from decaySteps on. Default: 0.0001. */
  readonly endLearningRate?: number;
  /** Exponent. Default: 1, a line. */
  readonly power?: number;
  /** After the end, go on with 2, 3, ... times as many decaySteps instead of staying at the end. Default: false. */
  readonly cycle?: boolean;
}

/**
 * (initialLearningRate - endLearningRate) * (1 - step / decaySteps)^power + endLearningRate, and endLearningRate from
 * decaySteps on. PyTorch's PolynomialLR has endLearningRate 0.
 *
 * @throws Error when an option is not valid
 *
 * @example
 * optimizers.adam({ learningRate: schedules.polynomialDecay({ initialLearningRate: 0.1, decaySteps: 10_000, power: 2 }) });
 */
export function polynomialDecay(options: PolynomialDecayOptions): NamedSchedule {
  const where = 'schedules.polynomialDecay';
  checkOptions(where, options, ['initialLearningRate', 'decaySteps', 'endLearningRate', 'power', 'cycle']);
  const begin = numberIn(where, 'initialLearningRate', options.initialLearningRate, { min: 0 });
  const steps = positiveInteger(where, 'decaySteps', options.decaySteps);
  const end = numberIn(where, 'endLearningRate', options.endLearningRate ?? 1e-4, { min: 0 });
  const exponent = numberIn(where, 'power', options.power ?? 1, { min: 0, minOpen: true });
  const cycle = boolean(where, 'cycle', options.cycle ?? false);
  return defineSchedule('polynomialDecay', options, (step) => {
    // counted from the end, so that small rates keep their digits
    let left: Tensor;
    if (cycle) {
      const rounds = select(equal(step, 0), 1, floorDivide(add(step, steps - 1), steps));
      const total = multiply(rounds, steps);
      left = divide(cast(subtract(total, step), 'float32'), cast(total, 'float32'));
    } else {
      left = fraction(subtract(steps, minimum(step, steps)), steps);
    }
    return add(multiply(exponent === 1 ? left : power(left, exponent), begin - end), end);
  });
}

export interface LinearOptions {
  /** What the factor is applied to. */
  readonly initialLearningRate: number;
  /** Factor at step 0. Default: 1 / 3. */
  readonly startFactor?: number;
  /** Factor from totalSteps on. Default: 1. */
  readonly endFactor?: number;
  /** Steps of the way. */
  readonly totalSteps: number;
}

/**
 * initialLearningRate * (startFactor + (endFactor - startFactor) * min(step / totalSteps, 1)): a warm-up. PyTorch's LinearLR.
 *
 * @throws Error when an option is not valid
 *
 * @example
 * optimizers.adam({ learningRate: schedules.linear({ initialLearningRate: 0.001, totalSteps: 500 }) });
 */
export function linear(options: LinearOptions): NamedSchedule {
  const where = 'schedules.linear';
  checkOptions(where, options, ['initialLearningRate', 'startFactor', 'endFactor', 'totalSteps']);
  const rate = numberIn(where, 'initialLearningRate', options.initialLearningRate, { min: 0 });
  const start = numberIn(where, 'startFactor', options.startFactor ?? 1 / 3, { min: 0 });
  const end = numberIn(where, 'endFactor', options.endFactor ?? 1, { min: 0 });
  const total = positiveInteger(where, 'totalSteps', options.totalSteps);
  return defineSchedule('linear', options, (step) => {
    const done = minimum(step, total);
    return add(
      multiply(fraction(subtract(total, done), total), rate * start),
      multiply(fraction(done, total), rate * end),
    );
  });
}
