import { argumentError, boolean, checkOptions, positiveInteger } from '../layers/arguments.js';
import type { Callback, FitContext } from './callback.js';
import { Monitor, type MonitorOptions, monitorKeys } from './monitor.js';
import { checkPath } from './saving/options.js';
import type { Logs } from './sums.js';

export interface ModelCheckpointOptions extends MonitorOptions {
  /**
   * Where to save: a directory for `model.save`, or with `saveWeightsOnly` a file. `{epoch}` becomes the number of the
   * epoch, counted from 1, `{valLoss}` that number of the logs: 'checkpoints/{epoch}-{valLoss}'.
   */
  readonly path: string;
  /** Save only when the monitored number is better than ever before. Default: false. */
  readonly saveBestOnly?: boolean;
  /** Save the weights as a safetensors file. Default: false, all that is needed to go on with training. */
  readonly saveWeightsOnly?: boolean;
  /** Save after each epoch, or after so many steps (which brings every step back to JavaScript). Default: 'epoch'. */
  readonly frequency?: 'epoch' | number;
}

const where = 'modelCheckpoint';

/** Fills in the numbers; four decimals will tell files apart. */
function fillPath(path: string, epoch: number, logs: Logs): string {
  return path.replace(/\{(\w+)\}/g, (_, key: string) => {
    if (key === 'epoch') return String(epoch + 1);
    const value = Object.hasOwn(logs, key) ? logs[key] : undefined;
    if (value !== undefined) return value.toFixed(4);
    throw new Error(`${where}: path '${path}': the logs have no '${key}', only ${Object.keys(logs).join(', ')}`);
  });
}

/**
 * Saves the model while it trains. `loadModel` and `fit` with the loaded model's `resumePoint` go on from there, with the
 * same bits as without interruption. What an earlier save left is replaced in one moment: a crash never leaves half a model.
 *
 * @throws Error when an option is not valid; in training, when the logs do not have a number, or a file cannot be written
 *
 * @example
 * await model.fit(x, y, {
 *   epochs: 20,
 *   validationSplit: 0.1,
 *   callbacks: [callbacks.modelCheckpoint({ path: 'best', monitor: 'valLoss', saveBestOnly: true })],
 * });
 */
export function modelCheckpoint(options: ModelCheckpointOptions): Callback {
  checkOptions(where, options, [...monitorKeys, 'path', 'saveBestOnly', 'saveWeightsOnly', 'frequency']);
  const { path, frequency = 'epoch' } = options;
  checkPath(where, path);
  const monitor = new Monitor(where, options);
  const bestOnly = boolean(where, 'saveBestOnly', options.saveBestOnly ?? false);
  const weightsOnly = boolean(where, 'saveWeightsOnly', options.saveWeightsOnly ?? false);
  let best: number | undefined;
  let epochNow = 0;
  let steps = 0;
  const save = async (epoch: number, logs: Logs, { model }: FitContext): Promise<void> => {
    if (bestOnly) {
      const value = monitor.value(logs);
      if (!monitor.improves(value, best)) return;
      best = value;
    }
    const target = fillPath(path, epoch, logs);
    await (weightsOnly ? model.saveWeights(target) : model.save(target));
  };
  if (frequency === 'epoch') return { onEpochEnd: save };
  if (typeof frequency !== 'number') throw argumentError(where, 'frequency', `'epoch' or a number of steps`, frequency);
  positiveInteger(where, 'frequency', frequency);
  return {
    onTrainBegin({ model }) {
      epochNow = model.resumePoint.initialEpoch; // whose beginning has passed, when training goes on in its middle
    },
    onEpochBegin(epoch) {
      epochNow = epoch;
    },
    async onBatchEnd(_batch, logs, context) {
      if (++steps % frequency === 0) await save(epochNow, logs, context);
    },
  };
}
