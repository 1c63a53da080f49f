import type { Tensor } from '../ir/graph.js';
import { equal, greater } from '../ir/ops/elementwise.js';
import { argmax } from '../ir/ops/reduce.js';
import { numberIn } from '../layers/arguments.js';
import { remember } from '../layers/recipe.js';
import { alignLabels, alignTargets, shapeError } from '../losses/targets.js';
import { meanMetric } from './mean.js';
import type { Metric } from './metric.js';
import { type NamedOptions, nameOption } from './name.js';

export interface ThresholdOptions {
  /** Predictions above this mean yes. Default: 0.5; use 0 for logits. */
  readonly threshold?: number;
}

/**
 * Fraction of answers where prediction > threshold agrees with the target (0 or 1).
 *
 * Targets and predictions have the same shape ([N] for [N, 1] is accepted).
 *
 * @throws Error when an option is not valid; when applied, if the shapes differ
 *
 * @example
 * model.compile({ optimizer: 'adam', loss: 'binaryCrossentropy', metrics: [metrics.binaryAccuracy({ threshold: 0.7 })] });
 */
export function binaryAccuracy(options: ThresholdOptions & NamedOptions = {}): Metric {
  const name = nameOption('binaryAccuracy', options, ['threshold', 'name']);
  const threshold = numberIn('metrics.binaryAccuracy', 'threshold', options.threshold ?? 0.5);
  const hits = (yTrue: Tensor, yPred: Tensor): Tensor =>
    equal(alignTargets(name, yTrue, yPred), greater(yPred, threshold));
  return remember(meanMetric(name, hits), 'metrics.binaryAccuracy', options);
}

/**
 * Fraction of samples whose largest prediction is at the largest target.
 *
 * Targets and predictions are [batch, ..., classes].
 *
 * @throws Error when applied, if the shapes differ
 *
 * @example
 * model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy', metrics: [metrics.categoricalAccuracy()] });
 */
export function categoricalAccuracy(options: NamedOptions = {}): Metric {
  const name = nameOption('categoricalAccuracy', options);
  const hits = (yTrue: Tensor, yPred: Tensor): Tensor => {
    if (yTrue.rank !== yPred.rank || yPred.rank < 2) {
      throw shapeError(name, yTrue, yPred, 'both of shape [batch, ..., classes]');
    }
    return equal(argmax(alignTargets(name, yTrue, yPred)), argmax(yPred));
  };
  return remember(meanMetric(name, hits), 'metrics.categoricalAccuracy', options);
}

/**
 * Fraction of samples whose largest prediction is at the class that the target names.
 *
 * Targets are class numbers [batch, ...] or [batch, ..., 1], predictions [batch, ..., classes].
 *
 * @throws Error when applied, if the labels do not fit the predictions
 *
 * @example
 * model.compile({
 *   optimizer: 'adam',
 *   loss: 'sparseCategoricalCrossentropy',
 *   metrics: [metrics.sparseCategoricalAccuracy()], // or 'accuracy', which chooses by the loss
 * });
 */
export function sparseCategoricalAccuracy(options: NamedOptions = {}): Metric {
  const name = nameOption('sparseCategoricalAccuracy', options);
  const hits = (yTrue: Tensor, yPred: Tensor): Tensor => equal(alignLabels(name, yTrue, yPred), argmax(yPred));
  return remember(meanMetric(name, hits), 'metrics.sparseCategoricalAccuracy', options);
}

/** Chosen by shape, for losses that say nothing about classification: as Keras chooses. */
export function accuracyByShape(name: string): Metric {
  const binary = binaryAccuracy({ name });
  const categorical = categoricalAccuracy({ name });
  const sparse = sparseCategoricalAccuracy({ name });
  const choose = (yTrue: Tensor, yPred: Tensor): Metric => {
    if (yPred.rank < 2 || yPred.shape[yPred.rank - 1] === 1) return binary;
    const oneLabel = yTrue.rank < yPred.rank || yTrue.shape[yTrue.rank - 1] === 1;
    return oneLabel ? sparse : categorical;
  };
  return {
    ...binary,
    update: (yTrue, yPred, ...weights) => choose(yTrue, yPred).update(yTrue, yPred, ...weights),
  };
}
