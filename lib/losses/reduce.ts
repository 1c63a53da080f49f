import { formatType, type Tensor } from '../ir/graph.js';
import { multiply } from '../ir/ops/elementwise.js';
import { mean } from '../ir/ops/reduce.js';

/**
 * The number that training minimizes: sum(loss * weight) / batch. Dividing by the batch size and not by the sum of the
 * weights is Keras's convention.
 *
 * @param perSample what a loss returned: float32 [batch], or rank 0, which stays as it is
 * @param sampleWeight float32 [batch]
 * @throws Error when the loss is not of shape [batch] or [], or weights do not fit
 */
export function reduceLoss(perSample: Tensor, sampleWeight?: Tensor): Tensor {
  if (perSample.rank > 1) {
    throw new Error(`loss: expected one value per sample ([batch]) or a single value, got ${formatType(perSample)}`);
  }
  if (sampleWeight === undefined) return perSample.rank === 0 ? perSample : mean(perSample);
  if (perSample.rank === 0) {
    throw new Error('loss: sample weights need a loss that returns one value per sample, got a single value');
  }
  if (sampleWeight.rank !== 1 || sampleWeight.size !== perSample.size) {
    throw new Error(`loss: sample weights ${formatType(sampleWeight)} do not fit a loss of ${formatType(perSample)}`);
  }
  return mean(multiply(perSample, sampleWeight));
}
