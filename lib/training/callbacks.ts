/** What happens during `fit` besides training: stopping, changing the learning rate, saving, showing. */
import { argumentError, boolean, checkOptions, integer, numberIn, oneOf } from '../layers/arguments.js';
import type { Optimizer } from '../optimizers/optimizer.js';
import type { Callback, FitContext } from './callback.js';
import { Monitor, type MonitorOptions, monitorKeys } from './monitor.js';

export { type ModelCheckpointOptions, modelCheckpoint } from './model-checkpoint.js';
export { type ProgressBarOptions, progressBar } from './progress.js';

export interface EarlyStoppingOptions extends MonitorOptions {
  /** Epochs without improvement after which training stops. Default: 0. */
  readonly patience?: number;
  /** Give the model the weights of its best epoch when training ends. Default: false. */
  readonly restoreBestWeights?: boolean;
  /** The first epoch to look at. Default: 0. */
  readonly startFromEpoch?: number;
  /** Stop as well when the value never gets better than this. */
  readonly baseline?: number;
}

/**
 * Ends training when a number no longer gets better.
 *
 * @throws Error when an option is not valid; in training, when the logs do not have the number
 *
 * @example
 * const stop = callbacks.earlyStopping({ patience: 3, restoreBestWeights: true });
 * await model.fit(x, y, { epochs: 100, validationSplit: 0.1, callbacks: [stop] });
 */
export function earlyStopping(options: EarlyStoppingOptions = {}): Callback {
  const where = 'earlyStopping';
  checkOptions(where, options, [...monitorKeys, 'patience', 'restoreBestWeights', 'startFromEpoch', 'baseline']);
  const monitor = new Monitor(where, options);
  const patience = numberIn(where, 'patience', options.patience ?? 0, { min: 0 });
  const startFromEpoch = integer(where, 'startFromEpoch', options.startFromEpoch ?? 0);
  const restore = boolean(where, 'restoreBestWeights', options.restoreBestWeights ?? false);
  const baseline = options.baseline === undefined ? undefined : numberIn(where, 'baseline', options.baseline);
  let best: number | undefined;
  let wait = 0;
  let weights: ReturnType<FitContext['model']['getWeights']> | undefined;
  return {
    onTrainBegin() {
      best = undefined;
      wait = 0;
      weights = undefined;
    },
    onEpochEnd(epoch, logs, { model }) {
      if (epoch < startFromEpoch) return;
      const value = monitor.value(logs);
      wait++;
      if (monitor.improves(value, best)) {
        best = value;
        if (restore) weights = model.getWeights();
        // an improvement that is not better than the baseline does not count
        if (baseline === undefined || monitor.improves(value, baseline)) {
          wait = 0;
          return;
        }
      }
      if (wait >= patience && epoch > startFromEpoch) model.stopTraining = true;
    },
    onTrainEnd(_logs, { model }) {
      if (weights !== undefined) model.setWeights(weights);
      weights = undefined;
    },
  };
}

/**
 * Ends training at the step whose loss is NaN or infinite. The weights are then those that the step left behind.
 *
 * @example
 * await model.fit(x, y, { callbacks: [callbacks.terminateOnNaN()] });
 */
export const terminateOnNaN = (): Callback => ({ stopOnNonFinite: true });

/** @throws Error when the learning rate is a schedule, which cannot be changed from outside */
function assignableRate(where: string, { learningRate }: Optimizer): number {
  if (typeof learningRate === 'number') return learningRate;
  throw new Error(
    `${where}: the optimizer's learningRate is a schedule; it must be a number to be changed by a callback`,
  );
}

/**
 * Sets the learning rate before each epoch.
 *
 * @param schedule from the epoch, counted from 0, and the current learning rate to the new one
 * @throws Error when `schedule` is not a function; in training, when it returns anything but a number >= 0, or the learning rate is
 *     a schedule already
 *
 * @example
 * callbacks.learningRateScheduler((epoch, rate) => (epoch < 10 ? rate : rate * 0.9));
 */
export function learningRateScheduler(schedule: (epoch: number, learningRate: number) => number): Callback {
  const where = 'learningRateScheduler';
  if (typeof schedule !== 'function') throw argumentError(where, 'schedule', 'a function', schedule);
  return {
    onEpochBegin(epoch, { model }) {
      const { optimizer } = model;
      const rate = schedule(epoch, assignableRate(where, optimizer));
      optimizer.learningRate = numberIn(where, `the result for epoch ${epoch}`, rate, { min: 0 });
    },
  };
}

export interface ReduceLROnPlateauOptions extends MonitorOptions {
  /** The learning rate is multiplied by this. Default: 0.1. */
  readonly factor?: number;
  /** Epochs without improvement after which the rate is reduced. Default: 10. */
  readonly patience?: number;
  /** Epochs to wait after a reduction. Default: 0. */
  readonly cooldown?: number;
  /** Whether `minDelta` is a difference, or a part of the best value so far. Default: 'absolute'. */
  readonly minDeltaMode?: 'absolute' | 'relative';
  /** The rate never gets smaller than this. Default: 0. */
  readonly minLearningRate?: number;
}

/**
 * Reduces the learning rate when a number no longer gets better, as Keras does. `minDelta` is 1e-4 unless given. PyTorch's
 * ReduceLROnPlateau is this with minDeltaMode 'relative', and `patience` and `cooldown` one more than there.
 *
 * @throws Error when an option is not valid; in training, when the logs do not have the number, or the learning rate is a
 *     schedule
 *
 * @example
 * await model.fit(x, y, { epochs: 50, callbacks: [callbacks.reduceLROnPlateau({ factor: 0.5, patience: 3 })] });
 */
export function reduceLROnPlateau(options: ReduceLROnPlateauOptions = {}): Callback {
  const where = 'reduceLROnPlateau';
  checkOptions(where, options, [
    ...monitorKeys,
    ...['factor', 'patience', 'cooldown', 'minDeltaMode', 'minLearningRate'],
  ]);
  const deltaMode = oneOf(where, 'minDeltaMode', options.minDeltaMode ?? 'absolute', ['absolute', 'relative']);
  const monitor = new Monitor(where, options, 1e-4, deltaMode);
  const factor = numberIn(where, 'factor', options.factor ?? 0.1, { min: 0, max: 1, maxOpen: true });
  const patience = numberIn(where, 'patience', options.patience ?? 10, { min: 0 });
  const cooldown = numberIn(where, 'cooldown', options.cooldown ?? 0, { min: 0 });
  const least = numberIn(where, 'minLearningRate', options.minLearningRate ?? 0, { min: 0 });
  let best: number | undefined;
  let wait = 0;
  let cooling = 0;
  return {
    onTrainBegin() {
      best = undefined;
      wait = 0;
      cooling = 0;
    },
    onEpochEnd(_epoch, logs, { model }) {
      const value = monitor.value(logs);
      if (cooling > 0) {
        cooling--;
        wait = 0;
      }
      if (monitor.improves(value, best)) {
        best = value;
        wait = 0;
      } else if (cooling === 0 && ++wait >= patience) {
        const { optimizer } = model;
        optimizer.learningRate = Math.max(assignableRate(where, optimizer) * factor, least);
        cooling = cooldown;
        wait = 0;
      }
    },
  };
}
