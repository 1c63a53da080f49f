import * as ops from '../../../lib/ir/ops/index';
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
define('takeAlongAxis', (random) => {
  const shape = random.shape(random.int(1, 3), 5);
  const axis = random.int(0, shape.length - 1);
  const picked = shape.map((n, i) => (i === axis ? random.int(1, 6) : n));
  return {
    inputs: [float(random, shape), int(random, picked, -shape[axis], shape[axis] - 1)],
    run: (x, i) => ops.takeAlongAxis(x, i, axis),
  };
});
