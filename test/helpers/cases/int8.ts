import type { Shape, Tensor } from '../../../lib/ir/graph';
import * as ops from '../../../lib/ir/ops/index';
import { type Draw, each } from '../domains';
import type { Random } from '../random';
import { type Case, into, notDifferentiable } from './case';
import { bool, float, int, int8 } from './inputs';

/**
 * Products with rows rounded to int8, and what else becomes of int8. The bound of a product of exact rows is 0: every target has
 * the bits of the reference.
 */
export const int8Cases: Case[] = [];
const add = into(int8Cases, 'int8');
const define = (name: string, build: Case['build'], large = false) =>
  add(name, build, { rounds: true, twice: false, large });

/** Around the edges of tiles, panels and groups of words. */
const size = (random: Random): number =>
  random.pick([() => random.int(1, 3), () => random.int(4, 19), () => random.int(20, 75)])();

define('matrices', (random) => {
  const [m, k, n] = [size(random), size(random), size(random)];
  return { inputs: [float(random, [m, k]), int8(random, [k, n])], run: ops.matmulInt8 };
});
define('one row', (random) => {
  const [k, n] = [random.int(1, 300), random.int(1, 140)];
  return { inputs: [float(random, random.pick([[k], [1, k]])), int8(random, [k, n])], run: ops.matmulInt8 };
});
define('one column', (random) => {
  const [m, k] = [size(random), size(random)];
  return { inputs: [float(random, [m, k]), int8(random, [k, 1])], run: ops.matmulInt8 };
});
define('a depth of 1', (random) => {
  const [m, n] = [size(random), size(random)];
  return { inputs: [float(random, [m, 1]), int8(random, [1, n])], run: ops.matmulInt8 };
});
define('batches of rows', (random) => {
  const shape = random.pick<Shape>([
    [3, random.int(1, 9)],
    [1, 2, random.int(1, 20)],
  ]);
  const [k, n] = [size(random), size(random)];
  return { inputs: [float(random, [...shape, k]), int8(random, [k, n])], run: ops.matmulInt8 };
});
define('no rows', (random) => ({
  inputs: [float(random, [0, 5]), int8(random, [5, 3])],
  run: ops.matmulInt8,
}));
for (const transposed of ['left', 'right', 'both'] as const) {
  define(`matrices, ${transposed} transposed`, (random) => {
    const [m, k, n] = [size(random), size(random), size(random)];
    const [left, right] = [/left|both/.test(transposed), /right|both/.test(transposed)];
    return {
      inputs: [float(random, left ? [k, m] : [m, k]), int8(random, right ? [n, k] : [k, n])],
      run: (a, b) => ops.matmulInt8(left ? ops.transpose(a) : a, right ? ops.transpose(b) : b),
    };
  });
}
define('every other row and column, backwards', (random) => {
  const [m, k, n] = [size(random), size(random), size(random)];
  const thin = (t: Tensor, rows: number, columns: number) =>
    ops.flip(ops.slice(t, [0, 0], [rows, columns], [2, 2]), [0]);
  return {
    inputs: [float(random, [2 * m, 2 * k]), int8(random, [2 * k, 2 * n])],
    run: (a, b) => ops.matmulInt8(thin(a, m, k), thin(b, k, n)),
  };
});

/** Each row of one kind: nothing, too small to count, just large enough, subnormal beside normal, huge, ties. */
const rows: Draw = (random, count) => {
  const [tiny, huge] = [2 ** -101, 3.4028234663852886e38];
  const kinds: readonly (readonly number[])[] = [
    [0, -0],
    [tiny, -tiny, 1e-40, 0],
    [2 ** -100, -(2 ** -100), 1e-40],
    [1, 1e-40, -1e-45],
    [huge, -huge, huge / 2, 1e30],
    [127, 0.5, 1.5, 2.5, -0.5, -1.5, -126.5],
    [254, 1, 3, 5, -1, -253],
  ];
  const out = new Float64Array(count);
  let kind = kinds[0];
  for (let i = 0; i < count; i++) {
    if (i % 7 === 0) kind = random.pick(kinds);
    out[i] = random.pick(kind);
  }
  return out;
};
define('rows of zeros, of small and of large numbers, ties', (random) => {
  const n = size(random);
  return { inputs: [float(random, [random.int(1, 40), 7], rows), int8(random, [7, n])], run: ops.matmulInt8 };
});
const special = each((random) =>
  random.pick([1, 2, 3, -4, 0.5, 0, -7, 100, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]),
);
add(
  'rows with NaN and infinities',
  (random) => {
    const [m, k, n] = [random.int(1, 40), random.int(1, 5), random.int(1, 40)];
    return { inputs: [float(random, [m, k], special), int8(random, [k, n])], run: ops.matmulInt8 };
  },
  { ...notDifferentiable, rounds: true },
);
define('the largest sums', (random) => {
  const [m, k, n] = [random.int(1, 20), random.int(1000, 2000), random.int(1, 40)];
  const sign = random.pick([1, -1]);
  const weight = random.pick([-128, 127]);
  return {
    inputs: [
      float(random, [m, k], (_, count) => new Float64Array(count).fill(sign)),
      int8(random, [k, n], weight, weight),
    ],
    run: ops.matmulInt8,
  };
});

define('dense layer', (random) => {
  const [m, k, n] = [random.int(1, 40), size(random), size(random)];
  const activation = random.pick([ops.relu, ops.relu, (t: Tensor) => t, ops.gelu]);
  return {
    inputs: [float(random, [m, k]), int8(random, [k, n]), float(random, [n]), float(random, [n])],
    run: (x, kernel, scale, bias) =>
      activation(ops.add(ops.multiply(ops.matmulInt8(x, kernel), ops.multiply(scale, 0.01)), bias)),
  };
});
define('a product that is read twice', (random) => {
  const [m, k, n] = [size(random), size(random), size(random)];
  return {
    inputs: [float(random, [m, k]), int8(random, [k, n]), float(random, [n, 3])],
    run: (x, kernel, other) => {
      const product = ops.multiply(ops.matmulInt8(x, kernel), 0.01);
      return ops.concatenate([ops.tanh(product), ops.matmul(product, other)], 1);
    },
  };
});
define(
  'deep and wide product and what follows',
  (random) => ({
    inputs: [float(random, [61, 1631]), int8(random, [1631, 209]), float(random, [61, 209])],
    run: (a, b, x) => ops.multiply(ops.tanh(ops.multiply(ops.matmulInt8(a, b), 1e-4)), x),
  }),
  true,
);
define('in a loop', (random) => {
  const [steps, m, k] = [random.int(1, 4), random.int(1, 5), random.int(1, 20)];
  return {
    inputs: [float(random, [steps, m, k]), int8(random, [k, k]), int8(random, [steps, k, 3])],
    run: (x, kernel, kernels) =>
      ops.scan(
        (carry: Tensor, [row, other]: readonly [Tensor, Tensor]) => {
          const next = ops.tanh(ops.multiply(ops.add(ops.matmulInt8(row, kernel), carry), 0.01));
          return { carry: next, output: ops.matmulInt8(row, other) };
        },
        ops.zeros([m, k]),
        [x, kernels],
      ).output as Tensor,
  };
});

define('int8 as numbers', (random) => {
  const shape = [random.int(1, 5), random.int(1, 200)];
  return {
    inputs: [int8(random, shape), float(random, random.pick<Shape>([shape, [1, shape[1]], [shape[0], 1]]))],
    run: (a, b) => ops.add(ops.multiply(a, b), ops.sum(a, 1, { keepDims: true })),
  };
});
define('int8 that is repeated', (random) => {
  const [m, n] = [random.int(1, 7), random.int(1, 60)];
  return {
    inputs: [int8(random, [n]), int8(random, [m, 1]), int8(random, []), float(random, [m, n])],
    run: (a, b, c, x) => ops.add(ops.multiply(a, x), ops.multiply(ops.subtract(b, c), x)),
  };
});
define('int8 in another order', (random) => {
  const [m, n] = [random.int(1, 70), random.int(1, 70)];
  return {
    inputs: [int8(random, [m, n]), int8(random, [2, n]), int(random, [5], 0, m + 1), float(random, [n, 5])],
    run: (a, b, indices, x) =>
      ops.multiply(ops.transpose(ops.take(ops.flip(ops.concatenate([a, b], 0), 1), indices, 0)), x),
  };
});
add(
  'comparisons of int8',
  (random) => {
    const shape = [random.int(1, 5), random.int(1, 40)];
    return {
      inputs: [int8(random, shape, -3, 3), int8(random, shape, -3, 3), bool(random, shape)],
      run: (a, b, c) => ops.add(ops.argmax(ops.where(c, a, b), 1), ops.sum(ops.cast(ops.less(a, b), 'int32'))),
    };
  },
  notDifferentiable,
);
