import type { Tensor } from '../ir/graph.js';
import { add, equal, logicalOr, maximum, multiply, where as select, square, subtract } from '../ir/ops/elementwise.js';
import { all, max, sum } from '../ir/ops/reduce.js';
import { broadcastTo } from '../ir/ops/shape.js';
import { withoutOptions } from '../layers/arguments.js';
import { defineLoss, type Loss } from './loss.js';
import { alignTargets, perEntry } from './targets.js';

/** Targets in {-1, 1}; a batch that holds only 0 and 1 is converted, as Keras does. */
function signs(y: Tensor): Tensor {
  const binary = all(logicalOr(equal(y, 0), equal(y, 1)));
  return select(broadcastTo(binary, y.shape), subtract(multiply(y, 2), 1), y);
}

const margin = (y: Tensor, p: Tensor): Tensor => maximum(subtract(1, multiply(signs(y), p)), 0);

/**
 * mean(max(0, 1 - y * p)) over the last axis: for maximum-margin classification.
 *
 * - targets: -1 or 1 (or 0 or 1), as the predictions [batch, ..., n]
 * - result: float32 [batch, ...]
 *
 * @throws Error when applied, if the shapes differ ([N] for [N, 1] is accepted)
 *
 * @example
 * sequential([layers.dense({ units: 1, inputShape: [30] })]).compile({ optimizer: 'adam', loss: 'hinge' });
 *
 * Source: Cortes and Vapnik, "Support-vector networks", Machine Learning 1995.
 */
export const hinge: () => Loss = withoutOptions('losses.hinge', () =>
  defineLoss('hinge', (yTrue, yPred) => perEntry(margin(alignTargets('hinge', yTrue, yPred), yPred)), {
    targetDType: 'float32',
    task: 'binary',
    fromLogits: true,
  }),
);

/**
 * mean(max(0, 1 - y * p)^2) over the last axis.
 *
 * - targets: -1 or 1 (or 0 or 1), as the predictions [batch, ..., n]
 * - result: float32 [batch, ...]
 *
 * @throws Error when applied, if the shapes differ ([N] for [N, 1] is accepted)
 *
 * @example
 * model.compile({ optimizer: 'adam', loss: 'squaredHinge' });
 */
export const squaredHinge: () => Loss = withoutOptions('losses.squaredHinge', () =>
  defineLoss(
    'squaredHinge',
    (yTrue, yPred) => perEntry(square(margin(alignTargets('squaredHinge', yTrue, yPred), yPred))),
    {
      targetDType: 'float32',
      task: 'binary',
      fromLogits: true,
    },
  ),
);

/**
 * max(0, 1 + max((1 - y) * p) - sum(y * p)) over the classes, the last axis, for one-hot targets.
 *
 * - targets: one-hot, as the predictions [batch, ..., classes]
 * - result: float32 [batch, ...]
 *
 * @throws Error when applied, if the shapes differ
 *
 * @example
 * model.compile({ optimizer: 'adam', loss: 'categoricalHinge' });
 */
export const categoricalHinge: () => Loss = withoutOptions('losses.categoricalHinge', () =>
  defineLoss(
    'categoricalHinge',
    (yTrue, yPred) => {
      const y = alignTargets('categoricalHinge', yTrue, yPred);
      const positive = sum(multiply(y, yPred), -1);
      const other = max(multiply(subtract(1, y), yPred), -1);
      return maximum(add(subtract(other, positive), 1), 0);
    },
    { targetDType: 'float32', task: 'categorical', fromLogits: true },
  ),
);
