import type { Tensor } from '../ir/graph.js';
import {
  add,
  cast,
  exp,
  less,
  maximum,
  minimum,
  mod,
  multiply,
  where as select,
  sin,
  square,
  subtract,
} from '../ir/ops/elementwise.js';
import { checkOptions, numberIn, positiveInteger } from '../layers/arguments.js';
import { floorDivide, fraction, pick } from './integers.js';
import { defineSchedule, type NamedSchedule } from './schedule.js';

/** (1 + cos(pi * (1 - left))) / 2, from 1 at left = 1 to 0 at left = 0; this form keeps the digits of small values. */
export const cosineFall = (left: Tensor): Tensor => square(sin(multiply(left, Math.PI / 2)));

export interface CosineDecayOptions {
  /** Rate at step 0. */
  readonly initialLearningRate: number;
  /** Steps of the decay, after the warm-up. */
  readonly decaySteps: number;
  /** Part of the largest rate that is left at the end, 0 .. 1. Default: 0. */
  readonly alpha?: number;
  /** Rate at the end of the warm-up. Default: no warm-up. */
  readonly warmupTarget?: number;
  /** Steps of the warm-up, on a line from initialLearningRate to warmupTarget. Default: 0. */
  readonly warmupSteps?: number;
}

/**
 * Half a wave of a cosine: rate * ((1 - alpha) * (1 + cos(pi * step / decaySteps)) / 2 + alpha), and rate * alpha from
 * decaySteps on. With `warmupTarget`, a linear warm-up to that rate comes first.
 *
 * @throws Error when an option is not valid
 *
 * @example
 * schedules.cosineDecay({ initialLearningRate: 0, warmupTarget: 1e-3, warmupSteps: 1000, decaySteps: 50_000 });
 *
 * Source: Loshchilov and Hutter, "SGDR", ICLR 2017.
 */
export function cosineDecay(options: CosineDecayOptions): NamedSchedule {
  const where = 'schedules.cosineDecay';
  checkOptions(where, options, ['initialLearningRate', 'decaySteps', 'alpha', 'warmupTarget', 'warmupSteps']);
  const initial = numberIn(where, 'initialLearningRate', options.initialLearningRate, { min: 0 });
  const steps = positiveInteger(where, 'decaySteps', options.decaySteps);
  const alpha = numberIn(where, 'alpha', options.alpha ?? 0, { min: 0, max: 1 });
  const { warmupTarget } = options;
  if (warmupTarget === undefined) {
    if (options.warmupSteps !== undefined) throw new Error(`${where}: warmupSteps needs warmupTarget`);
  } else {
    numberIn(where, 'warmupTarget', warmupTarget, { min: 0 });
  }
  const warmup = warmupTarget === undefined ? 0 : positiveInteger(where, 'warmupSteps', options.warmupSteps);
  const top = warmupTarget ?? initial;
  return defineSchedule('cosineDecay', options, (step) => {
    const left = fraction(subtract(steps, minimum(subtract(step, warmup), steps)), steps);
    const falling = add(multiply(cosineFall(left), top * (1 - alpha)), top * alpha);
    if (warmup === 0) return falling;
    const rising = add(multiply(fraction(step, warmup), top - initial), initial);
    return select(less(step, warmup), rising, falling);
  });
}

export interface CosineDecayRestartsOptions {
  /** Rate at step 0. */
  readonly initialLearningRate: number;
  /** Steps of the first period. */
  readonly firstDecaySteps: number;
  /** Each period is this much longer than the one before, >= 1. Default: 2. */
  readonly tMul?: number;
  /** The rate that a period starts with is this much of the one before. Default: 1. */
  readonly mMul?: number;
  /** Part of the initial rate that is left at the end of a period, 0 .. 1. Default: 0. */
  readonly alpha?: number;
}

/**
 * Cosine decays one after the other: in period i, which has firstDecaySteps * tMul^i steps, the rate is
 * initialLearningRate * ((1 - alpha) * mMul^i * (1 + cos(pi * part of the period)) / 2 + alpha). PyTorch's
 * CosineAnnealingWarmRestarts is this with alpha = eta_min / initialLearningRate.
 *
 * @throws Error when an option is not valid
 *
 * @example
 * optimizers.adam({ learningRate: schedules.cosineDecayRestarts({ initialLearningRate: 0.01, firstDecaySteps: 1000 }) });
 *
 * Source: Loshchilov and Hutter, "SGDR", ICLR 2017.
 */
export function cosineDecayRestarts(options: CosineDecayRestartsOptions): NamedSchedule {
  const where = 'schedules.cosineDecayRestarts';
  checkOptions(where, options, ['initialLearningRate', 'firstDecaySteps', 'tMul', 'mMul', 'alpha']);
  const rate = numberIn(where, 'initialLearningRate', options.initialLearningRate, { min: 0 });
  const first = positiveInteger(where, 'firstDecaySteps', options.firstDecaySteps);
  const grow = numberIn(where, 'tMul', options.tMul ?? 2, { min: 1 });
  const shrink = numberIn(where, 'mMul', options.mMul ?? 1, { min: 0, minOpen: true });
  const alpha = numberIn(where, 'alpha', options.alpha ?? 0, { min: 0, max: 1 });
  const fall = (left: Tensor, peak: Tensor | number): Tensor =>
    add(multiply(multiply(cosineFall(left), peak), rate * (1 - alpha)), rate * alpha);
  if (grow === 1) {
    return defineSchedule('cosineDecayRestarts', options, (step) => {
      const left = fraction(subtract(first, mod(step, first)), first);
      const round = cast(floorDivide(step, first), 'float32');
      return fall(left, shrink === 1 ? 1 : exp(multiply(round, Math.log(shrink))));
    });
  }
  const periods = periodsOf(first, grow);
  const starts = periods.map(({ begin }) => Math.ceil(begin));
  return defineSchedule('cosineDecayRestarts', options, (step) => {
    const table = (value: (period: Period, i: number) => number): Tensor => pick(step, starts, periods.map(value));
    const since = cast(subtract(step, pick(step, starts, starts, 'int32')), 'float32');
    // what is left at the first step of a period, which may begin between two steps
    const atStart = table(({ begin, length }) => begin + length - Math.ceil(begin));
    const left = multiply(
      subtract(atStart, since),
      table(({ length }) => 1 / length),
    );
    return fall(
      maximum(left, 0),
      table((_, i) => shrink ** i),
    );
  });
}

interface Period {
  readonly begin: number;
  readonly length: number;
}

/** Periods until no step number is left, or there are so many that the last one may as well go on. */
function periodsOf(first: number, grow: number): Period[] {
  const periods: Period[] = [];
  let begin = 0;
  for (let length = first; begin < 2 ** 31 && periods.length < 4096; length *= grow) {
    periods.push({ begin, length });
    begin += length;
  }
  return periods;
}

export interface CosineAnnealingOptions {
  /** Rate at step 0. */
  readonly initialLearningRate: number;
  /** Steps from the largest rate to the smallest; after that it rises again. */
  readonly halfPeriod: number;
  /** The smallest rate. Default: 0. */
  readonly minLearningRate?: number;
}

/**
 * A cosine that goes on: min + (initial - min) * (1 + cos(pi * step / halfPeriod)) / 2. PyTorch's CosineAnnealingLR.
 *
 * @throws Error when an option is not valid
 *
 * @example
 * optimizers.adam({ learningRate: schedules.cosineAnnealing({ initialLearningRate: 0.01, halfPeriod: 5000 }) });
 */
export function cosineAnnealing(options: CosineAnnealingOptions): NamedSchedule {
  const where = 'schedules.cosineAnnealing';
  checkOptions(where, options, ['initialLearningRate', 'halfPeriod', 'minLearningRate']);
  const top = numberIn(where, 'initialLearningRate', options.initialLearningRate, { min: 0 });
  const half = positiveInteger(where, 'halfPeriod', options.halfPeriod);
  const least = numberIn(where, 'minLearningRate', options.minLearningRate ?? 0, { min: 0 });
  return defineSchedule('cosineAnnealing', options, (step) => {
    const left = fraction(subtract(half, mod(step, 2 * half)), half);
    return add(multiply(cosineFall(left), top - least), least);
  });
}
