// Masks in loss and metrics: padding must not change what training does.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Tensor } from '../../lib/ir/graph';
import { loadModel, type Model, sequential } from '../../lib/training/index';
import { layers, losses, ops, optimizers } from './library';
import { noise } from './support';

/** Predicts x itself: masked mean squared error can be computed by hand. */
function identity(maskValue: number, time: number): Model {
  return sequential([
    layers.masking({ maskValue, inputShape: [time, 1] }),
    layers.dense({ units: 1, kernelInitializer: 'ones' }),
  ]);
}

describe('loss and metrics by hand', () => {
  // steps of 9 are padding
  const x = Float32Array.of(1, 2, 9, 9, /**/ 3, 9, 9, 9, /**/ 4, 5, 6, 9);
  const y = Float32Array.of(0, 4, 8, 8, /**/ 2, 7, 7, 7, /**/ 4, 5, 8, 0);
  // squared errors: 1, 4 | 1 | 0, 0, 4

  test('the mean over the steps that count; an epoch is the mean over the samples of its batches', async () => {
    const net = identity(9, 4);
    net.compile({ optimizer: 'sgd', loss: 'mse', metrics: ['mse', 'mae'] });
    expect(await net.evaluate(x, y, { batchSize: 3 })).toEqual({
      loss: expect.closeTo(10 / 6, 6),
      mse: expect.closeTo(10 / 6, 6),
      mae: expect.closeTo((1 + 2 + 1 + 2) / 6, 6),
    });
    const { loss, mse } = await net.evaluate(x, y, { batchSize: 2 });
    expect(loss).toBeCloseTo((2 * (6 / 3) + 4 / 3) / 3, 6);
    expect(mse).toBeCloseTo(10 / 6, 6);
    net.dispose();
  });

  test('sample weights multiply, and are not divided by', async () => {
    const net = identity(9, 4);
    net.compile({ optimizer: 'sgd', loss: 'mse', metrics: ['mse'], weightedMetrics: ['mse'] });
    const results = await net.evaluate(x, y, { batchSize: 3, sampleWeight: [1, 3, 0.5] });
    expect(results.loss).toBeCloseTo((5 + 3 + 2) / 6, 6);
    expect(results.mse).toBeCloseTo(10 / 6, 6);
    expect(results.weightedMse).toBeCloseTo((5 + 3 + 2) / (2 + 3 + 1.5), 6);
    net.dispose();
  });

  test('one step of training follows the slope of that loss', async () => {
    const net = identity(9, 4);
    net.compile({ optimizer: optimizers.sgd({ learningRate: 0.1 }), loss: 'mse' });
    await net.fit(x, y, { batchSize: 3, shuffle: false, verbose: 0 });
    // d/dw = mean(2 (x - y) x), d/db = mean(2 (x - y)) over (x, y) = (1,0) (2,4) (3,2) (4,4) (5,5) (6,8)
    const [kernel, bias] = net.getWeights().map(({ data }) => data[0]);
    expect(kernel).toBeCloseTo(1 - (0.1 * 2 * (1 - 4 + 3 - 12)) / 6, 6);
    expect(bias).toBeCloseTo(0 - (0.1 * 2 * (1 - 2 + 1 - 2)) / 6, 6);
    net.dispose();
  });

  test('a batch of padding alone has loss 0 and changes nothing', async () => {
    const net = identity(9, 4);
    net.compile({ optimizer: 'adam', loss: 'mse', metrics: ['mse'] });
    const before = net.getWeights();
    const logs = net.trainOnBatch(new Float32Array(8).fill(9), new Float32Array(8));
    expect(logs).toEqual({ loss: 0, mse: 0 });
    expect(net.getWeights()).toEqual(before);
    net.dispose();
  });

  test('a loss or metric that looks at whole sequences is not masked', async () => {
    const net = identity(9, 4);
    const first = (t: Tensor) => ops.reshape(ops.sliceAxis(t, 1, 0, 1), [-1]);
    const start = (yTrue: Tensor, yPred: Tensor) => ops.square(ops.subtract(first(yTrue), first(yPred)));
    net.compile({ optimizer: 'sgd', loss: start, metrics: [start] });
    const results = await net.evaluate(x, y, { batchSize: 3 });
    expect(results).toEqual({ loss: expect.closeTo(2 / 3, 6), start: expect.closeTo(2 / 3, 6) });
    net.dispose();
  });
});

describe('padded sequences', () => {
  const [rows, words, units, classes] = [6, 5, 4, 3];
  const [short, long] = [3, 7];
  const ids = Int32Array.from(noise(rows * short, 2), (v) => 1 + Math.floor(Math.abs(v) * 4));
  const labels = Int32Array.from(noise(rows * short, 3), (v) => Math.floor(Math.abs(v) * classes));
  const pad = (data: Int32Array, fill: number): Int32Array =>
    Int32Array.from({ length: rows * long }, (_, i) => {
      const t = i % long;
      return t < short ? (data[Math.floor(i / long) * short + t] as number) : fill;
    });

  type Body = () => layers.Layer[];
  const recurrent: Body = () => [layers.lstm({ units, returnSequences: true })];
  const bodies: readonly (readonly [string, Body])[] = [
    ['lstm', recurrent],
    ['gru and dropout', () => [layers.gru({ units, returnSequences: true }), layers.dropout({ rate: 0 })]],
    [
      'bidirectional and batch normalization',
      () => [
        layers.bidirectional({ layer: layers.simpleRNN({ units, returnSequences: true }) }),
        layers.batchNormalization({ momentum: 0.5 }),
      ],
    ],
    [
      'stacked',
      () => [
        ...recurrent(),
        layers.timeDistributed({ layer: layers.dense({ units, activation: 'tanh' }) }),
        layers.layerNormalization(),
        layers.gru({ units, returnSequences: true }),
      ],
    ],
    ['transformer', () => [layers.dense({ units: 4 }), layers.transformerEncoder({ intermediateDim: 5, numHeads: 2 })]],
  ];

  const build = (time: number, body: Body): Model => {
    const net = sequential([
      layers.embedding({ inputDim: words, outputDim: 3, maskZero: true, inputShape: [time] }),
      ...body(),
      layers.dense({ units: classes }),
    ]);
    const loss = losses.sparseCategoricalCrossentropy({ fromLogits: true });
    const optimizer = optimizers.adam({ learningRate: 0.05 });
    net.compile({ optimizer, loss, metrics: ['accuracy'], seed: 4 });
    return net;
  };

  test.each(bodies)('%s: training is that of the sequences without padding', async (_, body) => {
    const [plain, padded] = [build(short, body), build(long, body)];
    padded.setWeights(plain.getWeights());
    const options = { epochs: 4, batchSize: 3, shuffle: false, verbose: 0 } as const;
    const { history } = await plain.fit(ids, labels, options);
    const other = await padded.fit(pad(ids, 0), pad(labels, 1), options);
    history.loss.forEach((value, i) => {
      expect(other.history.loss[i]).toBeCloseTo(value, 5);
    });
    expect(other.history.accuracy).toEqual(history.accuracy.map((v) => expect.closeTo(v, 6)));
    expect(history.loss.at(-1)).toBeLessThan(history.loss[0] as number);
    const weights = padded.getWeights();
    plain.getWeights().forEach(({ name, data }, i) => {
      for (const [j, v] of data.entries()) {
        if (Math.abs(v - (weights[i]?.data[j] as number)) > 2e-4)
          throw new Error(`${name}[${j}]: ${v} became ${weights[i]?.data[j]}`);
      }
    });
    plain.dispose();
    padded.dispose();
  });

  test('the mask survives saving and loading', async () => {
    const net = build(long, recurrent);
    const [x, y] = [pad(ids, 0), pad(labels, 1)];
    const before = await net.evaluate(x, y);
    const folder = mkdtempSync(path.join(tmpdir(), 'steepest-masks-'));
    try {
      await net.save(folder);
      const loaded = await loadModel(folder);
      expect(await loaded.evaluate(x, y)).toEqual(before);
      loaded.dispose();
    } finally {
      rmSync(folder, { recursive: true });
    }
    const plain = build(short, recurrent);
    plain.setWeights(net.getWeights());
    expect((await plain.evaluate(ids, labels)).loss).toBeCloseTo(before.loss, 5);
    net.dispose();
    plain.dispose();
  });
});
