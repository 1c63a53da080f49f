import type { Shape, Tensor, TensorType } from '../ir/graph.js';
import { reshape } from '../ir/ops/shape.js';

/** Whether a tensor has the first axes of a shape, so that it says something about all that lies under them. */
export const isPrefix = ({ shape }: TensorType, of: Shape): boolean =>
  shape.length <= of.length && shape.every((n, axis) => n === of[axis]);

/** A tensor over the first axes of a shape as one that broadcasts against it. */
export const overPrefix = (t: Tensor, of: Shape): Tensor =>
  t.rank === of.length ? t : reshape(t, [...t.shape, ...of.slice(t.rank).map(() => 1)]);
