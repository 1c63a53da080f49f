/** Models and their training. */
export type { Callback, FitContext, Progress } from './callback.js';
export type { EarlyStoppingOptions, ReduceLROnPlateauOptions } from './callbacks.js';
export * as callbacks from './callbacks.js';
export type { ArrayData, ModelData, NumberArray } from './columns.js';
export { model, sequential } from './create.js';
export type { Results } from './evaluator.js';
export type { BatchOptions, EvaluateOptions, FitOptions, PredictOptions } from './fit-options.js';
export { History } from './history.js';
export { loadModel, modelFromJSON } from './load.js';
export { Model } from './model.js';
export type { ModelCheckpointOptions } from './model-checkpoint.js';
export type { MonitorOptions } from './monitor.js';
export type { CompileOptions, LossArgument, MetricArgument, PerOutput } from './objective.js';
export type {
  KernelProfile,
  Profile,
  ProfileGroup,
  ProfileMode,
  ProfileOptions,
  ProfileTotals,
} from './profile/index.js';
export type { ProgressBarOptions, ProgressStream } from './progress.js';
export type { ResumePoint } from './resume.js';
export type { ModelJson } from './saving/model-json.js';
export type { SaveOptions } from './saving/options.js';
export type { Logs } from './sums.js';
export type { TopologyOptions } from './topology.js';
export type { ClassWeight, SampleWeight } from './weighting.js';
export type { WeightValue, WeightValues } from './weights.js';
