import * as losses from '../losses/regression.js';
import { meanMetric } from './mean.js';
import type { Metric } from './metric.js';

/** Mean over all samples of mean((y - p)^2). */
export const meanSquaredError = (): Metric => meanMetric('meanSquaredError', losses.meanSquaredError());

/** Mean over all samples of mean(|y - p|). */
export const meanAbsoluteError = (): Metric => meanMetric('meanAbsoluteError', losses.meanAbsoluteError());

/** Square root of the mean squared error over the whole epoch, in the unit of the targets. */
export const rootMeanSquaredError = (): Metric =>
  meanMetric('rootMeanSquaredError', losses.meanSquaredError(), Math.sqrt);
