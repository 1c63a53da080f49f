import { formatType, type Tensor } from '../ir/graph.js';
import { cast, divide, greater, multiply, where as select } from '../ir/ops/elementwise.js';
import { mean, sum } from '../ir/ops/reduce.js';
import { isPrefix, overPrefix } from '../layers/prefix.js';

/**
 * The number that training minimizes: the mean of loss * weight over all entries. Dividing by the number of entries and
 * not by the sum of the weights is Keras's convention. Entries that a mask leaves out do not exist: they add nothing and
 * are not counted. 0 when the mask leaves nothing.
 *
 * @param losses what a loss returned: float32 [batch, ...], or rank 0, which stays as it is
 * @param sampleWeight float32 over the first axes of the losses: [batch] or [batch, time]
 * @param mask bool [batch, time, ...] of the predictions. A loss that has no such axes, because it looks at whole
 *     sequences, is not masked.
 * @throws Error when weights do not fit
 */
export function reduceLoss(losses: Tensor, sampleWeight?: Tensor, mask?: Tensor): Tensor {
  if (sampleWeight !== undefined && losses.rank === 0) {
    throw new Error('loss: sample weights need a loss that returns one value per sample, got a single value');
  }
  if (sampleWeight !== undefined && !isPrefix(sampleWeight, losses.shape)) {
    throw new Error(`loss: sample weights ${formatType(sampleWeight)} do not fit a loss of ${formatType(losses)}`);
  }
  if (losses.rank === 0) return losses;
  const values = sampleWeight === undefined ? losses : multiply(losses, overPrefix(sampleWeight, losses.shape));
  if (mask === undefined || !isPrefix(mask, losses.shape)) return mean(values);
  // not a product: what was computed from padding may be NaN
  const total = mean(select(overPrefix(mask, losses.shape), values, 0));
  const valid = sum(cast(mask, 'float32'));
  return multiply(total, select(greater(valid, 0), divide(mask.size, valid), 0));
}
