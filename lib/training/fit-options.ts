import { argumentError, boolean, checkOptions, integer, numberIn, positiveInteger } from '../layers/arguments.js';
import type { Callback } from './callback.js';
import type { ModelData } from './columns.js';
import type { ClassWeight, SampleWeight } from './weighting.js';

export interface FitOptions {
  /** Number of the epoch to stop before, counted from 0. Default: 1. */
  readonly epochs?: number;
  /** Number of the epoch to begin with, to go on with an earlier training. Default: 0. */
  readonly initialEpoch?: number;
  /** Steps of that epoch that are done already. `model.resumePoint` knows both. Default: 0. */
  readonly initialStep?: number;
  /** Samples in a step. Default: 32. The last batch of an epoch may be smaller. */
  readonly batchSize?: number;
  /** Part of the data, from its end, that is evaluated after each epoch instead of trained on. Default: 0. */
  readonly validationSplit?: number;
  /** Data that is evaluated after each epoch: inputs, targets, and sample weights if any. */
  readonly validationData?: readonly [x: ModelData, y: ModelData, sampleWeight?: SampleWeight];
  /** A new order of the samples for each epoch. Default: true. */
  readonly shuffle?: boolean;
  /** What happens besides training, see `callbacks`. */
  readonly callbacks?: readonly Callback[];
  /** Weight of each class in the loss. */
  readonly classWeight?: ClassWeight;
  /** Weight of each sample in the loss. */
  readonly sampleWeight?: SampleWeight;
  /** Ends training within a step; `fit` rejects with the signal's reason, and the model stays usable. */
  readonly signal?: AbortSignal;
  /**
   * Order of the samples, dropout, and the initial weights if they are not set yet, follow from it. Default: random, or
   * from the seed of `compile`; with initialEpoch or initialStep, that of the training that goes on.
   */
  readonly seed?: number;
  /** 0: silent, 1: progress bar on a terminal, else a line per epoch, 2: a line per epoch. 'auto': 1 on a terminal, else 0. */
  readonly verbose?: 'auto' | 0 | 1 | 2;
}

export interface EvaluateOptions {
  /** Samples in a step. Default: 32. */
  readonly batchSize?: number;
  /** Weight of each sample. */
  readonly sampleWeight?: SampleWeight;
  /** Ends the run. */
  readonly signal?: AbortSignal;
}

export interface PredictOptions {
  /**
   * Samples in a step. Default: a power of two up to 1024, so that what a layer hands on fits the caches; all of them where
   * layers are stateful.
   */
  readonly batchSize?: number;
  /** Ends the run. */
  readonly signal?: AbortSignal;
}

export interface BatchOptions {
  /** Weight of each class in the loss. */
  readonly classWeight?: ClassWeight;
  /** Weight of each sample in the loss. */
  readonly sampleWeight?: SampleWeight;
}

const fitKeys = [
  ...[
    'epochs',
    'initialEpoch',
    'initialStep',
    'batchSize',
    'validationSplit',
    'validationData',
    'shuffle',
    'callbacks',
  ],
  ...['classWeight', 'sampleWeight', 'signal', 'seed', 'verbose'],
];

/** @throws Error naming the option that is not valid */
export function checkFitOptions(where: string, options: FitOptions) {
  checkOptions(where, options, fitKeys);
  const { validationData, callbacks = [], verbose = 'auto', seed } = options;
  const begin = (name: 'initialEpoch' | 'initialStep'): number => {
    const value = integer(where, name, options[name] ?? 0);
    if (value < 0) throw argumentError(where, name, 'an integer that is not negative', value);
    return value;
  };
  const validationSplit = numberIn(where, 'validationSplit', options.validationSplit ?? 0, {
    min: 0,
    max: 1,
    maxOpen: true,
  });
  if (validationSplit > 0 && validationData !== undefined) {
    throw new Error(`${where}: give validationSplit or validationData, not both`);
  }
  if (validationData !== undefined && !(Array.isArray(validationData) && [2, 3].includes(validationData.length))) {
    throw argumentError(where, 'validationData', '[x, y] or [x, y, sampleWeight]', validationData);
  }
  if (!Array.isArray(callbacks) || callbacks.some((c) => typeof c !== 'object' || c === null)) {
    throw argumentError(where, 'callbacks', 'an array of callbacks', callbacks);
  }
  if (!['auto', 0, 1, 2].includes(verbose)) throw argumentError(where, 'verbose', `'auto', 0, 1 or 2`, verbose);
  if (seed !== undefined) integer(where, 'seed', seed);
  return {
    epochs: positiveInteger(where, 'epochs', options.epochs ?? 1),
    initialEpoch: begin('initialEpoch'),
    initialStep: begin('initialStep'),
    batchSize: positiveInteger(where, 'batchSize', options.batchSize ?? 32),
    validationSplit,
    shuffle: boolean(where, 'shuffle', options.shuffle ?? true),
    callbacks: callbacks as readonly Callback[],
    signal: checkSignal(where, options.signal),
    verbose,
  };
}

export function checkRunOptions(where: string, options: EvaluateOptions & PredictOptions, keys: readonly string[]) {
  checkOptions(where, options, keys);
  return {
    batchSize: options.batchSize === undefined ? undefined : positiveInteger(where, 'batchSize', options.batchSize),
    signal: checkSignal(where, options.signal),
  };
}

function checkSignal(where: string, signal: unknown): AbortSignal | undefined {
  if (signal === undefined || signal instanceof AbortSignal) return signal;
  throw argumentError(where, 'signal', 'an AbortSignal', signal);
}
