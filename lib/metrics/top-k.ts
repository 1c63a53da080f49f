import type { Tensor } from '../ir/graph.js';
import { cast, less, lessEqual, logicalNot, where as select } from '../ir/ops/elementwise.js';
import { oneHot } from '../ir/ops/indexing.js';
import { argmax, sum } from '../ir/ops/reduce.js';
import { positiveInteger } from '../layers/arguments.js';
import { remember } from '../layers/recipe.js';
import { alignLabels, alignTargets, shapeError } from '../losses/targets.js';
import { meanMetric } from './mean.js';
import type { Metric } from './metric.js';
import { nameOption } from './name.js';

export interface TopKOptions {
  /** Number of predictions among which the class may be. Default: 5. */
  readonly k?: number;
  /** Reported under this name. */
  readonly name?: string;
}

/** Whether fewer than k classes beat the class of the label; equals do not beat each other. */
function inTopK(labels: Tensor, yPred: Tensor, k: number): Tensor {
  const classes = yPred.shape[yPred.rank - 1] as number;
  const score = sum(select(cast(oneHot(labels, classes), 'bool'), yPred, 0), -1, { keepDims: true });
  // not `greater`: NaN must not look as if nothing was better
  const better = logicalNot(lessEqual(yPred, score));
  return less(sum(cast(better, 'float32'), -1), k);
}

function topK(kind: string, options: TopKOptions, labelsOf: (name: string, y: Tensor, p: Tensor) => Tensor): Metric {
  const where = `metrics.${kind}`;
  const name = nameOption(kind, options, ['k', 'name']);
  const k = positiveInteger(where, 'k', options.k ?? 5);
  const hits = (yTrue: Tensor, yPred: Tensor): Tensor => inTopK(labelsOf(name, yTrue, yPred), yPred, k);
  return remember(meanMetric(name, hits), where, options);
}

/**
 * Fraction of samples whose class, the largest target, is among the k largest predictions.
 *
 * Targets and predictions are [batch, ..., classes].
 *
 * @throws Error when `k` is not a positive integer; when applied, if the shapes differ
 *
 * @example
 * metrics.topKCategoricalAccuracy({ k: 3 });
 */
export const topKCategoricalAccuracy = (options: TopKOptions = {}): Metric =>
  topK('topKCategoricalAccuracy', options, (name, yTrue, yPred) => {
    if (yTrue.rank !== yPred.rank || yPred.rank < 2) {
      throw shapeError(name, yTrue, yPred, 'both of shape [batch, ..., classes]');
    }
    return argmax(alignTargets(name, yTrue, yPred));
  });

/**
 * Fraction of samples whose class is among the k largest predictions.
 *
 * Targets are class numbers [batch, ...] or [batch, ..., 1], predictions [batch, ..., classes].
 *
 * @throws Error when `k` is not a positive integer; when applied, if the labels do not fit the predictions
 *
 * @example
 * metrics.sparseTopKCategoricalAccuracy({ k: 3 });
 */
export const sparseTopKCategoricalAccuracy = (options: TopKOptions = {}): Metric =>
  topK('sparseTopKCategoricalAccuracy', options, alignLabels);
