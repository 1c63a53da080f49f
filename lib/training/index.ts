/** Models and their training. */
export type { Callback, FitContext, Progress } from './callback.js';
export type { EarlyStoppingOptions, MonitorOptions, ReduceLROnPlateauOptions } from './callbacks.js';
export * as callbacks from './callbacks.js';
export type { ArrayData, ModelData, NumberArray } from './columns.js';
export { model, sequential } from './create.js';
export type { Results } from './evaluator.js';
export type { BatchOptions, EvaluateOptions, FitOptions, PredictOptions, SampleWeight } from './fit-options.js';
export { History } from './history.js';
export { Model } from './model.js';
export type { CompileOptions, LossArgument, MetricArgument, PerOutput } from './objective.js';
export type { ProgressBarOptions, ProgressStream } from './progress.js';
export type { Logs } from './sums.js';
export type { TopologyOptions } from './topology.js';
export type { ClassWeight } from './weighting.js';
export type { WeightValue, WeightValues } from './weights.js';
