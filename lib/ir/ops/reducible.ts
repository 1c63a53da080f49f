import { asTensor, checkOptions, normalizeAxes, type Operand } from '../build.js';
import type { Tensor } from '../graph.js';

export interface ReduceOptions {
  /** Keep reduced axes with size 1, so that the result broadcasts against the input. */
  readonly keepDims?: boolean;
}
export type Axes = number | readonly number[];

/** x, with the other arguments of a reduction checked. */
export function reducible(op: string, x: Operand, axes: Axes | undefined, options: ReduceOptions | undefined): Tensor {
  const t = asTensor(op, 'x', x);
  normalizeAxes(op, axes, t.rank);
  checkOptions(op, options);
  return t;
}
