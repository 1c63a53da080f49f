import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { tensor } from '../../lib/ir/build';
import type { Tensor } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import { loadModel, type Model, sequential } from '../../lib/training/index';
import { layers } from './library';
import { noise } from './support';

const [rows, time, features] = [64, 6, 3];
const x = noise(rows * time * features, 5);
/** Whether the first feature of the first step is positive: to be remembered to the end. */
const y = Float32Array.from({ length: rows }, (_, i) => (x[i * time * features] > 0 ? 1 : 0));

const compiled = (net: Model): Model => {
  net.compile({ optimizer: 'adam', loss: 'binaryCrossentropy', metrics: ['accuracy'], seed: 3 });
  net.optimizer.learningRate = 0.03;
  return net;
};
const head = () => layers.dense({ units: 1, activation: 'sigmoid' });

describe.each([
  ['lstm', () => layers.lstm({ units: 8, inputShape: [time, features] })],
  ['gru', () => layers.gru({ units: 8, inputShape: [time, features] })],
  ['simpleRNN', () => layers.simpleRNN({ units: 8, inputShape: [time, features] })],
  ['bidirectional', () => layers.bidirectional({ layer: layers.gru({ units: 4 }), inputShape: [time, features] })],
] as const)('%s', (_, make) => {
  test('learns to remember', async () => {
    const net = compiled(sequential([make(), head()]));
    const { history } = await net.fit(x, y, { epochs: 60, batchSize: 16, verbose: 0 });
    expect(history.accuracy.at(-1)).toBeGreaterThan(0.95);
    expect(history.loss.at(-1)).toBeLessThan(0.25);
  });
});

test('dropout changes training and leaves prediction alone', async () => {
  const net = compiled(
    sequential([layers.lstm({ units: 8, dropout: 0.3, recurrentDropout: 0.3, inputShape: [time, features] }), head()]),
  );
  const one = x.slice(0, time * features);
  expect(net.predictSync(one)).toEqual(net.predictSync(one));
  await net.fit(x, y, { epochs: 2, batchSize: 16, verbose: 0 });
  expect(net.predictSync(one)).toEqual(net.predictSync(one));
});

/** Adds up what it gets: one number for each of 2 samples, 3 steps at a time. */
function running(): Model {
  const net = sequential([
    layers.simpleRNN({
      ...{ units: 1, activation: 'linear', useBias: false, stateful: true, batchSize: 2, name: 'sum' },
      ...{ kernelInitializer: 'ones', recurrentInitializer: 'ones', inputShape: [3, 1], trainable: false } as const,
    }),
  ]); // biome-ignore format: options
  const warn = jest.spyOn(console, 'warn').mockImplementation(() => {});
  net.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
  warn.mockRestore();
  return net;
}

describe('stateful layers', () => {
  const batch = Float32Array.of(1, 2, 3, 10, 20, 30);
  const zero = Float32Array.of(0, 0);
  const stateOf = (net: Model) => [...(net.getWeights().find((w) => w.name === 'sum/state_0')?.data ?? [])];

  test('go on where the last batch ended, until resetStates', async () => {
    const net = running();
    net.trainOnBatch(batch, zero);
    expect(stateOf(net)).toEqual([6, 60]);
    net.trainOnBatch(batch, zero);
    expect(stateOf(net)).toEqual([12, 120]);
    expect([...net.predictSync(batch)]).toEqual([18, 180]);
    expect(stateOf(net)).toEqual([18, 180]);
    const { loss } = await net.evaluate(batch, zero, { batchSize: 2 });
    expect(loss).toBe((24 ** 2 + 240 ** 2) / 2);
    net.resetStates();
    expect(stateOf(net)).toEqual([0, 0]);
    // two batches: the third sample goes on where the first one was
    const predicted = (await net.predict(Float32Array.of(...batch, ...batch), { batchSize: 2 })) as Tensor;
    expect([...predicted.data]).toEqual([6, 60, 12, 120]);
    expect(() => net.predictSync(Float32Array.of(1, 2, 3))).toThrow(
      'sum (simpleRNN): is stateful with batchSize 2, got a batch of 1 samples',
    );
    net.dispose();
  });

  test('keep their states from step to step and epoch to epoch of fit; a callback resets them', async () => {
    const [x, y] = [Float32Array.of(...batch, ...batch), new Float32Array(4)];
    const options = { epochs: 2, batchSize: 2, shuffle: false, verbose: 0 } as const;
    const square = (...sums: number[]) => sums.reduce((a, s) => a + s * s, 0) / sums.length;
    const net = running();
    const { history } = await net.fit(x, y, options);
    expect(history.loss).toEqual([square(6, 60, 12, 120), square(18, 180, 24, 240)]);
    expect(stateOf(net)).toEqual([24, 240]);
    const reset = { onEpochBegin: () => net.resetStates() };
    const again = await net.fit(x, y, { ...options, callbacks: [reset] });
    expect(again.history.loss).toEqual([square(6, 60, 12, 120), square(6, 60, 12, 120)]);
    net.dispose();
  });

  test.each([
    ['lstm', (o: object) => layers.lstm({ units: 3, ...o })],
    ['gru', (o: object) => layers.gru({ units: 3, ...o })],
    [
      'stacked cells',
      (o: object) => layers.rnn({ cell: [layers.lstmCell({ units: 2 }), layers.gruCell({ units: 3 })], ...o }),
    ],
  ])('%s: parts of a sequence one after the other are the whole sequence, padding included', async (_, make) => {
    const [samples, parts, length] = [2, 3, 4];
    const common = { returnSequences: true } as const;
    const whole = sequential([layers.masking({ maskValue: 9, inputShape: [parts * length, features] }), make(common)]);
    const chunk = sequential([
      layers.masking({ maskValue: 9, inputShape: [length, features] }),
      make({ ...common, stateful: true, batchSize: samples }),
    ]);
    chunk.setWeights(Object.fromEntries(whole.getWeights().map((w) => [w.name, w.data])));
    const values = noise(samples * parts * length * features, 8);
    values.fill(9, 5 * features, 7 * features); // of the first sample, in the middle of the second part
    const expected = [...whole.predictSync(values)];
    const got = Array.from({ length: parts }, (_p, p) => {
      const rowsOf = (s: number) =>
        values.subarray((s * parts + p) * length * features, (s * parts + p + 1) * length * features);
      return [...chunk.predictSync(Float32Array.of(...rowsOf(0), ...rowsOf(1)))];
    });
    const units = 3;
    for (let s = 0; s < samples; s++) {
      const joined = got.flatMap((part) => part.slice(s * length * units, (s + 1) * length * units));
      for (const [i, v] of joined.entries()) {
        expect(v).toBeCloseTo(expected[s * parts * length * units + i] as number, 5);
      }
    }
    whole.dispose();
    chunk.dispose();
  });

  test('states are saved with the model', async () => {
    const net = running();
    net.trainOnBatch(batch, zero);
    const folder = mkdtempSync(path.join(tmpdir(), 'steepest-'));
    try {
      await net.save(folder);
      const warn = jest.spyOn(console, 'warn').mockImplementation(() => {});
      const loaded = await loadModel(folder);
      warn.mockRestore();
      expect(stateOf(loaded)).toEqual([6, 60]);
      expect([...loaded.predictSync(batch)]).toEqual([12, 120]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

test('masked steps do not change the result', () => {
  const net = sequential([layers.masking({ maskValue: 9, inputShape: [4, 2] }), layers.gru({ units: 3 })]);
  const short = sequential([layers.gru({ units: 3, inputShape: [2, 2] })]);
  short.setWeights(net.getWeights().map((w) => w.data));
  const padded = net.predictSync(Float32Array.of(0.1, 0.2, 0.3, 0.4, 9, 9, 9, 9));
  const exact = short.predictSync(Float32Array.of(0.1, 0.2, 0.3, 0.4));
  for (const [i, v] of exact.entries()) expect(padded[i]).toBeCloseTo(v, 6);
});

test('recurrent layers and wrappers survive saving and loading', async () => {
  const net = sequential([
    layers.masking({ inputShape: [time, features] }),
    layers.timeDistributed({ layer: layers.dense({ units: 4, activation: 'tanh' }) }),
    layers.bidirectional({ layer: layers.lstm({ units: 3, returnSequences: true }), mergeMode: 'sum' }),
    layers.rnn({
      cell: layers.stackedRNNCells({ cells: [layers.gruCell({ units: 2 }), layers.lstmCell({ units: 3 })] }),
    }),
  ]);
  const folder = mkdtempSync(path.join(tmpdir(), 'steepest-'));
  try {
    await net.save(folder);
    const copy = await loadModel(folder);
    expect(copy.getWeights()).toEqual(net.getWeights());
    expect((copy.predictSync(x.subarray(0, 2 * time * features)) as Float32Array).length).toBe(6);
    const batch = tensor(x.slice(0, 2 * time * features), [2, time, features]);
    expect((copy.predictSync(batch) as Tensor).data).toEqual((net.predictSync(batch) as Tensor).data);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a model inside timeDistributed keeps the names of its weights apart', () => {
  const inner = sequential([layers.dense({ units: 2, inputShape: [features] })]).topology;
  const net = sequential([
    layers.timeDistributed({ layer: inner, inputShape: [time, features] }),
    layers.dense({ units: 1 }),
  ]);
  expect(net.getWeights().map((w) => w.name)).toEqual([
    'timeDistributed_1/dense_1/kernel',
    'timeDistributed_1/dense_1/bias',
    'dense_1/kernel',
    'dense_1/bias',
  ]);
});

test('a cell may add penalties and write state in its steps', () => {
  class Noting extends layers.RecurrentCell {
    readonly kind = 'noting';
    readonly stateShapes = [[1]];
    #last!: ReturnType<layers.RecurrentCell['addWeight']>;
    override build() {
      this.#last = this.addWeight({ name: 'last', shape: [], initializer: 'zeros', trainable: false });
    }
    override call([x, h]: readonly Tensor[], context: Parameters<layers.RecurrentCell['call']>[1]) {
      const next = ops.add(x, h);
      context.addLoss(ops.mean(x));
      context.write(this.#last, ops.mean(next));
      return [next, next];
    }
    override getConfig() {
      return {};
    }
  }
  const net = sequential([layers.rnn({ cell: new Noting(), inputShape: [3, 1] })]);
  const warn = jest.spyOn(console, 'warn').mockImplementation(() => {});
  net.compile({ optimizer: 'sgd', loss: () => tensor(0) });
  warn.mockRestore();
  // means over the batch: 2, 4, 6
  const { loss } = net.trainOnBatch(Float32Array.of(1, 2, 3, 3, 6, 9), Float32Array.of(0, 0));
  expect(loss).toBeCloseTo(12, 5);
  expect([...(net.getWeights().find((w) => w.name.endsWith('last'))?.data ?? [])]).toEqual([12]);
});

test('a thousand steps compile at once', () => {
  const net = sequential([layers.lstm({ units: 4, inputShape: [1000, 2] }), head()]);
  const long = noise(2 * 1000 * 2, 7);
  compiled(net);
  const first = net.trainOnBatch(long, Float32Array.of(0, 1)).loss;
  for (let i = 0; i < 20; i++) net.trainOnBatch(long, Float32Array.of(0, 1));
  expect(net.trainOnBatch(long, Float32Array.of(0, 1)).loss).toBeLessThan(first);
});
