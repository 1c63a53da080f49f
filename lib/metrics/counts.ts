import type { Tensor } from '../ir/graph.js';
import { cast, greater, multiply, subtract } from '../ir/ops/elementwise.js';
import { oneHot } from '../ir/ops/indexing.js';
import { argmax, sum } from '../ir/ops/reduce.js';
import { concatenate, reshape } from '../ir/ops/shape.js';
import { numberIn, oneOf, positiveInteger } from '../layers/arguments.js';
import { remember } from '../layers/recipe.js';
import { alignLabels, alignTargets } from '../losses/targets.js';
import type { Metric } from './metric.js';
import { nameOption } from './name.js';
import { flatWeights } from './weights.js';

export type Average = 'micro' | 'macro' | 'weighted' | 'none';

export interface CountsOptions {
  /** Predictions above this mean yes. Default: 0.5; use 0 for logits. */
  readonly threshold?: number;
  /**
   * Number of classes of predictions [batch, ..., classes]; each is counted on its own. Default: none, all values are
   * answers to one question.
   */
  readonly classes?: number;
  /**
   * How the classes become one number: all counts together ('micro'), the mean over the classes ('macro'), the mean
   * weighted by how often each occurs ('weighted'), or as 'macro' with each class reported beside it ('none').
   * Default: 'micro'.
   */
  readonly average?: Average;
  /** Reported under this name. */
  readonly name?: string;
}

const keys = ['threshold', 'classes', 'average', 'name'] as const;

/** True positives, false positives and false negatives of a class. */
export interface Counts {
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly falseNegatives: number;
}

/** [entries, classes] of 0 and 1: what is true and what was predicted. */
function answers(name: string, yTrue: Tensor, yPred: Tensor, threshold: number, classes: number | undefined) {
  if (classes === undefined || classes === 1) {
    const target = greater(alignTargets(name, yTrue, yPred), 0.5);
    return [target, greater(yPred, threshold)].map((t) => reshape(cast(t, 'float32'), [-1, 1])) as [Tensor, Tensor];
  }
  if (yPred.shape[yPred.rank - 1] !== classes) {
    throw new Error(`${name}: expected predictions of ${classes} classes, got shape [${yPred.shape.join(', ')}]`);
  }
  const sparse = yTrue.rank < yPred.rank || yTrue.shape[yTrue.rank - 1] === 1;
  const predicted = sparse
    ? oneHot(argmax(yPred), classes) // class numbers: exactly one class is right
    : cast(greater(yPred, threshold), 'float32');
  const target = sparse
    ? oneHot(alignLabels(name, yTrue, yPred), classes)
    : cast(greater(alignTargets(name, yTrue, yPred), 0.5), 'float32');
  return [reshape(target, [-1, classes]), reshape(predicted, [-1, classes])] as [Tensor, Tensor];
}

const plus = (a: Counts, b: Counts): Counts => ({
  truePositives: a.truePositives + b.truePositives,
  falsePositives: a.falsePositives + b.falsePositives,
  falseNegatives: a.falseNegatives + b.falseNegatives,
});

/** A metric that is a function of the counts of each class. */
export function countsMetric(
  kind: string,
  options: CountsOptions,
  ownKeys: readonly string[],
  score: (counts: Counts) => number,
): Metric {
  const where = `metrics.${kind}`;
  const name = nameOption(kind, options, [...keys, ...ownKeys]);
  const threshold = numberIn(where, 'threshold', options.threshold ?? 0.5);
  const { classes } = options;
  const width = classes === undefined ? 1 : positiveInteger(where, 'classes', classes);
  const average = oneOf(where, 'average', options.average ?? 'micro', ['micro', 'macro', 'weighted', 'none']);
  if (average !== 'micro' && classes === undefined) {
    throw new Error(`${where}: average '${average}' needs classes, the number of classes`);
  }
  const all = (totals: ArrayLike<number>): Counts[] =>
    Array.from({ length: width }, (_, c) => ({
      truePositives: totals[c] as number,
      falsePositives: totals[width + c] as number,
      falseNegatives: totals[2 * width + c] as number,
    }));
  const metric: Metric = {
    name,
    size: 3 * width,
    update(yTrue, yPred, sampleWeight, mask) {
      const [target, predicted] = answers(name, yTrue, yPred, threshold, classes);
      const entries = width === 1 ? yPred.shape : yPred.shape.slice(0, -1);
      const weights = (sampleWeight ?? mask) && reshape(flatWeights(entries, sampleWeight, mask), [-1, 1]);
      const total = (counts: Tensor): Tensor => sum(weights ? multiply(counts, weights) : counts, 0);
      return concatenate(
        [
          total(multiply(target, predicted)),
          total(multiply(subtract(1, target), predicted)),
          total(multiply(target, subtract(1, predicted))),
        ],
        0,
      );
    },
    result(totals) {
      const counts = all(totals);
      if (average === 'micro') return score(counts.reduce(plus));
      const support = counts.map((c) => (average === 'weighted' ? c.truePositives + c.falseNegatives : 1));
      const whole = support.reduce((a, b) => a + b, 0);
      if (whole === 0) return 0;
      return counts.reduce((acc, c, i) => acc + score(c) * (support[i] as number), 0) / whole;
    },
  };
  const several = average === 'none' ? { resultAll: (totals: ArrayLike<number>) => all(totals).map(score) } : {};
  return remember({ ...metric, ...several }, where, options);
}
