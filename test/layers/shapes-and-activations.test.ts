import * as layers from '../../lib/layers/index';
import { expectClose, runLayer } from '../helpers/layers';

const x = { shape: [2, 2, 3], values: [...Array(12).keys()].map((i) => i - 5) };

test('permute', () => {
  const { values, shapes } = runLayer(layers.permute({ dims: [2, 1] }), [x]);
  expect(shapes).toEqual([[2, 3, 2]]);
  expectClose(values[0], [-5, -2, -4, -1, -3, 0, 1, 4, 2, 5, 3, 6]);
  expect(() => layers.permute({ dims: [0, 1] })).toThrow('dims must be an array with each of 1 .. n once');
  expect(() => layers.permute({ dims: [1] }).apply(layers.input({ shape: [2, 3] }))).toThrow(
    'permute: dims [1] must name the 2 dimensions',
  );
});

test('repeatVector', () => {
  const { values, shapes } = runLayer(layers.repeatVector({ n: 2 }), [{ shape: [2, 2], values: [1, 2, 3, 4] }]);
  expect(shapes).toEqual([[2, 2, 2]]);
  expectClose(values[0], [1, 2, 1, 2, 3, 4, 3, 4]);
  expect(() => layers.repeatVector({ n: 2 }).apply(layers.input({ shape: [2, 3] }))).toThrow('[batch, features]');
});

describe('dot', () => {
  const [a, b] = [
    { shape: [1, 2], values: [3, 4] },
    { shape: [1, 2], values: [1, 0] },
  ];

  test('of vectors, and the cosine', () => {
    expectClose(runLayer(layers.dot({ axes: 1 }), [a, b]).values[0], [3]);
    expectClose(runLayer(layers.dot({ axes: -1, normalize: true }), [a, b]).values[0], [0.6]);
  });

  test('of sequences', () => {
    const y = { shape: [2, 3, 4], values: Array.from({ length: 24 }, (_, i) => Math.cos(i)) };
    const { values, shapes } = runLayer(layers.dot({ axes: [2, 1] }), [x, y]);
    expect(shapes).toEqual([[2, 2, 4]]);
    const expected = [0, 1].flatMap((n) =>
      [0, 1].flatMap((i) =>
        [0, 1, 2, 3].map((j) =>
          [0, 1, 2].reduce((sum, k) => sum + x.values[(n * 2 + i) * 3 + k] * y.values[(n * 3 + k) * 4 + j], 0),
        ),
      ),
    );
    expectClose(values[0], expected);
  });

  test('misuse names the layer', () => {
    const [p, q] = [layers.input({ shape: [2] }), layers.input({ shape: [3] })];
    expect(() => layers.dot({ axes: 0 })).toThrow('layers.dot: axes must be an axis other than 0');
    expect(() => layers.dot({ axes: 1 }).apply([p, q])).toThrow('dot: axes 1 and 1 must have one size');
    expect(() => layers.dot({ axes: 2 }).apply([p, p])).toThrow('axis 2 is not a dimension of samples');
    expect(() => layers.dot({ axes: 1 }).apply(p)).toThrow('takes a list of exactly 2 inputs, got 1');
  });
});

describe('activations as layers', () => {
  const negative = (f: (v: number) => number) => x.values.map((v) => (v > 0 ? v : f(v)));

  test.each([
    ['relu', layers.relu(), negative(() => 0)],
    [
      'relu with all options',
      layers.relu({ maxValue: 4, negativeSlope: 0.5, threshold: 1 }),
      x.values.map((v) => Math.min(v >= 1 ? v : 0.5 * (v - 1), 4)),
    ],
    ['leakyRelu', layers.leakyRelu(), negative((v) => 0.3 * v)],
    ['elu', layers.elu({ alpha: 2 }), negative((v) => 2 * Math.expm1(v))],
  ])('%s', (_, layer, expected) => {
    expectClose(runLayer(layer, [x]).values[0], expected);
  });

  test('softmax along an axis', () => {
    const { values } = runLayer(layers.softmax({ axis: 1 }), [x]);
    expectClose(
      values[0],
      x.values.map((_, i) => 1 / (1 + Math.exp(Math.floor(i / 3) % 2 === 0 ? 3 : -3))),
    );
  });

  test('prelu, with shared axes', () => {
    const alpha = [0.1, 0.2, 0.3];
    const layer = layers.prelu({ sharedAxes: [1] });
    const { values } = runLayer(layer, [x], [alpha]);
    expect(layer.weights.map((w) => w.shape)).toEqual([[1, 3]]);
    expectClose(
      values[0],
      x.values.map((v, i) => (v > 0 ? v : alpha[i % 3] * v)),
    );
    expect(() => layers.prelu({ sharedAxes: [0] })).toThrow('sharedAxes must be an array of axes, counted from 1');
    expect(() => layer.apply(layers.input({ shape: [2, 4] }))).toThrow('expected samples that fit slopes [1, 3]');
  });

  test('arguments are checked', () => {
    expect(() => layers.relu({ negativeSlope: -1 })).toThrow('layers.relu: negativeSlope must be');
    expect(() => layers.softmax({ axis: 0.5 })).toThrow('layers.softmax: axis must be an integer');
    expect(() => layers.elu({ beta: 1 } as never)).toThrow("layers.elu: unknown option 'beta'");
  });
});
