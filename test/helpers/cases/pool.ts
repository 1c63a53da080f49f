import { make } from '../../../lib/ir/build';
import * as ops from '../../../lib/ir/ops/index';
import { distinct } from '../domains';
import type { Random } from '../random';
import { type Case, into, once } from './case';
import { float } from './inputs';

export const pool: Case[] = [];
const define = into(pool, 'pool');

for (const [rank, largest] of [
  [1, 12],
  [2, 7],
  [3, 4],
] as const) {
  const windows = (random: Random) => {
    const sizes = Array.from({ length: rank }, () => random.int(2, largest));
    const window = sizes.map((n) => random.int(1, Math.min(n, 3)));
    const padding = random.pick<() => 'valid' | 'same' | [number, number][]>([
      () => 'valid',
      () => 'same',
      () => window.map((n): [number, number] => [random.int(0, n - 1), random.int(0, n - 1)]),
    ])();
    const strides = sizes.map(() => random.int(1, 3));
    const x = [random.int(1, 3), ...sizes, random.pick([1, 3, 18, 70])];
    return { x, window, options: { strides, padding, ceilMode: random.uniform() < 0.3 } };
  };
  define(`maxPool ${rank}d`, (random) => {
    const { x, window, options } = windows(random);
    return { inputs: [float(random, x, distinct())], run: (t) => ops.maxPool(t, window, options) };
  });
  define(`averagePool ${rank}d`, (random) => {
    const { x, window, options } = windows(random);
    const countPadding = random.uniform() < 0.5;
    return { inputs: [float(random, x)], run: (t) => ops.averagePool(t, window, { ...options, countPadding }) };
  });
}
define('maxPool of relu', (random) => {
  const x = [2, random.int(4, 9), random.int(4, 9), random.pick([3, 16, 70])];
  const strides = random.int(1, 3);
  return {
    inputs: [float(random, x, distinct(0.5)), float(random, [1])],
    run: (t, bias) => ops.maxPool(ops.relu(ops.add(t, ops.multiply(bias, 1e-3))), 2, { strides }),
  };
});
for (const kind of ['maxPool', 'averagePool'] as const) {
  define(`${kind} of windows that overlap, channels in fours`, (random) => {
    const x = [random.int(1, 2), random.int(5, 9), random.int(5, 9), 4 * random.int(1, 9)];
    const [strides, padding] = [[random.int(1, 2), random.int(1, 2)], random.pick(['valid', 'same'] as const)];
    return { inputs: [float(random, x, distinct())], run: (t) => ops[kind](t, 3, { strides, padding }) };
  });
}
// Positions beyond the input see nothing. Coordinates of these leave 29 bits, which kernels may count on otherwise.
for (const kind of ['maxPool', 'averagePool'] as const) {
  define(
    `${kind} at positions far away`,
    (random) => {
      const [n, rows, columns, channels] = [
        random.int(1, 2),
        random.int(2, 3),
        random.int(3, 6),
        random.pick([1, 3, 8]),
      ];
      const attrs = { window: [2, 2], strides: [2 ** 24 - 1, random.int(1, 2)], padding: [0, 0] };
      const shape = [n, 33, Math.floor((columns - 2) / (attrs.strides[1] as number)) + 1, channels];
      return {
        inputs: [float(random, [n, rows, columns, channels], distinct())],
        run: (t) =>
          kind === 'maxPool'
            ? ops.maximum(make('maxPool', [t], attrs, shape, 'float32'), -1000)
            : make(
                'averagePool',
                [t],
                {
                  ...attrs,
                  counted: [
                    [0, 0],
                    [0, 0],
                  ],
                },
                shape,
                'float32',
              ),
      };
    },
    kind === 'maxPool' ? once : {},
  ); // its second derivative is a table of all positions
}
define('adaptiveAveragePool', (random) => {
  const sizes = [random.int(1, 9), random.int(1, 9)];
  const output = [random.int(1, 5), random.int(1, 5)];
  return { inputs: [float(random, [2, ...sizes, 3])], run: (x) => ops.adaptiveAveragePool(x, output) };
});
define('adaptiveMaxPool', (random) => {
  const sizes = [random.int(1, 9), random.int(1, 9)];
  const output = [random.int(1, 5), random.int(1, 5)];
  return { inputs: [float(random, [2, ...sizes, 3], distinct())], run: (x) => ops.adaptiveMaxPool(x, output) };
});
for (const interpolation of ['nearest', 'bilinear'] as const) {
  define(`upSampling ${interpolation}`, (random) => {
    const size = [random.int(1, 3), random.int(1, 3)];
    return {
      inputs: [float(random, [2, random.int(1, 5), random.int(1, 5), 3])],
      run: (x) => ops.upSampling(x, size, interpolation),
    };
  });
}
