// Rows of a small batch that are long are fed in slices, where the first layer and its gradient can read them so. A step is what its
// formula says, whichever rows a batch has, of whichever type and length.

import type { Tensor } from '../../lib/ir/graph';
import type { Optimizer } from '../../lib/optimizers/index';
import { cpuInfo, setThreads } from '../../lib/runtime/native';
import { model, sequential } from '../../lib/training/index';
import { layers, ops, optimizers } from './library';
import { expectSameBitsOnThreads, noise } from './support';

const rows = 32;
const units = 128;
const rate = 0.5;

interface Variant {
  readonly shape: readonly number[];
  readonly bytes?: boolean;
  readonly shuffle?: boolean;
  readonly threads?: number;
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((p, n) => p * n, 1);

function dataOf({ shape, bytes }: Variant): { x: Float32Array | Uint8Array; y: Float32Array } {
  const x = noise(rows * sizeOf(shape), 5);
  return { x: bytes ? Uint8Array.from(x, (v) => (v > 0.5 ? 1 : 0)) : x, y: noise(rows * units, 6) };
}

function network({ shape }: Variant, optimizer: Optimizer) {
  const net = sequential([
    layers.flatten({ inputShape: shape }),
    layers.dense({ units, useBias: false, name: 'first' }),
  ]);
  net.compile({ optimizer, loss: 'meanSquaredError', seed: 3 });
  return net;
}

const kernelOf = (net: ReturnType<typeof network>): Float32Array =>
  Float32Array.from(net.getWeights()[0]?.data as Float32Array);

/** The gradient of the mean of (x w - y)^2 by w. */
function gradient(x: ArrayLike<number>, y: ArrayLike<number>, w: ArrayLike<number>, features: number): Float64Array {
  const g = new Float64Array(features * units);
  for (let r = 0; r < rows; r++) {
    const error = Float64Array.from({ length: units }, (_, j) => -(y[r * units + j] as number));
    for (let i = 0; i < features; i++) {
      const v = x[r * features + i] as number;
      for (let j = 0; j < units; j++) error[j] = (error[j] as number) + v * (w[i * units + j] as number);
    }
    for (let i = 0; i < features; i++) {
      const v = ((x[r * features + i] as number) * 2) / (rows * units);
      for (let j = 0; j < units; j++) g[i * units + j] = (g[i * units + j] as number) + v * (error[j] as number);
    }
  }
  return g;
}

const variants: [string, Variant][] = [
  ['two slices', { shape: [784] }],
  ['in order', { shape: [784], shuffle: false }],
  ['of images', { shape: [28, 28, 1] }],
  ['of bytes', { shape: [784], bytes: true }],
  ['longer ones', { shape: [1600] }],
  ['an odd number of features', { shape: [785] }],
  ['slices that blocks of rows do not divide', { shape: [790] }],
  ['on three threads', { shape: [784], threads: 3 }],
];

describe('two steps of the first layer on long rows', () => {
  const { threads } = cpuInfo();
  afterEach(() => setThreads(threads));

  test.each(variants)('%s', async (_, variant) => {
    const features = sizeOf(variant.shape);
    const { x, y } = dataOf(variant);
    const net = network(variant, optimizers.sgd({ learningRate: rate }));
    const expected = Float64Array.from(kernelOf(net));
    for (let step = 0; step < 2; step++) {
      const g = gradient(x, y, expected, features);
      for (let i = 0; i < expected.length; i++) expected[i] = (expected[i] as number) - rate * (g[i] as number);
    }
    setThreads(variant.threads ?? threads);
    // the gradient sums over all rows of a batch: their order does not matter
    await net.fit(x, y, { epochs: 2, batchSize: rows, shuffle: variant.shuffle ?? true, verbose: 0 });
    const found = kernelOf(net);
    let worst = 0;
    for (let i = 0; i < found.length; i++)
      worst = Math.max(worst, Math.abs((found[i] as number) - (expected[i] as number)));
    // weights up to 0.1, to 2^-24 of themselves; sums of `features` products in float32 make the steps
    expect(worst).toBeLessThan(2e-7);
    expect(worst).toBeGreaterThan(0);
  });

  test('which are both operands of another product as well', async () => {
    const features = 784;
    const { x, y } = dataOf({ shape: [features] });
    const scaled = layers.define({
      kind: 'scaledByCovariance',
      build: (_, addWeight) => ({ w: addWeight({ name: 'w', shape: [features, units] }) }),
      call: ([v], { w }) => {
        const covariance = ops.matmul(ops.transpose(v as Tensor), v as Tensor);
        return ops.multiply(ops.matmul(v as Tensor, w), ops.mean(ops.square(covariance)));
      },
    });
    const net = model(
      ((input) => ({ inputs: input, outputs: scaled.apply(input) }))(layers.input({ shape: [features] })),
    );
    net.compile({ optimizer: optimizers.sgd({ learningRate: 1e-3 }), loss: 'meanSquaredError', seed: 3 });
    const before = await net.evaluate(x, y, { batchSize: rows });
    const { history } = await net.fit(x, y, { epochs: 1, batchSize: rows, shuffle: false, verbose: 0 });
    expect(Math.abs((history.loss?.[0] as number) / (before.loss as number) - 1)).toBeLessThan(1e-5);
  });

  test('Adam, whose update a tile makes: the same bits on one thread and on three', async () => {
    await expectSameBitsOnThreads(async () => {
      const { x, y } = dataOf({ shape: [784] });
      const net = network({ shape: [784] }, optimizers.adam());
      await net.fit(x, y, { epochs: 3, batchSize: rows, verbose: 0 });
      return net;
    });
  });

  test('Adam: shuffled rows and sliced ones make the step that rows in order make', async () => {
    const { x, y } = dataOf({ shape: [784] });
    const kernels: Float32Array[] = [];
    for (const shuffle of [true, false]) {
      const net = network({ shape: [784] }, optimizers.adam({ epsilon: 0.01 }));
      await net.fit(x, y, { epochs: 1, batchSize: rows, shuffle, verbose: 0 });
      kernels.push(kernelOf(net));
    }
    const [a, b] = kernels as [Float32Array, Float32Array];
    expect(a.some((v, i) => v !== b[i])).toBe(true); // sums in another order
    expect(a.every((v, i) => Math.abs(v - (b[i] as number)) < 1e-6)).toBe(true);
  });
});
