import { argumentError, refuseFactory } from '../layers/arguments.js';
import type { SymbolicShape } from '../layers/symbolic.js';
import * as losses from '../losses/index.js';
import type { Loss, LossFunction } from '../losses/loss.js';
import { isLossName, type LossName, lossNames, resolveLoss } from '../losses/resolve.js';
import { accuracyByShape, binaryAccuracy, categoricalAccuracy, sparseCategoricalAccuracy } from './accuracy.js';
import { auc } from './auc.js';
import { f1Score, fBetaScore, precision, recall } from './confusion.js';
import * as metrics from './index.js';
import { meanMetric } from './mean.js';
import type { Metric } from './metric.js';
import { cosineSimilarity, perplexity, r2Score, rootMeanSquaredError } from './regression.js';
import { sparseTopKCategoricalAccuracy, topKCategoricalAccuracy } from './top-k.js';

/** Metrics that have a name and are not losses. */
const table = {
  binaryAccuracy,
  categoricalAccuracy,
  sparseCategoricalAccuracy,
  rootMeanSquaredError,
  precision,
  recall,
  f1Score,
  fBetaScore,
  auc,
  topKCategoricalAccuracy,
  sparseTopKCategoricalAccuracy,
  cosineSimilarity,
  perplexity,
  r2Score,
} as const satisfies Record<string, () => Metric>;

/** Names that `compile`'s `metrics` accepts: those of metrics and of losses. */
export type MetricName = 'accuracy' | keyof typeof table | LossName;

/** What the predictions of an output mean. */
export interface MetricTarget {
  readonly loss: Loss | undefined;
  /** Shape of the output with the batch dimension first. */
  readonly outputShape: SymbolicShape;
}

/**
 * What 'accuracy' means for an output: what its loss says (with logits, the binary threshold is 0), else by the shapes
 * of targets and predictions.
 */
function accuracy({ loss, outputShape }: MetricTarget): Metric {
  const name = 'accuracy';
  if (loss?.task === 'sparseCategorical') return sparseCategoricalAccuracy({ name });
  if (loss?.task === 'binary') return binaryAccuracy({ name, threshold: loss.fromLogits ? 0 : 0.5 });
  if (loss?.task === 'categorical' && outputShape.at(-1) !== 1) return categoricalAccuracy({ name });
  return accuracyByShape(name);
}

/**
 * The metric behind a name, a function (of targets and predictions, averaged over the samples) or a metric.
 *
 * @throws Error listing the valid names
 */
export function resolveMetric(where: string, metric: MetricName | LossFunction | Metric, target: MetricTarget): Metric {
  refuseFactory(where, 'each of metrics', metric, 'metrics', metrics);
  refuseFactory(where, 'each of metrics', metric, 'losses', losses);
  if (typeof metric === 'function') return meanMetric(metric.name === '' ? 'customMetric' : metric.name, metric);
  if (typeof metric === 'object' && metric !== null && typeof metric.update === 'function') return metric;
  if (metric === 'accuracy') return accuracy(target);
  if (typeof metric === 'string' && Object.hasOwn(table, metric)) return table[metric as keyof typeof table]();
  if (typeof metric === 'string' && isLossName(metric)) return meanMetric(metric, resolveLoss(where, metric));
  const names = ['accuracy', ...Object.keys(table), ...lossNames].map((n) => `'${n}'`);
  throw argumentError(where, 'each of metrics', `a metric, a function or one of ${names.join(', ')}`, metric);
}
