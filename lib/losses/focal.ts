import type { Tensor } from '../ir/graph.js';
import { add, divide, log, multiply, negative, power, sigmoid, subtract } from '../ir/ops/elementwise.js';
import { logSoftmax, sigmoidCrossEntropy, softmax } from '../ir/ops/nn.js';
import { sum } from '../ir/ops/reduce.js';
import { boolean, checkOptions, numberIn } from '../layers/arguments.js';
import { bounded, checkCrossentropy, logitsBehind, type SmoothedCrossentropyOptions } from './crossentropy.js';
import { defineLoss, type Loss } from './loss.js';
import { alignTargets, perEntry, shapeError } from './targets.js';

export interface FocalOptions extends SmoothedCrossentropyOptions {
  /** How much easy samples are discounted; 0 leaves the plain crossentropy. Default: 2. */
  readonly gamma?: number;
  /** Weight of the positive class. Default: 0.25. */
  readonly alpha?: number;
}

export interface BinaryFocalOptions extends FocalOptions {
  /** Weighs positives with alpha, negatives with 1 - alpha. Default: false. */
  readonly applyClassBalancing?: boolean;
}

const keys = ['fromLogits', 'labelSmoothing', 'gamma', 'alpha'] as const;

function checkFocal(name: string, options: FocalOptions, known: readonly string[]) {
  const where = `losses.${name}`;
  return {
    ...checkCrossentropy(`losses.${name}`, options, known),
    gamma: numberIn(where, 'gamma', options.gamma ?? 2, { min: 0 }),
    alpha: numberIn(where, 'alpha', options.alpha ?? 0.25, { min: 0, max: 1 }),
  };
}

const discounted = (loss: Tensor, certainty: Tensor, gamma: number): Tensor =>
  gamma === 0 ? loss : multiply(loss, power(subtract(1, certainty), gamma));

/**
 * Mean over the last axis of (1 - q)^gamma * crossentropy, where q is the probability given to the right answer: a binary
 * crossentropy in which what is known already counts little. As in Keras.
 *
 * - targets: 0 or 1, as the predictions [batch, ..., n]
 * - predictions: probabilities, or logits with `fromLogits`
 * - result: float32 [batch, ...]
 *
 * @throws Error when an option is not valid; when applied, if the shapes differ ([N] for [N, 1] is accepted)
 *
 * @example
 * model.compile({ optimizer: 'adam', loss: losses.binaryFocalCrossentropy({ applyClassBalancing: true }) });
 *
 * Source: Lin et al., "Focal loss for dense object detection", ICCV 2017.
 */
export function binaryFocalCrossentropy(options: BinaryFocalOptions = {}): Loss {
  const name = 'binaryFocalCrossentropy';
  checkOptions(`losses.${name}`, options, [...keys, 'applyClassBalancing']);
  const { fromLogits, smoothing, gamma, alpha } = checkFocal(name, options, [...keys, 'applyClassBalancing']);
  const balanced = boolean(`losses.${name}`, 'applyClassBalancing', options.applyClassBalancing ?? false);
  const loss = (yTrue: Tensor, yPred: Tensor): Tensor => {
    let y = alignTargets(name, yTrue, yPred);
    if (smoothing > 0) y = add(multiply(y, 1 - smoothing), smoothing / 2);
    const other = subtract(1, y);
    const logits = fromLogits ? yPred : logitsBehind(yPred, 'sigmoid');
    const p = logits === undefined ? bounded(yPred) : sigmoid(logits);
    const crossentropy =
      logits === undefined
        ? negative(add(multiply(y, log(p)), multiply(other, log(subtract(1, p)))))
        : sigmoidCrossEntropy(logits, y);
    const certainty = add(multiply(y, p), multiply(other, subtract(1, p)));
    const value = discounted(crossentropy, certainty, gamma);
    return perEntry(balanced ? multiply(value, add(multiply(y, alpha), multiply(other, 1 - alpha))) : value);
  };
  return defineLoss(name, loss, { targetDType: 'float32', task: 'binary', fromLogits, config: options });
}

/**
 * -alpha * sum(y * (1 - p)^gamma * log(p)) over the classes, the last axis. As in Keras.
 *
 * - targets: one-hot, as the predictions [batch, ..., classes]
 * - predictions: probabilities, or logits with `fromLogits`
 * - result: float32 [batch, ...]
 *
 * @throws Error when an option is not valid; when applied, if the shapes differ
 *
 * @example
 * model.compile({ optimizer: 'adam', loss: losses.categoricalFocalCrossentropy({ gamma: 1 }) });
 *
 * Source: Lin et al., "Focal loss for dense object detection", ICCV 2017.
 */
export function categoricalFocalCrossentropy(options: FocalOptions = {}): Loss {
  const name = 'categoricalFocalCrossentropy';
  const { fromLogits, smoothing, gamma, alpha } = checkFocal(name, options, keys);
  const loss = (yTrue: Tensor, yPred: Tensor): Tensor => {
    const classes = yPred.shape[yPred.rank - 1] ?? 0;
    if (yPred.rank < 2 || yTrue.rank !== yPred.rank) {
      throw shapeError(name, yTrue, yPred, 'both of shape [batch, ..., classes]');
    }
    let y = alignTargets(name, yTrue, yPred);
    if (smoothing > 0) y = add(multiply(y, 1 - smoothing), smoothing / classes);
    const logits = fromLogits ? yPred : logitsBehind(yPred, 'softmax');
    const p = logits === undefined ? bounded(divide(yPred, sum(yPred, -1, { keepDims: true }))) : softmax(logits);
    const logP = logits === undefined ? log(p) : logSoftmax(logits);
    return multiply(sum(discounted(multiply(y, logP), p, gamma), -1), -alpha);
  };
  return defineLoss(name, loss, { targetDType: 'float32', task: 'categorical', fromLogits, config: options });
}
