import { tensor } from '../ir/build.js';
import { formatType, Tensor } from '../ir/graph.js';
import { cast, divide, greater, multiply, where as select } from '../ir/ops/elementwise.js';
import { gather } from '../ir/ops/gather.js';
import { sum } from '../ir/ops/reduce.js';
import { argumentError, numberIn, oneOf } from '../layers/arguments.js';

export type ClassWeights = readonly number[] | Tensor;

export interface ClassWeightOptions {
  /** Factor on the loss of each class, as numbers or float32 [classes]. Default: 1 for all. */
  readonly classWeights?: ClassWeights;
  /**
   * What the sum over a batch is divided by: the number of entries ('size', Keras's way with class weights), or the sum of
   * their weights, where ignored entries weigh 0 ('weights', PyTorch's way; the loss is 0 where all are ignored).
   * Default: 'size', with `ignoreClass` 'weights'.
   */
  readonly normalization?: 'size' | 'weights';
}

export const classWeightKeys = ['classWeights', 'normalization'] as const;

/** @throws Error naming the option that is not valid */
export function checkClassWeights(where: string, options: ClassWeightOptions, ignores = false) {
  const { classWeights } = options;
  if (classWeights !== undefined && !(classWeights instanceof Tensor)) {
    if (!Array.isArray(classWeights)) throw argumentError(where, 'classWeights', 'an array of numbers', classWeights);
    for (const [i, w] of classWeights.entries()) numberIn(where, `classWeights[${i}]`, w, { min: 0 });
  }
  const normalization = options.normalization ?? (ignores ? 'weights' : 'size');
  return { classWeights, normalization: oneOf(where, 'normalization', normalization, ['size', 'weights']) };
}

/** @throws Error when there is not one weight for each class */
export function classWeightTable(where: string, classWeights: ClassWeights, classes: number): Tensor {
  const table = classWeights instanceof Tensor ? classWeights : tensor([...classWeights]);
  if (table.rank === 1 && table.size === classes && table.dtype === 'float32') return table;
  throw new Error(`${where}: classWeights must hold a number for each of ${classes} classes, got ${formatType(table)}`);
}

/** The weight of the class that each label names. */
export const weightsOfLabels = (where: string, classWeights: ClassWeights, labels: Tensor, classes: number): Tensor =>
  gather(classWeightTable(where, classWeights, classes), labels);

/**
 * Weighted entries, scaled so that their mean over the batch is sum(weight * loss) / sum(weight) if that is wanted, else
 * sum(weight * loss) / size.
 */
export function weighted(losses: Tensor, weights: Tensor, normalization: 'size' | 'weights'): Tensor {
  const values = multiply(losses, cast(weights, 'float32'));
  if (normalization === 'size') return values;
  const total = sum(weights);
  return multiply(values, select(greater(total, 0), divide(losses.size, total), 0));
}
