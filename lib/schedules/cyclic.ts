import type { Tensor } from '../ir/graph.js';
import {
  add,
  cast,
  exp,
  less,
  lessEqual,
  maximum,
  minimum,
  mod,
  multiply,
  negative,
  where as select,
  subtract,
} from '../ir/ops/elementwise.js';
import { checkOptions, numberIn, oneOf, positiveInteger } from '../layers/arguments.js';
import { cosineFall } from './cosine.js';
import { floorDivide, fraction } from './integers.js';
import { defineSchedule, type NamedSchedule } from './schedule.js';

export interface OneCycleOptions {
  /** The largest rate. */
  readonly maxLearningRate: number;
  /** Steps until the last rate. */
  readonly totalSteps: number;
  /** Part of the steps in which the rate rises, 0 .. 1. Default: 0.3. */
  readonly pctStart?: number;
  /** The first rate is maxLearningRate / divFactor. Default: 25. */
  readonly divFactor?: number;
  /** The last rate is the first / finalDivFactor. Default: 10000. */
  readonly finalDivFactor?: number;
  /** Shape of rise and fall. Default: 'cos'. */
  readonly annealStrategy?: 'cos' | 'linear';
}

/**
 * Rises from maxLearningRate / divFactor to maxLearningRate at step pctStart * totalSteps - 1, and falls to
 * maxLearningRate / (divFactor * finalDivFactor) at totalSteps - 1, where it stays. PyTorch's OneCycleLR.
 *
 * @throws Error when an option is not valid
 *
 * @example
 * optimizers.adam({ learningRate: schedules.oneCycle({ maxLearningRate: 0.01, totalSteps: 10_000 }) });
 *
 * Source: Smith and Topin, "Super-convergence", 2018.
 */
export function oneCycle(options: OneCycleOptions): NamedSchedule {
  const where = 'schedules.oneCycle';
  checkOptions(where, options, [
    ...['maxLearningRate', 'totalSteps', 'pctStart', 'divFactor', 'finalDivFactor', 'annealStrategy'],
  ]);
  const top = numberIn(where, 'maxLearningRate', options.maxLearningRate, { min: 0 });
  const total = positiveInteger(where, 'totalSteps', options.totalSteps);
  const pct = numberIn(where, 'pctStart', options.pctStart ?? 0.3, { min: 0, max: 1 });
  const first = top / numberIn(where, 'divFactor', options.divFactor ?? 25, { min: 0, minOpen: true });
  const end = first / numberIn(where, 'finalDivFactor', options.finalDivFactor ?? 1e4, { min: 0, minOpen: true });
  const cosine = oneOf(where, 'annealStrategy', options.annealStrategy ?? 'cos', ['cos', 'linear']) === 'cos';
  // PyTorch's turning point, which need not be a whole number
  const turn = Math.max(pct * total - 1, 0);
  const phase = (step: Tensor, from: number, to: number, begin: number, target: number): Tensor => {
    const scale = 1 / Math.max(to - from, 1e-9);
    const share = (distance: Tensor): Tensor => {
      const part = maximum(minimum(multiply(distance, scale), 1), 0);
      return cosine ? cosineFall(part) : part;
    };
    const t = cast(step, 'float32');
    // both ends with their own share: a difference would lose the digits of the smaller one
    return add(multiply(share(subtract(to, t)), begin), multiply(share(subtract(t, from)), target));
  };
  return defineSchedule('oneCycle', options, (step) =>
    select(
      lessEqual(cast(step, 'float32'), turn),
      phase(step, 0, turn, first, top),
      phase(step, turn, total - 1, top, end),
    ),
  );
}

export interface CyclicOptions {
  /** The smallest rate. */
  readonly baseLearningRate: number;
  /** The largest rate, of the first cycle. */
  readonly maxLearningRate: number;
  /** Steps in which the rate rises. Default: 2000. */
  readonly stepSizeUp?: number;
  /** Steps in which it falls. Default: stepSizeUp. */
  readonly stepSizeDown?: number;
  /** What happens to the height: nothing, halved in each cycle, or times gamma^step. Default: 'triangular'. */
  readonly mode?: 'triangular' | 'triangular2' | 'exponential';
  /** For mode 'exponential'. Default: 1. */
  readonly gamma?: number;
}

/**
 * Goes from baseLearningRate to maxLearningRate and back on lines, again and again:
 * baseLearningRate + (maxLearningRate - baseLearningRate) * height * shrink, with a height from 0 to 1 and back. shrink is 1
 * ('triangular'), 1 / 2^cycle ('triangular2') or gamma^step ('exponential'). PyTorch's CyclicLR.
 *
 * @throws Error when an option is not valid
 *
 * @example
 * optimizers.adam({ learningRate: schedules.cyclic({ baseLearningRate: 1e-4, maxLearningRate: 0.01, mode: 'triangular2' }) });
 *
 * Source: Smith, "Cyclical learning rates for training neural networks", WACV 2017.
 */
export function cyclic(options: CyclicOptions): NamedSchedule {
  const where = 'schedules.cyclic';
  checkOptions(where, options, [
    ...['baseLearningRate', 'maxLearningRate', 'stepSizeUp', 'stepSizeDown', 'mode', 'gamma'],
  ]);
  const base = numberIn(where, 'baseLearningRate', options.baseLearningRate, { min: 0 });
  const top = numberIn(where, 'maxLearningRate', options.maxLearningRate, { min: base });
  const up = positiveInteger(where, 'stepSizeUp', options.stepSizeUp ?? 2000);
  const down = positiveInteger(where, 'stepSizeDown', options.stepSizeDown ?? up);
  const mode = oneOf(where, 'mode', options.mode ?? 'triangular', ['triangular', 'triangular2', 'exponential']);
  const gamma = numberIn(where, 'gamma', options.gamma ?? 1, { min: 0, minOpen: true });
  return defineSchedule('cyclic', options, (step) => {
    const at = mod(step, up + down);
    const height = select(less(at, up), fraction(at, up), fraction(subtract(up + down, at), down));
    const triangle = multiply(height, top - base);
    if (mode === 'triangular') return add(triangle, base);
    const shrink =
      mode === 'triangular2'
        ? exp(multiply(negative(cast(floorDivide(step, up + down), 'float32')), Math.LN2))
        : exp(multiply(cast(step, 'float32'), Math.log(gamma)));
    return add(multiply(triangle, shrink), base);
  });
}
