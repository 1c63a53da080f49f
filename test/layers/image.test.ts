// Expected numbers are what Keras 3.15 returns with its JAX backend, unless something else is said.
import * as library from '../../lib/index';
import * as layers from '../../lib/layers/index';
import { expectClose, runLayer } from '../helpers/layers';

/** `count` images of one channel that all count 1, 2, 3, ... */
const counting = (height: number, width: number, count = 1) => {
  const size = height * width;
  const values = Array.from({ length: count * size }, (_, i) => (i % size) + 1);
  return { shape: [count, height, width, 1], values };
};
const run = (layer: layers.Layer, x = counting(3, 4), training = true, counter = 0): number[] =>
  Array.from(runLayer(layer, [x], [], { training, counter }).values[0]);
/** The images of a batch, each as one string. */
const each = (values: readonly number[], size: number): string[] =>
  Array.from({ length: values.length / size }, (_, i) => values.slice(i * size, (i + 1) * size).join(' '));
/** How often each string occurs. */
function tally(list: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const s of list) counts.set(s, (counts.get(s) ?? 0) + 1);
  return counts;
}
/** Within five standard deviations of what a probability lets expect. */
const isAbout = (count: number, n: number, p: number) =>
  expect(Math.abs(count - n * p)).toBeLessThan(5 * Math.sqrt(n * p * (1 - p)));

const reflect = [
  1.87426, 2.68328, 5.4318, 8.29064, 1.75976, 4.91992, 8.08008, 11.2402, 4.70936, 7.5682, 10.3167, 11.1257,
];

test.each<[string, layers.Layer, number[]]>([
  ['by a tenth of a turn', layers.randomRotation({ factor: [0.1, 0.1] }), reflect],
  [
    'into height, out of width',
    layers.randomZoom({ heightFactor: [0.2, 0.2], widthFactor: [-0.3, -0.3] }),
    [1.45, 2.15, 2.85, 3.55, 5.45, 6.15, 6.85, 7.55, 9.45, 10.15, 10.85, 11.55],
  ],
  [
    'out of both',
    layers.randomZoom({ heightFactor: [0.5, 0.5], fillMode: 'constant', fillValue: -1 }),
    [-0.75, 0.375, 1.125, -0.375, 0.5, 5.75, 7.25, 1.25, 0.25, 4.375, 5.125, 0.625],
  ],
  [
    'one pixel down and to the left',
    layers.randomTranslation({ heightFactor: [1 / 3, 1 / 3], widthFactor: [-0.25, -0.25], fillMode: 'constant' }),
    [0, 0, 0, 0, 2, 3, 4, 0, 6, 7, 8, 0],
  ],
  [
    'parts of a pixel',
    layers.randomTranslation({ heightFactor: [0.1, 0.1], widthFactor: [0.2, 0.2] }),
    [1, 1.2, 2.2, 3.2, 3.8, 4, 5, 6, 7.8, 8, 9, 10],
  ],
  [
    'brighter',
    layers.randomBrightness({ factor: [0.5, 0.5], valueRange: [0, 12] }),
    [7, 8, 9, 10, 11, 12, 12, 12, 12, 12, 12, 12],
  ],
])('%s', (_, layer, expected) => expectClose(run(layer), expected, 1e-5));

test('a quarter turn is counterclockwise', () => {
  const layer = layers.randomRotation({ factor: [0.25, 0.25], fillMode: 'constant' });
  expectClose(run(layer, counting(3, 3)), [3, 6, 9, 2, 5, 8, 1, 4, 7], 1e-5);
});

test('contrast: distances from the mean of image and channel are multiplied, and results clipped', () => {
  // two channels: 0 2 4 6 with mean 3, and 10 for all
  const x = { shape: [1, 2, 2, 2], values: [0, 10, 2, 10, 4, 10, 6, 10] };
  const draws = Array.from({ length: 200 }, (_, step) =>
    run(layers.randomContrast({ factor: [0.5, 1], valueRange: [0, 8] }), x, true, step),
  );
  const factors = draws.map((v) => 3 - v[2]); // 2 is one below the mean
  draws.forEach((v, i) => {
    const at = (distance: number) => Math.min(Math.max(3 + distance * factors[i], 0), 8);
    expectClose(v, [at(-3), 8, at(-1), 8, at(1), 8, at(3), 8]);
  });
  // uniform from 0.5 to 2
  expect(Math.min(...factors)).toBeGreaterThanOrEqual(0.5);
  expect(Math.min(...factors)).toBeLessThan(0.55);
  expect(Math.max(...factors)).toBeGreaterThan(1.95);
  expect(Math.max(...factors)).toBeLessThan(2);
});

describe('randomFlip', () => {
  const n = 800;
  const [as, horizontal, vertical, both] = ['1 2 3 4', '2 1 4 3', '3 4 1 2', '4 3 2 1'];

  test.each<[layers.RandomFlipOptions['mode'], readonly string[]]>([
    ['horizontal', [as, horizontal]],
    ['vertical', [as, vertical]],
    ['horizontalAndVertical', [as, horizontal, vertical, both]],
  ])('%s: all outcomes, equally often', (mode, outcomes) => {
    const counts = tally(each(run(layers.randomFlip({ mode }), counting(2, 2, n)), 4));
    expect([...counts.keys()].sort()).toEqual([...outcomes].sort());
    for (const count of counts.values()) isAbout(count, n, 1 / outcomes.length);
  });
});

describe('randomCrop', () => {
  test('in training every window, equally often', () => {
    const n = 1200;
    const counts = tally(each(run(layers.randomCrop({ height: 2, width: 2 }), counting(3, 4, n)), 4));
    const window = (from: number) => [from, from + 1, from + 4, from + 5].join(' ');
    expect([...counts.keys()].sort()).toEqual([1, 2, 3, 5, 6, 7].map(window).sort());
    for (const count of counts.values()) isAbout(count, n, 1 / 6);
  });

  test('along one axis only', () => {
    const counts = tally(each(run(layers.randomCrop({ height: 2, width: 2 }), counting(2, 3, 50)), 4));
    expect([...counts.keys()].sort()).toEqual(['1 2 4 5', '2 3 5 6']);
  });

  test('in inference, and of smaller images, the middle resized', () => {
    const middle = [8.75, 10.25, 11.75, 13.25, 17.75, 19.25, 20.75, 22.25];
    expectClose(run(layers.randomCrop({ height: 2, width: 4 }), counting(5, 6), false), middle);
    const wide = run(layers.randomCrop({ height: 6, width: 4 }), counting(5, 6));
    expectClose(wide.slice(0, 8), [2, 2.625, 3.375, 4, 6.5, 7.125, 7.875, 8.5]);
  });
});

test('centerCrop is the middle, resized where it does not fit', () => {
  expect(run(layers.centerCrop({ height: 2, width: 3 }), counting(5, 6))).toEqual([8, 9, 10, 14, 15, 16]);
  const large = run(layers.centerCrop({ height: 6, width: 4 }), counting(5, 6));
  expectClose(large.slice(-4), [26, 26.625, 27.375, 28]);
});

test('resizing is the same in training and inference', () => {
  const layer = layers.resizing({ height: 3, width: 2, cropToAspectRatio: true });
  const expected = [4.25, 5.75, 14.25, 15.75, 24.25, 25.75];
  expectClose(run(layer, counting(5, 6), true), expected);
  expectClose(run(layer, counting(5, 6), false), expected);
});

const random: readonly [string, (seed?: number) => layers.Layer][] = [
  ['randomFlip', (seed) => layers.randomFlip({ seed })],
  ['randomRotation', (seed) => layers.randomRotation({ factor: 0.2, seed })],
  ['randomZoom', (seed) => layers.randomZoom({ heightFactor: 0.3, widthFactor: 0.2, seed })],
  ['randomTranslation', (seed) => layers.randomTranslation({ heightFactor: 0.3, widthFactor: 0.3, seed })],
  ['randomContrast', (seed) => layers.randomContrast({ factor: 0.5, seed })],
  ['randomBrightness', (seed) => layers.randomBrightness({ factor: 0.5, seed })],
];

test.each(random)('%s: nothing in inference; other numbers for each image and step', (_, make) => {
  const x = counting(3, 4, 8);
  expect(run(make(), x, false)).toEqual(x.values);
  const first = run(make(), x, true, 0);
  expect(run(make(), x, true, 0)).toEqual(first);
  expect(run(make(), x, true, 1)).not.toEqual(first);
  expect(new Set(each(first, 12)).size).toBeGreaterThan(1);
  expect(run(make(5), x)).not.toEqual(first);
  expect(run(make(5), x)).toEqual(run(make(5), x));
});

test('any number of threads trains the same bits', async () => {
  const [height, width] = [12, 12];
  const x = Float32Array.from({ length: 64 * height * width * 2 }, (_, i) => Math.sin(i * i));
  const y = Float32Array.from({ length: 64 }, (_, i) => i % 3);
  const trained = async (threads: number): Promise<number[]> => {
    library.setThreads(threads);
    const net = library.sequential([
      layers.inputLayer({ shape: [height, width, 2] }),
      ...random.map(([, make]) => make()),
      layers.randomCrop({ height: 9, width: 10 }),
      layers.resizing({ height: 6, width: 6 }),
      layers.flatten(),
      layers.dense({ units: 1 }),
    ]);
    net.compile({ optimizer: 'adam', loss: 'mse', seed: 4 });
    await net.fit(x, y, { epochs: 3, batchSize: 16 });
    const weights = net.getWeights().flatMap(({ data }) => [...data]);
    net.dispose();
    return weights;
  };
  const threads = library.cpuInfo().threads;
  try {
    const one = await trained(1);
    expect(one.every(Number.isFinite)).toBe(true);
    expect(await trained(3)).toEqual(one);
  } finally {
    library.setThreads(threads);
  }
});

describe('errors', () => {
  test('arguments are checked', () => {
    expect(() => layers.randomFlip({ mode: 'both' as never })).toThrow(
      "layers.randomFlip: mode must be one of 'horizontal', 'vertical', 'horizontalAndVertical', got 'both'",
    );
    expect(() => layers.randomRotation({ factor: 1.5 })).toThrow(
      'layers.randomRotation: factor must be a number from -1',
    );
    expect(() => layers.randomRotation({ factor: [0.2, -0.2] })).toThrow('[low, high] with numbers from -1 to 1');
    expect(() => layers.randomRotation({ factor: 0.1, fillMode: 'mirror' as never })).toThrow('fillMode must be');
    expect(() => layers.randomZoom({ heightFactor: -1 })).toThrow(
      'layers.randomZoom: heightFactor must be more than -1',
    );
    expect(() => layers.randomTranslation({ heightFactor: 0.1 } as never)).toThrow(
      'layers.randomTranslation: widthFactor must be [low, high]',
    );
    expect(() => layers.randomContrast({ factor: -0.1 })).toThrow('layers.randomContrast: factor must be');
    expect(() => layers.randomBrightness({ factor: 0.1, valueRange: [1, 0] })).toThrow(
      'valueRange must be [low, high]',
    );
    expect(() => layers.randomCrop({ height: 0, width: 2 })).toThrow('layers.randomCrop: height must be');
    expect(() => layers.resizing({ height: 2, width: 2, size: 3 } as never)).toThrow("unknown option 'size'");
    expect(() => layers.resizing({ height: 2, width: 2, antialias: 1 as never })).toThrow('antialias must be');
  });

  test('inputs that are no images name the layer', () => {
    for (const [kind, make] of random) {
      expect(() => make().apply(layers.input({ shape: [3, 4] }))).toThrow(
        `${kind}: expected input [batch, height, width, channels], got shape [2, 3, 4]`,
      );
    }
  });
});
