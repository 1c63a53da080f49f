import { ops, type Tensor } from '../../api';

/** An axis moved to the end, the others in order. */
export function toLast(x: Tensor, axis: number): Tensor {
  const order = [...x.shape.keys()];
  const moved = order.splice(axis, 1);
  return ops.transpose(x, [...order, ...moved]);
}

/** The last axis moved to where `axis` says. */
export function lastTo(x: Tensor, axis: number): Tensor {
  const order = [...x.shape.keys()];
  const last = order.pop() as number;
  order.splice(axis < 0 ? x.rank + axis : axis, 0, last);
  return ops.transpose(x, order);
}

/** `axis` .. the last one. */
export const axesFrom = (x: Tensor, axis: number): number[] => [...x.shape.keys()].slice(axis);
