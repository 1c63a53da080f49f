// compile({ precision }): which products of a step are rounded, what it does to training, and that it is saved.
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { toBfloat16 } from '../../lib/ir/bfloat16';
import { printGraph } from '../../lib/ir/print';
import * as regularizers from '../../lib/regularizers/index';
import { type CompileOptions, loadModel, type Model, sequential } from '../../lib/training/index';
import { resolveObjective } from '../../lib/training/objective';
import { SumBlock } from '../../lib/training/sums';
import { traceEvalStep, traceTrainStep } from '../../lib/training/trace';
import { layers, optimizers } from './library';
import { bits, classes, expectSameBitsOnThreads, linear, noise } from './support';

const mixed = { optimizer: 'sgd', loss: 'meanSquaredError', precision: 'mixedBfloat16' } as const;

test('a wrong precision is an error that names the known ones', () => {
  const options = { ...mixed, precision: 'float16' as unknown as 'float32' };
  expect(() => linear().compile(options)).toThrow(
    "compile: precision must be one of 'float32', 'tf32', 'mixedBfloat16', 'bfloat16', got 'float16'",
  );
});

test('layers and their gradients have it; penalties, losses and the optimizer stay float32', () => {
  const net = sequential([
    layers.dense({ units: 6, inputShape: [4], kernelRegularizer: regularizers.orthogonal() }),
    layers.dense({ units: 3 }),
  ]);
  const objective = resolveObjective(net.topology, ['output'], { ...mixed, optimizer: optimizers.muon() });
  const { sums } = new SumBlock('training', [], ['output']);
  const float = (feed: number, shape: number[]) => ({ feed, shape, dtype: 'float32' as const });
  const types = { rows: 8, inputs: [float(0, [4])], targets: [float(1, [3])], weights: [] };
  const products = (text: string) => text.split('\n').filter((line) => line.includes('matmul'));
  const train = products(printGraph(traceTrainStep(objective, types, sums)));
  const rounded = (lines: string[]) => lines.filter((line) => line.includes('precision: bfloat16'));
  const evaluation = products(printGraph(traceEvalStep(objective, types, sums)));
  // two forward, two for kernels, one back to the first layer's output
  expect(rounded(train)).toHaveLength(5);
  expect(rounded(evaluation)).toHaveLength(2);
  expect(evaluation.length).toBeGreaterThan(2);
  expect(train.filter((line) => line.includes('muon')).length).toBeGreaterThan(0);
  expect(rounded(train).filter((line) => /muon|regularizer|loss/.test(line))).toEqual([]);
});

test('predict multiplies rounded numbers and adds the bias as it is', () => {
  const [kernel, bias, x] = [[0.3, -0.7], 0.1, [1.2345, 0.9876]];
  const net = linear(kernel, bias);
  net.compile(mixed);
  const product = x.reduce((sum, v, i) => sum + toBfloat16(v) * toBfloat16(kernel[i] as number), 0);
  expect(net.predictSync(Float32Array.from(x))[0]).toBeCloseTo(product + bias, 6);
  net.compile({ ...mixed, precision: 'float32' });
  const exact = x.reduce((sum, v, i) => sum + v * (kernel[i] as number), 0);
  expect(net.predictSync(Float32Array.from(x))[0]).toBeCloseTo(exact + bias, 6);
  expect(Math.abs(exact - product)).toBeGreaterThan(1e-4);
});

function classifier(precision: CompileOptions['precision']): Model {
  const net = sequential([
    layers.dense({ units: 67, activation: 'relu', inputShape: [4] }),
    layers.dense({ units: 33, activation: 'relu' }),
    layers.dense({ units: 3, activation: 'softmax' }),
  ]);
  net.compile({
    optimizer: optimizers.adam({ learningRate: 0.01 }),
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy'],
    seed: 3,
    precision,
  });
  return net;
}

test('training comes to the accuracy of float32, by another way', async () => {
  const { x, y } = classes(600);
  const fit = async (precision: CompileOptions['precision']) => {
    const net = classifier(precision);
    const { history } = await net.fit(x, y, { epochs: 30, batchSize: 32, verbose: 0 });
    return { accuracy: history.accuracy?.at(-1) as number, weights: bits(net) };
  };
  const [float, rounded] = [await fit('float32'), await fit('mixedBfloat16')];
  expect(float.accuracy).toBeGreaterThan(0.97);
  expect(Math.abs(rounded.accuracy - float.accuracy)).toBeLessThan(0.015);
  expect(rounded.weights).not.toBe(float.weights);
  expect((await fit(undefined)).weights).toBe(float.weights);
});

test('the bits do not depend on the number of threads', async () => {
  await expectSameBitsOnThreads(async () => {
    const net = sequential([
      layers.reshape({ targetShape: [9, 9, 3], inputShape: [243] }),
      layers.conv2d({ filters: 10, kernelSize: 3, activation: 'relu' }),
      layers.conv2d({ filters: 7, kernelSize: 2, strides: 2 }),
      layers.flatten(),
      layers.dense({ units: 301, activation: 'tanh' }),
      layers.dense({ units: 1 }),
    ]);
    net.compile({ ...mixed, optimizer: 'adam', seed: 1 });
    await net.fit(noise(70 * 243), noise(70, 2), { epochs: 2, batchSize: 35, verbose: 0 });
    return net;
  });
});

test('a saved model keeps it and goes on with the same bits', async () => {
  const directory = await fs.mkdtemp(path.join(os.tmpdir(), 'steepest-precision-'));
  try {
    const { x, y } = classes(64);
    const net = classifier('mixedBfloat16');
    await net.fit(x, y, { epochs: 1, batchSize: 16, verbose: 0 });
    await net.save(directory);
    const loaded = await loadModel(directory);
    expect(loaded.predictSync(x)).toEqual(net.predictSync(x));
    for (const model of [net, loaded]) await model.fit(x, y, { epochs: 3, initialEpoch: 1, batchSize: 16, verbose: 0 });
    expect(bits(loaded)).toBe(bits(net));
  } finally {
    await fs.rm(directory, { recursive: true });
  }
});
