import * as layers from '../../lib/layers/index';
import { expectClose, runLayer } from '../helpers/layers';

const random = (n: number): number[] => Array.from({ length: n }, (_, i) => Math.sin(i * 1.7 + 0.3) * 2 + 0.5);
const mean = (v: readonly number[]): number => v.reduce((a, b) => a + b, 0) / v.length;
const variance = (v: readonly number[]): number => mean(v.map((x) => (x - mean(v)) ** 2));

describe('batchNormalization', () => {
  const x = { shape: [4, 3, 2], values: random(24) };
  const channel = (c: number) => x.values.filter((_, i) => i % 2 === c);
  const weights = [
    [2, 0.5],
    [1, -1],
    [0.3, 0.1],
    [1.5, 2],
  ];

  test('training: statistics of the batch, moving averages move', () => {
    const layer = layers.batchNormalization();
    const { values, writes } = runLayer(layer, [x], weights, { training: true });
    expectClose(
      values[0],
      x.values.map((v, i) => {
        const c = i % 2;
        return ((v - mean(channel(c))) / Math.sqrt(variance(channel(c)) + 1e-3)) * weights[0][c] + weights[1][c];
      }),
    );
    expect([...writes.keys()]).toEqual(['batchNormalization/movingMean', 'batchNormalization/movingVariance']);
    expectClose(
      writes.get('batchNormalization/movingMean') ?? [],
      [0, 1].map((c) => 0.99 * weights[2][c] + 0.01 * mean(channel(c))),
    );
    expectClose(
      writes.get('batchNormalization/movingVariance') ?? [],
      [0, 1].map((c) => 0.99 * weights[3][c] + 0.01 * variance(channel(c))),
    );
  });

  test.each([
    ['inference', { training: false }, true],
    ['a frozen layer', { training: true }, false],
  ])('%s uses the moving averages and keeps them', (_, mode, trainable) => {
    const { values, writes } = runLayer(layers.batchNormalization({ trainable }), [x], weights, mode);
    expectClose(
      values[0],
      x.values.map((v, i) => {
        const c = i % 2;
        return ((v - weights[2][c]) / Math.sqrt(weights[3][c] + 1e-3)) * weights[0][c] + weights[1][c];
      }),
    );
    expect(writes.size).toBe(0);
  });

  test('another axis, without gamma and beta', () => {
    const layer = layers.batchNormalization({ axis: 1, center: false, scale: false, momentum: 0.5, epsilon: 1e-5 });
    const state = [
      [0, 0, 0],
      [1, 1, 1],
    ];
    const { values, writes } = runLayer(layer, [x], state, { training: true });
    const own = (c: number) => x.values.filter((_, i) => Math.floor(i / 2) % 3 === c);
    expectClose(
      values[0],
      x.values.map((v, i) => {
        const c = Math.floor(i / 2) % 3;
        return (v - mean(own(c))) / Math.sqrt(variance(own(c)) + 1e-5);
      }),
    );
    expectClose(
      writes.get('batchNormalization/movingMean') ?? [],
      [0, 1, 2].map((c) => 0.5 * mean(own(c))),
    );
    expect(layer.trainableWeights).toEqual([]);
    expect(layer.weights.map((w) => w.trainable)).toEqual([false, false]);
  });

  test('one value per channel is an error in training only', () => {
    const one = { shape: [1, 2], values: [1, 2] };
    const layer = layers.batchNormalization({ name: 'bn' });
    expect(() => runLayer(layer, [one], weights, { training: true })).toThrow(
      'bn (batchNormalization): training needs more than one value per channel, got shape [1, 2]',
    );
    expect(runLayer(layers.batchNormalization(), [one], weights).shapes).toEqual([[1, 2]]);
  });

  test('arguments and shapes are checked', () => {
    expect(() => layers.batchNormalization({ axis: 0 })).toThrow('axis 0 is the batch dimension');
    expect(() => layers.batchNormalization({ momentum: 2 })).toThrow('momentum must be a finite number >= 0 and <= 1');
    expect(() => layers.batchNormalization({ epsilon: 0 })).toThrow('epsilon must be');
    expect(() => layers.batchNormalization({ axis: 3 }).apply(layers.input({ shape: [2] }))).toThrow(
      'batchNormalization: axis 3 is not a dimension of samples',
    );
    const layer = layers.batchNormalization();
    layer.apply(layers.input({ shape: [2] }));
    expect(() => layer.apply(layers.input({ shape: [3] }))).toThrow('expected 2 channels on axis 1');
  });
});

describe('layerNormalization and its relatives', () => {
  const x = { shape: [2, 3, 4], values: random(24) };
  const rows = (size: number) => Array.from({ length: 24 / size }, (_, r) => x.values.slice(r * size, (r + 1) * size));

  test('layerNormalization over the last axis', () => {
    const [gamma, beta] = [
      [1, 2, 3, 4],
      [0, 1, 0, -1],
    ];
    const { values } = runLayer(layers.layerNormalization(), [x], [gamma, beta]);
    expectClose(
      values[0],
      rows(4).flatMap((row) =>
        row.map((v, i) => ((v - mean(row)) / Math.sqrt(variance(row) + 1e-3)) * gamma[i] + beta[i]),
      ),
    );
  });

  test('layerNormalization over several axes has weights of their sizes', () => {
    const layer = layers.layerNormalization({ axis: [-1, 1], center: false });
    const gamma = random(12);
    const { values } = runLayer(layer, [x], [gamma]);
    expect(layer.weights.map((w) => w.shape)).toEqual([[3, 4]]);
    expectClose(
      values[0],
      rows(12).flatMap((row) => row.map((v, i) => ((v - mean(row)) / Math.sqrt(variance(row) + 1e-3)) * gamma[i])),
    );
  });

  test('layerNormalization over a middle axis', () => {
    const layer = layers.layerNormalization({ axis: 1, scale: false });
    const { values } = runLayer(layer, [x], [[10, 20, 30]]);
    const column = (b: number, c: number) => [0, 1, 2].map((t) => x.values[(b * 3 + t) * 4 + c]);
    expectClose(
      values[0],
      x.values.map((v, i) => {
        const own = column(Math.floor(i / 12), i % 4);
        return (v - mean(own)) / Math.sqrt(variance(own) + 1e-3) + 10 * (1 + (Math.floor(i / 4) % 3));
      }),
    );
  });

  test('rmsNormalization', () => {
    const gamma = [1, 2, 3, 4];
    const { values } = runLayer(layers.rmsNormalization(), [x], [gamma]);
    expectClose(
      values[0],
      rows(4).flatMap((row) => row.map((v, i) => (v / Math.sqrt(mean(row.map((u) => u * u)) + 1e-6)) * gamma[i])),
    );
  });

  test('groupNormalization, and one group per channel', () => {
    const ones = [1, 1, 1, 1];
    const zeros = [0, 0, 0, 0];
    for (const [groups, size] of [
      [2, 2],
      [-1, 1],
    ]) {
      const { values } = runLayer(layers.groupNormalization({ groups }), [x], [ones, zeros]);
      expectClose(
        values[0],
        x.values.map((v, i) => {
          const group = Math.floor((i % 4) / size);
          const own = x.values.filter(
            (_, j) => Math.floor(j / 12) === Math.floor(i / 12) && Math.floor((j % 4) / size) === group,
          );
          return (v - mean(own)) / Math.sqrt(variance(own) + 1e-3);
        }),
      );
    }
  });

  test('instanceNormalization: each channel of each sample by itself', () => {
    // sequences 1, 3 and 10, 30 of channel 0, constants in channel 1
    const image = { shape: [2, 2, 2], values: [1, 5, 3, 5, 10, 7, 30, 7] };
    const [one, ten] = [1 / Math.sqrt(1 + 1e-5), 10 / Math.sqrt(100 + 1e-5)];
    const plain = layers.instanceNormalization({ center: false, scale: false });
    expectClose(runLayer(plain, [image]).values[0], [-one, 0, one, 0, -ten, 0, ten, 0]);
    const weights = [
      [2, 1],
      [0, 7],
    ];
    const { values } = runLayer(layers.instanceNormalization({ epsilon: 3 }), [image], weights);
    const wide = 20 / Math.sqrt(103);
    expectClose(values[0], [-1, 7, 1, 7, -wide, 7, wide, 7]);
    expect(() => layers.instanceNormalization({ groups: 2 } as never)).toThrow("unknown option 'groups'");
  });

  test('unitNormalization, of a zero vector too', () => {
    const { values } = runLayer(layers.unitNormalization(), [{ shape: [2, 2], values: [3, 4, 0, 0] }]);
    expectClose(values[0], [0.6, 0.8, 0, 0]);
  });

  test('arguments and shapes are checked', () => {
    const input = layers.input({ shape: [6] });
    expect(() => layers.layerNormalization({ axis: [1, 1] })).toThrow('axis must be');
    expect(() => layers.layerNormalization({ axis: 0 })).toThrow('layers.layerNormalization: axis 0 is the batch');
    expect(() => layers.layerNormalization({ axis: 2 }).apply(input)).toThrow('axis 2 is not a dimension of samples');
    expect(() => layers.groupNormalization({ groups: 4 }).apply(input)).toThrow(
      'groupNormalization: 6 channels cannot be divided into 4 groups',
    );
    expect(() => layers.groupNormalization({ groups: 0 })).toThrow('groups must be a positive integer, or -1');
    expect(() => layers.rmsNormalization({ center: true } as never)).toThrow("unknown option 'center'");
    const layer = layers.layerNormalization();
    layer.apply(input);
    expect(() => layer.apply(layers.input({ shape: [5] }))).toThrow('expected normalized dimensions [6]');
  });
});
