import type { Adapter } from '../adapter';
import { ops, type Tensor } from '../api';

type Reduce = (x: Tensor, axes: number[] | undefined, options: { keepDims: boolean; correction: number }) => Tensor;

const reduction = (f: Reduce): Adapter => ({
  traced: ({ x }, { axis, keepdims, ddof }) =>
    f(x, axis ?? undefined, { keepDims: keepdims === true, correction: ddof }),
});

const position = (f: (x: Tensor, axis: number) => Tensor): Adapter => ({
  traced: ({ x }, { axis, keepdims }) => {
    const at = axis < 0 ? x.rank + axis : axis;
    return keepdims ? ops.expandDims(f(x, at), at) : f(x, at);
  },
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
  argmax: position(ops.argmax),
  argmin: position(ops.argmin),
};
