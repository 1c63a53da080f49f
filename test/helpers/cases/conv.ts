import { make } from '../../../lib/ir/build';
import type { Tensor } from '../../../lib/ir/graph';
import * as ops from '../../../lib/ir/ops/index';
import { awayFrom, type Draw } from '../domains';
import type { Random } from '../random';
import { type Case, into, notDifferentiable } from './case';
import { float } from './inputs';

export const conv: Case[] = [];
const define = into(conv, 'conv');

interface Sliding {
  readonly sizes: number[];
  readonly window: number[];
  readonly options: { strides: number[]; padding: ops.Padding; dilationRate: number[] };
}
/** Windows that fit, with every kind of padding. */
function sliding(random: Random, rank: number, largest: number): Sliding {
  const each = (low: number, high: number) => Array.from({ length: rank }, () => random.int(low, high));
  const sizes = each(1, largest);
  const padding = random.pick<() => ops.Padding>([
    () => 'valid',
    () => 'same',
    () => (rank === 1 ? 'causal' : 'same'),
    () => sizes.map(() => [random.int(0, 2), random.int(0, 3)] as const),
  ])();
  const room = sizes.map((n, a) => (typeof padding === 'string' ? n : n + padding[a][0] + padding[a][1]));
  const window = room.map((n) => random.int(1, Math.min(n, 3)));
  const dilationRate = room.map((n, a) =>
    window[a] === 1 ? random.int(1, 3) : random.int(1, Math.min(3, Math.floor((n - 1) / (window[a] - 1)))),
  );
  return { sizes, window, options: { strides: each(1, 3), padding, dilationRate } };
}
for (const [rank, largest] of [
  [1, 12],
  [2, 7],
  [3, 4],
] as const) {
  define(`conv ${rank}d`, (random) => {
    const { sizes, window, options } = sliding(random, rank, largest);
    const groups = random.pick([1, 1, 2, 3]);
    const [width, columns] = [random.int(1, 5), random.int(1, 4)];
    return {
      inputs: [
        float(random, [random.int(1, 3), ...sizes, groups * width]),
        float(random, [...window, width, groups * columns]),
      ],
      run: (x, kernel) => ops.conv(x, kernel, options),
    };
  });
  define(`convTranspose ${rank}d`, (random) => {
    const { sizes, window, options } = sliding(random, rank, Math.min(largest, 5));
    const groups = random.pick([1, 1, 2]);
    const [width, columns] = [random.int(1, 4), random.int(1, 4)];
    const padding = random.pick(['valid', 'same'] as const);
    const outputPadding = random.pick([undefined, options.strides.map((s) => random.int(0, s - 1))]);
    const safe = outputPadding === undefined ? padding : 'valid';
    return {
      inputs: [
        float(random, [random.int(1, 2), ...sizes, groups * width]),
        float(random, [...window, columns, groups * width]),
      ],
      run: (x, kernel) => ops.convTranspose(x, kernel, { ...options, padding: safe, outputPadding, groups }),
    };
  });
  define(`depthwiseConv ${rank}d`, (random) => {
    const { sizes, window, options } = sliding(random, rank, largest);
    const [channels, multiplier] = [random.int(2, 20), random.pick([1, 1, 3])];
    return {
      inputs: [float(random, [random.int(1, 2), ...sizes, channels]), float(random, [...window, channels, multiplier])],
      run: (x, kernel) => ops.depthwiseConv(x, kernel, options),
    };
  });
}
// Positions beyond the input see nothing. Coordinates of these leave 29 bits, which kernels may count on otherwise.
define('conv at positions far away', (random) => {
  const [groups, width, filters] = [random.pick([1, 2]), random.int(1, 5), random.int(1, 4)];
  const attrs = { strides: [2 ** 24 - 1, 2], dilation: [1, 1], padding: [0, 0], groups };
  const [n, rows, columns] = [random.int(1, 3), random.int(2, 5), random.int(3, 7)];
  const shape = [n, 33, Math.floor((columns - 3) / 2) + 1, groups * filters];
  return {
    inputs: [float(random, [n, rows, columns, groups * width]), float(random, [2, 3, width, groups * filters])],
    run: (x, kernel) => make('conv', [x, kernel], attrs, shape, 'float32'),
  };
});
define('separableConv', (random) => {
  const { sizes, window, options } = sliding(random, 2, 6);
  const [channels, filters] = [random.int(1, 5), random.int(1, 5)];
  return {
    inputs: [
      float(random, [2, ...sizes, channels]),
      float(random, [...window, channels, 2]),
      float(random, [1, 1, 2 * channels, filters]),
    ],
    run: (x, depthwise, pointwise) => ops.separableConv(x, depthwise, pointwise, options),
  };
});
/** Sizes that fill several tiles of rows and panels of columns, with the epilogues that layers make; no sum is near 0. */
define('layer', (random) => {
  const [width, filters] = [random.pick([1, 3, 8, 17, 56]), random.pick([5, 16, 40])];
  const f = random.pick([ops.relu, (v: Tensor) => ops.tanh(ops.multiply(v, 0.01))]);
  const [strides, padding] = [random.int(1, 2), random.pick(['valid', 'same'] as const)];
  const bias: Draw = (_, n) => Float64Array.from({ length: n }, (__, k) => (k % 2 === 0 ? 80 : -80));
  return {
    inputs: [
      float(random, [2, 9, 8, width], awayFrom(0)),
      float(random, [3, 2, width, filters]),
      float(random, [filters], bias),
    ],
    run: (x, kernel, b) => f(ops.add(ops.conv(ops.relu(x), kernel, { strides, padding }), b)),
  };
});
/** Convolutions over enough channels and pixels for minimal filtering, between what layers have before and behind them. */
function filtered(
  random: Random,
  [x, kernel, filters]: [number[], number[], number],
  convolve: (x: Tensor, kernel: Tensor) => Tensor,
) {
  const finish = random.pick([(y: Tensor) => y, ops.relu, (y: Tensor) => ops.tanh(ops.multiply(y, 0.01))]);
  const bias: Draw = (_, n) => Float64Array.from({ length: n }, (__, k) => (k % 2 === 0 ? 80 : -80));
  return {
    inputs: [float(random, x, awayFrom(0)), float(random, kernel), float(random, [filters], bias)],
    run: (x: Tensor, kernel: Tensor, b: Tensor) => finish(ops.add(convolve(ops.relu(x), kernel), b)),
  };
}
const threeByThree = (random: Random, sizes: number[], [width, filters]: [number, number], padding: ops.Padding) =>
  filtered(random, [[...sizes, width], [3, 3, width, filters], filters], (x, kernel) =>
    ops.conv(x, kernel, { padding }),
  );
define('three by three', (random) => {
  const padding = random.pick<ops.Padding>([
    'valid',
    'same',
    [
      [0, 2],
      [3, 1],
    ],
  ]);
  const sizes = [random.int(4, 5), random.int(7, 8), random.int(7, 8)];
  return threeByThree(random, sizes, [random.pick([12, 17]), random.pick([12, 20])], padding);
});
// Larger tiles. Corners see one pixel of 48 channels, or four of 12.
define(
  'three by three, many pixels behind padding',
  (random) =>
    threeByThree(
      random,
      [5, 13, 12],
      [48, 12],
      [
        [2, 2],
        [2, 2],
      ],
    ),
  { ...notDifferentiable, large: true },
);
define('three by three, many pixels', (random) => threeByThree(random, [8, 13, 11], [12, 12], 'same'), {
  large: true,
});
/** Larger windows, and such that step: in parts, and the gradient in phases. Along one axis, and in volumes, plane by plane. */
for (const [name, sizes, window, strides, dilationRate = 1, width = 12] of [
  ['five by five', [8, 13, 12], [5, 5], 1],
  ['four by four, stride 2', [8, 24, 24], [4, 4], 2],
  ['five by five, stride 2, odd sizes', [9, 23, 25], [5, 5], 2],
  ['three by three, dilation 2', [6, 15, 16], [3, 3], 1, 2],
  ['seven', [10, 120], [7], 1, 1, 24],
  ['seven, one long line', [1, 1300], [7], 1, 1, 24],
  ['seven, dilation 2', [10, 120], [7], 1, 2, 24],
  ['six, stride 2', [10, 240], [6], 2, 1, 24],
  ['one by seven', [6, 15, 16], [1, 7], 1, 1, 24],
  ['seven by one', [6, 16, 15], [7, 1], 1, 1, 24],
  ['three by three by three', [2, 5, 13, 12], [3, 3, 3], 1],
] as readonly [string, number[], number[], number, number?, number?][]) {
  const [options, filters] = [{ strides, dilationRate, padding: 'same' } as const, width + 2];
  define(
    `${name}, many pixels`,
    (random) =>
      filtered(random, [[...sizes, width], [...window, width, filters], filters], (x, kernel) =>
        ops.conv(x, kernel, options),
      ),
    { large: true },
  );
  define(
    `transposed, ${name}, many pixels`,
    (random) => {
      const [images, ...axes] = sizes;
      const small = [images, ...axes.map((n) => Math.ceil(n / strides)), filters];
      return filtered(random, [small, [...window, width, filters], width], (x, kernel) =>
        ops.convTranspose(x, kernel, options),
      );
    },
    { large: true },
  );
}
/** All patches are gathered for one product: of the kernel's gradient, and forward as well. */
for (const [name, channels, filters] of [
  ['a large kernel at few positions', 192, 304],
  ['a kernel whose gradient is large at few positions', 64, 240],
] as const) {
  define(
    name,
    (random) =>
      filtered(random, [[1, 3, 4, channels], [3, 3, channels, filters], filters], (x, kernel) =>
        ops.conv(x, kernel, { padding: 'same' }),
      ),
    { large: true },
  );
}
/** Normalization of a trained network: a factor and a summand for each filter. Each kind of kernel, with a part of a panel. */
for (const [name, window, width, groups] of [
  ['three by three', [3, 3], 12, 1],
  ['few channels', [3, 3], 3, 1],
  ['in groups', [3, 2], 8, 2],
  ['one by one', [1, 1], 40, 1],
] as const) {
  define(
    `a factor for each filter, ${name}`,
    (random) => ({
      inputs: [
        float(random, [4, 8, 7, width]),
        float(random, [...window, width / groups, 22]),
        float(random, [22]),
        float(random, [22]),
      ],
      run: (x, kernel, scale, b) => ops.add(ops.multiply(ops.conv(x, kernel, { padding: 'same' }), scale), b),
    }),
    { ...notDifferentiable, large: true },
  );
}
/** What is added to a convolution cannot lie where the result does: it is read once more. Each kind of kernel, in several blocks. */
for (const [name, images, window, width, filters] of [
  ['three by three', 1, [3, 3], 16, 24],
  ['few channels', 5, [3, 3], 4, 24],
  ['one by one', 5, [1, 1], 40, 24],
] as const) {
  define(
    `residual, ${name}`,
    (random) => {
      const sizes = [images, 28, 28];
      return {
        inputs: [
          float(random, [...sizes, width]),
          float(random, [...window, width, filters]),
          float(random, [...sizes, filters]),
        ],
        run: (x, kernel, y) => {
          const sum = ops.add(ops.conv(x, kernel, { padding: 'same' }), y);
          return ops.matmul(ops.transpose(ops.reshape(sum, [-1, filters])), ops.reshape(y, [-1, filters]));
        },
      };
    },
    { ...notDifferentiable, large: true },
  );
}
define('two layers', (random) => {
  const [width, hidden] = [random.pick([1, 3, 9]), random.pick([2, 12])];
  const strides = random.int(1, 2);
  return {
    inputs: [float(random, [2, 7, 6, width]), float(random, [3, 3, width, hidden]), float(random, [2, 2, hidden, 5])],
    run: (x, first, second) => ops.conv(ops.tanh(ops.conv(x, first, { padding: 'same' })), second, { strides }),
  };
});
