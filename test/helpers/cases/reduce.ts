import type { Tensor } from '../../../lib/ir/graph';
import * as ops from '../../../lib/ir/ops/index';
import { anywhere, awayFrom, between, type Draw, distinct, positive } from '../domains';
import { type Case, into, notDifferentiable, once, type Traits } from './case';
import { bool, float, int } from './inputs';

export const reduce: Case[] = [];
const define = into(reduce, 'reduce');

function reduction(
  name: string,
  f: (x: Tensor, axes: number[], keepDims: boolean) => Tensor,
  draw: Draw = anywhere,
  traits?: Traits,
) {
  define(
    name,
    (random) => {
      const shape = random.pick([() => random.shape(random.int(1, 4)), () => [random.int(1, 5), random.int(1, 200)]])();
      const axes = random.shuffle([...shape.keys()]).slice(0, random.int(1, shape.length));
      const keepDims = random.uniform() < 0.5;
      return { inputs: [float(random, shape, draw)], run: (x) => f(x, axes, keepDims) };
    },
    traits,
  );
}
for (const name of ['sum', 'mean', 'logSumExp'] as const) {
  reduction(name, (x, axes, keepDims) => ops[name](x, axes, { keepDims }));
}
for (const name of ['max', 'min'] as const)
  reduction(name, (x, axes, keepDims) => ops[name](x, axes, { keepDims }), distinct());
reduction('prod', (x, axes, keepDims) => ops.prod(x, axes, { keepDims }), between(0.9, 1.1));
reduction(
  'prod with zeros',
  (x, axes, keepDims) => ops.prod(ops.multiply(x, ops.cast(ops.greater(x, -0.9), 'float32')), axes, { keepDims }),
  between(-1, 1),
  once,
);
reduction(
  'quantile',
  (x, axes, keepDims) => ops.sum(ops.quantile(x, [0, 0.3, 0.9, 1], axes, { keepDims }), 0),
  distinct(),
);
reduction('median', (x, axes, keepDims) => ops.median(x, axes, { keepDims }), distinct());
reduction('variance', (x, axes, keepDims) => ops.variance(x, axes, { keepDims }));
reduction(
  'std',
  (x, axes, keepDims) => ops.std(ops.concatenate([x, ops.subtract(1, x)], axes[0]), axes, { keepDims }),
  between(0, 0.4),
);
reduction('norm', (x, axes, keepDims) => ops.norm(x, axes, { keepDims }), positive);
for (const ord of [0, 1, 2, 3, 0.5, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
  reduction(
    `norm of order ${ord}`,
    (x, axes, keepDims) => ops.norm(x, axes, { keepDims, ord }),
    (random, size) => distinct()(random, size).map((v) => v + size / 32 + 0.5),
  );
}
reduction('ptp', (x, axes, keepDims) => ops.ptp(x, axes, { keepDims }), distinct());
/** Some values are missing, but never all of those that are reduced together: the rest would be NaN. */
function withoutNaN(
  name: 'nanSum' | 'nanMean' | 'nanProd' | 'nanMax' | 'nanMin' | 'nanVariance' | 'nanStd',
  draw: Draw,
) {
  define(name, (random) => {
    const shape = random.shape(random.int(1, 4));
    const axes = random.shuffle([...shape.keys()]).slice(0, random.int(1, shape.length));
    const keepDims = random.uniform() < 0.5;
    const there = shape.map((n, i) => (i === axes[0] ? n + 1 : n));
    const all = shape.map((n, i) => (i === axes[0] ? 2 * n + 1 : n));
    return {
      inputs: [bool(random, shape), float(random, all, draw)],
      run: (missing, x) => {
        const none = ops.concatenate([missing, ops.zeros(there, 'bool')], axes[0]);
        return ops[name](ops.where(none, Number.NaN, x), axes, { keepDims });
      },
    };
  });
}
withoutNaN('nanSum', anywhere);
withoutNaN('nanMean', anywhere);
withoutNaN('nanProd', between(0.9, 1.1));
withoutNaN('nanMax', distinct());
withoutNaN('nanMin', distinct());
withoutNaN('nanVariance', anywhere);
withoutNaN('nanStd', distinct());
reduction('moments', (x, axes, keepDims) => {
  const { mean, variance } = ops.moments(x, axes, { keepDims });
  return ops.add(mean, ops.multiply(variance, 2));
});
reduction(
  'countNonzero',
  (x, axes, keepDims) => ops.countNonzero(ops.greater(x, 0), axes, { keepDims }),
  awayFrom(0),
  notDifferentiable,
);
reduction('any', (x, axes, keepDims) => ops.any(ops.greater(x, 1), axes, { keepDims }), awayFrom(1), notDifferentiable);
reduction(
  'all',
  (x, axes, keepDims) => ops.all(ops.greater(x, -1), axes, { keepDims }),
  awayFrom(-1),
  notDifferentiable,
);
reduction('argmax', (x, axes) => ops.argmax(x, axes[0]), distinct(), notDifferentiable);
reduction('argmin', (x, axes) => ops.argmin(x, axes[0]), distinct(), notDifferentiable);
define(
  'sum of int32',
  (random) => {
    const [shape, axis] = [random.shape(3), random.int(0, 2)];
    return { inputs: [int(random, shape, -99, 99)], run: (x) => ops.sum(x, axis) };
  },
  notDifferentiable,
);
define('average', (random) => {
  const shape = random.shape(random.int(1, 4));
  const axis = random.int(0, shape.length - 1);
  const weights = random.pick([shape, [shape[axis]]]);
  return {
    inputs: [float(random, shape), float(random, weights, positive)],
    run: (x, w) => ops.average(x, axis, { weights: w }),
  };
});
