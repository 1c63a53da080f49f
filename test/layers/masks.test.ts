// Masks: which layers pass them on, and what the others make of them. Sequences that are padded must give what the
// sequences without the padding give.
import { tensor } from '../../lib/ir/build';
import type { Tensor } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import * as layers from '../../lib/layers/index';
import { maskOf, withMask } from '../../lib/layers/mask';
import { evaluate, expectClose, recordingContext } from '../helpers/evaluate';
import { traceWith } from '../helpers/trace-layer';

type Rows = readonly (readonly number[])[];
const valuesOf = (t: Tensor): number[] => [...evaluate([t]).outputs[0]];
const bools = (rows: Rows): Tensor => ops.notEqual(tensor(rows as never), 0);
const maskValues = (t: Tensor): number[] | undefined => {
  const mask = maskOf(t);
  return mask && valuesOf(mask);
};
/** A sequence [batch, time, 1] with its mask. */
const sequence = (rows: Rows, mask?: Rows): Tensor => {
  const t = ops.expandDims(tensor(rows as never), -1);
  return mask === undefined ? t : withMask(t, bools(mask));
};
const run = (layer: layers.Layer, ...inputs: readonly Tensor[]): Tensor => traceWith(layer, inputs, {})[0];

describe('merging', () => {
  const a = sequence([[2, 3, 5, 7]], [[1, 1, 0, 0]]);
  const b = sequence([[10, 20, 30, 40]], [[1, 0, 1, 0]]);
  const plain = sequence([[1, 1, 1, 1]]);

  test('a step counts if it does in any input', () => {
    expect(valuesOf(run(layers.add(), a, b))).toEqual([12, 23, 35, 47]);
    for (const make of [layers.add, layers.subtract, layers.average, layers.multiply, layers.maximum, layers.minimum]) {
      expect(maskValues(run(make(), a, b))).toEqual([1, 1, 1, 0]);
      expect(maskOf(run(make(), a, plain))).toBeUndefined();
      expect(maskOf(run(make(), plain, plain))).toBeUndefined();
    }
  });

  test('products and extremes look only at inputs that count', () => {
    expect(valuesOf(run(layers.multiply(), a, b)).slice(0, 3)).toEqual([20, 3, 30]);
    expect(valuesOf(run(layers.maximum(), a, b)).slice(0, 3)).toEqual([10, 3, 30]);
    expect(valuesOf(run(layers.minimum(), b, a)).slice(0, 3)).toEqual([2, 3, 30]);
    const c = sequence([[0, 0, 0, 4]], [[0, 0, 0, 1]]);
    expect(valuesOf(run(layers.minimum(), a, b, c))).toEqual([2, 3, 30, 4]);
  });

  test('concatenation joins the masks along time, and asks for any along features', () => {
    const features = run(layers.concatenate(), a, b);
    expect(features.shape).toEqual([1, 4, 2]);
    expect(maskValues(features)).toEqual([1, 1, 1, 0]);
    expect(maskOf(run(layers.concatenate(), a, plain))).toBeUndefined();
    const time = layers.concatenate({ axis: 1 });
    expect(maskValues(run(time, a, b))).toEqual([1, 1, 0, 0, 1, 0, 1, 0]);
    expect(maskValues(run(time, plain, b))).toEqual([1, 1, 1, 1, 1, 0, 1, 0]);
    expect(maskOf(run(time, plain, plain))).toBeUndefined();
  });
});

test('globalAveragePooling1d is the mean of the steps that count', () => {
  const x = tensor([[[1, 4], [3, 8], [9, 9]], [[5, 5], [6, 6], [7, 7]]]); // biome-ignore format: samples
  const pool = (keepDims: boolean) =>
    run(layers.globalAveragePooling1d({ keepDims }), withMask(ops.add(x, 0), bools([[1, 1, 0], [0, 0, 0]]))); // biome-ignore format: samples
  expect(valuesOf(pool(false))).toEqual([2, 6, 0, 0]);
  expect(pool(true).shape).toEqual([2, 1, 2]);
  expect(maskOf(pool(true))).toBeUndefined();
});

test('batch normalization takes its moments from the steps that count', () => {
  const layer = layers.batchNormalization({ momentum: 0, epsilon: 1e-9 });
  const x = tensor([[[1, 10], [3, 30], [99, 7]], [[8, 20], [50, 60], [70, 80]]]); // biome-ignore format: samples
  const masked = withMask(ops.add(x, 0), bools([[1, 1, 0], [1, 0, 0]])); // biome-ignore format: samples
  const { context, writes } = recordingContext(true);
  layer.ensureBuilt([x]);
  const [y] = layer.trace([masked], context);
  const weights = new Map(layer.weights.map((w) => [w, w.initializer(w.shape, { seed: 0, stream: 0 })]));
  const [values, mean, variance] = evaluate([y, ...writes.values()], [], weights).outputs;
  expectClose(mean, [4, 20]);
  expectClose(variance, [26 / 3, 200 / 3]);
  const scaled = [1, 10, 3, 30].map((v, i) => (v - [4, 20][i % 2]) / Math.sqrt([26 / 3, 200 / 3][i % 2]));
  expectClose(values.slice(0, 4), scaled, 1e-5);
  expect(maskOf(y)).toBe(maskOf(masked));
});

describe('attention', () => {
  const random = (seed: number, steps: number): Tensor =>
    tensor(
      Float32Array.from({ length: 2 * steps * 4 }, (_, i) => Math.sin(seed + 7 * i)),
      [2, steps, 4],
    );
  const [query, value] = [random(1, 3), random(2, 5)];
  const first = (t: Tensor, n: number): Tensor => ops.sliceAxis(t, 1, 0, n);
  const kinds: readonly [string, () => layers.Layer][] = [
    ['attention', () => layers.attention()],
    ['additiveAttention', () => layers.additiveAttention()],
    ['multiHeadAttention', () => layers.multiHeadAttention({ numHeads: 2, keyDim: 3, useBias: false })],
    [
      'groupQueryAttention',
      () => layers.groupQueryAttention({ headDim: 3, numQueryHeads: 4, numKeyValueHeads: 2, useBias: false }),
    ],
  ];

  describe.each(kinds)('%s', (_, make) => {
    const weights = (() => {
      const layer = make();
      layer.ensureBuilt([query, value]);
      return Object.fromEntries(
        layer.weights.map((w, i) => {
          const values = Float32Array.from({ length: w.shape.reduce((a, b) => a * b, 1) }, (_v, j) => Math.cos(i + j));
          return [w.name.slice(w.name.indexOf('/') + 1), tensor(values, [...w.shape])];
        }),
      );
    })();
    const attend = (...inputs: readonly Tensor[]): Tensor => traceWith(make(), inputs, weights)[0];
    const keys = bools([[1, 1, 1, 0, 0], [1, 1, 1, 0, 0]]); // biome-ignore format: samples
    const wanted = attend(query, first(value, 3));

    test('does not look at keys and values that do not count', () => {
      expectClose(valuesOf(attend(query, withMask(ops.add(value, 0), keys))), valuesOf(wanted));
      expectClose(valuesOf(attend(query, value, withMask(ops.add(value, 0), keys))), valuesOf(wanted));
      const given = bools([[1, 1, 1, 1, 0], [1, 1, 1, 1, 0]]); // biome-ignore format: samples
      expectClose(valuesOf(attend(query, withMask(ops.add(value, 0), keys), given)), valuesOf(wanted));
    });

    test('queries that do not count become 0, and pass their mask on', () => {
      const asked = withMask(ops.add(query, 0), bools([[1, 0, 1], [0, 1, 1]])); // biome-ignore format: samples
      const y = attend(asked, first(value, 3));
      const width = y.shape[2];
      const kept = [1, 0, 1, 0, 1, 1].flatMap((c) => new Array<number>(width).fill(c));
      expectClose(
        valuesOf(y),
        valuesOf(wanted).map((v, i) => v * kept[i]),
      );
      expect(maskOf(y)).toBe(maskOf(asked));
    });
  });
});

describe('sequences of sequences', () => {
  // two texts of two sentences of three words
  const ids = tensor([[[1, 2, 0], [3, 0, 0]], [[2, 2, 2], [0, 0, 0]]] as never); // biome-ignore format: texts
  const words = layers.embedding({ inputDim: 4, outputDim: 2, maskZero: true });
  const table = tensor([[9, 9], [1, 2], [3, 4], [5, 6]]); // biome-ignore format: vectors
  const [vectors] = traceWith(words, [ops.cast(ids, 'int32')], { embeddings: table });

  test('the mask has the shape of the ids', () => {
    expect(maskValues(vectors)).toEqual([1, 1, 0, 1, 0, 0, 1, 1, 1, 0, 0, 0]);
  });

  test('timeDistributed gives each sentence its own mask; a sentence counts if a word in it does', () => {
    const mean = layers.timeDistributed({ layer: layers.globalAveragePooling1d() });
    const y = run(mean, vectors);
    expect(valuesOf(y)).toEqual([2, 3, 5, 6, 3, 4, 0, 0]);
    expect(maskValues(y)).toEqual([1, 1, 1, 0]);
    const dense = layers.timeDistributed({ layer: layers.activation({ activation: 'relu' }) });
    expect(maskValues(run(dense, vectors))).toEqual(maskValues(vectors));
  });
});

test('layers of your own pass masks on if they say so', () => {
  const marked = sequence([[1, 2]], [[1, 0]]);
  const double = (supportsMasking?: boolean) =>
    layers.define({ kind: 'double', supportsMasking, call: ([x]) => ops.multiply(x, 2) });
  expect(maskOf(run(double(), marked))).toBeUndefined();
  expect(maskOf(run(double(true), marked))).toBe(maskOf(marked));
  expect(() => double(1 as never)).toThrow('layers.define: supportsMasking must be true or false, got 1');
});

test('a mask is bool, with the first axes of its sequence', () => {
  const x = sequence([[1, 2]]);
  expect(() => withMask(x, tensor([[1, 0]]))).toThrow('must be bool[1, 2], got float32[1, 2]');
  expect(() => withMask(x, bools([[1, 0, 1]]))).toThrow('must be bool[1, 2], got bool[1, 3]');
});
