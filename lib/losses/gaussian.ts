import { formatType, type Tensor } from '../ir/graph.js';
import { add, cast, divide, log, maximum, multiply, square, subtract } from '../ir/ops/elementwise.js';
import { split } from '../ir/ops/shape.js';
import { boolean, checkOptions, numberIn } from '../layers/arguments.js';
import { defineLoss, type Loss } from './loss.js';
import { alignTargets, perEntry } from './targets.js';

export interface GaussianNLLOptions {
  /** Smallest variance. Default: 1e-6. */
  readonly epsilon?: number;
  /** Adds the constant log(2 pi) / 2, which makes it the exact log-likelihood. Default: false. */
  readonly full?: boolean;
}

/**
 * mean((log(v) + (y - m)^2 / v) / 2) over the last axis: a network that says how sure it is. As PyTorch's GaussianNLLLoss.
 *
 * - predictions: [batch, ..., 2 * n], first the n means m, then the n variances v (make them positive: 'softplus')
 * - targets: [batch, ..., n]
 * - result: float32 [batch, ...]
 *
 * @throws Error when an option is not valid; when applied, if the shapes do not fit
 *
 * @example
 * // a mean, and a variance that softplus keeps positive
 * const mean = layers.dense({ units: 1 }).apply(left);
 * const variance = layers.dense({ units: 1, activation: 'softplus' }).apply(left);
 * model({ inputs: left, outputs: layers.concatenate().apply([mean, variance]) })
 *   .compile({ optimizer: 'adam', loss: losses.gaussianNLL() });
 *
 * Source: Nix and Weigend, "Estimating the mean and variance of the target probability distribution", 1994.
 */
export function gaussianNLL(options: GaussianNLLOptions = {}): Loss {
  const where = 'losses.gaussianNLL';
  checkOptions(where, options, ['epsilon', 'full']);
  const epsilon = numberIn(where, 'epsilon', options.epsilon ?? 1e-6, { min: 0, minOpen: true });
  const full = boolean(where, 'full', options.full ?? false);
  const loss = (yTrue: Tensor, yPred: Tensor): Tensor => {
    if (yPred.rank < 2 || (yPred.shape[yPred.rank - 1] as number) % 2 !== 0) {
      throw new Error(`gaussianNLL: expected predictions [batch, ..., 2 * n], got ${formatType(yPred)}`);
    }
    const [mean, spread] = split(yPred, 2) as [Tensor, Tensor];
    const y = cast(alignTargets('gaussianNLL', yTrue, mean), 'float32');
    const variance = maximum(spread, epsilon);
    const value = multiply(add(log(variance), divide(square(subtract(y, mean)), variance)), 0.5);
    return perEntry(full ? add(value, 0.5 * Math.log(2 * Math.PI)) : value);
  };
  return defineLoss('gaussianNLL', loss, { config: options });
}
