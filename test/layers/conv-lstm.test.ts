import { scalar, tensor } from '../../lib/ir/build';
import type { Shape, Tensor } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import { withRandom } from '../../lib/ir/random-source';
import * as layers from '../../lib/layers/index';
import { maskOf } from '../../lib/layers/mask';
import { evaluate, expectClose } from '../helpers/evaluate';
import { Random } from '../helpers/random';
import { traceWith } from '../helpers/trace-layer';

const random = new Random(17);
const values = (shape: Shape): Tensor =>
  tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.uniform(-0.8, 0.8)),
    [...shape],
  );
const valuesOf = (...tensors: readonly Tensor[]): number[][] => evaluate(tensors).outputs.map((v) => [...v]);
const step = (t: Tensor, i: number): Tensor => ops.squeeze(ops.sliceAxis(t, 1, i, i + 1), [1]);

const [batch, time, channels, filters] = [2, 3, 2, 3];
const spatial = { 1: [7], 2: [5, 4], 3: [3, 4, 3] } as const;
const make = { 1: layers.convLstm1d, 2: layers.convLstm2d, 3: layers.convLstm3d } as const;

function setUp(rank: 1 | 2 | 3, options: Partial<layers.ConvLstmOptions> = {}) {
  const x = values([batch, time, ...spatial[rank], channels]);
  const window = [2, 3, 2].slice(0, rank);
  const layer = make[rank]({ filters, kernelSize: window, returnSequences: true, returnState: true, ...options });
  const weights = {
    kernel: values([...window, channels, 4 * filters]),
    recurrentKernel: values([...window, filters, 4 * filters]),
    bias: values([4 * filters]),
  };
  return { x, layer, weights };
}

type Weights = ReturnType<typeof setUp>['weights'];

/** The formula, step by step and gate by gate; outputs of all steps [batch, time, ...], h, c. */
function byHand(
  x: Tensor,
  { kernel, recurrentKernel, bias }: Weights,
  input: ops.ConvOptions,
  start?: readonly Tensor[],
) {
  const gate = (t: Tensor, i: number): Tensor => ops.sliceAxis(t, -1, i * filters, (i + 1) * filters);
  const sums = (now: Tensor, h: Tensor, i: number): Tensor =>
    ops.add(
      ops.add(ops.conv(now, gate(kernel, i), input), gate(bias, i)),
      ops.conv(h, gate(recurrentKernel, i), { padding: 'same' }),
    );
  const first = ops.zerosLike(ops.conv(step(x, 0), gate(kernel, 0), input));
  let [h, c] = start ?? [first, first];
  const outputs = Array.from({ length: x.shape[1] }, (_, t) => {
    const [i, f, g, o] = [0, 1, 2, 3].map((k) => sums(step(x, t), h, k));
    c = ops.add(ops.multiply(ops.sigmoid(f), c), ops.multiply(ops.sigmoid(i), ops.tanh(g)));
    h = ops.multiply(ops.sigmoid(o), ops.tanh(c));
    return h;
  });
  return [ops.stack(outputs, 1), h, c];
}

function expectSame(got: readonly Tensor[], expected: readonly Tensor[]): void {
  expect(got.map((t) => t.shape)).toEqual(expected.map((t) => t.shape));
  const wanted = valuesOf(...expected);
  for (const [i, v] of valuesOf(...got).entries()) expectClose(v, wanted[i], 1e-6);
}

test.each([
  [1, {}],
  [1, { strides: 2, padding: 'same' }],
  [2, { padding: 'same' }],
  [2, { strides: [2, 1] }],
  [2, { dilationRate: [3, 1] }],
  [3, { padding: 'same', strides: 2 }],
] as const)('convLstm%id is its formula: %o', (rank, options) => {
  const { x, layer, weights } = setUp(rank, options);
  expectSame(traceWith(layer, [x], weights), byHand(x, weights, options));
});

test('the last output alone, backwards, without a bias, from given states', () => {
  const { x, weights } = setUp(2);
  const plain = { ...weights, bias: ops.zerosLike(weights.bias) };
  const states = [values([batch, 4, 2, filters]), values([batch, 4, 2, filters])];
  const layer = layers.convLstm2d({ filters, kernelSize: [2, 3], goBackwards: true, useBias: false });
  const [y] = traceWith(layer, [x, ...states], weights);
  expectSame([y], [byHand(ops.flip(x, 1), plain, {}, states)[1]]);
  expect(layer.weights.map((w) => w.name)).toEqual(['convLstm2d/kernel', 'convLstm2d/recurrentKernel']);
});

test('a step that a mask leaves out repeats the output and keeps the states', () => {
  const { x, layer, weights } = setUp(1);
  const mask = tensor([[true, false, true], [true, true, true]] as never); // biome-ignore format: rows
  const [y, h] = traceWith(layer, [x, mask], weights);
  expect(maskOf(y)).toBe(mask);
  const shorter = ops.concatenate([ops.sliceAxis(x, 1, 0, 1), ops.sliceAxis(x, 1, 2, 3)], 1);
  const [without] = byHand(shorter, weights, {});
  const [whole] = byHand(x, weights, {});
  const sample = (t: Tensor, i: number): Tensor => ops.sliceAxis(t, 0, i, i + 1);
  expectSame([sample(step(y, 1), 0)], [sample(step(whole, 0), 0)]);
  expectSame([sample(h, 0)], [sample(step(without, 1), 0)]);
  expectSame([sample(y, 1)], [sample(whole, 1)]);
});

test('both directions', () => {
  const { x } = setUp(1);
  const one = (goBackwards: boolean) =>
    layers.convLstm1d({ filters, kernelSize: 2, returnSequences: true, goBackwards });
  const layer = layers.bidirectional({ layer: one(false) });
  layer.ensureBuilt([x]);
  const weights = Object.fromEntries(layer.weights.map((w) => [w.name.replace('bidirectional/', ''), values(w.shape)]));
  const half = (name: string) =>
    Object.fromEntries(
      Object.entries(weights).flatMap(([k, t]) => (k.startsWith(name) ? [[k.slice(name.length + 1), t]] : [])),
    );
  const [forward] = traceWith(one(false), [x], half('forward'));
  const [backward] = traceWith(one(true), [x], half('backward'));
  expectSame(traceWith(layer, [x], weights), [ops.concatenate([forward, ops.flip(backward, 1)], -1)]);
});

test('dropout drops the same inputs and states at every step, in training only', () => {
  const x = ops.ones([1, 3, 40, 1]);
  const trace = (options: object, training: boolean, recurrent: number) => {
    const layer = layers.convLstm1d({
      ...{ filters: 1, kernelSize: 1, activation: 'linear', recurrentActivation: 'linear', returnSequences: true },
      ...options,
    });
    layer.ensureBuilt([x]);
    // i and o are 1, f is 0: the output is what the candidate's convolutions make of x and h
    const constants: Record<string, Tensor> = {
      kernel: tensor([[[0, 0, 1, 0]]]),
      recurrentKernel: tensor([[[0, 0, recurrent, 0]]]),
      bias: tensor([1, 0, 0, 1]),
    };
    const source = { seed: scalar(5, 'int32'), counter: scalar(0, 'int32'), nextStream: () => 0 };
    const read = ({ name }: { name: string }) => constants[name.slice(name.indexOf('/') + 1)];
    const [y] = withRandom(source, () => layer.trace([x], { training, read, write: () => {}, addLoss: () => {} }));
    return valuesOf(y)[0];
  };
  const dropped = trace({ dropout: 0.5 }, true, 0);
  expect(new Set(dropped)).toEqual(new Set([0, 2]));
  expect(dropped.slice(40, 80)).toEqual(dropped.slice(0, 40));
  expect(dropped.slice(80)).toEqual(dropped.slice(0, 40));
  expect(new Set(trace({ dropout: 0.5 }, false, 0))).toEqual(new Set([1]));
  const state = trace({ recurrentDropout: 0.5 }, true, 1);
  for (let i = 0; i < 40; i++) {
    expect([[1, 1, 1], [1, 3, 7]]).toContainEqual([state[i], state[40 + i], state[80 + i]]); // biome-ignore format: rows
  }
  expect(new Set(state.slice(80)).size).toBe(2);
});

test('the forget gate starts at 1 unless told otherwise', () => {
  const bias = (options: object) => {
    const layer = layers.convLstm1d({ filters: 2, kernelSize: 1, ...options });
    layer.apply(layers.input({ shape: [3, 4, 1] }));
    return [...layer.weights[2].initializer([8], { seed: 1, stream: 0 })];
  };
  expect(bias({})).toEqual([0, 0, 1, 1, 0, 0, 0, 0]);
  expect(bias({ unitForgetBias: false })).toEqual(Array(8).fill(0));
});

test('says what is wrong', () => {
  expect(() => layers.convLstm2d({ filters: 0, kernelSize: 3 })).toThrow(
    'layers.convLstm2d: filters must be a positive integer, got 0',
  );
  expect(() => layers.convLstm2d({ filters: 1, kernelSize: [3] as never })).toThrow('kernelSize must be');
  expect(() => layers.convLstm1d({ filters: 1, kernelSize: 3, padding: 'causal' as never })).toThrow(
    "padding must be 'valid' or 'same', got 'causal'",
  );
  const wrong = { filters: 1, kernelSize: 3, recurrentActivation: 'foo' as never };
  expect(() => layers.convLstm1d(wrong)).toThrow('recurrentActivation must be a function');
  expect(() => layers.convLstm1d({ filters: 1, kernelSize: 3, units: 2 } as never)).toThrow("unknown option 'units'");
  expect(() => layers.convLstm1d({ filters: 1, kernelSize: 1, recurrentDropout: 2 })).toThrow(
    'recurrentDropout must be',
  );
  expect(() => layers.convLstm2d({ filters: 1, kernelSize: 3 }).apply(layers.input({ shape: [4, 8, 2] }))).toThrow(
    'expected input [batch, height, width, channels], got shape [2, 8, 2]',
  );
  const layer = layers.convLstm1d({ filters: 1, kernelSize: 2 });
  layer.apply(layers.input({ shape: [4, 8, 2] }));
  expect(() => layer.apply(layers.input({ shape: [4, 9, 2] }))).toThrow('expected time steps of shape [8, 2]');
});
