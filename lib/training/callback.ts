import type { Model } from './model.js';
import type { Logs } from './sums.js';

/** What callbacks get to know about the running `fit`. */
export interface FitContext {
  /** Set `model.stopTraining = true` to end training early; assign `model.optimizer.learningRate` to change it. */
  readonly model: Model;
  /** Number of epochs as asked for. */
  readonly epochs: number;
  /** Samples in an epoch. */
  readonly samples: number;
  /** Steps in an epoch. */
  readonly steps: number;
}

/** Where a running `fit` stands. */
export interface Progress {
  /** Counted from 0. */
  readonly epoch: number;
  /** Steps done in the epoch; all of them when the epoch has ended. */
  readonly step: number;
  /** Mean since the epoch began, validation and callbacks not counted. */
  readonly samplesPerSecond: number;
  /** Running means of the epoch; when it has ended, with the validation's numbers. */
  readonly logs: Logs;
  /** The epoch has ended. */
  readonly ended: boolean;
}

type Hook = void | Promise<void>;

/**
 * What `fit` calls while it trains. Every part is optional, and may be async: training waits for it.
 *
 * Steps run natively, many per call. A callback with epoch hooks brings training back to JavaScript once an epoch, one
 * with batch hooks after every step (slow for small models); `onProgress` is called whenever a native call returns anyway,
 * some 20 times a second, and makes nothing slower.
 */
export interface Callback {
  onTrainBegin?(context: FitContext): Hook;
  onTrainEnd?(logs: Logs, context: FitContext): Hook;
  onEpochBegin?(epoch: number, context: FitContext): Hook;
  /** `logs`: loss, metrics, and with validation valLoss, ... */
  onEpochEnd?(epoch: number, logs: Logs, context: FitContext): Hook;
  onBatchBegin?(batch: number, context: FitContext): Hook;
  /** `logs`: means over the epoch so far. */
  onBatchEnd?(batch: number, logs: Logs, context: FitContext): Hook;
  onProgress?(progress: Progress, context: FitContext): Hook;
  /** Training stops at the step whose loss is NaN or infinite. */
  readonly stopOnNonFinite?: boolean;
}
