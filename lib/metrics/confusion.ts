import { numberIn } from '../layers/arguments.js';
import { type CountsOptions, countsMetric } from './counts.js';
import type { Metric } from './metric.js';

const ratio = (part: number, rest: number): number => (part === 0 ? 0 : part / (part + rest));

/**
 * True positives / all predicted positives: how many of the found ones are right. 0 when nothing was predicted positive.
 *
 * Targets are 0 or 1, as the predictions [batch, ...]; with `classes` also class numbers [batch, ...] for predictions
 * [batch, ..., classes], of which the largest counts. Counts are summed in float32, exactly up to 2^24.
 *
 * @throws Error when an option is not valid; when applied, if the shapes differ
 *
 * @example
 * metrics.precision({ classes: 10, average: 'macro' });
 */
export const precision = (options: CountsOptions = {}): Metric =>
  countsMetric('precision', options, [], (c) => ratio(c.truePositives, c.falsePositives));

/**
 * True positives / all positives: how many of those to be found were found. 0 when there are none. Targets as in
 * `precision`.
 *
 * @throws Error when an option is not valid; when applied, if the shapes differ
 *
 * @example
 * metrics.recall({ threshold: 0.3 });
 */
export const recall = (options: CountsOptions = {}): Metric =>
  countsMetric('recall', options, [], (c) => ratio(c.truePositives, c.falseNegatives));

export interface FBetaOptions extends CountsOptions {
  /** How much more recall counts than precision. Default: 1, the harmonic mean of the two. */
  readonly beta?: number;
}

/**
 * (1 + beta^2) * precision * recall / (beta^2 * precision + recall); 0 without true positives. Targets as in `precision`.
 *
 * @throws Error when an option is not valid; when applied, if the shapes differ
 *
 * @example
 * metrics.fBetaScore({ beta: 2, classes: 3, average: 'weighted' });
 */
export function fBetaScore(options: FBetaOptions = {}): Metric {
  const beta = numberIn('metrics.fBetaScore', 'beta', options?.beta ?? 1, { min: 0, minOpen: true });
  const square = beta * beta;
  return countsMetric('fBetaScore', options, ['beta'], (c) =>
    ratio((1 + square) * c.truePositives, square * c.falseNegatives + c.falsePositives),
  );
}

/**
 * The harmonic mean of precision and recall, 2 * precision * recall / (precision + recall): `fBetaScore` with beta 1.
 * Targets as in `precision`.
 *
 * @throws Error when an option is not valid; when applied, if the shapes differ
 *
 * @example
 * metrics.f1Score({ classes: 10, average: 'macro' });
 */
export const f1Score = (options: CountsOptions = {}): Metric =>
  countsMetric('f1Score', options, [], (c) => ratio(2 * c.truePositives, c.falseNegatives + c.falsePositives));
