// Inputs, targets and weights that are the same values have one copy and one feed, and nothing else about them changes.

import { tensor } from '../../lib/ir/build';
import type { Tensor } from '../../lib/ir/graph';
import type { SymbolicTensor } from '../../lib/layers/index';
import { memory } from '../../lib/runtime/native';
import type { Model } from '../../lib/training/index';
import { model, sequential } from '../../lib/training/index';
import { layers, ops } from './library';
import { bits, noise } from './support';

const rows = 50;
const data = noise(rows * 6, 3).map(Math.abs);

/** 6 features to themselves, with noise inside. */
function autoencoder(device?: string): Model {
  const net = sequential([
    layers.dense({ units: 4, activation: 'relu', inputShape: [6] }),
    layers.dropout({ rate: 0.2 }),
    layers.dense({ units: 6, activation: 'sigmoid' }),
  ]);
  net.compile({ optimizer: 'adam', loss: 'binaryCrossentropy', metrics: ['meanAbsoluteError'], seed: 1, device });
  return net;
}

/** Two inputs that are added. */
function sum(types: ['float32' | 'int32', 'float32' | 'int32']): Model {
  const inputs = types.map((dtype, i) => layers.input({ shape: [6], dtype, name: `in${i}` }));
  const parts = inputs.map((x, i) => {
    const dense = layers.dense({ units: 2, name: `dense${i}` });
    return dense.apply(types[i] === 'int32' ? layers.lambda((v) => ops.cast(v, 'float32')).apply(x) : x);
  });
  return model({ inputs, outputs: layers.add().apply(parts) });
}

/** How many feeds a step of `profile` has. */
async function feeds(
  net: Model,
  x: Parameters<Model['profile']>[0],
  y?: Parameters<Model['profile']>[1],
  options = {},
) {
  const { kernels } = await net.profile(x, y, { batchSize: 10, steps: 1, warmup: 0, ...options });
  return kernels.filter(({ operation }) => operation === 'feed').length;
}

describe('a target that is its input', () => {
  const alike = { same: data, view: new Float32Array(data.buffer) };

  test.each(Object.entries(alike))('is fed once: %s', async (_, y) => {
    expect(await feeds(autoencoder(), data, y)).toBe(1);
    expect(await feeds(autoencoder(), data, y, { mode: 'evaluate' })).toBe(1);
  });

  const sampleWeight = noise(rows, 9).map(Math.abs);
  test.each([
    ['shuffled', {}],
    ['in order', { shuffle: false }],
    ['with a validation split', { validationSplit: 0.3 }],
    ['weighted', { sampleWeight }],
    ['with validation data', { validationData: [data, data] as const }],
  ])('trains as a copy of it does, %s', async (_, options) => {
    const [one, two] = [autoencoder(), autoencoder()];
    const settings = { epochs: 3, batchSize: 16, verbose: 0, ...options } as const;
    const history = await one.fit(data, data, settings);
    const expected = await two.fit(data, data.slice(), settings);
    expect(history.history).toEqual(expected.history);
    expect(bits(one)).toBe(bits(two));
    expect(await one.evaluate(data, data)).toEqual(await two.evaluate(data, data.slice()));
    expect(one.trainOnBatch(data, data)).toEqual(two.trainOnBatch(data, data.slice()));
    expect(bits(one)).toBe(bits(two));
  });

  test('is copied once', async () => {
    const storages = async (y: Float32Array) => {
      const before = memory().storages;
      let during = 0;
      const onTrainBegin = (): void => {
        during = memory().storages - before;
      };
      // on devices data is kept for the next call (test/cuda/kept.test.ts)
      await autoencoder('cpu').fit(data, y, {
        epochs: 1,
        verbose: 0,
        callbacks: [{ onTrainBegin }],
        validationData: [data, y],
      });
      return during;
    };
    expect(await storages(data)).toBe(2);
    expect(await storages(data.slice())).toBe(4);
  });

  test('and one that is not, after another, of the same model', async () => {
    const [one, two] = [autoencoder(), autoencoder()];
    const other = data.map((v) => 1 - v);
    for (const y of [data, other, data]) {
      await one.fit(data, y, { epochs: 1, verbose: 0 });
      await two.fit(data, y.slice(), { epochs: 1, verbose: 0 });
    }
    expect(bits(one)).toBe(bits(two));
  });

  test('of bytes', async () => {
    const bytes = Uint8Array.from(data, (v) => (v > 0.5 ? 1 : 0));
    const [one, two] = [autoencoder(), autoencoder()];
    expect(await feeds(one, bytes, bytes)).toBe(1);
    await one.fit(bytes, bytes, { epochs: 2, verbose: 0 });
    await two.fit(bytes, bytes.slice(), { epochs: 2, verbose: 0 });
    expect(bits(one)).toBe(bits(two));
  });
});

describe('feeds are not shared', () => {
  test('by copies', async () => {
    expect(await feeds(autoencoder(), data, data.slice())).toBe(2);
  });

  test('by other parts of a buffer, or another type of it', async () => {
    const buffer = new Float32Array(rows * 6 + 6);
    expect(await feeds(autoencoder(), buffer.subarray(6), buffer.subarray(0, rows * 6))).toBe(2);
    const ints = new Int32Array(data.buffer);
    expect(await feeds(sum(['float32', 'float32']), [data, ints])).toBe(2);
  });

  test('by inputs of different types', async () => {
    const x = new Int32Array(rows * 6).fill(3);
    expect(await feeds(sum(['float32', 'int32']), [x, x])).toBe(2);
  });
});

test('inputs that are the same are fed once, whatever is predicted before', async () => {
  const net = sum(['float32', 'float32']);
  const other = data.map((v) => -v);
  expect(await feeds(net, [data, data])).toBe(1);
  const values = async (a: Float32Array, b: Float32Array) => ((await net.predict([a, b])) as Tensor).data;
  for (const [a, b] of [
    [data, data],
    [data, other],
    [other, other],
  ] as const) {
    const expected = await values(a.slice(), b.slice());
    expect(await values(a, b)).toEqual(expected);
    expect((net.predictSync([a, b]) as Tensor).data).toEqual(expected);
  }
});

describe('rows that a product reads where they lie', () => {
  /** Whole numbers, which bytes and floats say alike: bytes are always copied. */
  const bytes = (rows: number, columns: number): Uint8Array =>
    Uint8Array.from({ length: rows * columns }, (_, i) => ((i * 37 + (i >> 5)) % 256) & 3);
  const input = layers.input({ shape: [24] });
  const chain = (x: SymbolicTensor, widths: readonly number[]): SymbolicTensor =>
    widths.reduce((t, units) => layers.dense({ units, activation: 'tanh' }).apply(t) as SymbolicTensor, x);

  test.each([
    // the memory of the rows is that of later results, which other products read
    ['a chain of one width', chain(input, [24, 24, 24, 24])],
    ['a narrow product', chain(input, [1])],
    ['two readers', layers.add().apply([chain(input, [24]), input]) as SymbolicTensor],
    ['two products', layers.add().apply([chain(input, [24, 8]), chain(input, [8])]) as SymbolicTensor],
    ['a reader of some columns', chain(layers.reshape({ targetShape: [4, 6] }).apply(input) as SymbolicTensor, [5])],
  ] as const)('%s', async (_, output) => {
    const it = model({ inputs: input, outputs: output });
    it.compile({ optimizer: 'sgd', loss: 'meanSquaredError', seed: 3 });
    for (const batchSize of [7, 64]) {
      const rows = 150; // with a last batch that is smaller
      const data = bytes(rows, 24);
      const wanted = (await it.predict(tensor(data, [rows, 24]), { batchSize })) as Tensor;
      const floats = Float32Array.from(data);
      const got = (await it.predict(tensor(floats, [rows, 24]), { batchSize })) as Tensor;
      expect([...got.data]).toEqual([...wanted.data]);
      // bytes again, in the memory that has not been written in between
      data.reverse();
      const turned = (await it.predict(tensor(data, [rows, 24]), { batchSize })) as Tensor;
      floats.reverse();
      expect([...turned.data]).toEqual([
        ...((await it.predict(tensor(floats, [rows, 24]), { batchSize })) as Tensor).data,
      ]);
      expect([...turned.data]).not.toEqual([...wanted.data]);
      // all rows at once, which a device may add up in another order
      const whole = (await it.predict(tensor(data, [rows, 24]), { batchSize: rows })) as Tensor;
      expect([...(it.predictSync(tensor(floats, [rows, 24])) as Tensor).data]).toEqual([...whole.data]);
    }
    it.dispose();
  });
});
