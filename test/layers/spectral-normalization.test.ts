import { gradients } from '../../lib/compile/autodiff';
import type { Variable } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import * as layers from '../../lib/layers/index';
import { sequential } from '../../lib/training/index';
import { evaluate, expectClose, fed, recordingContext } from '../helpers/evaluate';

type Vector = readonly number[];
type Matrix = readonly Vector[];
const dot = (a: Vector, b: Vector): number => a.reduce((s, v, i) => s + v * b[i], 0);
const unit = (a: Vector): Vector => a.map((v) => v / Math.sqrt(dot(a, a)));
const transposed = (m: Matrix): Matrix => m[0].map((_, j) => m.map((row) => row[j]));
const times = (m: Matrix, v: Vector): Vector => m.map((row) => dot(row, v));
/** PyTorch's: u and v after some iterations, and v^T W u. */
function iterate(w: Matrix, start: Vector, iterations: number) {
  let u = unit(start);
  let v: Vector = [];
  for (let i = 0; i < iterations; i++) {
    v = unit(times(w, u));
    u = unit(times(transposed(w), v));
  }
  return { u, v, sigma: dot(v, times(w, u)) };
}

const kernel = [[1, -2, 0.5], [0.3, 1.5, -1]]; // biome-ignore format: rows
const x = [0.7, -1.1];
const bias = [0.1, 0.2, 0.3];
const start = [0.2, -0.4, 0.1];

/** One call with given weights: outputs, what was written, and weights to differentiate with respect to. */
function call(training: boolean, powerIterations = 1, change: (layer: layers.Layer) => void = () => {}) {
  const layer = layers.spectralNormalization({ layer: layers.dense({ units: 3 }), powerIterations, name: 'sn' });
  layer.apply(layers.input({ shape: [2] }));
  change(layer);
  expect(layer.weights.map((w) => [w.name, w.shape, w.trainable])).toEqual([
    ['sn/vectorU', [3], false],
    ['sn/kernel', [2, 3], true],
    ['sn/bias', [3], true],
  ]);
  const { context, writes } = recordingContext(training);
  const reads = new Map<Variable, ReturnType<typeof context.read>>();
  const read = (v: Variable) => {
    const t = reads.get(v) ?? context.read(v);
    reads.set(v, t);
    return t;
  };
  const [y] = layer.trace([fed(0, [1, 2])], { ...context, read });
  const values = new Map<Variable, readonly number[]>(
    layer.weights.map((w, i) => [w, [start, kernel.flat(), bias][i]] as const),
  );
  const [dk] = gradients(ops.sum(ops.square(y)), [reads.get(layer.weights[1]) as never]);
  const { outputs } = evaluate([y, dk, ...writes.values()], [x], values);
  return { y: [...outputs[0]], gradient: [...outputs[1]], u: outputs[2] && [...outputs[2]], writes };
}
const expected = (sigma: number, k: Matrix = kernel): Vector =>
  times(transposed(k), x).map((v, j) => v / sigma + bias[j]);

test.each([1, 2, 5])('training with %i power iterations divides by v^T W u and keeps u', (n) => {
  const { y, u, writes } = call(true, n);
  const reference = iterate(kernel, start, n);
  expectClose(y, expected(reference.sigma));
  expectClose(u, reference.u);
  expect([...writes.keys()].map((w) => w.name)).toEqual(['sn/vectorU']);
});

test('with many iterations it is the largest singular value', () => {
  const { y } = call(true, 60);
  // of W W^T, 2 x 2, from trace and determinant
  const [a, b, d] = [dot(kernel[0], kernel[0]), dot(kernel[0], kernel[1]), dot(kernel[1], kernel[1])];
  const largest = (a + d) / 2 + Math.sqrt(((a - d) / 2) ** 2 + b * b);
  expectClose(y, expected(Math.sqrt(largest)));
});

test('inference, and a frozen layer in training, use u as it is', () => {
  const v = unit(times(kernel, unit(start)));
  const sigma = dot(v, times(kernel, unit(start)));
  for (const { y, writes } of [
    call(false),
    call(true, 1, (layer) => {
      layer.trainable = false;
    }),
  ]) {
    // biome-ignore format: short
    expectClose(y, expected(sigma));
    expect(writes.size).toBe(0);
  }
});

test('gradients flow through sigma, with u and v as constants', () => {
  const { gradient } = call(true);
  const { u, v } = iterate(kernel, start, 1);
  const loss = (k: Matrix): number => dot(...([0, 1].map(() => expected(dot(v, times(k, u)), k)) as [Vector, Vector]));
  const e = 1e-6;
  const byDifferences = kernel.flatMap((row, i) =>
    row.map((_, j) => {
      const moved = (by: number) => kernel.map((r, p) => r.map((w, q) => (p === i && q === j ? w + by : w)));
      return (loss(moved(e)) - loss(moved(-e))) / (2 * e);
    }),
  );
  expectClose(gradient, byDifferences, 1e-5);
});

test('a kernel of zeros stays one', () => {
  const layer = layers.spectralNormalization({ layer: layers.dense({ units: 2, useBias: false }) });
  layer.apply(layers.input({ shape: [2] }));
  const { context } = recordingContext(true);
  const [y] = layer.trace([fed(0, [1, 2])], context);
  const zeros = new Map<Variable, readonly number[]>(layer.weights.map((w, i) => [w, [[1, 0], [0, 0, 0, 0]][i]] as const)); // biome-ignore format: short
  expect([...evaluate([y], [[1, 2]], zeros).outputs[0]]).toEqual([0, 0]);
});

test('wraps convolutions, embeddings and recurrent layers, stateful ones too', () => {
  const shapes = (layer: layers.Layer, shape: number[], dtype: 'float32' | 'int32' = 'float32') =>
    layers.spectralNormalization({ layer }).apply(layers.input({ shape, dtype })).shape;
  expect(shapes(layers.conv2d({ filters: 4, kernelSize: 3 }), [5, 5, 2])).toEqual([null, 3, 3, 4]);
  expect(shapes(layers.embedding({ inputDim: 5, outputDim: 3 }), [4], 'int32')).toEqual([null, 4, 3]);
  expect(shapes(layers.lstm({ units: 3, stateful: true, batchSize: 7 }), [4, 2])).toEqual([null, 3]);
  expect(() => shapes(layers.flatten(), [4, 2])).toThrow(
    "spectralNormalization: the layer flatten has no weight 'kernel' or 'embeddings' that is a matrix",
  );
  expect(() => layers.spectralNormalization({ layer: 3 as never })).toThrow('layer must be a layer, got 3');
  expect(() => layers.spectralNormalization({ layer: layers.dense({ units: 1 }), powerIterations: 0 })).toThrow(
    'powerIterations must be a positive integer, got 0',
  );
});

test('in a model that trains, the vector finds the direction, and the kernel keeps its size', async () => {
  const net = sequential([
    layers.spectralNormalization({ layer: layers.dense({ units: 3, useBias: false }), inputShape: [4], name: 'sn' }),
    layers.dense({ units: 1 }),
  ]);
  net.compile({ optimizer: 'sgd', loss: 'mse', seed: 2 });
  const data = Float32Array.from({ length: 64 * 4 }, (_, i) => Math.sin(i * 1.7));
  const targets = Float32Array.from({ length: 64 }, (_, i) => Math.cos(i));
  await net.fit(data, targets, { epochs: 30, batchSize: 8, verbose: 0 });
  const [u, k] = net.getWeights().map(({ data: values }) => [...values]);
  const w = [0, 1, 2, 3].map((i) => k.slice(3 * i, 3 * i + 3));
  expectClose(u.map(Math.abs), iterate(w, start, 200).u.map(Math.abs), 1e-2);
  net.dispose();
});
