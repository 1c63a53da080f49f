import type { Tensor } from '../../../lib/ir/graph';
import * as ops from '../../../lib/ir/ops/index';
import { anywhere, between, distinct, labels } from '../domains';
import { Random } from '../random';
import { type Case, into, notDifferentiable, once, type Traits } from './case';
import { float, int } from './inputs';

export const axis: Case[] = [];
const define = into(axis, 'axis');

function alongAxis(
  name: string,
  f: (x: Tensor, axis: number, random: Random) => Tensor,
  draw = anywhere,
  traits?: Traits,
) {
  define(
    name,
    (random) => {
      const shape = random.pick([() => random.shape(random.int(1, 4)), () => [random.int(1, 4), random.int(1, 90)]])();
      const axis = random.int(-shape.length, shape.length - 1);
      const seed = random.int(1, 1000);
      return { inputs: [float(random, shape, draw)], run: (x) => f(x, axis, new Random(seed)) };
    },
    traits,
  );
}
alongAxis('cumsum', ops.cumsum);
alongAxis('cumsum from the end', (x, axis) => ops.flip(ops.cumsum(ops.flip(x, axis), axis), axis));
define('cumsum of many lines', (random) => {
  const inputs = [float(random, [random.int(8, 20), random.int(1, 40)])];
  return { inputs, run: (x) => ops.cumsum(x, 1) };
});
alongAxis('cumprod', ops.cumprod, between(0.8, 1.2));
alongAxis(
  'cumprod with zeros',
  (x, axis) => ops.cumprod(ops.multiply(x, ops.cast(ops.greater(x, 0), 'float32')), axis),
  (random, size) => between(0.8, 1.2)(random, size).map((v) => (random.uniform() < 0.2 ? -v : v)),
  once,
);
alongAxis('sort', (x, axis, random) => ops.sort(x, axis, { descending: random.uniform() < 0.5 }), distinct());
alongAxis(
  'argsort',
  (x, axis, random) => ops.argsort(x, axis, { descending: random.uniform() < 0.5 }),
  labels(-3, 3),
  notDifferentiable,
);
define(
  'argsort of long lines',
  (random) => ({
    inputs: [float(random, [2, random.int(2040, 2060)], labels(-40, 40))],
    run: (x) => ops.argsort(x, 1, { descending: random.uniform() < 0.5 }),
  }),
  notDifferentiable,
);
alongAxis('diff', (x, axis, random) => ops.diff(x, random.int(0, Math.min(3, x.shape.at(axis) as number)), axis));
alongAxis(
  'topK',
  (x, axis, random) => ops.topK(ops.flip(x, axis), random.int(0, x.shape.at(-1) as number)).values,
  distinct(),
);
define(
  'integers',
  (random) => {
    const [shape, axis] = [random.shape(3), random.int(0, 2)];
    return { inputs: [int(random, shape, -99, 99)], run: (x) => ops.sort(ops.cumsum(x, axis), axis) };
  },
  notDifferentiable,
);
alongAxis('trapezoid', (x, axis) => ops.trapezoid(x, { axis, dx: 0.3 }));
define('trapezoid at positions', (random) => {
  const shape = random.shape(random.int(1, 4));
  const axis = random.int(-shape.length, shape.length - 1);
  const positions = random.pick([shape, [shape.at(axis) as number]]);
  return {
    inputs: [float(random, shape), float(random, positions)],
    run: (y, x) => ops.trapezoid(y, { x, axis }),
  };
});
define('takeAlongAxis', (random) => {
  const shape = random.shape(random.int(1, 4), 5);
  const axis = random.int(0, shape.length - 1);
  const picked = shape.map((n, i) => (i === axis ? random.int(0, 6) : n));
  return {
    inputs: [float(random, shape), int(random, picked, 0, shape[axis] - 1)],
    run: (x, i) => ops.takeAlongAxis(x, i, axis),
  };
});
define(
  'searchSorted',
  (random) => {
    const side = random.pick(['left', 'right'] as const);
    return {
      inputs: [float(random, [random.int(0, 9)], labels(-4, 4)), float(random, random.shape(2), labels(-4, 4))],
      run: (x, v) => ops.searchSorted(ops.sort(x), v, side),
    };
  },
  notDifferentiable,
);
define(
  'digitize',
  (random) => ({
    inputs: [float(random, random.shape(2), labels(-4, 4)), float(random, [random.int(0, 9)], labels(-4, 4))],
    run: (x, bins) => ops.digitize(x, ops.sort(bins)),
  }),
  notDifferentiable,
);
define(
  'histogram',
  (random) => ({
    inputs: [float(random, random.shape(2, 9), labels(-4, 4)), float(random, [random.int(2, 9)], labels(-4, 4))],
    run: (x, edges) => ops.histogram(x, ops.sort(edges)),
  }),
  notDifferentiable,
);
