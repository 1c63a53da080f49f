import { argumentError, boolean, numberIn, oneOf, positiveInteger, refuseFactory } from '../layers/arguments.js';
import * as schedules from '../schedules/index.js';
import type { Schedule } from '../schedules/schedule.js';
import { checkGroups, checkPatterns, type NamePattern, type ParameterGroups } from './groups.js';

/** Options that every optimizer takes. */
export interface OptimizerOptions {
  /** Size of a step: a number, or a schedule that makes one from the number of the update. */
  readonly learningRate?: number | Schedule;
  /** How much of themselves weights lose in each update, times the learning rate. Default: 0. */
  readonly weightDecay?: number;
  /**
   * 'decoupled': before the update, w -= learningRate * weightDecay * w. 'l2': weightDecay * w is added to the (clipped)
   * gradient, as PyTorch's plain optimizers do. Default: 'decoupled'.
   */
  readonly weightDecayMode?: 'decoupled' | 'l2';
  /** Weights that do not decay, by their names: ['bias', /norm/]. */
  readonly excludeFromWeightDecay?: readonly NamePattern[];
  /** Other settings for some of the weights. */
  readonly parameterGroups?: ParameterGroups;
  /** Each gradient is scaled down to at most this Euclidean norm. */
  readonly clipnorm?: number;
  /** Each element of a gradient is limited to ± this. */
  readonly clipvalue?: number;
  /** All gradients together are scaled down to at most this Euclidean norm. */
  readonly globalClipnorm?: number;
  /** Added to the norm that gradients are clipped by. Default: 0 as in Keras; 1e-6 in PyTorch. */
  readonly clipEpsilon?: number;
  /**
   * Updates with the mean gradient of this many steps, and leaves the weights alone in between. Schedules, and everything
   * else that depends on the number of the update, count updates. Default: 1.
   */
  readonly gradientAccumulationSteps?: number;
  /**
   * Keeps an exponential moving average of all weights; `model.getAveragedWeights()` returns it, and when `fit` is done
   * the weights are replaced by it, as in Keras. Default: false.
   */
  readonly useEma?: boolean;
  /** Part of the average that each update keeps, 0 .. 1. Default: 0.99. */
  readonly emaMomentum?: number;
  /** The weights are replaced by their average each time this many updates are done. Default: only at the end of `fit`. */
  readonly emaOverwriteFrequency?: number;
  /**
   * The loss is multiplied by this before it is differentiated, and the gradients divided by it: keeps very small
   * gradients from becoming 0. Powers of 2 change nothing else. Default: 1.
   */
  readonly lossScaleFactor?: number;
}

export const optimizerOptionKeys = [
  ...['learningRate', 'weightDecay', 'weightDecayMode', 'excludeFromWeightDecay', 'parameterGroups'],
  ...['clipnorm', 'clipvalue', 'globalClipnorm', 'clipEpsilon', 'gradientAccumulationSteps'],
  ...['useEma', 'emaMomentum', 'emaOverwriteFrequency', 'lossScaleFactor'],
] as const;

/** Whose formula and defaults to follow, where Keras and PyTorch differ. */
export type Convention = 'keras' | 'torch';

/** 0 <= x < 1 and 0 < x < 1, for the decay of running averages. */
export const fraction = { min: 0, max: 1, maxOpen: true } as const;
export const openFraction = { ...fraction, minOpen: true } as const;

/** @throws Error when the convention is neither of the two */
export const isTorch = (where: string, convention: Convention = 'keras'): boolean =>
  oneOf(where, 'convention', convention, ['keras', 'torch']) === 'torch';

/** @throws Error when it is neither a schedule nor a number >= 0 */
export function checkLearningRate(where: string, value: number | Schedule): number | Schedule {
  refuseFactory(where, 'learningRate', value, 'schedules', schedules);
  if (typeof value === 'function') return value;
  if (typeof value === 'number') return numberIn(where, 'learningRate', value, { min: 0 });
  throw argumentError(where, 'learningRate', 'a finite number >= 0 or a schedule', value);
}

/** @throws Error naming the option that is not valid, or does not go with another */
export function checkCommonOptions(where: string, options: OptimizerOptions): void {
  const number = (key: keyof OptimizerOptions, range: Parameters<typeof numberIn>[3]): void => {
    if (options[key] !== undefined) numberIn(where, key, options[key], range);
  };
  const integer = (key: keyof OptimizerOptions): void => {
    if (options[key] !== undefined) positiveInteger(where, key, options[key]);
  };
  number('weightDecay', { min: 0 });
  oneOf(where, 'weightDecayMode', options.weightDecayMode ?? 'decoupled', ['decoupled', 'l2']);
  if (options.excludeFromWeightDecay !== undefined) {
    checkPatterns(where, 'excludeFromWeightDecay', options.excludeFromWeightDecay);
  }
  if (options.parameterGroups !== undefined) checkGroups(where, options.parameterGroups);
  const limits = (['clipnorm', 'clipvalue', 'globalClipnorm'] as const).filter((key) => options[key] !== undefined);
  for (const key of limits) number(key, { min: 0, minOpen: true });
  if (limits.length > 1) {
    throw new Error(
      `${where}: only one of clipnorm, clipvalue, globalClipnorm can be set, got ${limits.join(' and ')}`,
    );
  }
  number('clipEpsilon', { min: 0 });
  integer('gradientAccumulationSteps');
  boolean(where, 'useEma', options.useEma ?? false);
  number('emaMomentum', fraction);
  integer('emaOverwriteFrequency');
  if (options.useEma !== true && (options.emaMomentum ?? options.emaOverwriteFrequency) !== undefined) {
    throw new Error(`${where}: emaMomentum and emaOverwriteFrequency need useEma: true`);
  }
  number('lossScaleFactor', { min: 0, minOpen: true });
}
