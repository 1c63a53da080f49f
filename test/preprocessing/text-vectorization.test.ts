// Values are those of Keras 3.15 with TensorFlow 2.21, if nothing else is said.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import * as layers from '../../lib/layers/index';
import { registerFunction } from '../../lib/layers/registry';
import {
  fromJSON,
  load,
  type PreprocessorJson,
  stringLookup,
  type TextVectorizationOptions,
  textVectorization,
} from '../../lib/preprocessing/index';
import { sequential } from '../../lib/training/index';
import { expectClose } from '../helpers/evaluate';

const docs = ['The cat sat, on the mat!', 'the dog\tsat.', "ÉCOLE école  don't stop", '', '  a b c a'];
const asked = ['the cat! sat zebra', '', 'école'];

const adapted = (options: TextVectorizationOptions) => {
  const vectorize = textVectorization(options);
  vectorize.adapt(docs);
  return vectorize;
};

const words = ['the', 'sat', 'a', 'école', 'École', 'stop', 'on', 'mat', 'dont', 'dog', 'cat', 'c', 'b'];
const zeros = (n: number) => Array<number>(n).fill(0);

describe('indices', () => {
  test.each<readonly [string, TextVectorizationOptions, readonly string[], readonly (readonly number[])[]]>([
    ['by default', {}, words, [[2, 12, 3, 1], zeros(4), [5, 0, 0, 0]]],
    [
      'of n-grams up to a length',
      { ngrams: 2 },
      [
        ...['the', 'sat', 'a', 'école dont', 'école', 'École école', 'École', 'the mat', 'the dog', 'the cat', 'stop'],
        ...['sat on', 'on the', 'on', 'mat', 'dont stop', 'dont', 'dog sat', 'dog', 'cat sat', 'cat', 'c a', 'c'],
        ...['b c', 'b', 'a b'],
      ],
      [[2, 22, 3, 1, 11, 21, 1], zeros(7), [6, ...zeros(6)]],
    ],
    [
      'of n-grams of some lengths',
      { ngrams: [2, 3] },
      [
        ...['école dont stop', 'école dont', 'École école dont', 'École école', 'the mat', 'the dog sat', 'the dog'],
        ...['the cat sat', 'the cat', 'sat on the', 'sat on', 'on the mat', 'on the', 'dont stop', 'dog sat'],
        ...['cat sat on', 'cat sat', 'c a', 'b c a', 'b c', 'a b c', 'a b'],
      ],
      [[10, 18, 1, 9, 1], zeros(5), zeros(5)],
    ],
    [
      'of characters',
      { split: 'character', maxTokens: 8 },
      [' ', 't', 'o', 'a', 'e', 'c'],
      [[3, 1, 6, 2, 7, 5, 3, 2, 1, 5, 3, 2, 1, 6, 1, 1, 5], zeros(17), [1, 7, 4, 1, 6, ...zeros(12)]],
    ],
    [
      'of texts as they are',
      { standardize: null },
      [...['the', 'a', 'école', 'ÉCOLE', 'stop', 'sat.', 'sat,', 'on', 'mat!', "don't", 'dog', 'cat', 'c', 'b', 'The']],
      [[2, 1, 1, 1], zeros(4), [4, 0, 0, 0]],
    ],
    [
      'of lower case',
      { standardize: 'lower' },
      ['the', 'a', 'école', 'École', 'stop', 'sat.', 'sat,', 'on', 'mat!', "don't", 'dog', 'cat', 'c', 'b'],
      [[2, 1, 1, 1], zeros(4), [4, 0, 0, 0]],
    ],
    [
      'without punctuation',
      { standardize: 'stripPunctuation' },
      ['the', 'sat', 'a', 'école', 'ÉCOLE', 'stop', 'on', 'mat', 'dont', 'dog', 'cat', 'c', 'b', 'The'],
      [[2, 12, 3, 1], zeros(4), [5, 0, 0, 0]],
    ],
    ['cut', { outputSequenceLength: 3 }, words, [[2, 12, 3], zeros(3), [5, 0, 0]]],
    [
      'filled up',
      { outputSequenceLength: 8, maxTokens: 5 },
      words.slice(0, 3),
      [[2, 1, 3, 1, 0, 0, 0, 0], zeros(8), [1, ...zeros(7)]],
    ],
  ])('%s', (_, options, vocabulary, expected) => {
    const vectorize = adapted(options);
    expect(vectorize.getVocabulary()).toEqual(['', '[UNK]', ...vocabulary]);
    const t = vectorize.apply(asked);
    expect([t.dtype, t.toArray()]).toEqual(['int32', expected]);
  });

  test('a single text has no first dimension', () => {
    expect(adapted({}).apply('the cat zebra').toArray()).toEqual([2, 12, 1]);
  });

  test("the example of Keras's documentation", () => {
    const vectorize = textVectorization({ maxTokens: 5000, outputSequenceLength: 4 });
    vectorize.adapt(['foo bar', 'bar baz', 'baz bada boom']);
    expect(vectorize.apply([['foo qux bar'], ['qux baz']]).toArray()).toEqual([
      [4, 1, 3, 0],
      [1, 2, 0, 0],
    ]);
    const given = textVectorization({ vocabulary: ['earth', 'wind', 'and', 'fire'] });
    expect(given.getVocabulary()).toEqual(['', '[UNK]', 'earth', 'wind', 'and', 'fire']);
  });

  test('of texts that are split already', () => {
    const vectorize = textVectorization({ split: null });
    vectorize.adapt(['a b', 'a b', 'c']);
    expect(vectorize.getVocabulary()).toEqual(['', '[UNK]', 'a b', 'c']);
    expect(vectorize.apply([['A b', 'd', 'c!'], ['c']]).toArray()).toEqual([
      [2, 1, 3],
      [3, 0, 0],
    ]);
    expect(vectorize.apply(['c', 'a b']).toArray()).toEqual([[3], [2]]);
  });

  test('functions of your own', () => {
    const vectorize = textVectorization({
      standardize: (text) => text.toLowerCase(),
      split: (text) => text.split('-').filter(Boolean),
    });
    vectorize.adapt(['É-b', 'é']);
    expect(vectorize.getVocabulary(false)).toEqual(['é', 'b']);
    expect(() => vectorize.toJSON()).toThrow(
      'textVectorization: standardize is a function of your own; to save it, give it a name with registerFunction(name, fn)',
    );
    const wrong = textVectorization({ split: (() => 'a') as never });
    expect(() => wrong.adapt(['x'])).toThrow("the function split must return an array of strings, returned 'a'");
    const silent = textVectorization({ standardize: (() => undefined) as never });
    expect(() => silent.adapt(['x'])).toThrow('the function standardize must return a string, returned undefined');
  });
});

describe('vectors', () => {
  test('counts', () => {
    const count = adapted({ outputMode: 'count', maxTokens: 5 });
    expect(count.getVocabulary()).toEqual(['[UNK]', 'the', 'sat', 'a', 'école']);
    expect(count.apply(asked).toArray()).toEqual([[2, 1, 1, 0, 0], zeros(5), [0, 0, 0, 0, 1]]);
    expect(count.apply('the the').toArray()).toEqual([0, 2, 0, 0, 0]);
  });

  test('sets, as long as maxTokens', () => {
    const hot = adapted({ outputMode: 'multiHot', maxTokens: 20, padToMaxTokens: true });
    expect(hot.vocabularySize()).toBe(14);
    expect(hot.apply(['the the sat zebra']).toArray()).toEqual([[1, 1, 1, ...zeros(17)]]);
  });

  test('tf-idf', () => {
    const [common, rare] = [0.9808292388916016, 1.2527629137039185];
    const all = adapted({ outputMode: 'tfIdf' });
    const expected = [
      ...[1.21092689037323, common, common, ...zeros(8), rare, 0, 0],
      ...zeros(14),
      ...[0, 0, 0, 0, rare, ...zeros(9)],
    ];
    expectClose(all.apply(asked).data, expected);
    // the formula: 5 texts, 'the' in 2 of them, 'cat' in one
    expectClose([common, rare], [Math.log(1 + 5 / 3), Math.log(1 + 5 / 2)]);
    const few = adapted({ outputMode: 'tfIdf', maxTokens: 4 });
    expectClose(few.apply(asked).data, [
      2.1429474353790283,
      common,
      common,
      0,
      ...zeros(4),
      1.0714737176895142,
      0,
      0,
      0,
    ]);
    const padded = adapted({ outputMode: 'tfIdf', maxTokens: 16, padToMaxTokens: true });
    expectClose(padded.apply(asked[0]).data, [...expected.slice(0, 14), 0, 0]);
  });
});

test('the lines of a file', async () => {
  const lines = createInterface({ input: Readable.from(docs.map((line) => `${line}\n`)) });
  const vectorize = textVectorization({ outputMode: 'tfIdf' });
  await vectorize.adapt(lines);
  expect(JSON.stringify(vectorize)).toBe(JSON.stringify(adapted({ outputMode: 'tfIdf' })));
});

test('a hundred thousand texts', () => {
  const texts = function* () {
    for (let i = 0; i < 100_000; i++) yield `w${i % 1000} w${i % 100} w${i % 10}`;
  };
  const vectorize = textVectorization({ maxTokens: 12 });
  vectorize.adapt(texts());
  const digits = ['w9', 'w8', 'w7', 'w6', 'w5', 'w4', 'w3', 'w2', 'w1', 'w0'];
  expect(vectorize.getVocabulary(false)).toEqual(digits);
});

test('bad options and inputs are named', () => {
  const cases: readonly (readonly [() => unknown, string])[] = [
    [() => textVectorization({ oovToken: 'x' } as never), "textVectorization: unknown option 'oovToken'"],
    [() => textVectorization({ standardize: 'upper' as never }), "standardize must be a function or one of 'lower'"],
    [
      () => textVectorization({ split: 'word' as never }),
      "split must be a function or one of 'whitespace', 'character'",
    ],
    [() => textVectorization({ ngrams: 0 }), 'ngrams must be a positive integer, got 0'],
    [() => textVectorization({ ngrams: [] }), 'ngrams must be a positive integer, or some of them'],
    [() => textVectorization({ ngrams: [2, 0.5] }), 'ngrams[1] must be a positive integer, got 0.5'],
    [() => textVectorization({ outputMode: 'oneHot' as never }), "one of 'int', 'multiHot', 'count', 'tfIdf'"],
    [() => textVectorization({ outputSequenceLength: 0 }), 'outputSequenceLength must be a positive integer'],
    [
      () => textVectorization({ outputSequenceLength: 4, outputMode: 'count' }),
      "outputSequenceLength is for outputMode 'int'",
    ],
    [() => textVectorization({ maxTokens: 2 }), 'maxTokens must be more than the 2 special tokens, got 2'],
    [() => textVectorization().apply(['a']), 'textVectorization: there is no vocabulary yet; call adapt, or give one'],
    [() => adapted({}).apply(['a', null as never]), 'textVectorization: apply: a text must be a string, got null'],
    [
      () => adapted({}).apply([['a', 'b']]),
      "a text must be one string, got ['a', 'b']; lists of tokens need split: null",
    ],
    [() => textVectorization().adapt(['', '  !']), 'textVectorization: adapt: the data hold no tokens'],
  ];
  for (const [body, message] of cases) expect(body).toThrow(message);
});

describe('saved', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'preprocessing-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const shout = registerFunction('testShout', (text: string) => text.toUpperCase());

  test.each<readonly [string, TextVectorizationOptions]>([
    ['indices', { ngrams: [1, 2], outputSequenceLength: 5, maxTokens: 12 }],
    ['tf-idf', { outputMode: 'tfIdf', maxTokens: 30, padToMaxTokens: true, standardize: null }],
    ['a function', { standardize: shout, split: 'character' }],
  ])('%s: the same results after loading', async (name, options) => {
    const vectorize = adapted(options);
    const file = path.join(folder, `${name}.json`);
    await vectorize.save(file);
    for (const copy of [await load(file), fromJSON(JSON.stringify(vectorize)), fromJSON(vectorize.toJSON())]) {
      expect(JSON.stringify(copy)).toBe(JSON.stringify(vectorize));
      expect((copy as typeof vectorize).apply(asked).toArray()).toEqual(vectorize.apply(asked).toArray());
    }
  });

  test('lookups too', () => {
    const inverse = stringLookup({ vocabulary: ['x', 'y'], invert: true, maskToken: '', oovToken: '?' });
    const copy = fromJSON(JSON.stringify(inverse)) as typeof inverse;
    expect(copy.apply([0, 1, 2, 3])).toEqual(['', '?', 'x', 'y']);
    const hashed = stringLookup({ numOovIndices: 3, outputMode: 'count' });
    hashed.adapt(['x', 'y', 'y']);
    const again = fromJSON(JSON.stringify(hashed)) as typeof hashed;
    expect(again.apply(['x', 'y', 'q', 'r']).toArray()).toEqual(hashed.apply(['x', 'y', 'q', 'r']).toArray());
    // nothing learned yet: nothing is invented
    expect(() => (fromJSON(JSON.stringify(stringLookup())) as typeof hashed).apply('a')).toThrow('no vocabulary yet');
  });

  test('files are read strictly', async () => {
    const good = adapted({ maxTokens: 4 }).toJSON();
    const bad = (change: (json: Record<string, unknown>) => unknown) =>
      fromJSON(JSON.stringify(change(JSON.parse(JSON.stringify(good)))) as string);
    const config = (extra: object) => (json: Record<string, unknown>) => {
      const { kind, config: options } = (json as unknown as PreprocessorJson).preprocessor;
      return { ...json, preprocessor: { kind, config: { ...options, ...extra } } };
    };
    const cases: readonly (readonly [() => unknown, string])[] = [
      [() => fromJSON('{'), 'preprocessing.fromJSON: not valid JSON'],
      [() => fromJSON('[]'), 'the content must be an object, got an array of 0'],
      [() => fromJSON('{"format":"steepest","format":"x"}'), "the key 'format' occurs twice"],
      [() => bad((json) => ({ ...json, more: 1 })), "unknown key 'more'"],
      [() => bad((json) => ({ ...json, format: 'x' })), 'is not a saved preprocessor'],
      [() => bad((json) => ({ ...json, version: 2 })), 'has version 2 of the format; this library reads 1'],
      [
        () => bad((json) => ({ ...json, preprocessor: { kind: 'constructor', config: {} } })),
        "unknown kind of preprocessor 'constructor'; known are stringLookup, textVectorization",
      ],
      [() => bad(config({ oddity: 1 })), "preprocessing.fromJSON: textVectorization: unknown option 'oddity'"],
      [() => bad(config({ vocabulary: ['a', 3] })), 'vocabulary[1] must be a string, got 3'],
      [() => bad(config({ vocabulary: ['', '[UNK]', 'a', 'b', 'c'] })), 'maxTokens is 4'],
      [() => bad(config({ standardize: { kind: 'functions.nobody' } })), "the function 'nobody' is not registered"],
      [() => bad(config({ standardize: { kind: 'functions.x', code: '1' } })), "unknown key 'code'"],
      [() => fromJSON(`${'['.repeat(20)}`), 'nested deeper than 8 levels'],
    ];
    for (const [body, message] of cases) expect(body).toThrow(message);
    const file = path.join(folder, 'damaged.json');
    writeFileSync(file, Buffer.from([0x7b, 0xff]));
    await expect(load(file)).rejects.toThrow(`${file}: is not valid UTF-8`);
    await expect(load(path.join(folder, 'none.json'))).rejects.toThrow('ENOENT');
    writeFileSync(file, '{"format": "steepest", "version": 1}');
    await expect(load(file)).rejects.toThrow(`${file}: preprocessor must be an object, got nothing`);
  });
});

test('texts train a model', async () => {
  const texts = Array.from({ length: 64 }, (_, i) => (i % 2 === 0 ? `good film number ${i}` : `bad film number ${i}`));
  const y = Float32Array.from(texts, (_, i) => i % 2);
  const vectorize = textVectorization({ maxTokens: 20, outputSequenceLength: 4 });
  vectorize.adapt(texts);
  const net = sequential([
    layers.embedding({ inputDim: vectorize.vocabularySize(), outputDim: 8, inputShape: [4] }),
    layers.globalAveragePooling1d(),
    layers.dense({ units: 1, activation: 'sigmoid' }),
  ]);
  net.compile({ optimizer: 'adam', loss: 'binaryCrossentropy', metrics: ['accuracy'], seed: 1 });
  const { history } = await net.fit(vectorize.apply(texts), y, { epochs: 60, batchSize: 16 });
  expect(history.accuracy.at(-1)).toBe(1);
  net.dispose();
});
