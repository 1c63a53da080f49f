/** Metrics: numbers about predictions that are reported but not minimized. */
export { binaryAccuracy, categoricalAccuracy, sparseCategoricalAccuracy, type ThresholdOptions } from './accuracy.js';
export { precision, recall } from './confusion.js';
export type { Metric } from './metric.js';
export { meanAbsoluteError, meanSquaredError, rootMeanSquaredError } from './regression.js';
export type { MetricName } from './resolve.js';
