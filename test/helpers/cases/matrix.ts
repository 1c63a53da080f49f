import type { Tensor } from '../../../lib/ir/graph';
import * as ops from '../../../lib/ir/ops/index';
import type { Random } from '../random';
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
define('cov', (random) => {
  const [n, m, correction] = [random.int(1, 6), random.int(2, 30), random.int(0, 1)];
  return { inputs: [float(random, [n, m])], run: (x) => ops.cov(x, correction) };
});
define('corrcoef', (random) => {
  const [n, m] = [random.int(2, 6), random.int(3, 30)];
  // added to a slope, so that no variable is nearly constant
  return {
    inputs: [float(random, [n, m])],
    run: (x) => ops.corrcoef(ops.add(x, ops.linspace(-3, 3, m))),
  };
});
define('correlate', (random) => {
  const n = random.int(1, 40);
  const m = random.int(1, Math.min(n, 9));
  const mode = random.pick(['valid', 'same', 'full'] as const);
  return { inputs: [float(random, [n]), float(random, [m])], run: (a, v) => ops.correlate(a, v, mode) };
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

// Gershgorin: no matrix is near a singular one
const size = (t: Tensor): number => t.shape.at(-1) as number;
const dominant = (t: Tensor): Tensor => ops.add(t, ops.multiply(ops.eye(size(t)), 4 * size(t)));
const symmetric = (t: Tensor): Tensor => ops.add(ops.matmul(t, ops.swapLastAxes(t)), ops.eye(size(t)));
const outerShape = (random: Random): number[] => random.shape(random.int(0, 2), 3);
define('cholesky', (random) => {
  const n = random.int(1, 5);
  return { inputs: [float(random, [...outerShape(random), n, n])], run: (x) => ops.cholesky(symmetric(x)) };
});
for (const lower of [false, true]) {
  define(`solveTriangular${lower ? ', lower' : ''}`, (random) => {
    const [n, k, batch] = [random.int(1, 5), random.int(1, 3), random.int(1, 3)];
    return {
      inputs: [float(random, [batch, n, n]), float(random, random.pick([[n], [n, k], [batch, n, k]]))],
      run: (a, b) => ops.solveTriangular(dominant(a), b, { lower }),
    };
  });
}
define('solve', (random) => {
  const [n, k, batch] = [random.int(1, 4), random.int(1, 3), random.int(1, 3)];
  const shape = random.pick([[n, n], [batch, n, n]]); // biome-ignore format: shapes
  return {
    inputs: [float(random, shape), float(random, random.pick([[n], [n, k], [batch, n, k]]))],
    run: (a, b) => ops.solve(dominant(a), b),
  };
});
define('inv', (random) => {
  const n = random.int(1, 4);
  return { inputs: [float(random, [...outerShape(random), n, n])], run: (x) => ops.inv(dominant(x)) };
});
define('det', (random) => {
  const n = random.int(1, 4);
  return { inputs: [float(random, [...outerShape(random), n, n])], run: (x) => ops.det(ops.add(x, ops.eye(n))) };
});
define('slogdet', (random) => {
  const n = random.int(1, 4);
  return {
    inputs: [float(random, [...outerShape(random), n, n])],
    run: (x) => {
      const { sign, logAbsDet } = ops.slogdet(dominant(x));
      return ops.add(sign, logAbsDet);
    },
  };
});
