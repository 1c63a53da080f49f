import type { Adapter } from '../../adapter';
import { ops, type Tensor } from '../../api';
import { lastTo, toLast } from './axes';

type Reduce = (x: Tensor, axes?: number[], options?: { keepDims: boolean }) => Tensor;

const reduction = (f: Reduce): Adapter => ({
  traced: ({ data }, { axes = [], keepdims, noop_with_empty_axes }) => {
    // nothing named means all axes, or none of them
    const named = axes.length > 0 || noop_with_empty_axes ? axes : undefined;
    return f(data, named, { keepDims: keepdims === 1 });
  },
});

const extremum = (f: (x: Tensor, axis: number) => Tensor): Adapter => ({
  traced: ({ data }, { axis, keepdims, select_last_index }) => {
    const size = data.shape.at(axis) as number;
    const index = select_last_index ? ops.subtract(size - 1, f(ops.flip(data, axis), axis)) : f(data, axis);
    return keepdims ? ops.expandDims(index, axis < 0 ? data.rank + axis : axis) : index;
  },
});

const running = (f: (x: Tensor, axis: number) => Tensor): Adapter => ({
  only: { exclusive: [0] },
  traced: ({ x }, { axis, reverse }) => (reverse ? ops.flip(f(ops.flip(x, axis), axis), axis) : f(x, axis)),
});

function topK(x: Tensor, k: number, largest: boolean): { values: Tensor; indices: Tensor } {
  if (largest) return ops.topK(x, k);
  const indices = ops.sliceAxis(ops.argsort(x), -1, 0, k);
  return { values: ops.takeAlongAxis(x, indices), indices };
}

/** Reductions, extrema and their positions, running sums. */
export const reductions: Record<string, Adapter> = {
  ArgMax: extremum(ops.argmax),
  ArgMin: extremum(ops.argmin),
  CumProd: running(ops.cumprod),
  CumSum: running(ops.cumsum),
  Hardmax: {
    traced: ({ input }, { axis }) => lastTo(ops.oneHot(ops.argmax(input, axis), input.shape.at(axis) as number), axis),
  },
  ReduceL1: reduction((x, axes, options) => ops.norm(x, axes, { ord: 1, ...options })),
  ReduceL2: reduction(ops.norm),
  ReduceLogSum: reduction((x, axes, options) => ops.log(ops.sum(x, axes, options))),
  ReduceLogSumExp: reduction(ops.logSumExp),
  ReduceMax: reduction(ops.max),
  ReduceMean: reduction(ops.mean),
  ReduceMin: reduction(ops.min),
  ReduceProd: reduction(ops.prod),
  ReduceSum: reduction(ops.sum),
  ReduceSumSquare: reduction((x, axes, options) => ops.sum(ops.square(x), axes, options)),
  TopK: {
    only: { sorted: [1] },
    traced: ({ X }, { axis, largest, K: [k] }) => {
      const { values, indices } = topK(toLast(X, axis), k, largest === 1);
      return { Values: lastTo(values, axis), Indices: lastTo(indices, axis) };
    },
  },
};
