import * as ops from '../../../lib/ir/ops/index';
import { type Case, into } from './case';
import { float } from './inputs';

export const matrix: Case[] = [];
const define = into(matrix, 'matrix');

for (const name of ['tril', 'triu', 'diagonal'] as const) {
  define(name, (random) => {
    const [shape, k] = [random.shape(random.int(2, 4)), random.int(-4, 4)];
    return { inputs: [float(random, shape)], run: (x) => ops[name](x, k) };
  });
}
define('diag of a vector', (random) => {
  const k = random.int(-3, 3);
  return { inputs: [float(random, [random.int(1, 6)])], run: (x) => ops.diag(x, k) };
});
define('trace', (random) => ({ inputs: [float(random, random.shape(3))], run: (x) => ops.trace(x) }));
define('outer', (random) => {
  return { inputs: [float(random, random.shape(2)), float(random, random.shape(1))], run: ops.outer };
});
define('dot', (random) => {
  const [k, a, b] = [random.int(1, 5), random.shape(random.int(0, 2)), random.shape(random.int(0, 2))];
  const right = b.length === 0 ? [k] : [...b.slice(0, -1), k, ...b.slice(-1)];
  return { inputs: [float(random, [...a, k]), float(random, right)], run: ops.dot };
});
define('tensordot', (random) => {
  const [i, j, k, l] = random.shape(4);
  return {
    inputs: [float(random, [i, j, k]), float(random, [k, l, i])],
    run: (a, b) =>
      ops.tensordot(a, b, [
        [0, 2],
        [-1, 0],
      ]),
  };
});
define('vander', (random) => {
  const [count, increasing] = [random.int(1, 4), random.uniform() < 0.5];
  return { inputs: [float(random, [random.int(1, 6)])], run: (x) => ops.vander(x, count, increasing) };
});
define('swapLastAxes', (random) => {
  return { inputs: [float(random, random.shape(random.int(2, 4)))], run: ops.swapLastAxes };
});
define('cross', (random) => {
  const [n, axis] = [random.int(1, 4), random.pick([0, 1])];
  const shape = axis === 0 ? [3, n] : [n, 3];
  const other = axis === 0 ? [3, 1] : random.pick([[3], shape]);
  return { inputs: [float(random, shape), float(random, other)], run: (a, b) => ops.cross(a, b, axis) };
});
define('kron', (random) => {
  const shapes = [random.shape(random.int(1, 2), 4), random.shape(random.int(1, 3), 3)];
  return { inputs: shapes.map((shape) => float(random, shape)), run: ops.kron };
});
define('vdot', (random) => {
  const shape = random.shape(random.int(1, 3));
  return { inputs: [float(random, shape), float(random, [...shape].reverse())], run: ops.vdot };
});
define('inner', (random) => {
  const [k, a, b] = [random.int(1, 5), random.shape(random.int(0, 2)), random.shape(random.int(0, 2))];
  return { inputs: [float(random, [...a, k]), float(random, [...b, k])], run: ops.inner };
});
