import { formatType, sameShape, type Tensor } from '../ir/graph.js';
import { cast } from '../ir/ops/elementwise.js';
import { mean } from '../ir/ops/reduce.js';
import { reshape } from '../ir/ops/shape.js';

/** An error about targets that do not fit predictions. */
export const shapeError = (where: string, yTrue: Tensor, yPred: Tensor, expected: string): Error =>
  new Error(`${where}: targets ${formatType(yTrue)} do not fit predictions ${formatType(yPred)}: expected ${expected}`);

/**
 * Targets as float32 in the shape of the predictions. A last dimension of size 1 may be missing or too many ([N] for
 * [N, 1]); nothing else broadcasts, because [N] against [N, 1] would silently become [N, N].
 *
 * @throws Error naming both shapes
 */
export function alignTargets(where: string, yTrue: Tensor, yPred: Tensor): Tensor {
  const target = cast(yTrue, 'float32');
  if (sameShape(target.shape, yPred.shape)) return target;
  if (sameShape([...target.shape, 1], yPred.shape) || sameShape(target.shape, [...yPred.shape, 1])) {
    return reshape(target, yPred.shape);
  }
  throw shapeError(where, yTrue, yPred, `the same shape`);
}

/**
 * Labels as int32 in the shape of the predictions without their last dimension, the classes. A last dimension of size 1
 * in the labels is dropped.
 *
 * @throws Error naming both shapes
 */
export function alignLabels(where: string, yTrue: Tensor, yPred: Tensor): Tensor {
  const outer = yPred.shape.slice(0, -1);
  const fits = sameShape(yTrue.shape, outer) || sameShape(yTrue.shape, [...outer, 1]);
  if (yPred.rank < 2 || !fits) {
    throw shapeError(
      where,
      yTrue,
      yPred,
      `predictions [batch, ..., classes] and labels of the same shape without classes`,
    );
  }
  return reshape(cast(yTrue, 'int32'), outer);
}

/** Mean over the last axis: one value for each entry of [batch, ..., n]. A value for each sample, [batch], stays. */
export const perEntry = (values: Tensor): Tensor => (values.rank <= 1 ? values : mean(values, -1));

/** Mean over everything but the batch: one value per sample. */
export const perSample = (values: Tensor): Tensor =>
  values.rank <= 1
    ? values
    : mean(
        values,
        Array.from({ length: values.rank - 1 }, (_, i) => i + 1),
      );
