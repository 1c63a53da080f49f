import { formatType, type Tensor } from '../ir/graph.js';
import { add, maximum, minimum, multiply, sqrt, square, subtract } from '../ir/ops/elementwise.js';
import { sum } from '../ir/ops/reduce.js';
import { reshape, sliceAxis } from '../ir/ops/shape.js';
import { boolean, checkOptions, numberIn } from '../layers/arguments.js';
import { defineLoss, type Loss } from './loss.js';
import { alignTargets, perEntry } from './targets.js';

export interface TripletMarginOptions {
  /** How much farther the negative should be. Default: 1. */
  readonly margin?: number;
  /** Added to differences, so that equal vectors have a gradient. Default: 1e-6. */
  readonly epsilon?: number;
  /** Uses the smaller of the distances of the negative from anchor and positive. Default: false. */
  readonly swap?: boolean;
}

/**
 * max(0, |a - p| - |a - n| + margin) for each sample: an embedding in which the positive is nearer to the anchor than the
 * negative is. As PyTorch's TripletMarginLoss with p = 2.
 *
 * - predictions: [batch, 3, features]: anchor, positive and negative
 * - targets: anything, not used
 * - result: float32 [batch]
 *
 * @throws Error when an option is not valid; when applied, if the predictions have another shape
 *
 * @example
 * // one network applied to three inputs
 * const towers = [anchor, positive, negative].map((x) => layers.reshape({ targetShape: [1, 64] }).apply(net.apply(x)));
 * model({ inputs: [anchor, positive, negative], outputs: layers.concatenate({ axis: 1 }).apply(towers) });
 *
 * Source: Balntas et al., "Learning local feature descriptors with triplets", BMVC 2016.
 */
export function tripletMargin(options: TripletMarginOptions = {}): Loss {
  const where = 'losses.tripletMargin';
  checkOptions(where, options, ['margin', 'epsilon', 'swap']);
  const margin = numberIn(where, 'margin', options.margin ?? 1, { min: 0 });
  const epsilon = numberIn(where, 'epsilon', options.epsilon ?? 1e-6, { min: 0 });
  const swap = boolean(where, 'swap', options.swap ?? false);
  const distance = (a: Tensor, b: Tensor): Tensor => sqrt(sum(square(add(subtract(a, b), epsilon)), -1));
  const loss = (_: Tensor, yPred: Tensor): Tensor => {
    if (yPred.rank !== 3 || yPred.shape[1] !== 3) {
      throw new Error(`tripletMargin: expected predictions [batch, 3, features], got ${formatType(yPred)}`);
    }
    const [batch, , features] = yPred.shape as [number, number, number];
    const part = (i: number): Tensor => reshape(sliceAxis(yPred, 1, i, i + 1), [batch, features]);
    const [anchor, positive, negative] = [part(0), part(1), part(2)];
    const far = distance(anchor, negative);
    const negativeDistance = swap ? minimum(far, distance(positive, negative)) : far;
    return maximum(add(subtract(distance(anchor, positive), negativeDistance), margin), 0);
  };
  return defineLoss('tripletMargin', loss, { config: options });
}

export interface ContrastiveOptions {
  /** Distance beyond which different pairs need not be pushed further apart. Default: 1. */
  readonly margin?: number;
}

/**
 * mean(y * d^2 + (1 - y) * max(0, margin - d)^2) over the last axis: d is the distance of a pair, y is 1 where the two are
 * alike and 0 where they are not.
 *
 * - targets: 0 or 1, as the predictions
 * - predictions: distances [batch, ..., n]
 * - result: float32 [batch, ...]
 *
 * @throws Error when `margin` is negative; when applied, if the shapes differ ([N] for [N, 1] is accepted)
 *
 * @example
 * // the distance of two embeddings, each [batch, 64]
 * const distance = layers.lambda((a, b) => ops.norm(ops.subtract(a, b), -1, { keepDims: true })).apply([left, right]);
 * model({ inputs: [left, right], outputs: distance }).compile({ optimizer: 'adam', loss: losses.contrastive() });
 *
 * Source: Hadsell, Chopra and LeCun, "Dimensionality reduction by learning an invariant mapping", CVPR 2006.
 */
export function contrastive(options: ContrastiveOptions = {}): Loss {
  const where = 'losses.contrastive';
  checkOptions(where, options, ['margin']);
  const margin = numberIn(where, 'margin', options.margin ?? 1, { min: 0 });
  const loss = (yTrue: Tensor, yPred: Tensor): Tensor => {
    const y = alignTargets('contrastive', yTrue, yPred);
    const apart = square(maximum(subtract(margin, yPred), 0));
    return perEntry(add(multiply(y, square(yPred)), multiply(subtract(1, y), apart)));
  };
  return defineLoss('contrastive', loss, { targetDType: 'float32', config: options });
}
