/** Metrics: numbers about predictions that are reported but not minimized. */
export { binaryAccuracy, categoricalAccuracy, sparseCategoricalAccuracy, type ThresholdOptions } from './accuracy.js';
export { type AUCOptions, auc } from './auc.js';
export { type FBetaOptions, f1Score, fBetaScore, precision, recall } from './confusion.js';
export type { Average, CountsOptions } from './counts.js';
export { confusionMatrix, type MatrixOptions, meanIoU } from './matrix.js';
export { meanMetric, sumMetric } from './mean.js';
export type { Metric } from './metric.js';
export type { NamedOptions } from './name.js';
export {
  categoricalHinge,
  cosineSimilarity,
  hinge,
  klDivergence,
  logCosh,
  meanAbsoluteError,
  meanAbsolutePercentageError,
  meanSquaredError,
  meanSquaredLogarithmicError,
  type PerplexityOptions,
  perplexity,
  poisson,
  r2Score,
  rootMeanSquaredError,
  squaredHinge,
} from './regression.js';
export type { MetricName } from './resolve.js';
export { sparseTopKCategoricalAccuracy, type TopKOptions, topKCategoricalAccuracy } from './top-k.js';
