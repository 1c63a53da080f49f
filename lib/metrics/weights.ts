import { formatType, type Shape, sizeOf, type Tensor } from '../ir/graph.js';
import { cast, multiply } from '../ir/ops/elementwise.js';
import { full } from '../ir/ops/random.js';
import { broadcastTo, reshape } from '../ir/ops/shape.js';
import { isPrefix, overPrefix } from '../layers/prefix.js';

/**
 * The weight of each number of a shape [batch, ...]: the sample weight, and 0 where the mask leaves it out. It has as many
 * axes as the shape and broadcasts against it; undefined when everything has weight 1. A mask of axes that the shape does
 * not have says nothing about it.
 *
 * @throws Error when the sample weights do not fit
 */
export function weightsOf(
  shape: Shape,
  sampleWeight: Tensor | undefined,
  mask: Tensor | undefined,
): Tensor | undefined {
  if (sampleWeight !== undefined && !isPrefix(sampleWeight, shape)) {
    throw new Error(`sample weights ${formatType(sampleWeight)} do not fit values of shape [${shape.join(', ')}]`);
  }
  const weight = sampleWeight && overPrefix(sampleWeight, shape);
  if (mask === undefined || !isPrefix(mask, shape)) return weight;
  const counted = cast(overPrefix(mask, shape), 'float32');
  return weight === undefined ? counted : multiply(weight, counted);
}

/** The weight of every single number of a shape, as a vector. */
export function flatWeights(shape: Shape, sampleWeight: Tensor | undefined, mask: Tensor | undefined): Tensor {
  const weights = weightsOf(shape, sampleWeight, mask);
  return weights === undefined ? full([sizeOf(shape)], 1) : reshape(broadcastTo(weights, shape), [sizeOf(shape)]);
}
