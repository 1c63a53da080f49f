import type { Shape, Tensor } from '../../../lib/ir/graph';
import * as ops from '../../../lib/ir/ops/index';
import type { Random } from '../random';
import { type Binary, type Case, into, notDifferentiable } from './case';
import { float } from './inputs';

export const matmul: Case[] = [];
const define = into(matmul, 'matmul');

function product(name: string, shapes: (random: Random) => [Shape, Shape], f: Binary = ops.matmul) {
  define(name, (random) => {
    const [a, b] = shapes(random);
    return { inputs: [float(random, a), float(random, b)], run: f };
  });
}
const mkn = (random: Random) => [random.int(1, 9), random.int(1, 9), random.int(1, 9)];
product('matrices', (random) => {
  const [m, k, n] = mkn(random);
  return [
    [m, k],
    [k, n],
  ];
});
product('vectors', (random) => {
  const [m, k] = mkn(random);
  return random.pick<[Shape, Shape]>([
    [[k], [k]],
    [[m, k], [k]],
    [[k], [k, m]],
    [[3, m, k], [k]],
  ]);
});
product('batches', (random) => {
  const [m, k, n] = mkn(random);
  const [p, q] = [random.int(1, 3), random.int(1, 3)];
  return random.pick<[Shape, Shape]>([
    [
      [p, m, k],
      [k, n],
    ],
    [
      [m, k],
      [p, k, n],
    ],
    [
      [p, m, k],
      [p, k, n],
    ],
    [
      [p, 1, m, k],
      [q, k, n],
    ],
    [
      [1, m, k],
      [p, k, n],
    ],
    [
      [q, p, m, k],
      [q, 1, k, n],
    ],
  ]);
});
product(
  'transposed',
  (random) => {
    const [m, k, n] = mkn(random);
    return [
      [k, m],
      [n, k],
    ];
  },
  (a, b) => ops.matmul(ops.transpose(a), ops.transpose(b)),
);
define('dense layer', (random) => {
  const [m, k, n] = [random.int(1, 20), random.int(1, 40), random.int(1, 40)];
  return {
    inputs: [float(random, [m, k]), float(random, [k, n]), float(random, [n])],
    run: (x, kernel, bias) => ops.tanh(ops.add(ops.matmul(x, kernel), bias)),
  };
});

// Factors and summands of the columns, done in registers, around the edges of vectors and tiles, and where C is transposed.
define('a factor for each column', (random) => {
  const [m, k, n] = [random.int(1, 40), random.int(1, 40), random.pick([1, random.int(2, 70)])];
  const columns = random.pick([[n], [1]]);
  const biased = random.pick([true, false]);
  return {
    inputs: [float(random, [m, k]), float(random, [k, n]), float(random, columns), float(random, [n])],
    run: (x, kernel, scale, bias) => {
      const scaled = ops.multiply(ops.matmul(x, kernel), scale);
      return biased ? ops.add(scaled, bias) : scaled;
    },
  };
});

// Large enough to be cut into blocks and strips, whose rest is uneven: what follows the product runs beside the next strip.
for (const form of ['as it lies', 'transposed'] as const) {
  define(
    `wide product and what follows, left factor ${form}`,
    (random) => {
      const [m, k, n] = [61, 383, 709];
      const left = form === 'transposed' ? [k, m] : [m, k];
      return {
        inputs: [float(random, left), float(random, [k, n]), float(random, [m, n]), float(random, [m, n])],
        run: (a, b, x, y) => {
          const product = ops.matmul(form === 'transposed' ? ops.transpose(a) : a, b);
          return ops.add(ops.multiply(ops.tanh(ops.multiply(product, 0.05)), x), y);
        },
      };
    },
    { ...notDifferentiable, large: true },
  );
}
// Deeper than the part of k that a tile of A is copied for: the next copy begins at the first row again.
for (const form of ['as it lies', 'transposed'] as const) {
  define(
    `deep product, left factor ${form}`,
    (random) => {
      const [m, k, n] = [23, 811, 101];
      return {
        inputs: [float(random, form === 'transposed' ? [k, m] : [m, k]), float(random, [k, n]), float(random, [n])],
        run: (a, b, bias) => ops.add(ops.matmul(form === 'transposed' ? ops.transpose(a) : a, b), bias),
      };
    },
    { ...notDifferentiable, large: true },
  );
}
// B is large and A low: every block packs its own panels, part by part of k.
for (const form of ['as it lies', 'transposed'] as const) {
  define(
    `low product with a large factor, ${form}`,
    (random) => {
      const [m, k, n] = [45, 901, 330];
      const right = form === 'transposed' ? [n, k] : [k, n];
      return {
        inputs: [float(random, [m, k]), float(random, right), float(random, [n]), float(random, [m, n])],
        run: (a, b, bias, x) => {
          const product = ops.matmul(a, form === 'transposed' ? ops.transpose(b) : b);
          return ops.relu(ops.add(ops.add(product, bias), x));
        },
      };
    },
    { ...notDifferentiable, large: true },
  );
}
// One row, and rows of B longer than what is in registers: they are read some at a time. One column is a row of the transposed.
for (const form of ['a row', 'a column'] as const) {
  define(`product that is ${form}, of a wide matrix`, (random) => {
    const [k, n] = [random.int(1, 70), random.int(100, 400)];
    const [left, right, bias]: Shape[] =
      form === 'a row'
        ? [[1, k], [k, n], [n]]
        : [
            [k, n],
            [k, 1],
            [n, 1],
          ];
    return {
      inputs: [float(random, left as Shape), float(random, right as Shape), float(random, bias as Shape)],
      run: (a, b, c) => ops.add(ops.matmul(form === 'a row' ? a : ops.transpose(a), b), c),
    };
  });
}
// Fewer columns than a vector has, or few rows: products of rows, or C turned; what follows in registers and as a program.
for (const form of ['NN', 'NT', 'TN'] as const) {
  for (const follows of ['a bias', 'a program'] as const) {
    define(`narrow product, ${form}, and ${follows}`, (random) => {
      const few = random.int(1, 15);
      const [m, k, n] = random.pick([
        [random.int(1, 45), random.int(1, 130), few],
        [few, random.int(1, 130), random.int(1, 45)],
      ]) as [number, number, number];
      const batch = random.pick([[], [2]]);
      const left = [...batch, ...(form === 'TN' ? [k, m] : [m, k])];
      const right = [...batch, ...(form === 'NT' ? [n, k] : [k, n])];
      const last = (x: Tensor) => ops.transpose(x, batch.length > 0 ? [0, 2, 1] : [1, 0]);
      return {
        inputs: [float(random, left), float(random, right), float(random, [n])],
        run: (a, b, c) => {
          const product = ops.matmul(form === 'TN' ? last(a) : a, form === 'NT' ? last(b) : b);
          return follows === 'a bias' ? ops.add(product, c) : ops.multiply(ops.tanh(product), c);
        },
      };
    });
  }
}
// B is long and A low: parts of k are summed on their own, read as they lie or packed, and what follows comes after them.
for (const [name, m] of [
  ['as it lies', 29],
  ['packed', 61],
] as const) {
  define(
    `low product with a long factor, ${name}`,
    (random) => {
      const [k, n] = [801, 301];
      return {
        inputs: [float(random, [m, k]), float(random, [k, n]), float(random, [n]), float(random, [m, n])],
        run: (a, b, bias, x) => ops.relu(ops.add(ops.add(ops.matmul(a, b), bias), x)),
      };
    },
    { ...notDifferentiable, large: true },
  );
  define(
    `low product with a long factor, ${name}, and a program behind it`,
    (random) => {
      const [k, n] = [801, 301];
      return {
        inputs: [float(random, [m, k]), float(random, [k, n]), float(random, [m, n])],
        run: (a, b, x) => ops.multiply(ops.tanh(ops.multiply(ops.matmul(a, b), 0.05)), x),
      };
    },
    { ...notDifferentiable, large: true },
  );
}
// As in gradients of weights: rows of both factors are summed in two parts or in four.
for (const [name, m, k, n] of [
  ['two', 61, 301, 131],
  ['four', 37, 1501, 45],
] as const) {
  define(
    `product over many rows, ${name} parts`,
    (random) => ({
      inputs: [float(random, [k, m]), float(random, [k, n]), float(random, [m, n]), float(random, [])],
      run: (a, b, x, rate) => ops.subtract(x, ops.multiply(ops.matmul(ops.transpose(a), b), rate)),
    }),
    { ...notDifferentiable, large: true },
  );
}
define('product that is added to something', (random) => {
  const [m, k, n] = [random.int(1, 20), random.int(1, 20), random.int(1, 40)];
  return {
    inputs: [float(random, [m, k]), float(random, [k, n]), float(random, [n]), float(random, [m, n])],
    run: (a, b, bias, x) => ops.tanh(ops.add(ops.add(ops.matmul(a, b), bias), ops.multiply(x, x))),
  };
});
// What is added cannot lie where the result does: it is read once more.
define(
  'product that is added to something, in several blocks',
  (random) => {
    const [m, k, n] = [200, 128, 256];
    return {
      inputs: [float(random, [m, k]), float(random, [k, n]), float(random, [m, n])],
      run: (a, b, x) => ops.matmul(ops.transpose(ops.add(ops.matmul(a, b), x)), x),
    };
  },
  { ...notDifferentiable, large: true },
);
