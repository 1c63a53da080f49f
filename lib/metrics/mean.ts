import { scalar } from '../ir/build.js';
import { formatType, type Tensor } from '../ir/graph.js';
import { cast, multiply } from '../ir/ops/elementwise.js';
import { sum } from '../ir/ops/reduce.js';
import { stack } from '../ir/ops/shape.js';
import { perSample } from '../losses/targets.js';
import type { Metric } from './metric.js';
import { weightsOf } from './weights.js';

/**
 * The mean over all samples of a traced function, weighted by the sample weights: two sums, sum(value * weight) and
 * sum(weight). Steps that a mask leaves out have weight 0.
 *
 * @param fn from targets and predictions to one value per sample [batch, ...] (numbers or bool), or to a single value,
 *     which counts for the whole batch
 * @param finish applied to the mean
 * @throws Error in the first step, when `fn` returns neither one value per sample nor a single one
 *
 * @example
 * const bias = metrics.meanMetric('bias', (y, p) => ops.subtract(p, y));
 * model.compile({ optimizer: 'adam', loss: 'mse', metrics: [bias] });
 */
export function meanMetric(
  name: string,
  fn: (yTrue: Tensor, yPred: Tensor) => Tensor,
  finish: (mean: number) => number = (mean) => mean,
): Metric {
  return {
    name,
    size: 2,
    update(yTrue, yPred, sampleWeight, mask) {
      const values = cast(fn(yTrue, yPred), 'float32');
      const batch = yPred.shape[0] ?? 1;
      const overSamples = (t: Tensor): Tensor => sum(perSample(t));
      if (values.rank === 0) {
        const weight = sampleWeight === undefined ? scalar(batch) : overSamples(sampleWeight);
        return stack([multiply(values, weight), weight]);
      }
      if (values.shape[0] !== batch) {
        throw new Error(
          `metric ${name}: expected one value per sample ([${batch}]) or a single value, got ${formatType(values)}`,
        );
      }
      const weights = weightsOf(values.shape, sampleWeight, mask);
      if (weights === undefined) return stack([overSamples(values), scalar(batch)]);
      return stack([overSamples(multiply(values, weights)), overSamples(weights)]);
    },
    result: (totals) => finish(totals[1] === 0 ? 0 : (totals[0] as number) / (totals[1] as number)),
  };
}

/**
 * The sum over all samples of a traced function, weighted by the sample weights.
 *
 * @param fn as in `meanMetric`
 * @throws Error in the first step, when `fn` returns neither one value per sample nor a single one
 *
 * @example
 * metrics.sumMetric('hits', (y, p) => ops.equal(y, ops.round(p)));
 */
export function sumMetric(name: string, fn: (yTrue: Tensor, yPred: Tensor) => Tensor): Metric {
  const { update } = meanMetric(name, fn);
  return { name, size: 2, update, result: (totals) => totals[0] as number };
}
