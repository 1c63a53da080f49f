import type { Tensor } from '../ir/graph.js';
import { cast, greater, multiply, subtract } from '../ir/ops/elementwise.js';
import { sum } from '../ir/ops/reduce.js';
import { reshape, stack } from '../ir/ops/shape.js';
import { alignTargets } from '../losses/targets.js';
import { checkThreshold, type ThresholdOptions } from './accuracy.js';
import type { Metric } from './metric.js';

/** hits / (hits + misses), 0 without any; `miss` marks what counts as a miss among predictions of 0 and 1. */
function ratio(name: string, options: ThresholdOptions, miss: (target: Tensor, predicted: Tensor) => Tensor): Metric {
  const threshold = checkThreshold(`metrics.${name}`, options);
  return {
    name,
    size: 2,
    update(yTrue, yPred, sampleWeight) {
      const target = cast(greater(alignTargets(name, yTrue, yPred), 0.5), 'float32');
      const predicted = cast(greater(yPred, threshold), 'float32');
      const total = (counts: Tensor): Tensor => {
        if (sampleWeight === undefined) return sum(counts);
        return sum(
          multiply(
            counts,
            reshape(
              sampleWeight,
              counts.shape.map((n, i) => (i === 0 ? n : 1)),
            ),
          ),
        );
      };
      return stack([total(multiply(target, predicted)), total(miss(target, predicted))]);
    },
    result: (totals) => {
      const [hits, misses] = [totals[0] as number, totals[1] as number];
      return hits === 0 ? 0 : hits / (hits + misses);
    },
  };
}

/**
 * True positives / all predicted positives: how many of the found ones are right. 0 when nothing was predicted positive.
 *
 * Targets are 0 or 1, as the predictions.
 *
 * @throws Error when an option is not valid; when applied, if the shapes differ
 */
export const precision = (options: ThresholdOptions = {}): Metric =>
  ratio('precision', options, (target, predicted) => multiply(subtract(1, target), predicted));

/**
 * True positives / all positives: how many of those to be found were found. 0 when there are none.
 *
 * Targets are 0 or 1, as the predictions.
 *
 * @throws Error when an option is not valid; when applied, if the shapes differ
 */
export const recall = (options: ThresholdOptions = {}): Metric =>
  ratio('recall', options, (target, predicted) => multiply(target, subtract(1, predicted)));
