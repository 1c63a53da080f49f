import { tensor } from '../../lib/ir/build';
import type { Tensor } from '../../lib/ir/graph';
import * as layers from '../../lib/layers/index';
import { model } from '../../lib/training/index';
import { expectClose, type LayerInput, runLayer } from '../helpers/layers';

const wave = (shape: readonly number[], phase = 0): LayerInput => ({
  shape,
  values: Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 1.3 + phase)),
});
const mask = (shape: readonly number[], values: readonly number[]): LayerInput => ({ shape, values, dtype: 'bool' });

type Matrix = readonly (readonly number[])[];
const matrix = (x: LayerInput, batch: number): number[][] => {
  const [, rows, columns] = x.shape;
  return Array.from({ length: rows }, (_, r) => {
    const from = (batch * rows + r) * columns;
    return x.values.slice(from, from + columns);
  });
};
const softmax = (row: readonly number[]): number[] => {
  const e = row.map((v) => Math.exp(v));
  const total = e.reduce((a, b) => a + b, 0);
  return e.map((v) => (total === 0 ? 0 : v / total));
};
const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((s, v, i) => s + v * b[i], 0);
/** What is added to a score: a number, or whether it counts. */
type Added = number | boolean;
const numberOf = (added: Added): number => (added === true ? 0 : added === false ? Number.NEGATIVE_INFINITY : added);
/** softmax(scores + added) times the values. */
const attend = (
  q: Matrix,
  k: Matrix,
  v: Matrix,
  score: (q: readonly number[], k: readonly number[]) => number,
  added: (t: number, s: number) => Added = () => true,
): number[][] =>
  q.map((query, t) => {
    const weights = softmax(k.map((key, s) => score(query, key) + numberOf(added(t, s))));
    return v[0].map((_, e) => weights.reduce((sum, w, s) => sum + w * v[s][e], 0));
  });

/** Weights for a layer: what `wave` gives, in their shapes. */
const someWeights = (layer: layers.Layer): number[][] => layer.weights.map((w, i) => [...wave(w.shape, i).values]);

describe('attention without projections', () => {
  const [query, value, key] = [wave([2, 3, 4]), wave([2, 5, 6], 1), wave([2, 5, 4], 2)];

  test('dot products of query and key weigh the values', () => {
    const { values, shapes } = runLayer(layers.attention(), [query, value, key]);
    expect(shapes).toEqual([[2, 3, 6]]);
    expectClose(
      values[0],
      [0, 1].flatMap((b) => attend(matrix(query, b), matrix(key, b), matrix(value, b), dot).flat()),
    );
  });

  test('self-attention, causal, with a scale and a padding mask', () => {
    const layer = layers.attention({ useScale: true, useCausalMask: true });
    const padding = mask([2, 3], [1, 0, 1, 0, 1, 1]);
    const { values } = runLayer(layer, [query, padding], [[0.7]]);
    const expected = [0, 1].flatMap((b) => {
      const x = matrix(query, b);
      return attend(
        ...([x, x, x] as const),
        (p, q) => 0.7 * dot(p, q),
        (t, s) => s <= t && padding.values[b * 3 + s] === 1,
      ).flat();
    });
    expectClose(values[0], expected);
    // the first position of the second sample may attend to nothing
    expectClose(values[0].slice(12, 16), [0, 0, 0, 0]);
  });

  test('additive', () => {
    const scale = [1, -0.5, 2, 0.3];
    const { values } = runLayer(layers.additiveAttention(), [query, value, key], [scale]);
    const score = (p: readonly number[], q: readonly number[]) =>
      dot(
        scale,
        p.map((v, i) => Math.tanh(v + q[i])),
      );
    expectClose(
      values[0],
      [0, 1].flatMap((b) => attend(matrix(query, b), matrix(key, b), matrix(value, b), score).flat()),
    );
  });

  test('a float mask is added to the scores', () => {
    const added = wave([2, 3, 5], 4);
    const values = added.values.map((v, i) => (i % 4 === 0 || (i >= 10 && i < 15) ? Number.NEGATIVE_INFINITY : 3 * v));
    const { values: got } = runLayer(layers.attention(), [query, value, key, { shape: [2, 3, 5], values }]);
    const expected = [0, 1].flatMap((b) =>
      attend(matrix(query, b), matrix(key, b), matrix(value, b), dot, (t, s) => values[(b * 3 + t) * 5 + s]).flat(),
    );
    expectClose(got[0], expected);
    // the third query of the first sample may attend to nothing
    expectClose(got[0].slice(12, 18), Array(6).fill(0));
    const perKey = { shape: [2, 5], values: values.slice(0, 10) };
    expectClose(
      runLayer(layers.attention({ useCausalMask: true }), [query, value, key, perKey]).values[0],
      [0, 1].flatMap((b) =>
        attend(matrix(query, b), matrix(key, b), matrix(value, b), dot, (t, s) =>
          s > t ? false : values[b * 5 + s],
        ).flat(),
      ),
    );
  });

  test('inputs are checked', () => {
    const [x, y] = [layers.input({ shape: [3, 4] }), layers.input({ shape: [5, 6] })];
    expect(() => layers.attention().apply([x, y])).toThrow(
      'attention: query and key must have the same number of features, got 4 and 6',
    );
    expect(() => layers.attention().apply([x, y, x])).toThrow('key and value must have the same length');
    expect(() => layers.attention().apply(layers.input({ shape: [3] }))).toThrow('must be [batch, time, features]');
    const wrong = layers.input({ shape: [4], dtype: 'bool' });
    expect(() => layers.attention().apply([x, wrong])).toThrow(
      'the mask must be bool or float32 [batch, 3] or [batch, 3, 3], got bool[2, 4]',
    );
    expect(() => layers.attention({ dropout: 2 })).toThrow('layers.attention: dropout must be');
  });
});

describe('attention in heads', () => {
  const [query, value] = [wave([2, 3, 6]), wave([2, 5, 4], 1)];

  /** By the definition, head after head; `keyHead` tells which head of keys and values a query head uses. */
  function expected(
    w: readonly number[][],
    sizes: { heads: number; keyHeads: number; depth: number; valueDepth: number; output: number },
    added: (b: number, t: number, s: number, h: number) => Added = () => true,
    keys: LayerInput = value,
    turn: (row: number[], position: number) => number[] = (row) => row,
  ): number[] {
    const { heads, keyHeads, depth, valueDepth, output } = sizes;
    const [qk, qb, kk, kb, vk, vb, ok, ob] = w;
    const project = (x: Matrix, kernel: number[], bias: number[], head: number, count: number, size: number) =>
      x.map((row) =>
        Array.from({ length: size }, (_, d) =>
          row.reduce((sum, v, f) => sum + v * kernel[(f * count + head) * size + d], bias[head * size + d]),
        ),
      );
    return [0, 1].flatMap((b) => {
      const results = Array.from({ length: heads }, (_, h) => {
        const own = Math.floor(h / (heads / keyHeads));
        const q = project(matrix(query, b), qk, qb, h, heads, depth).map(turn);
        const k = project(matrix(keys, b), kk, kb, own, keyHeads, depth).map(turn);
        const v = project(matrix(keys, b), vk, vb, own, keyHeads, valueDepth);
        return attend(
          ...([q, k, v] as const),
          (p, r) => dot(p, r) / Math.sqrt(depth),
          (t, s) => added(b, t, s, h),
        );
      });
      return matrix(query, b).flatMap((_, t) =>
        Array.from({ length: output }, (_, o) =>
          results.reduce(
            (sum, head, h) => sum + head[t].reduce((part, v, d) => part + v * ok[(h * valueDepth + d) * output + o], 0),
            ob[o],
          ),
        ),
      );
    });
  }

  test('cross attention with a mask', () => {
    const layer = layers.multiHeadAttention({ numHeads: 2, keyDim: 3, valueDim: 5, outputDim: 7 });
    const padding = mask([2, 5], [1, 1, 0, 1, 0, 0, 1, 1, 1, 1]);
    layer.applyMany([layers.input({ shape: [3, 6] }), layers.input({ shape: [5, 4] })]);
    const w = someWeights(layer);
    const { values, shapes } = runLayer(layer, [query, value, padding], w);
    expect(shapes).toEqual([[2, 3, 7]]);
    expect(layer.weights.map((v) => [v.name, v.shape])).toEqual([
      ['multiHeadAttention/queryKernel', [6, 2, 3]],
      ['multiHeadAttention/queryBias', [2, 3]],
      ['multiHeadAttention/keyKernel', [4, 2, 3]],
      ['multiHeadAttention/keyBias', [2, 3]],
      ['multiHeadAttention/valueKernel', [4, 2, 5]],
      ['multiHeadAttention/valueBias', [2, 5]],
      ['multiHeadAttention/outputKernel', [2, 5, 7]],
      ['multiHeadAttention/outputBias', [7]],
    ]);
    const sizes = { heads: 2, keyHeads: 2, depth: 3, valueDepth: 5, output: 7 };
    expectClose(
      values[0],
      expected(w, sizes, (b, _, s) => padding.values[b * 5 + s] === 1),
    );
  });

  test.each([
    [2, 'multiHeadAttention'],
    [1, 'groupQueryAttention'],
  ] as const)('a float mask of each head, beside the mask that the keys bring along (%i, %s)', (keyHeads, kind) => {
    const layer =
      kind === 'multiHeadAttention'
        ? layers.multiHeadAttention({ numHeads: 2, keyDim: 3 })
        : layers.groupQueryAttention({ headDim: 3, numQueryHeads: 2, numKeyValueHeads: 1 });
    const ids = [3, 0, 1, 2, 0, 0, 1, 4, 2, 2]; // 0 is padding
    const [q, id] = [layers.input({ shape: [3, 6] }), layers.input({ shape: [5], dtype: 'int32' })];
    const embed = layers.embedding({ inputDim: 5, outputDim: 4, maskZero: true, name: 'ids' });
    const table = wave([5, 4], 7).values;
    const keys: LayerInput = { shape: [2, 5, 4], values: ids.flatMap((i) => table.slice(4 * i, 4 * i + 4)) };
    const bias = wave([2, 2, 3, 5], 3);
    const biasInput = layers.input({ shape: [2, 3, 5] });
    const embedded = embed.apply(id);
    const net = model({ inputs: [q, id, biasInput], outputs: layer.apply([q, embedded, embedded, biasInput]) });
    const w = someWeights(layer);
    net.setWeights(net.getWeights().map((t, i) => tensor(Float32Array.from([table, ...w][i]), t.shape)));
    const floats = [query, bias].map((t) => Float32Array.from(t.values));
    const got = net.predictSync([floats[0], Int32Array.from(ids), floats[1]]) as Tensor;
    const sizes = { heads: 2, keyHeads, depth: 3, valueDepth: 3, output: 6 };
    const wanted = expected(
      w,
      sizes,
      (b, t, s, h) => (ids[b * 5 + s] === 0 ? false : bias.values[((b * 2 + h) * 3 + t) * 5 + s]),
      keys,
    );
    expectClose([...got.data], wanted, 1e-5);
    net.dispose();
  });

  test('groups of query heads share keys and values', () => {
    const layer = layers.groupQueryAttention({
      headDim: 3,
      numQueryHeads: 4,
      numKeyValueHeads: 2,
      useCausalMask: true,
    });
    layer.applyMany([layers.input({ shape: [3, 6] }), layers.input({ shape: [5, 4] })]);
    const w = someWeights(layer);
    const { values } = runLayer(layer, [query, value], w);
    const sizes = { heads: 4, keyHeads: 2, depth: 3, valueDepth: 3, output: 6 };
    expectClose(
      values[0],
      expected(w, sizes, (_, t, s) => s <= t),
    );
  });

  test.each([
    [
      'multiHeadAttention',
      layers.multiHeadAttention({ numHeads: 4, keyDim: 4, useRotary: true, maxWavelength: 50 }),
      4,
    ],
    [
      'groupQueryAttention',
      layers.groupQueryAttention({
        ...{ headDim: 4, numQueryHeads: 4, numKeyValueHeads: 2 },
        ...{ useRotary: true, maxWavelength: 50 },
      }),
      2,
    ],
  ] as const)('%s turns queries and keys by their positions', (_, layer, keyHeads) => {
    layer.applyMany([layers.input({ shape: [3, 6] }), layers.input({ shape: [5, 4] })]);
    const w = someWeights(layer);
    const { values } = runLayer(layer, [query, value], w);
    const sizes = { heads: 4, keyHeads, depth: 4, valueDepth: 4, output: 6 };
    const turn = (row: number[], t: number): number[] =>
      row.map((v, i) => {
        const angle = t / 50 ** ((i % 2) / 2);
        return i < 2
          ? v * Math.cos(angle) - row[i + 2] * Math.sin(angle)
          : v * Math.cos(angle) + row[i - 2] * Math.sin(angle);
      });
    expectClose(values[0], expected(w, sizes, undefined, value, turn));
    const { values: unturned } = runLayer(
      keyHeads === 4
        ? layers.multiHeadAttention({ numHeads: 4, keyDim: 4 })
        : layers.groupQueryAttention({ headDim: 4, numQueryHeads: 4, numKeyValueHeads: 2 }),
      [query, value],
      w,
    );
    expect(Math.max(...unturned[0].map((v, i) => Math.abs(v - values[0][i])))).toBeGreaterThan(1e-3);
  });

  test('a layer that turns what it is given: products depend on distances only', () => {
    const layer = layers.rotaryEmbedding({ maxWavelength: 50, sequenceAxis: 2 });
    const row = [0.3, -1.2, 0.7, 0.4];
    const { values } = runLayer(layer, [{ shape: [1, 2, 4, 4], values: Array(8).fill(row).flat() }], []);
    const at = (t: number): number[] => [...values[0].slice(4 * t, 4 * t + 4)];
    expectClose(at(0), row);
    expectClose([dot(at(1), at(3))], [dot(at(4), at(2))], 1e-5);
    expectClose(values[0].slice(16), [...values[0].slice(0, 16)]);
    expect(() => runLayer(layers.rotaryEmbedding({ name: 'turn' }), [wave([2, 3, 5])], [])).toThrow(
      'turn (rotaryEmbedding): expected an even number of features, got shape [2, 3, 5]',
    );
    expect(() => runLayer(layers.rotaryEmbedding({ name: 'turn', sequenceAxis: 2 }), [wave([2, 3, 4])], [])).toThrow(
      'axis 2 cannot be that of the positions',
    );
    expect(() => layers.rotaryEmbedding({ sequenceAxis: 0 })).toThrow('axis 0 is the batch dimension');
    expect(() => layers.multiHeadAttention({ numHeads: 1, keyDim: 3, useRotary: true })).toThrow(
      'useRotary needs an even number of features in each head, got 3',
    );
  });

  test('kernels are initialized as the matrices that they are', () => {
    const seen: (readonly number[])[] = [];
    const kernelInitializer = (shape: readonly number[]) => {
      seen.push(shape);
      return new Float32Array(shape.reduce((a, b) => a * b, 1));
    };
    const layer = layers.multiHeadAttention({ numHeads: 2, keyDim: 3, kernelInitializer });
    layer.apply(layers.input({ shape: [5, 6] }));
    for (const w of layer.weights) w.initializer(w.shape, { seed: 1, stream: 0 });
    expect(seen).toEqual([
      [6, 6],
      [6, 6],
      [6, 6],
      [6, 6],
    ]);
  });

  test('dropout drops attention weights in training only', () => {
    const layer = layers.multiHeadAttention({ numHeads: 1, keyDim: 2, dropout: 0.5, seed: 3 });
    layer.apply(layers.input({ shape: [3, 6] }));
    const w = someWeights(layer);
    const run = (training: boolean, counter = 0) => runLayer(layer, [query], w, { training, counter }).values[0];
    expect(run(false)).toEqual(run(false, 1));
    expect(run(true)).toEqual(run(true));
    expect(run(true)).not.toEqual(run(false));
    expect(run(true, 1)).not.toEqual(run(true));
  });

  test('arguments and inputs are checked', () => {
    expect(() => layers.multiHeadAttention({ numHeads: 0, keyDim: 2 })).toThrow('numHeads must be a positive integer');
    expect(() => layers.multiHeadAttention({ numHeads: 1 } as never)).toThrow('keyDim must be a positive integer');
    expect(() => layers.groupQueryAttention({ headDim: 2, numQueryHeads: 4, numKeyValueHeads: 3 })).toThrow(
      'numQueryHeads (4) must be a multiple of numKeyValueHeads (3)',
    );
    const layer = layers.multiHeadAttention({ numHeads: 1, keyDim: 2, name: 'mha' });
    layer.apply(layers.input({ shape: [3, 6] }));
    expect(() => layer.apply(layers.input({ shape: [3, 5] }))).toThrow(
      'mha (multiHeadAttention): expected query with 6 features, got shape [2, 3, 5]',
    );
  });
});

describe('transformer blocks', () => {
  const x = wave([2, 4, 6]);

  test('encoder: weights are those of its parts, trained and frozen together', () => {
    const layer = layers.transformerEncoder({ intermediateDim: 8, numHeads: 2, name: 'block' });
    layer.apply(layers.input({ shape: [4, 6] }));
    expect(layer.weights.map((w) => w.name)).toEqual([
      ...['query', 'key', 'value', 'output'].flatMap((p) => [`block/attention/${p}Kernel`, `block/attention/${p}Bias`]),
      ...['block/attentionNorm/gamma', 'block/attentionNorm/beta'],
      ...['block/hidden/kernel', 'block/hidden/bias', 'block/output/kernel', 'block/output/bias'],
      ...['block/feedforwardNorm/gamma', 'block/feedforwardNorm/beta'],
    ]);
    expect(layer.countParams()).toBe(4 * (36 + 6) + 12 + (48 + 8) + (48 + 6) + 12);
    expect(layer.trainableWeights).toHaveLength(16);
    layer.trainable = false;
    expect(layer.trainableWeights).toEqual([]);
  });

  test.each([false, true])(
    'with all products 0 only the normalizations are left (normalizeFirst %s)',
    (normalizeFirst) => {
      const layer = layers.transformerEncoder({
        intermediateDim: 8,
        numHeads: 2,
        normalizeFirst,
        layerNormEpsilon: 1e-9,
      });
      layer.apply(layers.input({ shape: [4, 6] }));
      const w = layer.weights.map((v) =>
        Array(v.shape.reduce((a, b) => a * b, 1)).fill(v.name.endsWith('gamma') ? 1 : 0),
      );
      const { values } = runLayer(layer, [x], w);
      const normal = [0, 1].flatMap((b) =>
        matrix(x, b).flatMap((row) => {
          const mean = row.reduce((a, v) => a + v, 0) / 6;
          const deviation = Math.sqrt(row.reduce((a, v) => a + (v - mean) ** 2, 0) / 6);
          return row.map((v) => (v - mean) / deviation);
        }),
      );
      expectClose(values[0], normalizeFirst ? x.values : normal);
    },
  );

  test('a causal block does not look ahead', () => {
    const layer = layers.transformerEncoder({ intermediateDim: 8, numHeads: 3, useCausalMask: true });
    layer.apply(layers.input({ shape: [4, 6] }));
    const w = someWeights(layer);
    const other = { ...x, values: x.values.map((v, i) => (Math.floor(i / 6) % 4 === 3 ? v + 1 : v)) };
    const [a, b] = [runLayer(layer, [x], w).values[0], runLayer(layer, [other], w).values[0]];
    expect(a.slice(0, 18)).toEqual(b.slice(0, 18));
    expect(a.slice(18, 24)).not.toEqual(b.slice(18, 24));
  });

  test('decoder: causal, and sees of the encoder what the mask shows', () => {
    const layer = layers.transformerDecoder({ intermediateDim: 8, numHeads: 2, activation: 'gelu' });
    const encoded = wave([2, 3, 5], 2);
    layer.applyMany([layers.input({ shape: [4, 6] }), layers.input({ shape: [3, 5] })]);
    const w = someWeights(layer);
    const hidden = mask([2, 3], [1, 1, 0, 1, 1, 0]);
    const run = (e: LayerInput) => runLayer(layer, [x, e, hidden], w).values[0];
    const change = (position: number) => ({
      ...encoded,
      values: encoded.values.map((v, i) => (Math.floor(i / 5) % 3 === position ? v + 1 : v)),
    });
    expect(run(change(2))).toEqual(run(encoded));
    expect(run(change(1))).not.toEqual(run(encoded));
    expect(layer.weights.some((v) => v.name === 'transformerDecoder/crossAttention/keyKernel')).toBe(true);
    expect(() => layer.apply(layers.input({ shape: [4, 6] }))).toThrow("was built with an encoder's sequence");
  });

  test('decoder without an encoder', () => {
    const layer = layers.transformerDecoder({ intermediateDim: 8, numHeads: 2 });
    layer.apply(layers.input({ shape: [4, 6] }));
    expect(layer.weights).toHaveLength(16);
    expect(runLayer(layer, [x, mask([2, 4], Array(8).fill(1))], someWeights(layer)).shapes).toEqual([[2, 4, 6]]);
  });

  test('arguments and inputs are checked', () => {
    expect(() => layers.transformerEncoder({ intermediateDim: 8 } as never)).toThrow('numHeads must be');
    const layer = layers.transformerEncoder({ intermediateDim: 8, numHeads: 4, name: 'block' });
    expect(() => layer.apply(layers.input({ shape: [4, 6] }))).toThrow(
      'block (transformerEncoder): the number of features must be a multiple of numHeads (4), got 6',
    );
    const two = [layers.input({ shape: [4, 6] }), layers.input({ shape: [4, 6] })];
    expect(() => layers.transformerEncoder({ intermediateDim: 8, numHeads: 2 }).apply(two)).toThrow(
      'takes a sequence and perhaps a bool mask',
    );
    expect(layer.weights).toEqual([]);
  });
});
