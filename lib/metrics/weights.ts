import { type Shape, sizeOf, type Tensor } from '../ir/graph.js';
import { full } from '../ir/ops/random.js';
import { broadcastTo, reshape } from '../ir/ops/shape.js';

/** The sample weight of every single value of a shape, as a vector. */
export const flatWeights = (shape: Shape, sampleWeight: Tensor | undefined): Tensor => {
  const size = sizeOf(shape);
  if (sampleWeight === undefined) return full([size], 1);
  const column = reshape(
    sampleWeight,
    shape.map((n, i) => (i === 0 ? n : 1)),
  );
  return reshape(broadcastTo(column, shape), [size]);
};
