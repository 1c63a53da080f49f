import type { Tensor } from '../../../lib/ir/graph';
import * as ops from '../../../lib/ir/ops/index';
import { distinct, labels } from '../domains';
import { type Case, into, notDifferentiable } from './case';
import { float, int } from './inputs';

export const indexing: Case[] = [];
const define = into(indexing, 'indexing');

define('take', (random) => {
  const shape = random.shape(random.int(1, 3), 6);
  const axis = random.int(0, shape.length - 1);
  const indices = random.shape(random.int(0, 2), 6);
  return {
    inputs: [float(random, shape), int(random, indices, -shape[axis], shape[axis] - 1)],
    run: (x, i) => ops.take(x, i, axis),
  };
});
define('scatterAdd', (random) => {
  const [indices, inner, rows] = [random.shape(random.int(1, 2), 6), random.shape(random.int(0, 2)), random.int(1, 5)];
  return {
    inputs: [int(random, indices, 0, rows - 1), float(random, [...indices, ...inner])],
    run: (i, updates) => ops.scatterAdd(i, updates, rows),
  };
});
define('scatterAdd of many, some of them to one row', (random) => {
  const [count, inner, rows] = [random.int(2040, 2200), random.pick([[4], [3], []]), random.pick([3, 300])];
  const often = random.int(0, rows - 1);
  const indices = int(random, [count], 0, rows - 1);
  return {
    inputs: [
      { ...indices, values: indices.values.map((i) => (random.uniform() < 0.3 ? often : i)) },
      float(random, [count, ...inner]),
    ],
    run: (i, updates) => ops.scatterAdd(i, updates, rows),
  };
});
define('scatterAdd that ends in an update', (random) => {
  const [count, rows] = [random.int(1, 30), random.pick([1, 7, 60])];
  const inner = random.pick([[], [3], [16], [4, 5], [70]]);
  return {
    inputs: [
      int(random, [count], 0, rows - 1),
      ...[[count], [rows], [rows]].map((s) => float(random, [...s, ...inner])),
    ],
    run: (i, updates, w, m) => {
      const next = ops.add(ops.multiply(m, 0.9), ops.scatterAdd(i, updates, rows));
      return ops.subtract(ops.add(w, next), ops.multiply(next, 0.1));
    },
  };
});
define('segmentSum', (random) => {
  const [n, inner, segments] = [random.int(1, 9), random.shape(random.int(0, 2)), random.int(1, 5)];
  return {
    inputs: [float(random, [n, ...inner]), int(random, [n], 0, segments - 1)],
    run: (x, ids) => ops.segmentSum(x, ids, segments),
  };
});
define(
  'oneHot',
  (random) => ({ inputs: [int(random, random.shape(random.int(0, 2)), -1, 6)], run: (i) => ops.oneHot(i, 6) }),
  notDifferentiable,
);
for (const name of ['scatter', 'scatterUpdate'] as const) {
  define(name, (random) => {
    const shape = random.shape(random.int(1, 3));
    const [count, k] = [random.int(1, 6), random.int(1, shape.length)];
    const places = Array.from({ length: k }, (_, i) => int(random, [count, 1], 0, shape[i] - 1));
    const updates = float(random, [count, ...shape.slice(k)]);
    const all = (indices: readonly Tensor[]) => ops.concatenate(indices, -1);
    return name === 'scatter'
      ? { inputs: [updates, ...places], run: (u, ...i) => ops.scatter(all(i), u, shape) }
      : { inputs: [float(random, shape), updates, ...places], run: (x, u, ...i) => ops.scatterUpdate(x, all(i), u) };
  });
}
define('sliceUpdate', (random) => {
  const shape = random.shape(random.int(1, 3));
  const start = shape.map((n) => random.int(0, n - 1));
  const box = shape.map((n, i) => random.int(1, n - start[i]));
  return { inputs: [float(random, shape), float(random, box)], run: (x, u) => ops.sliceUpdate(x, start, u) };
});
for (const name of ['segmentMax', 'segmentMin'] as const) {
  define(name, (random) => {
    const [n, inner, segments] = [random.int(1, 9), random.shape(random.int(0, 2)), random.int(1, 5)];
    // every segment has a row: an empty one is infinite
    const ids = { ...int(random, [n + segments], 0, segments - 1) };
    for (let i = 0; i < segments; i++) ids.values[i] = i;
    return {
      inputs: [float(random, [n + segments, ...inner], distinct()), ids],
      run: (x, i) => ops[name](x, i, segments),
    };
  });
}
define('bincount', (random) => {
  const [shape, length] = [random.shape(random.int(1, 2), 9), random.int(1, 6)];
  return {
    inputs: [int(random, shape, 0, length - 1), float(random, shape)],
    run: (x, weights) => ops.add(ops.bincount(x, length, weights), ops.bincount(x, length)),
  };
});
define(
  'multiHot',
  (random) => ({ inputs: [int(random, random.shape(random.int(1, 3)), -1, 6)], run: (i) => ops.multiHot(i, 6) }),
  notDifferentiable,
);
define(
  'isIn',
  (random) => ({
    inputs: [int(random, random.shape(random.int(0, 3)), -5, 5), int(random, random.shape(random.int(1, 2)), -5, 5)],
    run: ops.isIn,
  }),
  notDifferentiable,
);
define(
  'inTopK',
  (random) => {
    const [outer, classes, k] = [random.shape(random.int(0, 2)), random.int(1, 9), random.int(1, 4)];
    return {
      inputs: [int(random, outer, 0, classes - 1), float(random, [...outer, classes], labels(-4, 4))],
      run: (targets, predictions) => ops.inTopK(targets, predictions, k),
    };
  },
  notDifferentiable,
);
define('takeAlongAxis', (random) => {
  const shape = random.shape(random.int(1, 3), 5);
  const axis = random.int(0, shape.length - 1);
  const picked = shape.map((n, i) => (i === axis ? random.int(1, 6) : n));
  return {
    inputs: [float(random, shape), int(random, picked, -shape[axis], shape[axis] - 1)],
    run: (x, i) => ops.takeAlongAxis(x, i, axis),
  };
});
