import type { Tensor } from '../ir/graph.js';
import { add, multiply } from '../ir/ops/elementwise.js';
import { scatterAdd } from '../ir/ops/indexing.js';
import { argmax } from '../ir/ops/reduce.js';
import { reshape } from '../ir/ops/shape.js';
import { argumentError, integer } from '../layers/arguments.js';
import { remember } from '../layers/recipe.js';
import { alignLabels, alignTargets } from '../losses/targets.js';
import type { Metric } from './metric.js';
import { nameOption } from './name.js';
import { flatWeights } from './weights.js';

export interface MatrixOptions {
  /** Number of classes: the last dimension of the predictions. */
  readonly classes: number;
  /** Reported under this name. */
  readonly name?: string;
}

/** A metric of the matrix counts[true class][predicted class]. */
function matrixMetric(
  kind: string,
  options: MatrixOptions,
  several: boolean,
  score: (matrix: (row: number, column: number) => number, classes: number) => number,
): Metric {
  const where = `metrics.${kind}`;
  const name = nameOption(kind, options, ['classes', 'name']);
  const classes = integer(where, 'classes', options.classes);
  if (classes < 2) throw argumentError(where, 'classes', 'an integer >= 2', classes);
  const labelsOf = (yTrue: Tensor, yPred: Tensor): Tensor => {
    if (yPred.shape[yPred.rank - 1] !== classes) {
      throw new Error(`${name}: expected predictions of ${classes} classes, got shape [${yPred.shape.join(', ')}]`);
    }
    const oneHot = yTrue.rank === yPred.rank && yTrue.shape[yTrue.rank - 1] === classes;
    return oneHot ? argmax(alignTargets(name, yTrue, yPred)) : alignLabels(name, yTrue, yPred);
  };
  const metric: Metric = {
    name,
    size: classes * classes,
    update(yTrue, yPred, sampleWeight, mask) {
      const cells = add(multiply(labelsOf(yTrue, yPred), classes), argmax(yPred));
      return scatterAdd(reshape(cells, [-1]), flatWeights(cells.shape, sampleWeight, mask), classes * classes);
    },
    result: (totals) => score((row, column) => totals[row * classes + column] as number, classes),
    ...(several ? { resultAll: (totals: ArrayLike<number>) => Array.from(totals) } : {}),
  };
  return remember(metric, where, options);
}

const total = (n: number, value: (i: number) => number): number => {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += value(i);
  return sum;
};

/**
 * How often each class was taken for which: counts of the true class (row) and the most probable one (column), weighted by
 * the sample weights. The reported number is the accuracy; beside it the matrix, row by row, as 'confusionMatrix[0]', ...
 *
 * Targets are class numbers [batch, ...] or one-hot, predictions [batch, ..., classes]. A label out of range makes the step
 * fail with an error. Counts are summed in float32, exactly up to 2^24.
 *
 * @throws Error when an option is not valid; when applied, if the shapes do not fit
 *
 * @example
 * metrics.confusionMatrix({ classes: 10 });
 */
export const confusionMatrix = (options: MatrixOptions): Metric =>
  matrixMetric('confusionMatrix', options, true, (at, n) => {
    const all = total(n, (i) => total(n, (j) => at(i, j)));
    return all === 0 ? 0 : total(n, (i) => at(i, i)) / all;
  });

/**
 * Intersection over union: true positives / (true positives + false positives + false negatives) of each class, averaged
 * over the classes that occur in targets or predictions. For segmentation. Targets as in `confusionMatrix`.
 *
 * @throws Error when an option is not valid; when applied, if the shapes do not fit
 *
 * @example
 * metrics.meanIoU({ classes: 21 });
 */
export const meanIoU = (options: MatrixOptions): Metric =>
  matrixMetric('meanIoU', options, false, (at, n) => {
    const unions = Array.from({ length: n }, (_, i) => total(n, (j) => at(i, j) + at(j, i)) - at(i, i));
    const present = unions.filter((u) => u > 0).length;
    return present === 0 ? 0 : total(n, (i) => (unions[i] === 0 ? 0 : at(i, i) / (unions[i] as number))) / present;
  });
