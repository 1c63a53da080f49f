// compile({ precision: 'bfloat16' }): what is in memory in two bytes, what training comes to, and that all that handles weights
// still does.
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { readSafetensors } from '../../lib/io/safetensors';
import { toBfloat16 } from '../../lib/ir/bfloat16';
import { sizeOf } from '../../lib/ir/graph';
import { Engine } from '../../lib/training/engine';
import {
  type CompileOptions,
  callbacks,
  model as functional,
  loadModel,
  type Model,
  sequential,
  type WeightValue,
} from '../../lib/training/index';
import { resolveObjective } from '../../lib/training/objective';
import { jit } from '../../lib/transforms/index';
import { layers, ops, optimizers } from './library';
import { bits, classes, expectSameBitsOnThreads, linear, noise } from './support';

type Precision = CompileOptions['precision'];

const numbers = (weight: WeightValue | undefined): number[] => Array.from(weight?.data ?? []);

const isRounded = (values: ArrayLike<number>): boolean => Array.from(values).every((v) => Object.is(v, toBfloat16(v)));

async function inFolder<T>(body: (directory: string) => Promise<T>): Promise<T> {
  const directory = await fs.mkdtemp(path.join(os.tmpdir(), 'steepest-bfloat16-'));
  try {
    return await body(directory);
  } finally {
    await fs.rm(directory, { recursive: true });
  }
}

function classifier(precision: Precision, optimizer = optimizers.adam({ learningRate: 0.01 })): Model {
  const net = sequential([
    layers.dense({ units: 64, activation: 'relu', inputShape: [4] }),
    layers.batchNormalization(),
    layers.dense({ units: 32, activation: 'gelu' }),
    layers.dense({ units: 3, activation: 'softmax' }),
  ]);
  net.compile({ optimizer, loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'], seed: 3, precision });
  return net;
}

/** State, arena, and the numbers of bytes that one row of a table of parameters takes. */
function memory(net: Model, options: CompileOptions, rows: number, shape: number[]) {
  const objective = resolveObjective(net.topology, net.outputNames, options);
  let arena = 0;
  const engine = new Engine(net.topology, objective, net.outputNames, (_, plan) => {
    arena = plan.arenaBytes;
  });
  engine.trainPlan({
    rows,
    inputs: [{ feed: 0, shape, dtype: 'float32' }],
    targets: [{ feed: 1, shape: [], dtype: 'int32' }],
    weights: [],
  });
  const state = engine.state.layout.bytes;
  engine.dispose();
  return { state, arena };
}

describe('memory', () => {
  const wide = () =>
    sequential([
      layers.dense({ units: 512, activation: 'relu', inputShape: [256] }),
      layers.dense({ units: 512, activation: 'gelu' }),
      layers.layerNormalization(),
      layers.dense({ units: 512, activation: 'tanh' }),
      layers.dropout({ rate: 0.1 }),
      layers.dense({ units: 10, activation: 'softmax' }),
    ]);
  const options = (precision: Precision): CompileOptions => ({
    optimizer: 'adam',
    loss: 'sparseCategoricalCrossentropy',
    precision,
  });

  test('of weights and slots is a half, that of a step less', () => {
    const float = memory(wide(), options('float32'), 256, [256]);
    const narrow = memory(wide(), options('bfloat16'), 256, [256]);
    expect(narrow.state / float.state).toBeLessThan(0.505);
    expect(narrow.arena / float.arena).toBeLessThan(0.75);
  });

  test('statistics, moving averages and counters stay float32', () => {
    const net = classifier('bfloat16');
    const optimizer = optimizers.nadam({ useEma: true });
    const { storage, slots, variables } = resolveObjective(net.topology, ['output'], {
      ...options('bfloat16'),
      optimizer,
    });
    const kept = net.topology.weights.map((w) => `${w.name} ${storage.of(w).dtype}`);
    expect(kept).toEqual([
      'dense_1/kernel bfloat16',
      'dense_1/bias bfloat16',
      'batchNormalization_1/gamma bfloat16',
      'batchNormalization_1/beta bfloat16',
      'batchNormalization_1/movingMean float32',
      'batchNormalization_1/movingVariance float32',
      'dense_2/kernel bfloat16',
      'dense_2/bias bfloat16',
      'dense_3/kernel bfloat16',
      'dense_3/bias bfloat16',
    ]);
    const dtypes = new Map<string, string>();
    for (const { name, variable } of slots.all()) dtypes.set(name, storage.of(variable).dtype);
    expect(Object.fromEntries(dtypes)).toEqual({
      momentumProduct: 'float32',
      m: 'bfloat16',
      v: 'bfloat16',
      average: 'float32',
    });
    for (const variable of variables.all) expect(storage.of(variable)).toBe(variable);
  });
});

describe('numbers', () => {
  const sgd = {
    optimizer: optimizers.sgd({ learningRate: 0.5 }),
    loss: 'meanSquaredError',
    precision: 'bfloat16',
  } as const;

  test('weights are rounded when they are set, and come back as Float32Array', () => {
    const net = linear([0.3, -0.7], 0.1);
    net.compile(sgd);
    const [kernel, bias] = net.getWeights();
    expect(kernel?.data).toEqual(Float32Array.of(toBfloat16(0.3), toBfloat16(-0.7)));
    expect(bias).toMatchObject({ name: 'line/bias', dtype: 'float32', data: Float32Array.of(toBfloat16(0.1)) });
    net.setWeights({ 'line/bias': Float32Array.of(1 + 2 ** -8) }); // a tie
    expect(net.getWeights()[1]?.data).toEqual(Float32Array.of(1));
  });

  test('layers hand over rounded numbers, a model gives what its last layer computed', () => {
    const net = sequential([
      layers.lambda((x) => ops.multiply(x, 1.01), { inputShape: [3] }),
      layers.lambda((x) => ops.add(x, 0.001)),
    ]);
    const x = [0.3, 1.2345, -7.7];
    net.compile({ ...sgd, optimizer: 'sgd' });
    const y = net.predictSync(Float32Array.from(x));
    x.forEach((v, i) => {
      const handed = toBfloat16(Math.fround(Math.fround(v) * Math.fround(1.01)));
      expect(y[i]).toBe(Math.fround(handed + Math.fround(0.001)));
    });
    expect(isRounded(y)).toBe(false);
  });

  test('inputs are taken as they are fed: ids in another shape too', () => {
    const net = sequential([
      layers.reshape({ targetShape: [2, 1], inputShape: [2] }),
      layers.flatten(),
      layers.embedding({ inputDim: 1000, outputDim: 1 }),
    ]);
    const table = Float32Array.from({ length: 1000 }, (_, i) => (i % 250) + 1);
    net.compile({ ...sgd, optimizer: 'sgd' });
    net.setWeights([table]);
    expect(net.predictSync(Float32Array.of(513, 999))).toEqual(Float32Array.of(14, 250));
  });

  test('an update is computed in float32 and rounded once', () => {
    const net = linear([0.5, -0.25], 0);
    net.compile(sgd);
    net.trainOnBatch(Float32Array.of(1, 2), Float32Array.of(0.3));
    const y = 0.5 - 0.5; // 0.5 * 1 - 0.25 * 2
    const slope = 2 * (y - Math.fround(0.3));
    const [kernel, bias] = net.getWeights();
    expect(numbers(kernel)).toEqual([toBfloat16(0.5 - 0.5 * slope), toBfloat16(-0.25 - 0.5 * toBfloat16(slope) * 2)]);
    expect(numbers(bias)).toEqual([toBfloat16(-0.5 * slope)]);
  });

  test('what is less than half a unit of a weight does not change it', () => {
    const net = linear([1, 1], 1);
    net.compile({ ...sgd, optimizer: optimizers.sgd({ learningRate: 1e-4 }) });
    const before = bits(net);
    for (let i = 0; i < 10; i++) net.trainOnBatch(Float32Array.of(1, 1), Float32Array.of(0));
    expect(bits(net)).toBe(before);
    net.compile({ ...sgd, precision: 'mixedBfloat16', optimizer: optimizers.sgd({ learningRate: 1e-4 }) });
    net.trainOnBatch(Float32Array.of(1, 1), Float32Array.of(0));
    expect(bits(net)).not.toBe(before);
  });

  test('compile with another precision keeps the weights, rounded from then on', () => {
    const net = linear([0.3, -0.7], 0.1);
    const exact = bits(net);
    net.compile({ ...sgd, precision: 'float32' });
    expect(bits(net)).toBe(exact);
    net.compile(sgd);
    const rounded = bits(net);
    expect(rounded).not.toBe(exact);
    net.compile({ ...sgd, precision: 'float32' });
    expect(bits(net)).toBe(rounded);
  });
});

describe('training comes to a loss like that of float32:', () => {
  const both = async (
    make: () => Model,
    options: Omit<CompileOptions, 'precision'>,
    x: Float32Array,
    y: Float32Array | Uint8Array,
  ) => {
    const train = async (precision: Precision) => {
      const net = make();
      net.compile({ ...options, seed: 5, precision });
      const { history } = await net.fit(x, y, { epochs: 12, batchSize: 32, verbose: 0 });
      const weights = net.getWeights();
      return { first: history.loss?.[0] as number, last: history.loss?.at(-1) as number, weights, net };
    };
    const [float, narrow] = [await train('float32'), await train('bfloat16')];
    expect(float.last).toBeLessThan(0.6 * float.first);
    expect(Math.abs(narrow.last - float.last)).toBeLessThan(0.08 * float.first);
    for (const { name, data } of narrow.weights) {
      if (!/moving/.test(name))
        expect({ name, rounded: isRounded(data as Float32Array) }).toEqual({ name, rounded: true });
    }
    expect(narrow.weights.map(({ data }) => data)).not.toEqual(float.weights.map(({ data }) => data));
    return narrow.net;
  };
  const options = {
    optimizer: optimizers.adam({ learningRate: 0.01 }),
    loss: 'sparseCategoricalCrossentropy',
  } as const;

  test('dense layers', async () => {
    const { x, y } = classes(600);
    const make = () =>
      sequential([
        layers.dense({ units: 64, activation: 'relu', inputShape: [4] }),
        layers.dense({ units: 32, activation: 'gelu' }),
        layers.dense({ units: 3, activation: 'softmax' }),
      ]);
    await both(make, options, x, y);
  });

  test('convolutions', async () => {
    const x = noise(256 * 64, 3);
    const y = Uint8Array.from(
      { length: 256 },
      (_, i) => Number((x[64 * i + 9] as number) > 0) + Number((x[64 * i + 30] as number) > 0),
    );
    const make = () =>
      sequential([
        layers.reshape({ targetShape: [8, 8, 1], inputShape: [64] }),
        layers.conv2d({ filters: 8, kernelSize: 3, activation: 'relu' }),
        layers.batchNormalization(),
        layers.maxPooling2d({ poolSize: 2 }),
        layers.flatten(),
        layers.dense({ units: 32, activation: 'relu' }),
        layers.dense({ units: 3, activation: 'softmax' }),
      ]);
    await both(make, options, x, y);
  });

  test('recurrence', async () => {
    const x = noise(256 * 12, 3);
    const y = Uint8Array.from({ length: 256 }, (_, i) =>
      Number((x[12 * i + 1] as number) + (x[12 * i + 8] as number) > 0),
    );
    const make = () =>
      sequential([
        layers.reshape({ targetShape: [6, 2], inputShape: [12] }),
        layers.lstm({ units: 16, returnSequences: true }),
        layers.gru({ units: 16 }),
        layers.dense({ units: 2, activation: 'softmax' }),
      ]);
    await both(make, options, x, y);
  });

  test('a Transformer block', async () => {
    const x = noise(256 * 8, 3).map((v) => Math.floor(6 + 6 * v));
    const y = Uint8Array.from({ length: 256 }, (_, i) =>
      Number(x.subarray(8 * i, 8 * i + 8).filter((v) => v > 5).length > 4),
    );
    const make = () => {
      const ids = layers.input({ shape: [8], dtype: 'int32' });
      const embedded = layers.embedding({ inputDim: 12, outputDim: 16 }).apply(ids);
      const block = layers.transformerEncoder({ intermediateDim: 32, numHeads: 2 }).apply(embedded);
      const pooled = layers.globalAveragePooling1d().apply(block);
      return functional({ inputs: ids, outputs: layers.dense({ units: 2, activation: 'softmax' }).apply(pooled) });
    };
    await both(make, options, x, y);
  });
});

test('the bits do not depend on the number of threads', async () => {
  await expectSameBitsOnThreads(async () => {
    const net = sequential([
      layers.reshape({ targetShape: [9, 9, 3], inputShape: [243] }),
      layers.conv2d({ filters: 10, kernelSize: 3, activation: 'relu' }),
      layers.flatten(),
      layers.dense({ units: 301, activation: 'tanh' }),
      layers.dense({ units: 203, activation: 'silu' }),
      layers.dense({ units: 1 }),
    ]);
    net.compile({ optimizer: 'adam', loss: 'meanSquaredError', seed: 1, precision: 'bfloat16' });
    await net.fit(noise(70 * 243), noise(70, 2), { epochs: 2, batchSize: 35, verbose: 0 });
    return net;
  });
});

describe('saving', () => {
  test('a model goes on with the same bits, from files of half the size', async () => {
    await inFolder(async (directory) => {
      const { x, y } = classes(64);
      const net = classifier('bfloat16');
      await net.fit(x, y, { epochs: 1, batchSize: 16, verbose: 0 });
      await net.save(directory);
      const file = path.join(directory, 'weights.safetensors');
      const stored = readSafetensors(file, await fs.readFile(file));
      expect(stored.get('dense_1/kernel')).toMatchObject({ dtype: 'BF16', shape: [4, 64] });
      expect(stored.get('batchNormalization_1/movingMean')).toMatchObject({ dtype: 'F32' });
      const slots = path.join(directory, 'optimizer.safetensors');
      expect(readSafetensors(slots, await fs.readFile(slots)).get('slots/v/dense_1/kernel')).toMatchObject({
        dtype: 'BF16',
      });
      const loaded = await loadModel(directory);
      expect(bits(loaded)).toBe(bits(net));
      expect(loaded.predictSync(x)).toEqual(net.predictSync(x));
      for (const each of [net, loaded]) await each.fit(x, y, { epochs: 3, initialEpoch: 1, batchSize: 16, verbose: 0 });
      expect(bits(loaded)).toBe(bits(net));
    });
  });

  test('weights are read by a float32 model, and the other way round', async () => {
    await inFolder(async (directory) => {
      const file = path.join(directory, 'weights.safetensors');
      const [narrow, float] = [classifier('bfloat16'), classifier('float32')];
      await narrow.saveWeights(file);
      await float.loadWeights(file);
      expect(bits(float)).toBe(bits(narrow));
      float.setWeights({ 'dense_3/bias': Float32Array.of(0.1, 0.2, 0.3) });
      await float.saveWeights(file);
      await narrow.loadWeights(file);
      expect(narrow.getWeights().at(-1)?.data).toEqual(Float32Array.of(0.1, 0.2, 0.3).map(toBfloat16));
    });
  });

  test('a checkpoint of a running fit goes on as the fit itself', async () => {
    await inFolder(async (directory) => {
      const { x, y } = classes(64);
      const net = classifier('bfloat16');
      const saving = [callbacks.modelCheckpoint({ path: path.join(directory, 'at-{epoch}') })];
      await net.fit(x, y, { epochs: 3, batchSize: 16, verbose: 0, callbacks: saving });
      const folders = (await fs.readdir(directory)).sort();
      const loaded = await loadModel(path.join(directory, folders[0] as string));
      await loaded.fit(x, y, { epochs: 3, batchSize: 16, verbose: 0, ...loaded.resumePoint });
      expect(bits(loaded)).toBe(bits(net));
    });
  });
});

describe('with everything else:', () => {
  const { x, y } = classes(64);
  const fit = { epochs: 2, batchSize: 16, verbose: 0 } as const;
  const lossOf = async (net: Model) => (await net.evaluate(x, y)).loss as number;

  test.each([
    ['moving averages', () => optimizers.adam({ learningRate: 0.01, useEma: true })],
    ['clipping', () => optimizers.adam({ learningRate: 0.01, globalClipnorm: 0.5 })],
    ['accumulation', () => optimizers.adam({ learningRate: 0.02, gradientAccumulationSteps: 2 })],
    ['weight decay', () => optimizers.adamw({ learningRate: 0.01, weightDecay: 0.01 })],
    ['Adafactor', () => optimizers.adafactor({ learningRate: 0.05 })],
    ['Muon', () => optimizers.muon({ learningRate: 0.01 })],
    ['FTRL', () => optimizers.ftrl({ learningRate: 0.5 })],
  ] as const)('%s', async (_, optimizer) => {
    const net = classifier('bfloat16', optimizer());
    const before = await lossOf(net);
    await net.fit(x, y, { ...fit, epochs: 10 });
    expect(await lossOf(net)).toBeLessThan(before);
  });

  test('averages are those of the weights, more exactly than the weights themselves', async () => {
    const net = classifier('bfloat16', optimizers.sgd({ learningRate: 0.1, useEma: true, emaMomentum: 0.9 }));
    await net.fit(x, y, fit);
    const averages = net.getAveragedWeights();
    expect(averages[0]?.data).toHaveLength(256);
    expect(isRounded(averages[0]?.data as Float32Array)).toBe(false);
    net.setWeights(averages);
    expect(net.getWeights()[0]?.data).toEqual(Float32Array.from(numbers(averages[0]), toBfloat16));
  });

  test('predictions are the same however they are asked for', async () => {
    const net = classifier('bfloat16');
    await net.fit(x, y, fit);
    const all = net.predictSync(x);
    const predicted = await net.predict(x, { batchSize: 64 });
    expect((predicted as { data: Float32Array }).data).toEqual(all);
    expect(net.predictSync(x.subarray(0, 4)).every((p, i) => Math.abs(p - (all[i] as number)) < 0.02)).toBe(true);
  });

  test('quantized models', async () => {
    const net = classifier('bfloat16');
    await net.fit(x, y, { ...fit, epochs: 10 });
    const before = await lossOf(net);
    net.quantize('int8');
    expect(net.getWeights()[0]?.dtype).toBe('int8');
    expect(Math.abs((await lossOf(net)) - before)).toBeLessThan(0.1);
  });

  test('frozen layers, clones and profiles', async () => {
    const net = classifier('bfloat16');
    net.getLayer('dense_1').trainable = false;
    net.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy', precision: 'bfloat16', seed: 1 });
    const before = net.getWeights();
    await net.fit(x, y, fit);
    expect(net.getWeights()[0]?.data).toEqual(before[0]?.data);
    expect(bits(net.clone())).toBe(bits(net));
    expect(net.countParams()).toBe(before.reduce((n, { shape }) => n + sizeOf(shape), 0));
    const bytes = async (each: Model) =>
      (await each.profile(x, y, { batchSize: 64, steps: 2 })).kernels.reduce((sum, kernel) => sum + kernel.bytes, 0);
    expect(await bytes(net)).toBeLessThan(0.9 * (await bytes(classifier('float32'))));
  });
});

test('functions that are compiled on their own have no such precision', () => {
  const options = { precision: 'bfloat16' as unknown as 'float32' };
  expect(() => jit((v: unknown) => v, options)).toThrow(/jit: precision 'bfloat16' is for models/);
});
