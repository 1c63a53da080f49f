import type { Shape, Tensor } from '../../../lib/ir/graph';
import * as ops from '../../../lib/ir/ops/index';
import { type ProductPrecision, withProductPrecision } from '../../../lib/ir/precision';
import * as layers from '../../../lib/layers/index';
import { between, type Draw } from '../domains';
import type { Random } from '../random';
import { traceWith } from '../trace-layer';
import { type Case, type Instance, into, notDifferentiable, once, type Traits } from './case';
import { bool, float } from './inputs';

/** Products of operands rounded to bfloat16, or that may be rounded to tf32. */
export const precision: Case[] = [];

function defining(family: ProductPrecision) {
  const add = into(precision, family);
  return (name: string, build: Case['build'], traits: Traits = {}) => {
    const rounding: Case['build'] = (random) => {
      const { inputs, run } = build(random);
      return { inputs, run: (...x) => withProductPrecision(family, () => run(...x)) };
    };
    add(name, rounding, { rounds: true, ...traits });
  };
}
const define = defining('bfloat16');
const defineTf32 = defining('tf32');

/** Around the edges of tiles and panels, with depths that no pair fills. */
const size = (random: Random): number => random.pick([() => random.int(1, 9), () => random.int(10, 70)])();

function matrices(random: Random, left: boolean, right: boolean): Instance {
  const [m, k, n] = [size(random), size(random), size(random)];
  return {
    inputs: [float(random, left ? [k, m] : [m, k]), float(random, right ? [n, k] : [k, n])],
    run: (a, b) => ops.matmul(left ? ops.transpose(a) : a, right ? ops.transpose(b) : b),
  };
}
for (const transposed of ['neither', 'left', 'right', 'both'] as const) {
  define(`matrices, ${transposed} transposed`, (random) =>
    matrices(random, /left|both/.test(transposed), /right|both/.test(transposed)),
  );
}
defineTf32('matrices', (random) => matrices(random, random.pick([true, false]), random.pick([true, false])));
define('vectors', (random) => {
  const [m, k] = [size(random), size(random)];
  const [a, b] = random.pick<[Shape, Shape]>([
    [[k], [k]],
    [[m, k], [k]],
    [[k], [k, m]],
  ]);
  return { inputs: [float(random, a), float(random, b)], run: ops.matmul };
});
for (const add of [define, defineTf32]) {
  add('batches', (random) => {
    const [p, m, k, n] = [random.int(2, 5), size(random), size(random), size(random)];
    const b = random.pick<Shape>([
      [p, k, n],
      [1, k, n],
    ]);
    return { inputs: [float(random, [p, m, k]), float(random, b)], run: ops.matmul };
  });
}
define('every other row and column, backwards', (random) => {
  const [m, k, n] = [size(random), size(random), size(random)];
  const thin = (t: Tensor, rows: number, columns: number) =>
    ops.flip(ops.slice(t, [0, 0], [rows, columns], [2, 2]), [0]);
  return {
    inputs: [float(random, [2 * m, 2 * k]), float(random, [2 * k, 2 * n])],
    run: (a, b) => ops.matmul(thin(a, m, k), thin(b, k, n)),
  };
});
for (const add of [define, defineTf32]) {
  add('dense layer', (random) => {
    const [m, k, n] = [random.int(1, 20), random.int(1, 40), random.int(1, 40)];
    return {
      inputs: [float(random, [m, k]), float(random, [k, n]), float(random, [n])],
      run: (x, kernel, bias) => ops.relu(ops.add(ops.matmul(x, kernel), bias)),
    };
  });
}
for (const add of [define, defineTf32]) {
  add('dense layer and what it is added to, in whole lines', (random) => {
    const [m, k, n] = [random.int(1, 70), random.int(1, 70), 8 * random.int(1, 20)];
    return {
      inputs: [float(random, [m, k]), float(random, [k, n]), float(random, [n]), float(random, [m, n])],
      run: (x, kernel, bias, y) => ops.relu(ops.add(ops.add(ops.matmul(x, kernel), bias), y)),
    };
  });
}
define(
  'deep and wide product and what follows',
  (random) => {
    const [m, k, n] = [61, 1551, 209];
    return {
      inputs: [float(random, [m, k]), float(random, [k, n]), float(random, [m, n])],
      run: (a, b, x) => ops.multiply(ops.tanh(ops.multiply(ops.matmul(a, b), 0.05)), x),
    };
  },
  { ...notDifferentiable, large: true },
);

// Ties go to the even neighbour, what rounds beyond the largest number is infinite, subnormal numbers count as zero.
export const special: Draw = (random, count) =>
  Float64Array.from({ length: count }, () =>
    random.pick([
      ...[Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 3.4e38, -3.4e38],
      ...[1e-40, -1e-40, 1.1754942e-38, 1.17549435e-38, 1 + 2 ** -8, 1 + 3 * 2 ** -8, 1 + 2 ** -8 + 2 ** -23],
      ...[0, -0, 1, -1.5, 0.1, 3.14159, 65537, -1e10],
    ]),
  );
const small: Draw = (random, count) => Float64Array.from({ length: count }, () => random.pick([1, -2, 3, 0, 1e20]));
for (const side of ['left', 'right'] as const) {
  define(
    `not numbers, infinities, ties and subnormal numbers on the ${side}`,
    (random) => {
      const [m, k, n] = [random.int(1, 40), random.int(1, 3), random.int(1, 40)];
      const [a, b] = side === 'left' ? [special, small] : [small, special];
      return { inputs: [float(random, [m, k], a), float(random, [k, n], b)], run: ops.matmul };
    },
    notDifferentiable,
  );
}

for (const channels of ['an even', 'an odd'] as const) {
  define(`convolution of ${channels} number of channels`, (random) => {
    const groups = random.pick([1, 1, 2]);
    const width = 2 * random.int(1, 4) - (channels === 'an odd' ? 1 : 0);
    const columns = random.int(2, 9);
    const padding = random.pick(['valid', 'same'] as const);
    const [strides, dilationRate] = random.pick([
      [1, 1],
      [2, 1],
      [1, 2],
    ]);
    return {
      inputs: [
        float(random, [random.int(1, 3), 6, random.int(5, 9), groups * width]),
        float(random, [3, random.int(1, 3), width, groups * columns]),
      ],
      run: (x, kernel) => ops.conv(x, kernel, { strides, dilationRate, padding }),
    };
  });
}
for (const images of [4, 17]) {
  define(
    `convolution of three by three, ${images} images`,
    (random) => ({
      inputs: [float(random, [images, 9, 8, 12]), float(random, [3, 3, 12, 13])],
      run: (x, kernel) => ops.conv(x, kernel, { padding: 'same' }),
    }),
    { large: true },
  );
}
for (const add of [define, defineTf32]) {
  add('convolution with a window of 1', (random) => {
    const [channels, filters] = [random.int(1, 40), random.int(1, 40)];
    return {
      inputs: [float(random, [2, 5, 4, channels]), float(random, [1, 1, channels, filters])],
      run: (x, kernel) => ops.conv(x, kernel),
    };
  });
}
defineTf32('convolution', (random) => ({
  inputs: [float(random, [2, 6, 7, 5]), float(random, [3, 2, 5, 4])],
  run: (x, kernel) => ops.conv(x, kernel, { strides: 2, padding: 'same' }),
}));
define('transposed convolution', (random) => {
  const [channels, filters] = [random.int(1, 7), random.int(1, 7)];
  return {
    inputs: [float(random, [2, 4, 5, channels]), float(random, [3, 2, filters, channels])],
    run: (x, kernel) => ops.convTranspose(x, kernel, { strides: 2, padding: 'same' }),
  };
});
define(
  'attention',
  (random) => {
    const [batch, own, group, t, s, d, e] = Array.from({ length: 7 }, () => random.int(1, 5)) as number[];
    const [causal, masked] = [random.uniform() < 0.5, random.uniform() < 0.5];
    return {
      inputs: [
        float(random, [batch, own, group, t, d]),
        float(random, [batch, own, 1, s, d]),
        float(random, [batch, own, 1, s, e]),
        bool(random, [t, s]),
      ],
      run: (q, k, v, mask) => ops.scaledDotProductAttention(q, k, v, masked ? { causal, mask } : { causal }),
    };
  },
  once,
);
define(
  'attention in several blocks',
  (random) => {
    const [t, s, d, e] = [random.int(65, 70), random.int(257, 265), random.int(1, 4), random.int(1, 4)];
    return {
      inputs: [float(random, [t, d]), float(random, [s, d]), float(random, [s, e])],
      run: (q, k, v) => ops.scaledDotProductAttention(q, k, v),
    };
  },
  { ...once, large: true },
);
define('LSTM', (random) => {
  const [batch, time, features, units] = [random.int(1, 3), random.int(1, 4), random.int(1, 4), random.int(1, 4)];
  const shapes = [[batch, time, features], [features, 4 * units], [units, 4 * units], [4 * units]];
  const layer = layers.lstm({ units });
  return {
    inputs: shapes.map((shape) => float(random, shape, between(-0.8, 0.8))),
    run: (x, kernel, recurrentKernel, bias) => traceWith(layer, [x], { kernel, recurrentKernel, bias })[0],
  };
});
