import { checkPrecision, type Precision } from '../ir/precision.js';
import { checkOptions, numberIn, show } from '../layers/arguments.js';
import type { SymbolicTensor } from '../layers/symbolic.js';
import type { Loss, LossFunction } from '../losses/loss.js';
import { type LossName, resolveLoss } from '../losses/resolve.js';
import type { Metric } from '../metrics/metric.js';
import { checkName } from '../metrics/name.js';
import { type MetricName, resolveMetric } from '../metrics/resolve.js';
import type { Optimizer } from '../optimizers/optimizer.js';
import { type OptimizerName, resolveOptimizer } from '../optimizers/resolve.js';
import { chooseDevice } from '../runtime/devices.js';
import { narrowStorage, plainStorage } from './storage.js';
import { outputKey } from './sums.js';
import type { Topology } from './topology.js';
import { discoverSlots, type MetricSlot, type Objective, type OutputLoss, StepVariables } from './trace.js';

export type LossArgument = LossName | LossFunction;
export type MetricArgument = MetricName | LossFunction | Metric;

/** One for all outputs, a list in the order of the outputs, or a record by their names. */
export type PerOutput<T> = T | readonly T[] | Readonly<Record<string, T>>;

export interface CompileOptions {
  /** A name, or what a function of `optimizers` returns. */
  readonly optimizer: OptimizerName | Optimizer;
  /** What training minimizes. With several outputs: the sum over the outputs. */
  readonly loss: PerOutput<LossArgument>;
  /** Factor of each output's loss in the sum. Default: 1. */
  readonly lossWeights?: readonly number[] | Readonly<Record<string, number>>;
  /**
   * What else is reported: for the only output, or for all of them; or by the outputs' names. Sample and class weights do
   * not change these numbers, as in Keras.
   */
  readonly metrics?: readonly MetricArgument[] | Readonly<Record<string, MetricArgument | readonly MetricArgument[]>>;
  /** As `metrics`, but weighted like the loss. */
  readonly weightedMetrics?: readonly MetricArgument[];
  /** Initial weights that are not set yet, order of the data and dropout follow from it. Default: random. */
  readonly seed?: number;
  /**
   * What the products of layers (matrix products, those of attention, convolutions but depthwise ones) and of their gradients
   * are computed in. In brackets the error of a product of normal numbers with k = 1024, relative to its result, root mean square:
   * - `'float32'` (default): operands as they are, sums in float32 (4e-7).
   * - `'tf32'`: operands may be rounded to 11 bits of mantissa, to nearest, ties away from zero (3e-4). GPUs multiply such
   *   numbers on their tensor cores; elsewhere, on the CPU too, it is `'float32'`.
   * - `'mixedBfloat16'`: operands are rounded to bfloat16, 8 bits of mantissa, to nearest and to even (2.3e-3). Up to twice as
   *   fast where the CPU has AVX512_BF16, with the same meaning everywhere.
   *
   * - `'bfloat16'`: as that, and weights, the optimizer's slots of them, results of layers and gradients of those are kept in two bytes:
   *   half of the memory. Each is computed in float32, then rounded: bf16(x) = the nearest number of 8 bits, the even one of two, 0 below
   *   2^-126. w' = bf16(w + d) is w for |d| < 2^-9 |w|: small updates vanish, in weights and in means of gradients alike (with
   *   beta2 = 0.999 second moments rise but do not fall). Train in `'mixedBfloat16'` unless memory is short. Statistics of batch
   *   normalization, moving averages of weights and states of recurrent layers stay float32.
   *
   * Sums, losses, metrics and what a model returns are float32 in each of them, and in all but the last so are weights and everything
   * between products. Both short formats have the exponents of float32, so gradients do not become 0 on the way and no loss scale,
   * fixed or dynamic, is needed (Kalamkar et al., 2019).
   *
   * It also holds for `evaluate` and `predict`, and is saved with the model.
   */
  readonly precision?: Precision;
  /**
   * Where the model is trained, evaluated and asked: 'cpu', or a GPU by its name, 'cuda:0' (see `devices`). The default is the
   * environment variable STEEPEST_DEVICE, or the CPU. Results on another device differ by rounding. Not saved with the model.
   * A GPU keeps the data of `fit` and `evaluate` as long as model and arrays are there and it has room: the next call over the same
   * arrays compares them with what was copied, and copies what has changed.
   */
  readonly device?: string;
}

const where = 'compile';
const optionKeys = ['optimizer', 'loss', 'lossWeights', 'metrics', 'weightedMetrics', 'seed', 'precision', 'device'];

/** Losses of the library say what their targets are. */
export interface CompiledObjective extends Objective {
  readonly losses: readonly (OutputLoss & { readonly loss: Loss })[];
}

/**
 * Checks and resolves what `compile` was given.
 *
 * @throws Error naming the option that is missing, unknown or not valid
 */
export function resolveObjective(
  topology: Topology,
  names: readonly string[],
  options: CompileOptions,
): CompiledObjective {
  checkOptions(where, options, optionKeys);
  if (options.optimizer === undefined) throw new Error(`${where}: optimizer is missing`);
  if (options.loss === undefined) throw new Error(`${where}: loss is missing`);
  const device = options.device === undefined ? undefined : chooseDevice(`${where}: device`, options.device);
  const precision = checkPrecision(`${where}: `, options.precision ?? 'float32');
  const optimizer = resolveOptimizer(where, options.optimizer);
  const weights = perOutput('lossWeights', names, options.lossWeights ?? names.map(() => 1));
  const losses = perOutput('loss', names, options.loss as PerOutput<LossArgument>).map((loss, i) => ({
    loss: resolveLoss(where, loss),
    weight: numberIn(where, `lossWeights of '${names[i]}'`, weights[i]),
    name: names[i] as string,
  }));
  const trainable = topology.trainableWeights;
  if (trainable.length === 0 && topology.weights.length > 0 && !topology.kernels.some((kernel) => kernel.scale)) {
    console.warn('steepest: compile: the model has no trainable weights; fit will not change it');
  }
  const variables = new StepVariables();
  const slots = discoverSlots(trainable, optimizer, variables);
  const metrics = resolveMetrics(topology.outputs, names, losses, options);
  const storage = precision === 'bfloat16' ? narrowStorage(topology, slots) : plainStorage;
  return { topology, losses, metrics, optimizer, precision, device, trainable, variables, slots, storage };
}

function perOutput<T extends string | number | LossFunction>(
  option: string,
  names: readonly string[],
  value: PerOutput<T>,
): T[] {
  if (Array.isArray(value)) {
    if (value.length === names.length) return [...value];
    throw new Error(
      `${where}: ${option} must have ${names.length} elements (${names.join(', ')}), got ${value.length}`,
    );
  }
  if (typeof value === 'object' && value !== null) {
    const record = value as Readonly<Record<string, T>>;
    checkNames(option, names, record);
    return names.map((name) => {
      const found = Object.hasOwn(record, name) ? record[name] : undefined;
      if (found !== undefined) return found;
      if (option === 'lossWeights') return 1 as T;
      throw new Error(`${where}: ${option} has nothing for output '${name}'`);
    });
  }
  return names.map(() => value as T);
}

function checkNames(option: string, names: readonly string[], record: object): void {
  for (const key of Object.keys(record)) {
    if (!names.includes(key)) {
      throw new Error(`${where}: ${option} names '${key}', which is not an output; outputs are ${names.join(', ')}`);
    }
  }
}

function resolveMetrics(
  outputs: readonly SymbolicTensor[],
  names: readonly string[],
  losses: CompiledObjective['losses'],
  options: CompileOptions,
): MetricSlot[] {
  const slots: MetricSlot[] = [];
  const addAll = (list: readonly MetricArgument[], output: number, weighted: boolean): void => {
    for (const argument of list) {
      const { shape: outputShape } = outputs[output] as SymbolicTensor;
      const metric = resolveMetric(where, argument, { loss: losses[output]?.loss, outputShape });
      checkName(where, weighted ? 'the name of each of weightedMetrics' : 'the name of each of metrics', metric.name);
      const name = weighted ? outputKey('weighted', metric.name) : metric.name;
      const key = names.length > 1 ? outputKey(names[output] as string, name) : name;
      if (key === 'loss' || slots.some((s) => s.key === key))
        throw new Error(`${where}: two metrics are named '${key}'`);
      slots.push({ key, metric, output, weighted });
    }
  };
  const { metrics = [], weightedMetrics = [] } = options;
  if (Array.isArray(metrics)) {
    for (const output of names.keys()) addAll(metrics as readonly MetricArgument[], output, false);
  } else if (typeof metrics === 'object' && metrics !== null) {
    checkNames('metrics', names, metrics);
    for (const [name, list] of Object.entries(metrics as Record<string, MetricArgument | readonly MetricArgument[]>)) {
      addAll(Array.isArray(list) ? list : [list as MetricArgument], names.indexOf(name), false);
    }
  } else {
    throw new Error(`${where}: metrics must be an array, or a record by output names, got ${show(metrics)}`);
  }
  if (!Array.isArray(weightedMetrics)) {
    throw new Error(`${where}: weightedMetrics must be an array, got ${show(weightedMetrics)}`);
  }
  for (const output of names.keys()) addAll(weightedMetrics, output, true);
  return slots;
}
