// model.quantize('int8'): what the weights become, what predictions may be off by, that it is saved, and what is refused.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Tensor } from '../../lib/ir/graph';
import type { Layer } from '../../lib/layers/layer';
import { cpuInfo, loadAddon, setThreads } from '../../lib/runtime/native';
import { loadModel, type Model, model, modelFromJSON, sequential } from '../../lib/training/index';
import { layers } from './library';
import { classes, linear, messageOf, mlp, noise } from './support';

const quantized = (net: Model): Model => {
  const copy = net.clone();
  copy.quantize('int8');
  return copy;
};
const outputs = (net: Model, x: Float32Array): Float32Array => net.predictSync(x) as Float32Array;
const largest = (values: ArrayLike<number>): number => Array.from(values).reduce((m, v) => Math.max(m, Math.abs(v)), 0);
const difference = (a: Float32Array, b: Float32Array): number => largest(a.map((v, i) => v - (b[i] as number)));
const types = (net: Model): string[] => net.getWeights().map(({ name, dtype, shape }) => `${name} ${dtype}[${shape}]`);
const int8Names = (net: Model): string[] =>
  net.getWeights().flatMap(({ name, dtype }) => (dtype === 'int8' ? [name] : []));

test('a kernel becomes whole numbers and a scale for each column; the bias stays', () => {
  const net = linear([0.5, -0.25], 0.1);
  net.quantize('int8');
  expect(types(net)).toEqual(['line/kernel int8[2,1]', 'line/kernelScale float32[1]', 'line/bias float32[1]']);
  const [kernel, scale] = net.getWeights();
  expect(kernel?.data).toEqual(Int8Array.of(127, -64)); // -63.5, half to even
  expect(scale?.data).toEqual(Float32Array.of(0.5 / 127));
  // the row's step is 2 / 127: 2 and 0.3 are 127 and round(19.05)
  const expected = (2 / 127) * (127 * 127 - 19 * 64) * (0.5 / 127) + 0.1;
  expect(outputs(net, Float32Array.of(2, 0.3))[0]).toBeCloseTo(expected, 6);
  expect(outputs(net, Float32Array.of(0, 0))).toEqual(Float32Array.of(0.1));
  expect(outputs(net, Float32Array.of(Number.NaN, 0))[0]).toBeNaN();
});

test('columns of zeros stay zeros, and columns of very different size are as exact as each other', () => {
  const net = sequential([layers.dense({ units: 3, useBias: false, inputShape: [2], name: 'dense' })]);
  net.setWeights({ 'dense/kernel': Float32Array.of(1e-30, 0, 1e30, -2e-30, 0, 5e29) });
  net.quantize('int8');
  const [a, b, c] = outputs(net, Float32Array.of(1, 1)) as unknown as [number, number, number];
  expect(a).toBeCloseTo(-1e-30, 31);
  expect(b).toBe(0);
  expect(c / 1.5e30).toBeCloseTo(1, 2);
});

test('a dense layer is off by no more than its roundings', () => {
  const [features, units, rows] = [57, 33, 41];
  const net = sequential([layers.dense({ units, inputShape: [features], name: 'dense' })]);
  const [x, kernel] = [noise(rows * features, 3), noise(features * units, 4).map((v) => v / 4)];
  net.setWeights({ 'dense/kernel': kernel });
  const [float, int8] = [outputs(net, x), outputs(quantized(net), x)];
  const columns = Array.from({ length: units }, (_, j) => kernel.filter((_, i) => i % units === j));
  const half = (values: ArrayLike<number>): number => largest(values) / 127 / 2;
  let [worst, bound] = [0, 0];
  for (let i = 0; i < rows; i++) {
    const row = x.subarray(i * features, (i + 1) * features);
    for (const [j, column] of columns.entries()) {
      const [ofRow, ofColumn] = [half(row), half(column)];
      const sum = (v: Float32Array): number => v.reduce((total, n) => total + Math.abs(n), 0);
      const most = sum(row) * ofColumn + sum(column) * ofRow + features * ofRow * ofColumn;
      const off = Math.abs((float[i * units + j] as number) - (int8[i * units + j] as number));
      expect(off).toBeLessThan(most + 1e-5);
      [worst, bound] = [Math.max(worst, off), Math.max(bound, most)];
    }
  }
  expect(worst).toBeGreaterThan(0);
  expect(worst).toBeLessThan(bound / 4); // roundings cancel
});

test('a classifier that was trained is as accurate as before', async () => {
  const { x, y } = classes(3000);
  const net = mlp({ units: 64 });
  await net.fit(x.subarray(0, 4 * 2000), y.subarray(0, 2000), { epochs: 40, batchSize: 32 });
  const small = quantized(net);
  small.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] });
  const [testX, testY] = [x.subarray(4 * 2000), y.subarray(2000)];
  const [float, int8] = [await net.evaluate(testX, testY), await small.evaluate(testX, testY)];
  expect(float.accuracy).toBeGreaterThan(0.95);
  expect(Math.abs((float.accuracy as number) - (int8.accuracy as number))).toBeLessThanOrEqual(0.01);
  expect(Math.abs(float.loss - int8.loss)).toBeLessThan(0.01);
  const off = difference(outputs(net, testX), outputs(small, testX));
  expect(off).toBeGreaterThan(0);
  expect(off).toBeLessThan(0.06);
});

test('predictions have the same bits on every CPU target, for any number of threads, and in any batch', async () => {
  const net = sequential([
    layers.dense({ units: 300, activation: 'relu', useBias: false, inputShape: [130] }),
    layers.dense({ units: 67, useBias: false }),
  ]);
  net.quantize('int8');
  const rows = 100;
  const x = noise(rows * 130, 5);
  const addon = loadAddon();
  const { targets, target } = addon.info();
  const { threads } = cpuInfo();
  const expected = Buffer.from(outputs(net, x).buffer).toString('hex');
  const again = async (): Promise<string[]> => {
    const copy = net.clone();
    const [whole, parts] = [outputs(copy, x), (await copy.predict(x, { batchSize: 7 })) as Tensor];
    copy.dispose();
    return [whole, parts.data as Float32Array].map((v) => Buffer.from(v.buffer).toString('hex'));
  };
  try {
    for (const name of targets) {
      addon.selectTarget(name);
      expect([name, ...(await again())]).toEqual([name, expected, expected]);
    }
    setThreads(1);
    expect(await again()).toEqual([expected, expected]);
  } finally {
    setThreads(threads);
    addon.selectTarget(target);
  }
});

describe('saving', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'quantize-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test('a loaded model has the same weights, predictions and sums, bit for bit', async () => {
    const { x, y } = classes(40);
    const net = mlp();
    await net.fit(x, y);
    net.quantize('int8');
    await net.save(folder);
    const copy = await loadModel(folder);
    expect(copy.getWeights()).toEqual(net.getWeights());
    expect(outputs(copy, x)).toEqual(outputs(net, x));
    expect(await copy.evaluate(x, y)).toEqual(await net.evaluate(x, y));
    expect(copy.summary()).toBe(net.summary());
    expect(readFileSync(path.join(folder, 'weights.safetensors'), 'latin1')).toContain('"I8","shape":[4,8]');
    expect(await messageOf(copy.fit(x, y))).toContain('cannot be trained');
    await copy.save(folder);
    expect((await loadModel(folder)).getWeights()).toEqual(net.getWeights());
  });

  test('weights alone fit a quantized model only', async () => {
    const net = mlp();
    const file = path.join(folder, 'weights.safetensors');
    await net.saveWeights(file);
    const [small, other] = [quantized(net), quantized(mlp({ seed: 2 }))];
    expect(await messageOf(small.loadWeights(file))).toContain('has no tensor dense_1/kernelScale');
    await small.saveWeights(file);
    await other.loadWeights(file);
    expect(other.getWeights()).toEqual(small.getWeights());
    expect(await messageOf(net.loadWeights(file))).toContain('has nothing for the tensor');
  });

  test('JSON says how kernels are kept', () => {
    const json = JSON.stringify(quantized(mlp()));
    expect(types(modelFromJSON(json))).toEqual(types(quantized(mlp())));
    expect(() => modelFromJSON(json.replace('"int8"', '"int4"'))).toThrow("quantization must be 'int8'");
  });
});

describe('what is refused', () => {
  test('another mode, twice, and a model without such layers', () => {
    const net = mlp();
    expect(() => net.quantize('int4' as 'int8')).toThrow("quantize: mode must be one of 'int8', got 'int4'");
    net.quantize('int8');
    expect(() => net.quantize('int8')).toThrow("quantize: model 'sequential' is quantized already");
    const plain = sequential([layers.flatten({ inputShape: [2, 2] })]);
    expect(() => plain.quantize('int8')).toThrow("quantize: model 'sequential' has no layer that can be quantized");
  });

  test('a kernel that is not finite; the model is unchanged', () => {
    for (const kernel of [
      [Number.NaN, 1],
      [1, Number.NEGATIVE_INFINITY],
    ]) {
      // biome-ignore format: pairs
      expect(() => linear(kernel).quantize('int8')).toThrow(
        'line/kernel: expected finite numbers, column 0 has NaN or an infinity',
      );
    }
    const net = linear([1, Number.POSITIVE_INFINITY]);
    expect(() => net.quantize('int8')).toThrow('line/kernel');
    expect(types(net)).toEqual(['line/kernel float32[2,1]', 'line/bias float32[1]']);
    expect(outputs(net, Float32Array.of(1, 1))[0]).toBe(Number.POSITIVE_INFINITY);
  });

  test('training', async () => {
    const { x, y } = classes(32);
    const net = mlp();
    const { warn } = console;
    const warnings: unknown[] = [];
    console.warn = (text: unknown) => warnings.push(text);
    try {
      net.quantize('int8');
    } finally {
      console.warn = warn;
    }
    expect(warnings).toEqual([]);
    const message =
      'dense_1 (dense) is quantized to int8, and a quantized layer cannot be trained; train first, then quantize';
    expect(await messageOf(net.fit(x, y))).toBe(`fit: ${message}`);
    expect(() => net.trainOnBatch(x, y)).toThrow(`trainOnBatch: ${message}`);
    expect(await messageOf(net.profile(x, y))).toBe(`profile: ${message}`);
    expect(net.topology.trainableWeights).toEqual([]);
    const { kernels } = await net.profile(x, y, { mode: 'evaluate', steps: 2 });
    expect(kernels.some(({ operation }) => operation === 'matmulInt8')).toBe(true);
  });

  test('while fit runs', async () => {
    const { x, y } = classes(320);
    const net = mlp();
    const running = net.fit(x, y, { epochs: 2 });
    expect(() => net.quantize('int8')).toThrow('quantize: the model is being trained or used; wait for it to finish');
    await running;
    net.quantize('int8');
  });

  test('values of another type', () => {
    const net = quantized(linear());
    const before = outputs(net, Float32Array.of(1, 1));
    expect(() => net.setWeights({ 'line/kernel': new Float32Array(2) })).toThrow(
      'line/kernel has shape [2, 1]: expected a Int8Array of 2 values, got a Float32Array of 2',
    );
    net.setWeights({ 'line/kernel': Int8Array.of(-128, 0), 'line/kernelScale': Float32Array.of(0.5) });
    expect(outputs(net, Float32Array.of(1, 1))[0]).toBeCloseTo(-64 + 0.1, 4); // what was packed before is not used
    expect(before[0]).toBeCloseTo(0.35, 2);
  });
});

test('summary shows layers that are quantized, and what their weights take', () => {
  const net = mlp({ units: 8 });
  expect(net.summary()).toContain('Total params: 67 (268 B)');
  net.quantize('int8');
  expect(net.summary()).toMatch(/dense_1 \(dense, int8\) +\[null, 8\] +48 /);
  expect(net.summary()).toContain('Total params: 78 (144 B)'); // 56 bytes, 11 scales, 11 biases
  expect(net.summary()).toContain('Trainable params: 0 (0 B)');
  expect(net.countParams()).toBe(78);
});

describe('other layers', () => {
  /** Quantizes a model of one layer, and expects outputs close to those before. */
  function check(layer: Layer, shape: readonly number[], int8: readonly string[], tolerance = 0.03): Model {
    const entry = layers.input({ shape });
    const net = model({ inputs: entry, outputs: layer.apply(entry) });
    const x = noise(3 * shape.reduce((n, d) => n * d, 1), 11);
    const before = outputs(net, x);
    const small = quantized(net);
    expect(int8Names(small)).toEqual(int8);
    const after = outputs(small, x);
    expect(after).toHaveLength(before.length);
    expect(difference(before, after)).toBeGreaterThan(0);
    expect(difference(before, after) / largest(before)).toBeLessThan(tolerance);
    expect(outputs(small.clone(), x)).toEqual(after);
    return small;
  }

  test('dense over sequences, and for each step', () => {
    check(layers.dense({ units: 9, activation: 'gelu', name: 'd' }), [5, 7], ['d/kernel']);
    const inner = layers.dense({ units: 9 });
    check(layers.timeDistributed({ layer: inner, name: 't' }), [5, 7], ['t/kernel']);
  });

  test('attention with heads', () => {
    const kernels = ['query', 'key', 'value', 'output'].map((name) => `a/${name}Kernel`);
    check(layers.multiHeadAttention({ numHeads: 3, keyDim: 8, name: 'a' }), [6, 12], kernels);
    const grouped = { numQueryHeads: 4, numKeyValueHeads: 2, headDim: 6, useRotary: true, name: 'a' };
    check(layers.groupQueryAttention(grouped), [6, 12], kernels);
  });

  test('the parts of an encoder', () => {
    const encoder = layers.transformerEncoder({ intermediateDim: 24, numHeads: 2, name: 'e' });
    const small = check(encoder, [6, 12], expect.any(Array) as unknown as string[]);
    expect(int8Names(small)).toHaveLength(6);
  });

  test.each([
    ['abc,cd->abd', [5, 7], [null, 6], 'd'],
    ['abc,chd->abhd', [5, 7], [null, 2, 3], 'hd'],
    ['abhd,hde->abe', [4, 2, 3], [null, 6], undefined],
    ['abc,bd->adc', [5, 7], [6, null], undefined],
    ['...c,cd->...d', [2, 3, 7], 6, 'd'],
    ['abc...,cd->abd...', [5, 7, 3], [null, 6], undefined],
  ] as const)('einsum of a matrix, %s', (equation, shape, outputShape, biasAxes) => {
    const options = { equation, outputShape, ...(biasAxes === undefined ? {} : { biasAxes }), name: 'e' };
    check(layers.einsumDense(options), shape, ['e/kernel']);
  });

  test.each([
    [
      'conv1d',
      [9, 5],
      layers.conv1d({ filters: 7, kernelSize: 1, strides: 2, padding: 'causal', name: 'c' }),
      'c/kernel',
    ],
    ['conv2d', [6, 5, 8], layers.conv2d({ filters: 7, kernelSize: 1, activation: 'relu', name: 'c' }), 'c/kernel'],
    [
      'conv2d with strides',
      [7, 6, 8],
      layers.conv2d({ filters: 7, kernelSize: 1, strides: [2, 3], name: 'c' }),
      'c/kernel',
    ],
    [
      'conv3d',
      [2, 3, 4, 5],
      layers.conv3d({ filters: 4, kernelSize: 1, padding: 'same', strides: 2, name: 'c' }),
      'c/kernel',
    ],
    [
      'separableConv2d',
      [8, 8, 6],
      layers.separableConv2d({ filters: 9, kernelSize: 3, strides: 2, name: 'c' }),
      'c/pointwiseKernel',
    ],
  ] as const)('a window of one cell, %s', (_, shape, layer, name) => {
    check(layer, shape, [name]);
  });

  test('an embedding has a scale for each vector', async () => {
    const layer = layers.embedding({ inputDim: 4, outputDim: 3, name: 'e', maskZero: true, inputShape: [2] });
    const net = sequential([layer, layers.globalAveragePooling1d()]);
    const table = Float32Array.of(0, 0, 0, 1e6, -5e5, 10, 1e-6, 2e-6, -3e-6, 1, 2, 3);
    net.setWeights({ 'e/embeddings': table });
    net.quantize('int8');
    expect(types(net)).toEqual(['e/embeddings int8[4,3]', 'e/embeddingsScale float32[4]']);
    const ids = Int32Array.of(1, 0, 2, 2, 3, 0);
    const got = (net.predictSync(ids) as unknown as Tensor).data as Float32Array;
    const taken = [1, 2, 3].flatMap((id) => [...table.subarray(3 * id, 3 * id + 3)]);
    got.forEach((v, i) => {
      const row = taken.slice(i - (i % 3), i - (i % 3) + 3);
      expect(Math.abs(v - (taken[i] as number))).toBeLessThanOrEqual(largest(row) / 127 / 2 + 1e-9);
    });
    expect(await messageOf(net.predict(Int32Array.of(1, 4)))).toContain('out of range');
    const broken = sequential([layers.embedding({ inputDim: 3, outputDim: 2, name: 'e', inputShape: [2] })]);
    broken.setWeights({ 'e/embeddings': Float32Array.of(1, 2, 3, Number.NaN, 5, 6) });
    expect(() => broken.quantize('int8')).toThrow('e/embeddings: expected finite numbers, row 1 has NaN');
  });

  test('what is no product of rows with a matrix stays float32', () => {
    for (const equation of ['abc,bcd->abd', 'abc,dc->abd', 'abc,cd->ad']) {
      const outputShape = equation.endsWith('abd') ? [null, 4] : [4];
      const other = layers.einsumDense({ equation, outputShape, inputShape: [5, 7] });
      const net = sequential([other, layers.flatten(), layers.dense({ units: 2, name: 'last' })]);
      net.quantize('int8');
      expect(int8Names(net)).toEqual(['last/kernel']);
      expect(outputs(net, noise(35))).toHaveLength(2);
    }
    for (const options of [{ kernelSize: 3 }, { kernelSize: 1, groups: 2 }]) {
      const net = sequential([layers.conv2d({ filters: 4, ...options, inputShape: [4, 4, 2] })]);
      expect(() => net.quantize('int8')).toThrow('no layer that can be quantized');
    }
    const normal = layers.spectralNormalization({ layer: layers.dense({ units: 3 }), inputShape: [4] });
    expect(() => sequential([normal]).quantize('int8')).toThrow('no layer that can be quantized');
  });

  test('a model in a model, and a layer that is used twice', () => {
    const start = layers.input({ shape: [6] });
    const shared = layers.dense({ units: 6, activation: 'tanh', name: 'shared' });
    const inside = layers.input({ shape: [6] });
    const half = model({ inputs: inside, outputs: layers.dense({ units: 6, name: 'in' }).apply(inside), name: 'half' });
    const net = model({ inputs: start, outputs: shared.apply(half.apply(shared.apply(start))) });
    const x = noise(30);
    const small = quantized(net);
    expect(int8Names(small).sort()).toEqual(['half/in/kernel', 'shared/kernel']);
    expect(difference(outputs(net, x), outputs(small, x))).toBeLessThan(0.05);
  });
});
