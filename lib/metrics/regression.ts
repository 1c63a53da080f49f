import { multiply, negative, square, subtract } from '../ir/ops/elementwise.js';
import { sum } from '../ir/ops/reduce.js';

import { reshape, stack } from '../ir/ops/shape.js';
import { remember } from '../layers/recipe.js';
import * as crossentropy from '../losses/crossentropy.js';
import * as hinges from '../losses/hinge.js';
import type { Loss } from '../losses/loss.js';
import * as losses from '../losses/regression.js';
import { alignTargets } from '../losses/targets.js';
import { meanMetric } from './mean.js';
import type { Metric } from './metric.js';
import { type NamedOptions, nameOption } from './name.js';
import { flatWeights } from './weights.js';

/** A loss as a metric: its mean over all samples. */
const meanLoss = (kind: string, options: NamedOptions, loss: Loss, finish?: (mean: number) => number): Metric =>
  remember(meanMetric(nameOption(kind, options), loss, finish), `metrics.${kind}`, options);

/**
 * Mean over all samples of mean((y - p)^2).
 *
 * Targets and predictions are [batch, ...].
 *
 * @throws Error when applied, if the shapes differ ([N] for [N, 1] is accepted)
 *
 * @example
 * model.compile({ optimizer: 'adam', loss: 'huber', metrics: ['mse'] });
 */
export const meanSquaredError = (options: NamedOptions = {}): Metric =>
  meanLoss('meanSquaredError', options, losses.meanSquaredError());

/**
 * Mean over all samples of mean(|y - p|).
 *
 * Targets and predictions are [batch, ...].
 *
 * @throws Error when applied, if the shapes differ ([N] for [N, 1] is accepted)
 *
 * @example
 * model.compile({ optimizer: 'adam', loss: 'mse', metrics: ['mae'] });
 */
export const meanAbsoluteError = (options: NamedOptions = {}): Metric =>
  meanLoss('meanAbsoluteError', options, losses.meanAbsoluteError());

/**
 * Square root of the mean squared error over the whole epoch, in the unit of the targets: sqrt(mean((y - p)^2)).
 *
 * Targets and predictions are [batch, ...].
 *
 * @throws Error when applied, if the shapes differ ([N] for [N, 1] is accepted)
 *
 * @example
 * model.compile({ optimizer: 'adam', loss: 'mse', metrics: ['rootMeanSquaredError'] });
 */
export const rootMeanSquaredError = (options: NamedOptions = {}): Metric =>
  meanLoss('rootMeanSquaredError', options, losses.meanSquaredError(), Math.sqrt);

/**
 * Mean over all samples of 100 * mean(|y - p| / max(|y|, 1e-7)).
 *
 * Targets and predictions are [batch, ...].
 *
 * @throws Error when applied, if the shapes differ ([N] for [N, 1] is accepted)
 *
 * @example
 * model.compile({ optimizer: 'adam', loss: 'mse', metrics: ['meanAbsolutePercentageError'] });
 */
export const meanAbsolutePercentageError = (options: NamedOptions = {}): Metric =>
  meanLoss('meanAbsolutePercentageError', options, losses.meanAbsolutePercentageError());

/**
 * Mean over all samples of mean((log(1 + y) - log(1 + p))^2), with y and p raised to at least 1e-7.
 *
 * Targets and predictions are [batch, ...].
 *
 * @throws Error when applied, if the shapes differ ([N] for [N, 1] is accepted)
 *
 * @example
 * model.compile({ optimizer: 'adam', loss: 'mse', metrics: ['meanSquaredLogarithmicError'] });
 */
export const meanSquaredLogarithmicError = (options: NamedOptions = {}): Metric =>
  meanLoss('meanSquaredLogarithmicError', options, losses.meanSquaredLogarithmicError());

/**
 * Mean over all samples of mean(log(cosh(p - y))).
 *
 * Targets and predictions are [batch, ...].
 *
 * @throws Error when applied, if the shapes differ ([N] for [N, 1] is accepted)
 *
 * @example
 * model.compile({ optimizer: 'adam', loss: 'mse', metrics: ['logCosh'] });
 */
export const logCosh = (options: NamedOptions = {}): Metric => meanLoss('logCosh', options, losses.logCosh());

/**
 * Mean over all samples of mean(p - y * log(p + 1e-7)).
 *
 * Targets and predictions are [batch, ...].
 *
 * @throws Error when applied, if the shapes differ ([N] for [N, 1] is accepted)
 *
 * @example
 * model.compile({ optimizer: 'adam', loss: 'mse', metrics: ['poisson'] });
 */
export const poisson = (options: NamedOptions = {}): Metric => meanLoss('poisson', options, losses.poisson());

/**
 * Mean over all samples of sum(y * log(y / p)), both kept in 1e-7 .. 1.
 *
 * Targets and predictions are probabilities [batch, ..., classes].
 *
 * @throws Error when applied, if the shapes differ
 *
 * @example
 * model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy', metrics: ['klDivergence'] });
 */
export const klDivergence = (options: NamedOptions = {}): Metric =>
  meanLoss('klDivergence', options, crossentropy.klDivergence());

/**
 * Mean over all samples of mean(max(0, 1 - y * p)), for targets -1 or 1 (or 0 or 1).
 *
 * Targets and predictions are [batch, ...].
 *
 * @throws Error when applied, if the shapes differ ([N] for [N, 1] is accepted)
 *
 * @example
 * model.compile({ optimizer: 'adam', loss: 'squaredHinge', metrics: ['hinge'] });
 */
export const hinge = (options: NamedOptions = {}): Metric => meanLoss('hinge', options, hinges.hinge());

/**
 * Mean over all samples of mean(max(0, 1 - y * p)^2), for targets -1 or 1 (or 0 or 1).
 *
 * Targets and predictions are [batch, ...].
 *
 * @throws Error when applied, if the shapes differ ([N] for [N, 1] is accepted)
 *
 * @example
 * model.compile({ optimizer: 'adam', loss: 'hinge', metrics: ['squaredHinge'] });
 */
export const squaredHinge = (options: NamedOptions = {}): Metric =>
  meanLoss('squaredHinge', options, hinges.squaredHinge());

/**
 * Mean over all samples of max(0, 1 + max((1 - y) * p) - sum(y * p)).
 *
 * Targets are one-hot, as the predictions [batch, ..., classes].
 *
 * @throws Error when applied, if the shapes differ
 *
 * @example
 * model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy', metrics: ['categoricalHinge'] });
 */
export const categoricalHinge = (options: NamedOptions = {}): Metric =>
  meanLoss('categoricalHinge', options, hinges.categoricalHinge());

/**
 * Mean cosine of the angle between targets and predictions, sum(y * p) / (|y| |p|), 1 where they agree: the loss of that
 * name, negated.
 *
 * Targets and predictions are [batch, ..., features].
 *
 * @throws Error when applied, if the shapes differ ([N] for [N, 1] is accepted)
 *
 * @example
 * model.compile({ optimizer: 'adam', loss: 'mse', metrics: ['cosineSimilarity'] });
 */
export const cosineSimilarity = (options: NamedOptions = {}): Metric => {
  const loss = losses.cosineSimilarity();
  const cosine = meanMetric(nameOption('cosineSimilarity', options), (yTrue, yPred) => negative(loss(yTrue, yPred)));
  return remember(cosine, 'metrics.cosineSimilarity', options);
};

export interface PerplexityOptions extends crossentropy.SparseCrossentropyOptions, NamedOptions {}

/**
 * e to the mean crossentropy of class numbers: how many classes the model hesitates between. For language models.
 *
 * Options as in `losses.sparseCategoricalCrossentropy`. Targets are class numbers [batch, ...], predictions
 * [batch, ..., classes].
 *
 * @throws Error when an option is not valid
 *
 * @example
 * metrics.perplexity({ fromLogits: true, ignoreClass: 0 });
 */
export const perplexity = (options: PerplexityOptions = {}): Metric => {
  const where = 'metrics.perplexity';
  const name = nameOption('perplexity', options, [...crossentropy.sparseKeys, 'name']);
  const { name: _, ...rest } = options;
  return remember(meanMetric(name, crossentropy.sparseCrossentropy(where, rest), Math.exp), where, options);
};

/**
 * The coefficient of determination, 1 - sum((y - p)^2) / sum((y - mean(y))^2), over all values: 1 is perfect, 0 as good as
 * their mean. 0 when all targets are equal.
 *
 * The second sum comes from sum(y) and sum(y^2) in float32: targets whose mean is hundreds of times larger than their
 * deviation should be standardized, which training wants as well.
 *
 * Targets and predictions are [batch, ...].
 *
 * @throws Error when applied, if the shapes differ
 *
 * @example
 * model.compile({ optimizer: 'adam', loss: 'mse', metrics: ['r2Score'] });
 */
export const r2Score = (options: NamedOptions = {}): Metric => {
  const name = nameOption('r2Score', options);
  const metric: Metric = {
    name,
    size: 4,
    update(yTrue, yPred, sampleWeight, mask) {
      const y = reshape(alignTargets(name, yTrue, yPred), [-1]);
      const weights = flatWeights(yPred.shape, sampleWeight, mask);
      const error = square(subtract(y, reshape(yPred, [-1])));
      return stack(
        [weights, multiply(weights, y), multiply(weights, square(y)), multiply(weights, error)].map((v) => sum(v)),
      );
    },
    result(totals) {
      const [weight, first, second, error] = Array.from(totals) as [number, number, number, number];
      const spread = weight === 0 ? 0 : second - (first * first) / weight;
      return spread <= 0 ? 0 : 1 - error / spread;
    },
  };
  return remember(metric, 'metrics.r2Score', options);
};
