// Values are those of Keras 3.15 with TensorFlow 2.21, if nothing else is said.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { tensor } from '../../lib/ir/build';
import type { NestedArray, Tensor } from '../../lib/ir/graph';
import * as layers from '../../lib/layers/index';
import { maskOf, withMask } from '../../lib/layers/mask';
import { loadModel, modelFromJSON, sequential } from '../../lib/training/index';
import '../../lib/transforms/index';
import { expectClose } from '../helpers/evaluate';
import { gradcheck } from '../helpers/gradcheck';
import { traceWith } from '../helpers/trace-layer';

type Values = NestedArray | Float32Array | Int32Array;
const asTensor = (x: Values | Tensor): Tensor => (typeof x === 'object' && 'node' in x ? x : tensor(x));
const ints = (rows: number[][]): Tensor => tensor(Int32Array.from(rows.flat()), [rows.length, rows[0].length]);
/** What a layer makes of values, natively. */
const run = (layer: layers.Layer, ...inputs: (Values | Tensor)[]): Tensor =>
  traceWith(layer, inputs.map(asTensor), {})[0];

async function* slowly<T>(batches: Iterable<T>) {
  for (const batch of batches) yield batch;
}

describe('normalization', () => {
  const x = [
    [
      [1, 10],
      [2, 20],
    ],
    [
      [3, 30],
      [6, 60],
    ],
    [
      [-1, 5],
      [0, 0],
    ],
  ];

  test.each<readonly [string, layers.FeatureNormalizationOptions, readonly number[]]>([
    ['the last axis', {}, [-0.36760732, -0.53933096, 0.07352144, -0.04148703]],
    ['two axes', { axis: [2, 1] }, [0, -0.46291006, -0.26726127, -0.26726121]],
    ['another axis', { axis: 1 }, [-0.67150593, 0.19185884, -0.59173095, 0.24914984]],
    ['no axis', { axis: null }, [-0.60208362, -0.07768819, -0.54381746, 0.50497341]],
  ])('of %s', async (_, options, expected) => {
    const whole = layers.normalization(options);
    whole.adapt(x);
    const [sample] = x;
    expectClose(run(whole, [sample]).data, expected);
    // in pieces, also asynchronous ones: the same up to rounding
    const pieces = layers.normalization(options);
    pieces.adapt([tensor([x[0]]), tensor([x[1], x[2]])]);
    const later = layers.normalization({ ...options, inputShape: [2, 2] });
    await later.adapt(slowly([Float32Array.from(x[0].flat()), [x[1], x[2]]]));
    for (const layer of [pieces, later]) expectClose(run(layer, [sample]).data, expected);
    // and back
    const { mean, variance } = whole.statistics as Required<layers.FeatureNormalizationOptions>;
    const back = layers.normalization({ ...options, mean, variance, invert: true });
    expectClose(run(back, run(whole, x)).data, x.flat(2), 1e-5);
  });

  test("the examples of Keras's documentation", () => {
    const scalar = layers.normalization({ axis: null });
    scalar.adapt([1, 2, 3, 4, 5]);
    expectClose(run(scalar, [1, 2, 3]).data, [-Math.SQRT2, -Math.SQRT1_2, 0]);
    const columns = layers.normalization();
    columns.adapt([
      [0, 7, 4],
      [2, 9, 6],
      [0, 7, 4],
      [2, 9, 6],
    ]);
    expectClose(run(columns, [[0, 7, 4]]).data, [-1, -1, -1]);
    expectClose(run(layers.normalization({ mean: 3, variance: 2 }), [[1], [2], [3]]).data, [
      -Math.SQRT2,
      -Math.SQRT1_2,
      0,
    ]);
  });

  test('a feature that never changes becomes 0', () => {
    const layer = layers.normalization();
    layer.adapt(Array.from({ length: 1000 }, (_, i) => [0.1, i]));
    expect(run(layer, [[Math.fround(0.1), 499.5]]).toArray()).toEqual([[0, 0]]);
  });

  test('is exact far from 0', () => {
    const layer = layers.normalization({ inputShape: [1] });
    layer.adapt(Float64Array.from({ length: 1000 }, (_, i) => 1e6 + (i % 2)));
    expect(layer.statistics).toEqual({ mean: [1_000_000.5], variance: [0.25] });
  });

  test('broadcasts given numbers at the last axes', () => {
    const given = layers.normalization({ axis: [1, 2], mean: [1, 10], variance: [4, 25] });
    expectClose(run(given, [x[1]]).data, [1, 4, 2.5, 10]);
  });

  test('has derivatives', () => {
    const layer = layers.normalization({ mean: [1, 2], variance: [4, 0.25] });
    const input = { shape: [2, 2], dtype: 'float32', values: Float64Array.of(1, 2, 3, 4) } as const;
    gradcheck((t) => traceWith(layer, [t], {})[0], [input]);
    const scale = layers.rescaling({ scale: [2, 3], offset: 1 });
    gradcheck((t) => traceWith(scale, [t], {})[0], [input]);
  });

  test('bad arguments and data are named', () => {
    const { normalization } = layers;
    const data = [[1, 2]];
    const cases: readonly (readonly [() => unknown, string])[] = [
      [() => normalization({ axes: 1 } as never), "layers.normalization: unknown option 'axes'"],
      [() => normalization({ axis: 0 }), 'layers.normalization: axis 0 counts the samples'],
      [
        () => normalization({ axis: 'last' as never }),
        "axis must be an integer, an array of them, or null, got 'last'",
      ],
      [() => normalization({ axis: 0.5 }), 'axis must be an integer, got 0.5'],
      [() => normalization({ mean: 1 }), 'mean and variance must be given together'],
      [() => normalization({ mean: [1], variance: 1 }), 'mean has shape [1], variance []; they must be the same'],
      [() => normalization({ mean: [[1]], variance: [[1]] }), 'more dimensions than the 1 of axis'],
      [
        () => normalization({ mean: Number.NaN, variance: 1 }),
        'mean must be a finite number or an array of them, got NaN',
      ],
      [() => normalization({ mean: ['a'] as never, variance: [1] }), 'mean: tensor: expected numbers, got string'],
      [() => normalization({ mean: 0, variance: -1 }), 'variance must not be negative'],
      [() => normalization({ mean: 0, variance: 1 }).adapt(data), 'mean and variance were given as arguments'],
      [
        () => normalization().adapt([[1, Number.NaN]]),
        'normalization: adapt: sample 0 holds NaN; expected finite numbers',
      ],
      [() => normalization().adapt([]), 'normalization: adapt: the data hold no values: shape [0]'],
      [() => normalization().adapt([[1], [1, 2]]), 'normalization: adapt: tensor: ragged array'],
      [() => normalization().adapt(7 as never), 'data must be a batch of samples, or an iterable of batches, got 7'],
      [() => normalization().adapt(new Set<Tensor>()), 'normalization: adapt: the data hold no batch'],
      [() => normalization().adapt(tensor(3)), 'data must be at least one sample'],
      [
        () => normalization().adapt([1, 2, 3]),
        'axis -1 does not exist in samples that are single numbers; use axis: null',
      ],
      [() => normalization({ axis: 2 }).adapt(data), 'axis 2 is not one of a sample: the data have rank 2'],
      [() => normalization({ axis: [1, -1] }).adapt(data), 'axis [1, -1] names one axis twice'],
      [
        () => normalization({ inputShape: [3] }).adapt(new Float32Array(4)),
        '4 values are not whole samples of shape [3]',
      ],
      [
        () => normalization({ inputShape: [3] }).adapt(data),
        'must be samples of shape [3] (inputShape), got shape [1, 2]',
      ],
      [
        () => normalization().adapt(new Set([tensor([[1, 2]]), tensor([[1]])])),
        'a batch of shape [1, 1] came after one of shape [1, 2]',
      ],
      [
        () => normalization().apply(layers.input({ shape: [2] })),
        'normalization: call adapt before the layer becomes part of a model, or give mean and variance',
      ],
      [
        () => normalization({ mean: [1, 2], variance: [1, 2] }).apply(layers.input({ shape: [3] })),
        'mean and variance of shape [2] do not fit axes of sizes [3]',
      ],
    ];
    for (const [body, message] of cases) expect(body).toThrow(message);
    const used = normalization();
    used.adapt(data);
    used.apply(layers.input({ shape: [2] }));
    expect(() => used.adapt(data)).toThrow(
      'normalization: adapt must be called before the layer becomes part of a model',
    );
  });

  test('forgets nothing when adapt fails, and everything when it works', () => {
    const layer = layers.normalization();
    layer.adapt([[1], [3]]);
    expect(() => layer.adapt(new Set([tensor([[5]]), tensor([[Number.POSITIVE_INFINITY]])]))).toThrow('holds Infinity');
    expect(layer.statistics).toEqual({ mean: [2], variance: [1] });
    layer.adapt([[5], [5]]);
    expect(layer.statistics).toEqual({ mean: [5], variance: [0] });
  });
});

describe('rescaling', () => {
  test('multiplies and adds', () => {
    const bytes = tensor(Int32Array.of(0, 51, 255), [1, 3]);
    expectClose(run(layers.rescaling({ scale: 1 / 127.5, offset: -1 }), bytes).data, [-1, -0.6, 1]);
    expectClose(run(layers.rescaling({ scale: [1, 2, 3], offset: [0, 1, 0] }), bytes).data, [0, 103, 765]);
  });

  test('keeps the mask of a sequence', () => {
    const x = withMask(tensor([[[1], [2]]]), tensor([[1, 0]], undefined, 'bool'));
    expect(maskOf(run(layers.rescaling({ scale: 2 }), x))).toBe(maskOf(x));
  });

  test('bad arguments are named', () => {
    expect(() => layers.rescaling({} as never)).toThrow('scale must be a finite number or an array of them');
    expect(() => layers.rescaling({ scale: 1, offset: Number.NaN })).toThrow('offset must be a finite number');
    expect(() => layers.rescaling({ scale: [[[1, 2]]] }).apply(layers.input({ shape: [2] }))).toThrow(
      "scale and offset must broadcast to the input's shape [2, 2]",
    );
  });
});

describe('categoryEncoding', () => {
  const encode = (outputMode: 'oneHot' | 'multiHot' | 'count', x: Tensor | number[]) =>
    run(layers.categoryEncoding({ numTokens: 4, outputMode }), x).toArray();
  const pairs = ints([
    [0, 1],
    [3, 3],
  ]);

  test('one vector for each number', () => {
    const [hot1, hot3] = [
      [0, 1, 0, 0],
      [0, 0, 0, 1],
    ];
    expect(encode('oneHot', [3, 1])).toEqual([hot3, hot1]);
    expect(encode('oneHot', ints([[3], [1]]))).toEqual([hot3, hot1]);
    expect(encode('oneHot', pairs)).toEqual([
      [[1, 0, 0, 0], hot1],
      [hot3, hot3],
    ]);
    // a sample that is one number is its own list
    for (const mode of ['multiHot', 'count'] as const) expect(encode(mode, [3, 1])).toEqual([hot3, hot1]);
  });

  test('one for a sample', () => {
    expect(encode('multiHot', pairs)).toEqual([
      [1, 1, 0, 0],
      [0, 0, 0, 1],
    ]);
    expect(encode('count', pairs)).toEqual([
      [1, 1, 0, 0],
      [0, 0, 0, 2],
    ]);
    expect(run(layers.categoryEncoding({ numTokens: 4 }), tensor(new Int32Array(12), [2, 3, 2])).shape).toEqual([
      2, 3, 4,
    ]);
  });

  const ids = ints([
    [0, 1],
    [0, 0],
    [1, 2],
    [3, 1],
  ]);

  test('counts with weights, which have derivatives', () => {
    const weights = [
      [0.1, 0.2],
      [0.1, 0.1],
      [0.2, 0.3],
      [0.4, 0.2],
    ];
    const layer = layers.categoryEncoding({ numTokens: 4, outputMode: 'count' });
    const expected = [0.1, 0.2, 0, 0, 0.2, 0, 0, 0, 0, 0.2, 0.3, 0, 0, 0.2, 0, 0.4];
    expectClose(run(layer, ids, weights).data, expected);
    gradcheck(
      (x, w) => traceWith(layer, [x, w], {})[0],
      [
        { shape: [4, 2], dtype: 'int32', values: Float64Array.from(ids.data) },
        { shape: [4, 2], dtype: 'float32', values: Float64Array.from(weights.flat()) },
      ],
    );
  });

  test('a number out of range is an error, natively too', async () => {
    const net = sequential([layers.categoryEncoding({ numTokens: 4, inputShape: [2] })]);
    expect((net.predictSync([[0, 3]]) as Tensor).toArray()).toEqual([[1, 0, 0, 1]]);
    expect(() => net.predictSync([[0, 4]])).toThrow('an index is out of range');
    await expect(net.predict([[-1, 2]])).rejects.toThrow(/an index \(of .* a category encoding.*\) is out of range/);
    net.dispose();
  });

  test('bad arguments are named', () => {
    const x = layers.input({ shape: [2], dtype: 'int32' });
    expect(() => layers.categoryEncoding({} as never)).toThrow('numTokens must be a positive integer, got undefined');
    expect(() => layers.categoryEncoding({ numTokens: 2, outputMode: 'int' as never })).toThrow("'oneHot', 'multiHot'");
    expect(() => layers.categoryEncoding({ numTokens: 2 }).apply([x, x])).toThrow(
      "takes one input, or in mode 'count' two, got 2 in mode 'multiHot'",
    );
    const count = layers.categoryEncoding({ numTokens: 2, outputMode: 'count' });
    expect(() => count.apply([x, layers.input({ shape: [3] })])).toThrow(
      'weights of counts must have the shape of the categories int32[2, 2], got float32[2, 3]',
    );
  });
});

describe('discretization', () => {
  const data = Float32Array.from({ length: 300 }, (_, i) => ((i * 7919) % 1009) / 100);
  const thirds = [data.subarray(0, 100), data.subarray(100, 200), data.subarray(200)];
  const x = [
    [-1.5, 1, 3.4, 0.5],
    [0, 3, 1.3, 0],
  ];

  test("the examples of Keras's documentation", () => {
    expect(run(layers.discretization({ binBoundaries: [0, 1, 2] }), x).toArray()).toEqual([
      [0, 2, 3, 1],
      [1, 3, 2, 1],
    ]);
    const learned = layers.discretization({ numBins: 4, epsilon: 0.01 });
    learned.adapt(x);
    expect(run(learned, x).toArray()).toEqual([
      [0, 2, 3, 2],
      [1, 3, 3, 1],
    ]);
  });

  test('extreme values', () => {
    const bins = run(layers.discretization({ binBoundaries: [0, 1, 2] }), [
      [Number.NaN, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, 1],
    ]);
    expect([bins.dtype, bins.toArray()]).toEqual(['int32', [[3, 0, 3, 2]]]);
  });

  test.each([
    ['oneHot', [1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 1]],
    ['multiHot', [1, 1, 0, 0, 0, 0, 1, 1]],
    ['count', [1, 2, 0, 0, 0, 0, 1, 2]],
  ] as const)('%s', (outputMode, expected) => {
    const layer = layers.discretization({ binBoundaries: [0, 1, 2], outputMode });
    const values = [
      [-1, 0.5, 0.7],
      [1, 2, 3],
    ];
    expect([...run(layer, values).data]).toEqual(expected);
  });

  test.each([
    [4, 0.01, [2.4899990558624268, 5.049998760223389, 7.570000171661377]],
    [3, 0.1, [3.353332996368408, 6.719999313354492]],
    [
      10,
      0.01,
      [
        ...[0.9599997401237488, 1.989998698234558, 3.019998550415039, 4.0199995040893555, 5.049998760223389],
        ...[6.079998970031738, 7.039999961853027, 8.070000648498535, 9.0600004196167],
      ],
    ],
    [5, 0.3, [3.0199999809265137, 6.079999923706055]],
  ])('%d bins with an error of %d', async (numBins, epsilon, expected) => {
    const layer = layers.discretization({ numBins, epsilon });
    layer.adapt(data);
    expect(layer.binBoundaries).toEqual(expected);
    // however the data come
    layer.adapt(new Set(thirds));
    expect(layer.binBoundaries).toEqual(expected);
    await layer.adapt(slowly(thirds));
    expect(layer.binBoundaries).toEqual(expected);
  });

  // exact quantiles; Keras, which does not interpolate when it merges, is off by 0.017 after 400 batches of 5,000
  test('of two million values, a piece at a time', () => {
    const piece = new Float32Array(5000);
    const layer = layers.discretization({ numBins: 10 });
    layer.adapt(
      (function* () {
        let seed = 1;
        for (let n = 0; n < 400; n++) {
          for (let i = 0; i < piece.length; i++) {
            seed = (seed * 16807) % 2147483647;
            piece[i] = seed / 2147483647;
          }
          yield piece; // the same array each time
        }
      })(),
    );
    expectClose(layer.binBoundaries ?? [], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9], 0.002);
  });

  test('of few values', () => {
    const layer = layers.discretization({ numBins: 4 });
    layer.adapt([[1, 2, 3]]);
    expect(layer.binBoundaries).toEqual([1, 2]);
  });

  // not as in Keras, where rounding makes it 50 bins
  test('as many bins as were asked for, where 1 / (1 / n) is not n', () => {
    const layer = layers.discretization({ numBins: 49 });
    layer.adapt(data);
    expect(layer.binBoundaries?.length).toBe(48);
    expectClose((layer.binBoundaries ?? []).slice(0, 4), [0.173673, 0.349796, 0.59102, 0.804694]);
  });

  test('bad arguments are named', () => {
    const { discretization } = layers;
    const cases: readonly (readonly [() => unknown, string])[] = [
      [() => discretization({}), 'layers.discretization: give either binBoundaries or numBins'],
      [() => discretization({ numBins: 3, binBoundaries: [1] }), 'give either binBoundaries or numBins'],
      [() => discretization({ numBins: 1 }), 'numBins must be at least 2, got 1'],
      [() => discretization({ numBins: 3, epsilon: 0 }), 'epsilon must be a finite number > 0 and < 1, got 0'],
      [() => discretization({ binBoundaries: [1], epsilon: 0.1 }), 'epsilon needs numBins'],
      [() => discretization({ binBoundaries: [2, 1] }), 'an array of finite numbers in ascending order, got [2, 1]'],
      [() => discretization({ binBoundaries: [] }), 'an array of finite numbers in ascending order, got []'],
      [() => discretization({ numBins: 3, outputMode: 'one' as never }), "outputMode must be one of 'int', 'oneHot'"],
      [() => discretization({ binBoundaries: [1] }).adapt(data), 'binBoundaries were given as an argument'],
      [() => discretization({ numBins: 3 }).adapt([1, Number.NaN]), 'sample 1 holds NaN'],
      [
        () => discretization({ numBins: 3 }).apply(layers.input({ shape: [1] })),
        'discretization: call adapt before the layer becomes part of a model, or give binBoundaries',
      ],
    ];
    for (const [body, message] of cases) expect(body).toThrow(message);
  });
});

describe('integerLookup', () => {
  const data = [
    [12, 1138, 42],
    [42, 1000, 36],
    [0, 7, 7],
  ];
  const asked = ints([
    [42, 5, -5],
    [0, 7, 12],
  ]);

  test.each<readonly [string, layers.IntegerLookupOptions, readonly number[], NestedArray]>([
    [
      'by default',
      {},
      [-1, 42, 7, 1138, 1000, 36, 12, 0],
      [
        [1, 0, 0],
        [7, 2, 6],
      ],
    ],
    [
      'two indices for unknown numbers',
      { numOovIndices: 2 },
      [-1, -1, 42, 7, 1138, 1000, 36, 12, 0],
      [
        [2, 1, 1],
        [8, 3, 7],
      ],
    ],
    [
      'a mask token',
      { maskToken: 0 },
      [0, -1, 42, 7, 1138, 1000, 36, 12],
      [
        [2, 1, 1],
        [0, 3, 7],
      ],
    ],
    [
      'all of it',
      { maskToken: 0, numOovIndices: 2, maxTokens: 5 },
      [0, -1, -1, 42, 7],
      [
        [3, 2, 2],
        [0, 4, 1],
      ],
    ],
    [
      'counts without mask tokens, as long as maxTokens',
      { outputMode: 'count', maskToken: 7, maxTokens: 9, padToMaxTokens: true },
      [-1, 42, 1138, 1000, 36, 12, 0],
      [
        [2, 1, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 1, 1, 0, 0],
      ],
    ],
    [
      'sets',
      { outputMode: 'multiHot', numOovIndices: 3, maxTokens: 6 },
      [-1, -1, -1, 42, 7, 1138],
      [
        [0, 1, 1, 1, 0, 0],
        [1, 0, 0, 0, 1, 0],
      ],
    ],
  ])('%s', (_, options, vocabulary, expected) => {
    const layer = layers.integerLookup(options);
    layer.adapt(data);
    expect(layer.getVocabulary()).toEqual(vocabulary);
    expect(layer.vocabularySize()).toBe(vocabulary.length);
    expect(run(layer, asked).toArray()).toEqual(expected);
  });

  test('tf-idf', () => {
    const layer = layers.integerLookup({ outputMode: 'tfIdf' });
    layer.adapt(data);
    const [one, two, rare] = [1.7688262462615967, 0.6931471824645996, 0.9162907600402832];
    expectClose(run(layer, asked).data, [one, two, 0, 0, 0, 0, 0, 0, 0, 0, rare, 0, 0, 0, rare, rare]);
  });

  test('turns indices back', () => {
    const inverse = layers.integerLookup({ vocabulary: [12, 36, 1138, 42], maskToken: 0, invert: true });
    const indices = ints([
      [0, 1, 2, 5],
      [9, 3, -1, 4],
    ]);
    expect(run(inverse, indices).toArray()).toEqual([
      [0, -1, 12, 42],
      [-1, 36, -1, 1138],
    ]);
  });

  test('extreme numbers and adapting from typed arrays', () => {
    const layer = layers.integerLookup();
    const ends = Int32Array.of(-0x80000000, 0x7fffffff, 0x7fffffff);
    layer.adapt(ends);
    expect(layer.getVocabulary(false)).toEqual([0x7fffffff, -0x80000000]);
    expect(run(layer, ends).toArray()).toEqual([2, 1, 1]);
  });

  test('without an index for unknown numbers they are errors, mask tokens are not', () => {
    const config = { vocabulary: [12, 36], numOovIndices: 0, maskToken: 0, inputShape: [2] };
    const net = sequential([layers.integerLookup(config)]);
    expect((net.predictSync([[36, 0]]) as Tensor).toArray()).toEqual([[2, 0]]);
    expect(() => net.predictSync([[36, 1]])).toThrow('an index is out of range');
    net.dispose();
  });

  test('bad arguments are named', () => {
    const { integerLookup } = layers;
    const cases: readonly (readonly [() => unknown, string])[] = [
      [() => integerLookup({ vocabulary: [1, 1.5] }), 'layers.integerLookup: vocabulary[1] must be a 32-bit integer'],
      [() => integerLookup({ vocabulary: [1, 2 ** 31] }), 'vocabulary[1] must be a 32-bit integer, got 2147483648'],
      [() => integerLookup({ vocabulary: [1, 1] }), 'vocabulary holds 1 twice'],
      [
        () => integerLookup({ numOovIndices: 2e8, vocabulary: [1] }),
        'numOovIndices must be at most 2^24, got 200000000',
      ],
      [() => integerLookup({ invert: true, outputMode: 'count' }), "invert is for outputMode 'int'"],
      [() => integerLookup().adapt([1, 2.5]), 'integerLookup: adapt: sample 1 holds 2.5; expected 32-bit integers'],
      [
        () => integerLookup().getVocabulary(),
        'layers.integerLookup: there is no vocabulary yet; call adapt, or give one',
      ],
      [
        () => integerLookup().apply(layers.input({ shape: [1], dtype: 'int32' })),
        'integerLookup: call adapt before the layer becomes part of a model, or give a vocabulary',
      ],
    ];
    for (const [body, message] of cases) expect(body).toThrow(message);
  });
});

describe('what was learned is saved', () => {
  const rows = 32;
  const features = Float32Array.from({ length: 2 * rows }, (_, i) => Math.sin(i * 1.7) * (i % 2 === 0 ? 100 : 0.1) + 5);
  const codes = Int32Array.from({ length: rows }, (_, i) => 1000 + ((i * i) % 7));

  const adaptable: readonly (readonly [string, () => layers.Layer, Float32Array | Int32Array])[] = [
    [
      'normalization',
      () => {
        const layer = layers.normalization({ inputShape: [2] });
        layer.adapt(features);
        return layer;
      },
      features,
    ],
    [
      'discretization',
      () => {
        const layer = layers.discretization({ numBins: 5, outputMode: 'oneHot', inputShape: [2] });
        layer.adapt(features);
        return layer;
      },
      features,
    ],
    [
      'integerLookup',
      () => {
        const layer = layers.integerLookup({ maxTokens: 6, outputMode: 'tfIdf', inputShape: [1] });
        layer.adapt(codes);
        return layer;
      },
      codes,
    ],
  ];

  test.each(adaptable)('%s', async (_, make, x) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'adapted-'));
    try {
      const net = sequential([make(), layers.flatten(), layers.dense({ units: 1 })]);
      net.compile({ optimizer: 'adam', loss: 'mse', seed: 1 });
      await net.fit(x, new Float32Array(rows), { epochs: 2 });
      await net.save(folder);
      const text = JSON.stringify(net);
      const copies = [await loadModel(folder), net.clone(), modelFromJSON(text)];
      copies[2].setWeights(net.getWeights());
      const expected = (net.predictSync(x as Int32Array) as Tensor | Float32Array).valueOf();
      const values = (y: unknown) => [...('data' in (y as Tensor) ? (y as Tensor).data : (y as Float32Array))];
      for (const copy of copies) {
        expect(values(copy.predictSync(x as Int32Array))).toEqual(values(expected));
        expect(JSON.stringify(copy)).toBe(text);
        copy.dispose();
      }
      net.dispose();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
