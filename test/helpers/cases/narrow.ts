import type { Shape, Tensor } from '../../../lib/ir/graph';
import * as ops from '../../../lib/ir/ops/index';
import { withProductPrecision } from '../../../lib/ir/precision';
import type { Random } from '../random';
import { type Case, into, notDifferentiable, type Traits } from './case';
import { bfloat16, bool, float, int, someShape } from './inputs';
import { special } from './precision';

/** bfloat16 numbers in memory: what is rounded to them, what moves them, what computes with them, and products of them. */
export const narrow: Case[] = [];
const define = into(narrow, 'bfloat16');
const exact = (name: string, build: Case['build'], traits: Traits = {}) =>
  define(name, build, { rounds: true, twice: false, ...traits });

/** Kept in two bytes from here on. */
const kept = (t: Tensor): Tensor => ops.cast(t, 'bfloat16');
const widened = (t: Tensor): Tensor => ops.cast(t, 'float32');

exact('rounding and back', (random) => ({
  inputs: [float(random, someShape(random))],
  run: (x) => ops.multiply(widened(kept(x)), 3),
}));
exact(
  'rounding of ties, the largest and the smallest numbers, infinities and NaN',
  (random) => ({ inputs: [float(random, [random.int(1, 300)], special)], run: (x) => widened(kept(x)) }),
  notDifferentiable,
);
exact(
  'what is fed is fetched',
  (random) => ({ inputs: [bfloat16(random, someShape(random))], run: (x) => kept(ops.add(x, 0)) }),
  notDifferentiable,
);
exact(
  'rounded numbers are fetched',
  (random) => ({ inputs: [float(random, someShape(random), special)], run: kept }),
  notDifferentiable,
);
exact(
  'of integers and bools',
  (random) => {
    const shape = someShape(random);
    return {
      inputs: [int(random, shape, -1000, 1000), bool(random, shape)],
      run: (i, b) => ops.add(widened(kept(i)), kept(b)),
    };
  },
  notDifferentiable,
);
exact(
  'to integers and bools',
  (random) => ({
    inputs: [bfloat16(random, someShape(random))],
    run: (x) => ops.add(ops.cast(x, 'int32'), ops.cast(ops.cast(x, 'bool'), 'int32')),
  }),
  notDifferentiable,
);
exact('arithmetic with float32 numbers', (random) => {
  const shape = someShape(random);
  return {
    inputs: [bfloat16(random, shape), float(random, shape), float(random, shape)],
    run: (x, y, z) => ops.add(ops.multiply(x, y), widened(kept(ops.multiply(z, 0.3)))),
  };
});
exact('a row for all rows, a column, and one number', (random) => {
  const [m, n] = [random.int(1, 40), random.int(1, 40)];
  return {
    inputs: [bfloat16(random, [n]), bfloat16(random, [m, 1]), bfloat16(random, []), float(random, [m, n])],
    run: (row, column, one, x) => ops.add(ops.multiply(ops.add(x, row), column), one),
  };
});
exact('every other one, backwards, transposed', (random) => {
  const [m, n] = [random.int(1, 30), random.int(1, 30)];
  return {
    inputs: [bfloat16(random, [2 * m, 2 * n]), float(random, [n, m])],
    run: (x, y) => ops.add(ops.transpose(ops.flip(ops.slice(x, [0, 1], [m, n], [2, 2]), [0])), y),
  };
});
exact(
  'joined, moved and taken without computing',
  (random) => {
    const [m, n] = [random.int(1, 20), random.int(1, 40)];
    return {
      inputs: [bfloat16(random, [m, n]), bfloat16(random, [m, 3]), int(random, [random.int(1, 20)], 0, n + 2)],
      run: (x, y, rows) => ops.take(ops.transpose(ops.concatenate([x, y], 1)), rows, 0),
    };
  },
  notDifferentiable,
);
exact('joined and taken, and computed with', (random) => {
  const [m, n] = [random.int(1, 20), random.int(1, 20)];
  return {
    inputs: [float(random, [m, n]), float(random, [m, n]), int(random, [random.int(1, 9)], 0, 2 * m - 1)],
    run: (x, y, rows) => ops.multiply(ops.take(ops.concatenate([kept(x), kept(y)], 0), rows, 0), 0.7),
  };
});
for (const axis of [0, 1] as const) {
  exact(`sums and extremes along axis ${axis}`, (random) => {
    const shape = [random.int(1, 60), random.int(1, 60)];
    return {
      inputs: [bfloat16(random, shape), float(random, shape)],
      run: (x, y) => ops.add(ops.sum(ops.multiply(x, kept(y)), axis), ops.max(x, axis)),
    };
  });
}
exact(
  'positions of extremes, sorting and running sums',
  (random) => ({
    inputs: [bfloat16(random, [random.int(1, 9), random.int(1, 40)])],
    run: (x) =>
      ops.add(ops.cumsum(x, 1), ops.cast(ops.add(ops.expandDims(ops.argmax(x, 1), 1), ops.argsort(x, 1)), 'float32')),
  }),
  notDifferentiable,
);
exact('softmax and normalization of rows', (random) => ({
  inputs: [bfloat16(random, [random.int(1, 9), random.int(2, 40)]), float(random, [1])],
  run: (x, y) => kept32(ops.softmax(ops.multiply(kept(ops.layerNormalization(widened(x), -1)), y))),
}));
const kept32 = (t: Tensor): Tensor => widened(kept(t));

exact('product in float32', (random) => {
  const [m, k, n] = [random.int(1, 20), random.int(1, 40), random.int(1, 20)];
  return { inputs: [bfloat16(random, [m, k]), float(random, [k, n])], run: (a, b) => ops.matmul(a, kept(b)) };
});

// --- products

/** Around the edges of tiles and panels, with depths that no pair fills. */
const size = (random: Random): number => random.pick([() => random.int(1, 9), () => random.int(10, 70)])();

const product = (name: string, build: Case['build'], traits: Traits = {}) =>
  exact(
    name,
    (random) => {
      const { inputs, run } = build(random);
      return { inputs, run: (...x) => withProductPrecision('bfloat16', () => run(...x)) };
    },
    traits,
  );

for (const transposed of ['neither', 'left', 'right', 'both'] as const) {
  for (const which of ['both', 'one'] as const) {
    product(`matrices, ${which} of two bytes, ${transposed} transposed`, (random) => {
      const [m, k, n] = [size(random), size(random), size(random)];
      const [left, right] = [/left|both/.test(transposed), /right|both/.test(transposed)];
      const [keepLeft, keepRight] = which === 'both' ? [true, true] : random.pick([[true], [false, true]]);
      return {
        inputs: [float(random, left ? [k, m] : [m, k]), float(random, right ? [n, k] : [k, n])],
        run: (a, b) => {
          const [x, y] = [keepLeft ? kept(a) : a, keepRight ? kept(b) : b];
          return ops.matmul(left ? ops.transpose(x) : x, right ? ops.transpose(y) : y);
        },
      };
    });
  }
}
product(
  'matrices of two bytes that are fed',
  (random) => {
    const [m, k, n] = [size(random), size(random), size(random)];
    return { inputs: [bfloat16(random, [m, k]), bfloat16(random, [k, n])], run: ops.matmul };
  },
  notDifferentiable,
);
product('vectors of two bytes', (random) => {
  const [m, k] = [size(random), size(random)];
  const [a, b] = random.pick<[Shape, Shape]>([
    [[k], [k]],
    [[m, k], [k]],
    [[k], [k, m]],
  ]);
  return { inputs: [float(random, a), float(random, b)], run: (x, y) => ops.matmul(kept(x), kept(y)) };
});
product('batches of two bytes', (random) => {
  const [p, m, k, n] = [random.int(2, 5), size(random), size(random), size(random)];
  const b = random.pick<Shape>([
    [p, k, n],
    [1, k, n],
  ]);
  return {
    inputs: [float(random, [p, m, k]), float(random, b)],
    run: (x, y) => ops.matmul(kept(x), kept(y)),
  };
});
product(
  'two bytes, every other row and column, backwards',
  (random) => {
    const [m, k, n] = [size(random), size(random), size(random)];
    const thin = (t: Tensor, rows: number, columns: number) =>
      ops.flip(ops.slice(t, [0, 0], [rows, columns], [2, 2]), [0]);
    return {
      inputs: [bfloat16(random, [2 * m, 2 * k]), bfloat16(random, [2 * k, 2 * n])],
      run: (a, b) => ops.matmul(thin(a, m, k), thin(b, k, n)),
    };
  },
  notDifferentiable,
);
product('dense layer whose result is kept in two bytes', (random) => {
  const [m, k, n] = [random.int(1, 20), random.int(1, 40), random.int(1, 40)];
  return {
    inputs: [float(random, [m, k]), float(random, [k, n]), float(random, [n])],
    run: (x, kernel, bias) => kept32(ops.relu(ops.add(ops.matmul(kept(x), kept(kernel)), kept(bias)))),
  };
});
product(
  'deep and wide product of two bytes and what follows',
  (random) => {
    const [m, k, n] = [61, 1551, 209];
    return {
      inputs: [bfloat16(random, [m, k]), bfloat16(random, [k, n]), float(random, [m, n])],
      run: (a, b, x) => kept(ops.multiply(ops.tanh(ops.multiply(ops.matmul(a, b), 0.05)), x)),
    };
  },
  { ...notDifferentiable, large: true },
);
product('convolution of two bytes', (random) => ({
  inputs: [float(random, [2, 6, 7, 4]), float(random, [3, 2, 4, 5])],
  run: (x, kernel) => kept32(ops.conv(kept(x), kept(kernel), { padding: 'same' })),
}));
