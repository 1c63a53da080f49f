import { ops, tensor } from '../../lib/index';
import { sequential } from '../../lib/training/index';
import { layers, losses, optimizers } from './library';
import { messageOf, noise } from './support';

const [letters, time, samples] = [7, 8, 64];

/** Sequences that count from anywhere, and what comes next at each position. */
function counting() {
  const start = Array.from(noise(samples, 5), (v) => Math.floor(Math.abs(v) * 1000) % letters);
  const shifted = (offset: number) =>
    Int32Array.from({ length: samples * time }, (_, i) => {
      return ((start[Math.floor(i / time)] as number) + (i % time) + offset) % letters;
    });
  return { x: shifted(0), y: shifted(1) };
}

function languageModel() {
  const block = {
    intermediateDim: 32,
    numHeads: 2,
    useCausalMask: true,
    normalizeFirst: true,
    activation: 'gelu',
  } as const;
  const net = sequential([
    layers.embedding({ inputDim: letters, outputDim: 16, inputShape: [time] }),
    layers.positionEmbedding({ sequenceLength: time }),
    layers.transformerEncoder({ ...block, dropout: 0.05 }),
    layers.transformerEncoder(block),
    layers.layerNormalization({ epsilon: 1e-5 }),
    layers.dense({ units: letters }),
  ]);
  const loss = losses.sparseCategoricalCrossentropy({ fromLogits: true });
  net.compile({ optimizer: optimizers.adam({ learningRate: 5e-3 }), loss, seed: 1 });
  return net;
}

test('a small transformer learns to count', async () => {
  const { x, y } = counting();
  const net = languageModel();
  const { history } = await net.fit(x, y, { epochs: 30, batchSize: 16 });
  expect(history.loss[0]).toBeGreaterThan(1);
  expect(history.loss.at(-1)).toBeLessThan(0.1);
  const names = net.getWeights().map(({ name }) => name);
  expect(names).toContain('transformerEncoder_2/attention/queryKernel');
  expect(new Set(names).size).toBe(names.length);
  net.dispose();
});

test('an id out of range stops training with an error', async () => {
  const { x, y } = counting();
  const net = languageModel();
  x[100] = letters;
  expect(await messageOf(net.fit(x, y, { epochs: 1 }))).toMatch(/index/);
  net.dispose();
});

test('batch normalization: moving averages reach the statistics of the data, and inference uses them', async () => {
  const rows = 256;
  const x = noise(rows * 3, 11).map((v, i) => v * (1 + (i % 3)) + (i % 3));
  const y = noise(rows, 12);
  const net = sequential([
    layers.batchNormalization({ momentum: 0.5, inputShape: [3], name: 'bn' }),
    layers.dense({ units: 1 }),
  ]);
  net.compile({ optimizer: optimizers.sgd({ learningRate: 1e-3 }), loss: 'meanSquaredError', seed: 1 });
  await net.fit(x, y, { epochs: 10, batchSize: rows });
  const state = new Map(net.getWeights().map(({ name, data }) => [name, data]));
  for (let c = 0; c < 3; c++) {
    const column = Array.from({ length: rows }, (_, r) => x[r * 3 + c] as number);
    const mean = column.reduce((a, b) => a + b, 0) / rows;
    const variance = column.reduce((a, b) => a + (b - mean) ** 2, 0) / rows;
    // of the start, 0 and 1, a part of 2^-10 is left
    expect(state.get('bn/movingMean')?.[c]).toBeCloseTo(mean * (1 - 2 ** -10), 4);
    expect(state.get('bn/movingVariance')?.[c]).toBeCloseTo(variance + (1 - variance) * 2 ** -10, 4);
  }
  net.dispose();
});

test('a last batch of one sample names the layer', async () => {
  const net = sequential([layers.batchNormalization({ inputShape: [2], name: 'bn' }), layers.dense({ units: 1 })]);
  net.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
  const message = await messageOf(net.fit(noise(10, 1), noise(5, 2), { batchSize: 4 }));
  expect(message).toContain('bn (batchNormalization): training needs more than one value per channel');
  net.dispose();
});

test('the kernels that sort order special values as the reference does', () => {
  const x = tensor([2, Number.NaN, -Infinity, 2, Infinity, -0, 0]);
  expect([...ops.argsort(x).data]).toEqual([2, 5, 6, 0, 3, 4, 1]);
  expect([...ops.argsort(x, -1, { descending: true }).data]).toEqual([1, 4, 0, 3, 5, 6, 2]);
  const long = noise(5000, 3);
  expect([...ops.sort(tensor(long)).data]).toEqual([...long.sort()]);
  const wrap = tensor(Int32Array.of(2 ** 31 - 1, 1));
  expect([...ops.cumsum(wrap).data]).toEqual([2 ** 31 - 1, -(2 ** 31)]);
});
