import type { Tensor } from '../ir/graph.js';
import {
  add,
  clip,
  divide,
  greater,
  log,
  maximum,
  multiply,
  negative,
  stopGradient,
  subtract,
  where,
} from '../ir/ops/elementwise.js';
import { logSoftmax, sigmoidCrossEntropy, sparseSoftmaxCrossEntropy } from '../ir/ops/nn.js';
import { sum } from '../ir/ops/reduce.js';
import { boolean, checkOptions, numberIn } from '../layers/arguments.js';
import { defineLoss, type Loss } from './loss.js';
import { alignLabels, alignTargets, perSample, shapeError } from './targets.js';

/** Probabilities are kept this far from 0 and 1; Keras's value. */
const epsilon = 1e-7;

const bounded = (probabilities: Tensor): Tensor => clip(probabilities, epsilon, 1 - epsilon);

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

/** The input of the sigmoid or softmax that made the predictions, when that is how they were made. */
function logitsBehind(yPred: Tensor, op: 'sigmoid' | 'softmax'): Tensor | undefined {
  const { node } = yPred;
  if (node.op === 'stopGradient') {
    // predictions reach metrics this way
    const logits = logitsBehind(node.inputs[0] as Tensor, op);
    return logits && stopGradient(logits);
  }
  if (node.op !== op || (node.is('softmax') && node.attrs.log)) return undefined;
  return node.inputs[0];
}

function checked(name: string, options: SmoothedCrossentropyOptions, keys: readonly string[]) {
  const caller = `losses.${name}`;
  checkOptions(caller, options, keys);
  return {
    fromLogits: boolean(caller, 'fromLogits', options.fromLogits ?? false),
    smoothing: numberIn(caller, 'labelSmoothing', options.labelSmoothing ?? 0, { min: 0, max: 1 }),
  };
}

/**
 * mean(-y * log(p) - (1 - y) * log(1 - p)) for each sample: for one or several yes/no answers.
 *
 * - targets: 0 .. 1, as the predictions [batch, ...]
 * - predictions: probabilities, or logits with `fromLogits`
 * - `labelSmoothing` s: y becomes y * (1 - s) + s / 2
 * - result: float32 [batch]
 *
 * @throws Error when an option is not valid; when applied, if the shapes differ ([N] for [N, 1] is accepted)
 *
 * @example
 * sequential([layers.dense({ units: 1, activation: 'sigmoid', inputShape: [30] })])
 *   .compile({ optimizer: 'adam', loss: 'binaryCrossentropy', metrics: ['accuracy'] });
 */
export function binaryCrossentropy(options: SmoothedCrossentropyOptions = {}): Loss {
  const name = 'binaryCrossentropy';
  const { fromLogits, smoothing } = checked(name, options, ['fromLogits', 'labelSmoothing']);
  const loss = (yTrue: Tensor, yPred: Tensor): Tensor => {
    let y = alignTargets(name, yTrue, yPred);
    if (smoothing > 0) y = add(multiply(y, 1 - smoothing), smoothing / 2);
    const logits = fromLogits ? yPred : logitsBehind(yPred, 'sigmoid');
    if (logits !== undefined) return perSample(sigmoidCrossEntropy(logits, y));
    const p = bounded(yPred);
    const likelihood = add(multiply(y, log(p)), multiply(subtract(1, y), log(subtract(1, p))));
    return negative(perSample(likelihood));
  };
  return defineLoss(name, loss, { targetDType: 'float32', task: 'binary', fromLogits, config: options });
}

/**
 * -sum(y * log(p)) over the classes, the last axis: for targets that are distributions over classes, or one-hot.
 *
 * - targets: as the predictions [batch, ..., classes]
 * - predictions: probabilities (divided by their sum, then kept in 1e-7 .. 1 - 1e-7), or logits with `fromLogits`
 * - `labelSmoothing` s: y becomes y * (1 - s) + s / classes
 * - result: float32 [batch]
 *
 * @throws Error when an option is not valid; when applied, if the shapes differ
 */
export function categoricalCrossentropy(options: SmoothedCrossentropyOptions = {}): Loss {
  const name = 'categoricalCrossentropy';
  const { fromLogits, smoothing } = checked(name, options, ['fromLogits', 'labelSmoothing']);
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
    let y = alignTargets(name, yTrue, yPred);
    if (smoothing > 0) y = add(multiply(y, 1 - smoothing), smoothing / classes);
    const logits = fromLogits ? yPred : logitsBehind(yPred, 'softmax');
    const logProbabilities =
      logits === undefined ? log(bounded(divide(yPred, sum(yPred, -1, { keepDims: true })))) : logSoftmax(logits);
    return perSample(negative(sum(multiply(y, logProbabilities), -1)));
  };
  return defineLoss(name, loss, { targetDType: 'float32', task: 'categorical', fromLogits, config: options });
}

/**
 * -log(p[label]): as `categoricalCrossentropy`, for targets that are class numbers.
 *
 * - targets: whole numbers in 0 .. classes - 1, [batch, ...] or [batch, ..., 1]
 * - predictions: [batch, ..., classes], probabilities (kept in 1e-7 .. 1 - 1e-7, then divided by their sum), or logits
 *   with `fromLogits`
 * - result: float32 [batch]
 *
 * A label out of range makes the step fail with an error.
 *
 * @throws Error when an option is not valid; when applied, if the labels do not fit the predictions
 *
 * @example
 * model.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] });
 */
export function sparseCategoricalCrossentropy(options: CrossentropyOptions = {}): Loss {
  const name = 'sparseCategoricalCrossentropy';
  const { fromLogits } = checked(name, options, ['fromLogits']);
  const loss = (yTrue: Tensor, yPred: Tensor): Tensor => {
    const labels = alignLabels(name, yTrue, yPred);
    const logits = fromLogits ? yPred : (logitsBehind(yPred, 'softmax') ?? log(bounded(yPred)));
    return perSample(sparseSoftmaxCrossEntropy(logits, labels));
  };
  return defineLoss(name, loss, { targetDType: 'int32', task: 'sparseCategorical', fromLogits, config: options });
}

/**
 * sum(y * log(y / p)) over the last axis: how far the distribution p is from y. Both are kept in 1e-7 .. 1.
 *
 * - targets and predictions: probabilities [batch, ..., classes]
 * - result: float32 [batch]
 *
 * @throws Error when applied, if the shapes differ
 *
 * Source: Kullback and Leibler, "On information and sufficiency", 1951.
 */
export function klDivergence(): Loss {
  const name = 'klDivergence';
  const loss = (yTrue: Tensor, yPred: Tensor): Tensor => {
    // not `clip`: a probability of exactly 1 is an ordinary value, whose gradient must not be shared with the bound
    const limited = (q: Tensor): Tensor => where(greater(q, 1), 1, maximum(q, epsilon));
    const y = limited(alignTargets(name, yTrue, yPred));
    const p = limited(yPred);
    return perSample(sum(multiply(y, subtract(log(y), log(p))), -1));
  };
  return defineLoss(name, loss, { targetDType: 'float32', task: 'categorical' });
}
