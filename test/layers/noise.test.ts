import * as layers from '../../lib/layers/index';
import { expectClose, runLayer } from '../helpers/layers';

const n = 20000;
const moments = (v: ArrayLike<number>) => {
  const list = Array.from(v);
  const mean = list.reduce((a, b) => a + b, 0) / list.length;
  return { mean, variance: list.reduce((a, b) => a + (b - mean) ** 2, 0) / list.length };
};
const constant = { shape: [2, n / 2], values: Array<number>(n).fill(1) };
const run = (layer: layers.Layer, x = constant, training = true, counter = 0) =>
  runLayer(layer, [x], [], { training, counter }).values[0];

test.each([
  ['spatialDropout1d', layers.spatialDropout1d, [3, 5, 40]],
  ['spatialDropout2d', layers.spatialDropout2d, [3, 2, 3, 40]],
  ['spatialDropout3d', layers.spatialDropout3d, [3, 2, 1, 2, 40]],
] as const)('%s drops whole channels', (kind, make, shape) => {
  const size = shape.reduce<number>((a, b) => a * b, 1);
  const inner = size / 120;
  const mask = run(make({ rate: 0.5 }), { shape: [...shape], values: Array(size).fill(1) });
  for (let b = 0; b < 3; b++) {
    for (let c = 0; c < 40; c++) {
      const own = Array.from({ length: inner }, (_, i) => mask[(b * inner + i) * 40 + c]);
      expect(new Set(own).size).toBe(1);
    }
  }
  expect(new Set(mask)).toEqual(new Set([0, 2]));
  expect(() => make({ rate: 0.5 }).apply(layers.input({ shape: [3] }))).toThrow(`${kind}: expected input [batch, `);
});

test('gaussianNoise adds noise of the standard deviation', () => {
  const { mean, variance } = moments(run(layers.gaussianNoise({ stddev: 0.5 })));
  expect(Math.abs(mean - 1)).toBeLessThan((5 * 0.5) / Math.sqrt(n));
  expect(Math.abs(variance - 0.25)).toBeLessThan(5 * 0.25 * Math.sqrt(2 / n));
});

test('gaussianDropout multiplies by noise with mean 1', () => {
  const { mean, variance } = moments(run(layers.gaussianDropout({ rate: 0.2 })));
  expect(Math.abs(mean - 1)).toBeLessThan((5 * 0.5) / Math.sqrt(n));
  expect(Math.abs(variance - 0.25)).toBeLessThan(5 * 0.25 * Math.sqrt(2 / n));
});

test('alphaDropout keeps mean 0 and variance 1', () => {
  const values = Array.from({ length: n }, (_, i) => (i % 2 === 0 ? 1 : -1));
  const { mean, variance } = moments(run(layers.alphaDropout({ rate: 0.3 }), { shape: [2, n / 2], values }));
  expect(Math.abs(mean)).toBeLessThan(5 / Math.sqrt(n));
  expect(Math.abs(variance - 1)).toBeLessThan(0.05);
});

test.each([
  ['spatialDropout1d', layers.spatialDropout1d({ rate: 0.5, seed: 1 }), [4, 5, n / 20]],
  ['gaussianNoise', layers.gaussianNoise({ stddev: 1, seed: 1 }), [2, n / 2]],
  ['gaussianDropout', layers.gaussianDropout({ rate: 0.5, seed: 1 }), [2, n / 2]],
  ['alphaDropout', layers.alphaDropout({ rate: 0.5, seed: 1 }), [2, n / 2]],
])('%s: nothing in inference, other noise at each step', (_, layer, shape) => {
  const x = { ...constant, shape };
  expectClose(run(layer, x, false), x.values);
  expect(run(layer, x, true, 0)).toEqual(run(layer, x, true, 0));
  expect(run(layer, x, true, 1)).not.toEqual(run(layer, x, true, 0));
});

test('arguments are checked', () => {
  expect(() => layers.spatialDropout2d({ rate: 2 })).toThrow('layers.spatialDropout2d: rate must be');
  expect(() => layers.gaussianDropout({ rate: 1 })).toThrow('rate must be a finite number >= 0 and < 1');
  expect(() => layers.alphaDropout({ rate: 1 })).toThrow('layers.alphaDropout: rate must be');
  expect(() => layers.gaussianNoise({ stddev: -1 })).toThrow('stddev must be');
});
