import type { Adapter } from '../adapter';
import { ops, type Tensor } from '../api';

type Reduce = (x: Tensor, axes: number[], options: { keepDims: boolean; correction: number }) => Tensor;

const reduction = (f: Reduce): Adapter => ({
  traced: ({ x }, { axis, keepdims, ddof }) => f(x, axis, { keepDims: keepdims === true, correction: ddof }),
});

export const reductions: Record<string, Adapter> = {
  sum: reduction(ops.sum),
  mean: reduction(ops.mean),
  max: reduction(ops.max),
  min: reduction(ops.min),
  prod: reduction(ops.prod),
  var: reduction(ops.variance),
  std: reduction(ops.std),
  logsumexp: reduction(ops.logSumExp),
  l2norm: reduction(ops.norm),
  argmax: { traced: ({ x }, { axis }) => ops.argmax(x, axis) },
  argmin: { traced: ({ x }, { axis }) => ops.argmin(x, axis) },
};
