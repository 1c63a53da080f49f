// Predictions of many rows are made in slices that fit the caches.
import type { Tensor } from '../../lib/ir/graph';
import { model, sequential } from '../../lib/training/index';
import { sliceRows } from '../../lib/training/slice-rows';
import { layers } from './library';
import { noise } from './support';

const make = (features: number, seed = 1) => {
  const net = sequential([
    layers.dense({ units: 6, activation: 'tanh', inputShape: [features] }),
    layers.dense({ units: 3 }),
  ]);
  net.compile({ optimizer: 'sgd', loss: 'mse', seed });
  return net;
};

describe('rows at a time', () => {
  test('a power of two whose largest value takes 4 MB, from 16 to 1024', () => {
    expect(sliceRows(make(8).topology, 'cpu')).toBe(1024);
    expect(sliceRows(make(3000).topology, 'cpu')).toBe(256); // 12,000 bytes a row: 349 rows
    expect(sliceRows(make(100_000).topology, 'cpu')).toBe(16);
    expect(sliceRows(make(3000).topology, 'cuda:0')).toBe(1024);
    expect(sliceRows(make(100_000).topology, 'cuda:0')).toBe(512);
  });

  test('the largest value may be inside of a model that is a layer', () => {
    const inner = sequential([layers.dense({ units: 2048, inputShape: [4] }), layers.dense({ units: 2 })]);
    const x = layers.input({ shape: [4] });
    expect(sliceRows(model({ inputs: x, outputs: inner.topology.apply(x) }).topology, 'cpu')).toBe(512);
  });

  test('all of them where layers remember something', () => {
    const net = sequential([layers.gru({ units: 2, stateful: true, batchSize: 4, inputShape: [3, 2] })]);
    expect(sliceRows(net.topology, 'cpu')).toBeGreaterThan(1e9);
    expect(net.predictSync(noise(4 * 6))).toHaveLength(8);
  });
});

test.each([
  ['the samples themselves', 5, 5, 0],
  ['a row further', 5, 5, 5],
  ['a row before', 5, 5, -5],
  ['narrower rows in the middle', 5, 3, 5 * 1000],
  ['wider rows at the beginning', 3, 5, 0],
])('predictSync writes over %s', (_, features, units, offset) => {
  const net = sequential([layers.dense({ units, activation: 'tanh', inputShape: [features] })]);
  for (const rows of [1000, 5000]) {
    const values = noise(features * rows, 7);
    const expected = net.predictSync(values);
    const memory = new Float32Array(20 + 5 * rows + Math.abs(offset));
    const begin = Math.max(0, -offset);
    const x = memory.subarray(begin, begin + values.length);
    x.set(values);
    const out = memory.subarray(begin + offset, begin + offset + units * rows);
    expect(net.predictSync(x, out)).toBe(out);
    expect(Buffer.from(out.slice().buffer).equals(Buffer.from(expected.buffer))).toBe(true);
  }
});

describe('a slice', () => {
  const features = 3000;
  const net = make(features);
  const x = noise(700 * features, 2);
  const expected = [0, 256, 512].flatMap((from) => [
    ...net.predictSync(x.subarray(from * features, Math.min(700, from + 256) * features)),
  ]);
  afterAll(() => net.dispose());

  test('has the results of its rows alone', async () => {
    expect([...net.predictSync(x)]).toEqual(expected);
    const out = new Float32Array(2100);
    expect(net.predictSync(x, out)).toBe(out);
    expect([...out]).toEqual(expected);
    const whole = (await net.predict(x)) as Tensor;
    expect(whole.shape).toEqual([700, 3]);
    expect([...whole.data]).toEqual(expected);
  });

  test('is converted by itself, and errors name the row of the whole', () => {
    const doubles = net.predictSync(Float64Array.from(x)) as Tensor;
    expect([...doubles.data]).toEqual(expected);
    const rows = sequential([layers.embedding({ inputDim: 5, outputDim: 2, inputShape: [2000] })]);
    const ids = new Int32Array(2000 * 300);
    ids[2000 * 290 + 7] = -1;
    expect(() => rows.predictSync(ids)).toThrow(/out of range/);
    expect(() => rows.predictSync(Float64Array.from(ids, (v, i) => (i === 2000 * 280 ? 0.5 : v)))).toThrow(
      /row 280 of x .* is 0\.5/,
    );
    rows.dispose();
  });

  test('follows the rows of its data, however often their number changes', () => {
    for (const rows of [700, 1, 257, 700, 256]) {
      expect([...net.predictSync(x.subarray(0, rows * features))].slice(0, 3 * Math.min(rows, 256))).toEqual(
        rows === 1 ? [...net.predictSync(x.subarray(0, features))] : expected.slice(0, 3 * Math.min(rows, 256)),
      );
    }
  });

  test('of several inputs and outputs', () => {
    const [a, b] = [layers.input({ shape: [features] }), layers.input({ shape: [2] })];
    const joined = layers.concatenate().apply([layers.dense({ units: 4 }).apply(a), b]);
    const two = model({ inputs: [a, b], outputs: [layers.dense({ units: 1 }).apply(joined), joined] });
    const second = noise(1400, 7);
    const [y, z] = two.predictSync([x, second]) as Tensor[];
    expect([y?.shape, z?.shape]).toEqual([[700, 1], [700, 6]]); // biome-ignore format: pairs
    const tail = two.predictSync([x.subarray(512 * features), second.subarray(1024)]) as Tensor[];
    expect([...(y as Tensor).data.subarray(512)]).toEqual([...(tail[0] as Tensor).data]);
    expect([...(z as Tensor).data.subarray(512 * 6)]).toEqual([...(tail[1] as Tensor).data]);
    two.dispose();
  });
});
