import type { Tensor } from '../ir/graph.js';
import {
  add,
  cast,
  clip,
  divide,
  greater,
  log,
  maximum,
  multiply,
  negative,
  notEqual,
  where as select,
  stopGradient,
  subtract,
} from '../ir/ops/elementwise.js';
import { logSoftmax, sigmoidCrossEntropy, sparseSoftmaxCrossEntropy } from '../ir/ops/nn.js';
import { mean, sum } from '../ir/ops/reduce.js';
import { boolean, checkOptions, integer, numberIn, withoutOptions } from '../layers/arguments.js';
import { defineLoss, type Loss } from './loss.js';
import { alignLabels, alignTargets, perEntry, shapeError } from './targets.js';
import {
  type ClassWeightOptions,
  checkClassWeights,
  classWeightKeys,
  classWeightTable,
  weighted,
  weightsOfLabels,
} from './weighting.js';

/** Probabilities are kept this far from 0 and 1; Keras's value. */
const epsilon = 1e-7;

export const bounded = (probabilities: Tensor): Tensor => clip(probabilities, epsilon, 1 - epsilon);

export interface CrossentropyOptions {
  /**
   * Predictions are logits. Default: false, probabilities. Those that come straight from a sigmoid or softmax are
   * taken back to logits, which is exact and faster, so a model with an activation at its end loses nothing.
   */
  readonly fromLogits?: boolean;
}

export interface SmoothedCrossentropyOptions extends CrossentropyOptions {
  /** Moves targets this far toward the uniform distribution, 0 .. 1. Default: 0. */
  readonly labelSmoothing?: number;
}

export interface CategoricalCrossentropyOptions extends SmoothedCrossentropyOptions, ClassWeightOptions {}

export interface SparseCrossentropyOptions extends CategoricalCrossentropyOptions {
  /** Entries with this label, which may be out of range, do not count. Default: none. */
  readonly ignoreClass?: number;
}

/** The input of the sigmoid or softmax that made the predictions, when that is how they were made. */
export function logitsBehind(yPred: Tensor, op: 'sigmoid' | 'softmax'): Tensor | undefined {
  const { node } = yPred;
  if (node.op === 'stopGradient') {
    // predictions reach metrics this way
    const logits = logitsBehind(node.inputs[0] as Tensor, op);
    return logits && stopGradient(logits);
  }
  if (node.op !== op || (node.is('softmax') && node.attrs.log)) return undefined;
  return node.inputs[0];
}

export const sparseKeys: readonly string[] = ['fromLogits', 'labelSmoothing', 'ignoreClass', ...classWeightKeys];

/** @throws Error naming the option that is not valid */
export function checkCrossentropy(caller: string, options: SmoothedCrossentropyOptions, keys: readonly string[]) {
  checkOptions(caller, options, keys);
  return {
    fromLogits: boolean(caller, 'fromLogits', options.fromLogits ?? false),
    smoothing: numberIn(caller, 'labelSmoothing', options.labelSmoothing ?? 0, { min: 0, max: 1 }),
  };
}

/**
 * mean(-y * log(p) - (1 - y) * log(1 - p)) over the last axis: for one or several yes/no answers.
 *
 * - targets: 0 .. 1, as the predictions [batch, ..., n]
 * - predictions: probabilities, or logits with `fromLogits`
 * - `labelSmoothing` s: y becomes y * (1 - s) + s / 2
 * - result: float32 [batch, ...]
 *
 * @throws Error when an option is not valid; when applied, if the shapes differ ([N] for [N, 1] is accepted)
 *
 * @example
 * sequential([layers.dense({ units: 1, activation: 'sigmoid', inputShape: [30] })])
 *   .compile({ optimizer: 'adam', loss: 'binaryCrossentropy', metrics: ['accuracy'] });
 */
export function binaryCrossentropy(options: SmoothedCrossentropyOptions = {}): Loss {
  const name = 'binaryCrossentropy';
  const { fromLogits, smoothing } = checkCrossentropy(`losses.${name}`, options, ['fromLogits', 'labelSmoothing']);
  const loss = (yTrue: Tensor, yPred: Tensor): Tensor => {
    let y = alignTargets(name, yTrue, yPred);
    if (smoothing > 0) y = add(multiply(y, 1 - smoothing), smoothing / 2);
    const logits = fromLogits ? yPred : logitsBehind(yPred, 'sigmoid');
    if (logits !== undefined) return perEntry(sigmoidCrossEntropy(logits, y));
    const p = bounded(yPred);
    const likelihood = add(multiply(y, log(p)), multiply(subtract(1, y), log(subtract(1, p))));
    return negative(perEntry(likelihood));
  };
  return defineLoss(name, loss, { targetDType: 'float32', task: 'binary', fromLogits, config: options });
}

/**
 * -sum(y * log(p)) over the classes, the last axis: for targets that are distributions over classes, or one-hot.
 *
 * - targets: as the predictions [batch, ..., classes]
 * - predictions: probabilities (divided by their sum, then kept in 1e-7 .. 1 - 1e-7), or logits with `fromLogits`
 * - `labelSmoothing` s: y becomes y * (1 - s) + s / classes
 * - `classWeights` w: each entry counts sum(w * y) times
 * - result: float32 [batch, ...]
 *
 * @throws Error when an option is not valid; when applied, if the shapes differ
 *
 * @example
 * model.compile({ optimizer: 'adam', loss: losses.categoricalCrossentropy({ fromLogits: true, labelSmoothing: 0.1 }) });
 *
 * Source: for `labelSmoothing`, Szegedy et al., "Rethinking the Inception architecture for computer vision", CVPR 2016.
 */
export function categoricalCrossentropy(options: CategoricalCrossentropyOptions = {}): Loss {
  const name = 'categoricalCrossentropy';
  const { fromLogits, smoothing } = checkCrossentropy(`losses.${name}`, options, [
    ...['fromLogits', 'labelSmoothing'],
    ...classWeightKeys,
  ]);
  const { classWeights, normalization } = checkClassWeights(`losses.${name}`, options);
  const loss = (yTrue: Tensor, yPred: Tensor): Tensor => {
    const classes = yPred.shape[yPred.rank - 1] ?? 0;
    if (yPred.rank < 2 || yTrue.rank !== yPred.rank) {
      throw shapeError(
        name,
        yTrue,
        yPred,
        'both of shape [batch, ..., classes]; for class numbers use the sparse loss',
      );
    }
    const target = alignTargets(name, yTrue, yPred);
    const y = smoothing > 0 ? add(multiply(target, 1 - smoothing), smoothing / classes) : target;
    const logits = fromLogits ? yPred : logitsBehind(yPred, 'softmax');
    const logProbabilities =
      logits === undefined ? log(bounded(divide(yPred, sum(yPred, -1, { keepDims: true })))) : logSoftmax(logits);
    const value = negative(sum(multiply(y, logProbabilities), -1));
    if (classWeights === undefined) return value;
    const weights = sum(multiply(target, classWeightTable(`losses.${name}`, classWeights, classes)), -1);
    return weighted(value, weights, normalization);
  };
  return defineLoss(name, loss, { targetDType: 'float32', task: 'categorical', fromLogits, config: options });
}

/**
 * -log(p[label]): as `categoricalCrossentropy`, for targets that are class numbers.
 *
 * - targets: whole numbers in 0 .. classes - 1, [batch, ...] or [batch, ..., 1]
 * - predictions: [batch, ..., classes], probabilities (kept in 1e-7 .. 1 - 1e-7, then divided by their sum), or logits
 *   with `fromLogits`
 * - `labelSmoothing` s: (1 - s) * -log(p[label]) + s * mean(-log(p))
 * - `classWeights` w: each entry counts w[label] times
 * - `ignoreClass`: entries with this label count 0 times; what is left is averaged
 * - result: float32 [batch, ...]
 *
 * A label out of range makes the step fail with an error.
 *
 * @throws Error when an option is not valid; when applied, if the labels do not fit the predictions
 *
 * @example
 * model.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] });
 */
export const sparseCategoricalCrossentropy = (options: SparseCrossentropyOptions = {}): Loss =>
  sparseCrossentropy('losses.sparseCategoricalCrossentropy', options);

/** @param where for messages: what was called with the options */
export function sparseCrossentropy(where: string, options: SparseCrossentropyOptions): Loss {
  const name = 'sparseCategoricalCrossentropy';
  const { fromLogits, smoothing } = checkCrossentropy(where, options, sparseKeys);
  const { ignoreClass } = options;
  if (ignoreClass !== undefined) integer(where, 'ignoreClass', ignoreClass);
  const { classWeights, normalization } = checkClassWeights(where, options, ignoreClass !== undefined);
  const loss = (yTrue: Tensor, yPred: Tensor): Tensor => {
    const given = alignLabels(name, yTrue, yPred);
    const logits = fromLogits ? yPred : (logitsBehind(yPred, 'softmax') ?? log(bounded(yPred)));
    const counts = ignoreClass === undefined ? undefined : notEqual(given, ignoreClass);
    const labels = counts === undefined ? given : select(counts, given, 0);
    let value = sparseSoftmaxCrossEntropy(logits, labels);
    if (smoothing > 0) {
      const uniform = negative(mean(logSoftmax(logits), -1));
      value = add(multiply(value, 1 - smoothing), multiply(uniform, smoothing));
    }
    if (classWeights === undefined && counts === undefined) return value;
    const classes = yPred.shape[yPred.rank - 1] as number;
    const weights = classWeights && weightsOfLabels(where, classWeights, labels, classes);
    const kept = counts && cast(counts, 'float32');
    return weighted(value, weights && kept ? multiply(weights, kept) : ((weights ?? kept) as Tensor), normalization);
  };
  return defineLoss(name, loss, { targetDType: 'int32', task: 'sparseCategorical', fromLogits, config: options });
}

/**
 * sum(y * log(y / p)) over the last axis: how far the distribution p is from y. Both are kept in 1e-7 .. 1.
 *
 * - targets and predictions: probabilities [batch, ..., classes]
 * - result: float32 [batch, ...]
 *
 * @throws Error when applied, if the shapes differ
 *
 * @example
 * model.compile({ optimizer: 'adam', loss: 'klDivergence' });
 *
 * Source: Kullback and Leibler, "On information and sufficiency", 1951.
 */
export const klDivergence: () => Loss = withoutOptions('losses.klDivergence', () => {
  const name = 'klDivergence';
  const loss = (yTrue: Tensor, yPred: Tensor): Tensor => {
    // not `clip`: a probability of exactly 1 is an ordinary value, whose gradient must not be shared with the bound
    const limited = (q: Tensor): Tensor => select(greater(q, 1), 1, maximum(q, epsilon));
    const y = limited(alignTargets(name, yTrue, yPred));
    const p = limited(yPred);
    return sum(multiply(y, subtract(log(y), log(p))), -1);
  };
  return defineLoss(name, loss, { targetDType: 'float32', task: 'categorical' });
});
