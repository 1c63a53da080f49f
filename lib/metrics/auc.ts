import type { Tensor } from '../ir/graph.js';
import {
  cast,
  ceil,
  clip,
  greater,
  isNaN,
  maximum,
  multiply,
  where as select,
  sigmoid,
  subtract,
} from '../ir/ops/elementwise.js';
import { scatterAdd } from '../ir/ops/indexing.js';
import { concatenate, reshape } from '../ir/ops/shape.js';
import { argumentError, boolean, integer, oneOf } from '../layers/arguments.js';
import { remember } from '../layers/recipe.js';
import { alignTargets } from '../losses/targets.js';
import type { Metric } from './metric.js';
import { nameOption } from './name.js';
import { averagePrecision, keep, rankArea, ranked, sizeOfKept } from './ranking.js';
import { flatWeights } from './weights.js';

export interface AUCOptions {
  /** 'ROC': true against false positive rate; 'PR': precision against recall. Default: 'ROC'. */
  readonly curve?: 'ROC' | 'PR';
  /** Points of the curve. More are nearer to the exact area. Default: 200. */
  readonly numThresholds?: number;
  /** Keeps so many predictions of an epoch, and gives the exact area. Instead of `numThresholds`. Default: none are kept. */
  readonly capacity?: number;
  /** Predictions are logits. Default: false, probabilities. */
  readonly fromLogits?: boolean;
  /** Reported under this name. */
  readonly name?: string;
}

/**
 * Area under the receiver operating characteristic (true against false positive rate), or under the precision-recall
 * curve, as Keras approximates them: at thresholds that are evenly spaced in 0 .. 1, with trapezoids between them (ROC),
 * or the interpolation of Davis and Goadrich (PR).
 *
 * Predictions between the same two thresholds count as ties. So the area under the ROC curve is off by at most half the
 * share of the pairs of one positive and one negative that lie between the same two thresholds, and exact where there are
 * none: with `numThresholds` 2^17 it is for most predictions, at 1 MiB of sums. 0 when a class is missing.
 *
 * With `capacity` the area is exact, and what scikit-learn's functions of these names give, with sample weights too:
 *
 * - 'ROC': `roc_auc_score`, the share of pairs of a positive and a negative where the positive is ranked higher, ties
 *   counting half (Mann and Whitney)
 * - 'PR': `average_precision_score`, the sum over all thresholds n of (recall[n] - recall[n - 1]) precision[n]; the
 *   curve is not interpolated
 *
 * Each number of the predictions takes a place, of 8 bytes; there must be places for all of an epoch, of training and of
 * evaluation. Every batch adds vectors of this length, so its time grows with the capacity: some two microseconds for
 * 1,000 places. Predictions may then be any numbers, and logits are ranked as they are.
 *
 * Targets are 0 or 1, as the predictions [batch, ...], which are probabilities; what lies outside of 0 .. 1 is moved to the
 * border.
 *
 * @throws Error when an option is not valid; when applied, if the shapes differ; at the end of an epoch with more
 *     predictions than the capacity
 *
 * @example
 * model.compile({ optimizer: 'adam', loss: 'binaryCrossentropy', metrics: [metrics.auc({ curve: 'PR' })] });
 * // exact, for up to 10,000 samples
 * const averagePrecision = metrics.auc({ curve: 'PR', capacity: 10_000, name: 'averagePrecision' });
 *
 * Source: Davis and Goadrich, "The relationship between precision-recall and ROC curves", ICML 2006.
 */
export function auc(options: AUCOptions = {}): Metric {
  const where = 'metrics.auc';
  const name = nameOption('auc', options, ['curve', 'numThresholds', 'capacity', 'fromLogits', 'name']);
  const curve = oneOf(where, 'curve', options.curve ?? 'ROC', ['ROC', 'PR']);
  const n = integer(where, 'numThresholds', options.numThresholds ?? 200);
  if (n < 2) throw argumentError(where, 'numThresholds', 'an integer >= 2', n);
  const fromLogits = boolean(where, 'fromLogits', options.fromLogits ?? false);
  const { capacity } = options;
  if (capacity !== undefined) {
    if (options.numThresholds !== undefined) {
      throw new Error(`${where}: capacity and numThresholds exclude each other: nothing is approximated`);
    }
    return remember(exactArea(name, curve, checkCapacity(where, capacity)), where, options);
  }
  const metric: Metric = {
    name,
    size: 2 * n,
    update(yTrue, yPred, sampleWeight, mask) {
      const positive = cast(greater(reshape(alignTargets(name, yTrue, yPred), [-1]), 0.5), 'float32');
      const p = reshape(fromLogits ? sigmoid(yPred) : yPred, [-1]);
      const weights = flatWeights(yPred.shape, sampleWeight, mask);
      const histogram = (counts: Tensor): Tensor => scatterAdd(bucketOf(p, n), counts, n);
      return concatenate(
        [histogram(multiply(weights, positive)), histogram(multiply(weights, subtract(1, positive)))],
        0,
      );
    },
    result(totals) {
      const truePositives = above(totals, 0, n);
      const falsePositives = above(totals, n, n);
      return curve === 'ROC' ? rocArea(truePositives, falsePositives) : prArea(truePositives, falsePositives);
    },
  };
  return remember(metric, where, options);
}

/** Positions are counted in float32, which is exact up to 2^24. */
const checkCapacity = (where: string, capacity: number): number => {
  const most = 2 ** 23;
  if (Number.isInteger(capacity) && capacity >= 1 && capacity <= most) return capacity;
  throw argumentError(where, 'capacity', `a whole number in 1 .. ${most}`, capacity);
};

const exactArea = (name: string, curve: 'ROC' | 'PR', capacity: number): Metric => ({
  name,
  size: sizeOfKept(capacity),
  update(yTrue, yPred, sampleWeight, mask, totals) {
    const positive = greater(reshape(alignTargets(name, yTrue, yPred), [-1]), 0.5);
    const weights = flatWeights(yPred.shape, sampleWeight, mask);
    return keep(totals, reshape(yPred, [-1]), positive, weights, capacity);
  },
  result(totals) {
    const ties = ranked(name, totals, capacity);
    return curve === 'ROC' ? rankArea(ties) : averagePrecision(ties);
  },
});

/** How many thresholds -0, 1 / (n - 1), ..., 1 lie below a probability: at least 1, except for NaN, which is above none. */
const bucketOf = (p: Tensor, n: number): Tensor => {
  const number = maximum(ceil(multiply(clip(p, 0, 1), n - 1)), 1);
  return cast(select(isNaN(p), 0, number), 'int32');
};

/** How much lies above each threshold, and above none at first: all that is in a bucket or a later one. */
function above(histogram: ArrayLike<number>, from: number, n: number): number[] {
  const counts = new Array<number>(n).fill(0);
  let total = 0;
  for (let i = n - 1; i > 0; i--) {
    total += histogram[from + i] as number;
    counts[i - 1] = total;
  }
  return counts;
}

function rocArea(truePositives: readonly number[], falsePositives: readonly number[]): number {
  const [positives, negatives] = [truePositives[0] as number, falsePositives[0] as number];
  if (positives === 0 || negatives === 0) return 0;
  let area = 0;
  for (let i = 1; i < truePositives.length; i++) {
    const width = (falsePositives[i - 1] as number) - (falsePositives[i] as number);
    area += (width * ((truePositives[i - 1] as number) + (truePositives[i] as number))) / 2;
  }
  return area / (positives * negatives);
}

function prArea(truePositives: readonly number[], falsePositives: readonly number[]): number {
  const positives = truePositives[0] as number;
  if (positives === 0) return 0;
  const predicted = truePositives.map((tp, i) => tp + (falsePositives[i] as number));
  let area = 0;
  for (let i = 1; i < truePositives.length; i++) {
    const [before, after] = [predicted[i - 1] as number, predicted[i] as number];
    if (before === after) continue;
    const found = (truePositives[i - 1] as number) - (truePositives[i] as number);
    const slope = found / (before - after);
    const intercept = (truePositives[i] as number) - slope * after;
    const ratio = after > 0 ? before / after : 1;
    area += slope * (found + intercept * Math.log(ratio));
  }
  return area / positives;
}
