import { argumentError, boolean, checkOptions, integer, named, numberIn } from '../layers/arguments.js';
import type { Callback, FitContext } from './callback.js';
import type { Logs } from './sums.js';

export { type ProgressBarOptions, progressBar } from './progress.js';

export interface MonitorOptions {
  /** Key of the logs. Default: 'valLoss'. */
  readonly monitor?: string;
  /** Smallest change that counts as an improvement. Default: 0. */
  readonly minDelta?: number;
  /** Whether smaller or larger is better. 'auto' means larger for names that end in accuracy, precision, recall or auc. */
  readonly mode?: 'auto' | 'min' | 'max';
}

const monitorKeys = ['monitor', 'minDelta', 'mode'];

/** The best value of a monitored number so far. */
class Monitor {
  readonly key: string;
  readonly #sign: 1 | -1; // 1: larger is better
  readonly #minDelta: number;

  constructor(
    readonly where: string,
    options: MonitorOptions,
    defaultMinDelta = 0,
  ) {
    const { monitor = 'valLoss', mode = 'auto' } = options;
    if (typeof monitor !== 'string') throw argumentError(where, 'monitor', `a key of the logs like 'valLoss'`, monitor);
    const larger = /(accuracy|precision|recall|auc)$/i.test(monitor);
    this.#sign = named<1 | -1>(where, 'mode', mode, { auto: larger ? 1 : -1, min: -1, max: 1 });
    this.key = monitor;
    this.#minDelta = numberIn(where, 'minDelta', options.minDelta ?? defaultMinDelta, { min: 0 });
  }

  /** @throws Error when the logs do not have the number, listing what they have */
  value(logs: Logs): number {
    const value = logs[this.key];
    if (value !== undefined) return value;
    const hint = this.key.startsWith('val') ? '; fit needs validationData or validationSplit for it' : '';
    throw new Error(`${this.where}: the logs have no '${this.key}', only ${Object.keys(logs).join(', ')}${hint}`);
  }

  improves(value: number, best: number | undefined): boolean {
    if (Number.isNaN(value)) return false;
    return best === undefined || this.#sign * (value - best) > this.#minDelta;
  }
}

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
 * await model.fit(x, y, { epochs: 100, validationSplit: 0.1, callbacks: [earlyStopping({ patience: 3, restoreBestWeights: true })] });
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

/** Ends training at the step whose loss is NaN or infinite. The weights are then those that the step left behind. */
export const terminateOnNaN = (): Callback => ({ stopOnNonFinite: true });

/**
 * Sets the learning rate before each epoch.
 *
 * @param schedule from the epoch, counted from 0, and the current learning rate to the new one
 *
 * @example
 * learningRateScheduler((epoch, rate) => (epoch < 10 ? rate : rate * 0.9));
 */
export function learningRateScheduler(schedule: (epoch: number, learningRate: number) => number): Callback {
  const where = 'learningRateScheduler';
  if (typeof schedule !== 'function') throw argumentError(where, 'schedule', 'a function', schedule);
  return {
    onEpochBegin(epoch, { model }) {
      const { optimizer } = model;
      optimizer.learningRate = numberIn(
        where,
        `the result for epoch ${epoch}`,
        schedule(epoch, optimizer.learningRate),
        { min: 0 },
      );
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
  /** The rate never gets smaller than this. Default: 0. */
  readonly minLearningRate?: number;
}

/** Reduces the learning rate when a number no longer gets better. `minDelta` is 1e-4 unless given. */
export function reduceLROnPlateau(options: ReduceLROnPlateauOptions = {}): Callback {
  const where = 'reduceLROnPlateau';
  checkOptions(where, options, [...monitorKeys, 'factor', 'patience', 'cooldown', 'minLearningRate']);
  const monitor = new Monitor(where, options, 1e-4);
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
        optimizer.learningRate = Math.max(optimizer.learningRate * factor, least);
        cooling = cooldown;
        wait = 0;
      }
    },
  };
}
