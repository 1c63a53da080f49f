// Values without another source are those of Keras 3.15 with TensorFlow 2.21.
import type { Tensor } from '../../lib/ir/graph';
import { stringLookup } from '../../lib/preprocessing/index';
import { compareStrings } from '../../lib/preprocessing/strings';
import { expectClose } from '../helpers/evaluate';

const letters = ['a', 'b', 'c', 'd'];
const docs = [
  ['a', 'c', 'd'],
  ['d', 'z', 'b'],
];

describe('indices', () => {
  test('of a given vocabulary', () => {
    const lookup = stringLookup({ vocabulary: letters });
    const t = lookup.apply(docs);
    expect([t.dtype, t.toArray()]).toEqual([
      'int32',
      [
        [1, 3, 4],
        [4, 0, 2],
      ],
    ]);
    expect(lookup.getVocabulary()).toEqual(['[UNK]', ...letters]);
    expect(lookup.getVocabulary(false)).toEqual(letters);
    expect(lookup.vocabularySize()).toBe(5);
    expect(lookup.apply('c').toArray()).toBe(3);
    expect(lookup.apply([]).shape).toEqual([0]);
  });

  test('special tokens in front of a vocabulary are recognized', () => {
    const lookup = stringLookup({ vocabulary: ['', '[UNK]', 'a'], maskToken: '' });
    expect(lookup.getVocabulary()).toEqual(['', '[UNK]', 'a']);
    expect(lookup.apply(['', 'a', 'q']).toArray()).toEqual([0, 2, 1]);
    // not all of them: then they are tokens like others
    expect(stringLookup({ vocabulary: ['[UNK]', 'a'], numOovIndices: 2 }).vocabularySize()).toBe(4);
  });

  test('unknown strings are spread over several indices', () => {
    const lookup = stringLookup({ vocabulary: letters, numOovIndices: 2 });
    expect(
      lookup
        .apply([
          ['a', 'c', 'd'],
          ['m', 'z', 'b'],
        ])
        .toArray(),
    ).toEqual([
      [2, 4, 5],
      [0, 1, 3],
    ]);
  });

  test('are turned back', () => {
    const inverse = stringLookup({ vocabulary: letters, invert: true });
    expect(
      inverse.apply([
        [1, 3, 4],
        [4, 0, 2],
      ]),
    ).toEqual([
      ['a', 'c', 'd'],
      ['d', '[UNK]', 'b'],
    ]);
    const masked = stringLookup({ vocabulary: letters, invert: true, maskToken: '' });
    expect(masked.apply(Int32Array.of(0, 1, 2, 99, -3))).toEqual(['', '[UNK]', 'a', '[UNK]', '[UNK]']);
    expect(masked.apply(stringLookup({ vocabulary: letters, maskToken: '' }).apply(docs))).toEqual([
      ['a', 'c', 'd'],
      ['d', '[UNK]', 'b'],
    ]);
    expect(() => masked.apply([0.5])).toThrow(
      'stringLookup: apply: the input must be whole numbers, or arrays of them',
    );
  });
});

describe('adapt', () => {
  test('orders by frequency, then from the greatest on', () => {
    const lookup = stringLookup();
    lookup.adapt(docs);
    expect(lookup.getVocabulary()).toEqual(['[UNK]', 'd', 'z', 'c', 'b', 'a']);
    lookup.adapt(['é', 'z', 'e', '\u{1F600}', '\uFF5E']); // forgets what it learned before
    expect(lookup.getVocabulary()).toEqual(['[UNK]', '\u{1F600}', '\uFF5E', 'é', 'z', 'e']);
  });

  test('compares by code points, as UTF-8 does', () => {
    const words = ['\u{1F600}a', '\uFF5E', '\u{1F601}', 'é', 'ab', 'a', '', '\uD7FF', '\uE000'];
    const bytes = (s: string) => Buffer.from(s, 'utf8');
    const expected = [...words].sort((a, b) => Buffer.compare(bytes(a), bytes(b)));
    expect([...words].sort(compareStrings)).toEqual(expected);
  });

  test('keeps the most frequent, and leaves special tokens out', () => {
    const lookup = stringLookup({ maxTokens: 4, maskToken: 'm' });
    lookup.adapt(['m', 'm', 'm', '[UNK]', '[UNK]', '[UNK]', 'a', 'b', 'b', 'c', 'c']);
    expect(lookup.getVocabulary()).toEqual(['m', '[UNK]', 'c', 'b']);
  });

  test('takes batches from iterables, also asynchronous ones', async () => {
    const whole = stringLookup({ outputMode: 'tfIdf' });
    whole.adapt(docs);
    const pieces = stringLookup({ outputMode: 'tfIdf' });
    pieces.adapt(new Set(docs.map((doc) => [doc])));
    const later = stringLookup({ outputMode: 'tfIdf' });
    const promise = later.adapt(
      (async function* () {
        for (const doc of docs) yield [doc];
      })(),
    );
    expect(() => later.getVocabulary()).toThrow('there is no vocabulary yet');
    await promise;
    for (const other of [pieces, later]) expect(JSON.stringify(other)).toBe(JSON.stringify(whole));
  });

  test('fails without doing anything', async () => {
    const lookup = stringLookup();
    lookup.adapt(['a']);
    expect(() => lookup.adapt(['b', 3] as never)).toThrow(
      'stringLookup: adapt: the input must be a string, or arrays of strings of one depth, got 3',
    );
    expect(() => lookup.adapt([])).toThrow('stringLookup: adapt: the data hold no tokens');
    expect(() => lookup.adapt(new Set<string>())).toThrow('stringLookup: adapt: the data hold no batch');
    expect(() => lookup.adapt(7 as never)).toThrow('data must be a batch of samples, or an iterable of batches, got 7');
    await expect(
      lookup.adapt(
        (async function* () {
          yield 'b';
          throw new Error('the disk is gone');
        })(),
      ),
    ).rejects.toThrow('the disk is gone');
    expect(lookup.getVocabulary(false)).toEqual(['a']);
    expect(() => stringLookup({ vocabulary: ['a'] }).adapt(['b'])).toThrow('the vocabulary was given as an argument');
  });
});

describe('vectors', () => {
  const rows = [
    ['a', 'c', 'd', 'd'],
    ['d', 'z', 'b', 'z'],
  ];

  test('one for each string', () => {
    const hot = stringLookup({ vocabulary: letters, outputMode: 'oneHot' });
    expect(hot.apply(['b', 'z']).toArray()).toEqual([
      [0, 0, 1, 0, 0],
      [1, 0, 0, 0, 0],
    ]);
    expect(hot.apply([['b'], ['z']]).toArray()).toEqual(hot.apply(['b', 'z']).toArray());
    expect(hot.apply(rows).shape).toEqual([2, 4, 5]);
    const masked = stringLookup({ vocabulary: ['a', 'b'], maskToken: 'm', outputMode: 'oneHot' });
    expect(masked.apply(['m', 'a', 'q']).toArray()).toEqual([
      [0, 0, 0],
      [0, 1, 0],
      [1, 0, 0],
    ]);
  });

  test('one for a sample', () => {
    expect(stringLookup({ vocabulary: letters, outputMode: 'multiHot' }).apply(rows).toArray()).toEqual([
      [0, 1, 0, 1, 1],
      [1, 0, 1, 0, 1],
    ]);
    const count = stringLookup({ vocabulary: letters, outputMode: 'count', maxTokens: 7, padToMaxTokens: true });
    expect(count.apply(rows).toArray()).toEqual([
      [0, 1, 0, 1, 2, 0, 0],
      [2, 0, 1, 0, 1, 0, 0],
    ]);
    expect(count.apply(rows[0]).toArray()).toEqual([0, 1, 0, 1, 2, 0, 0]);
  });

  test('tf-idf: given weights, that of unknown strings is their mean', () => {
    const idfWeights = [0.25, 0.75, 0.6, 0.4];
    const mean = stringLookup({ vocabulary: letters, outputMode: 'tfIdf', idfWeights });
    expectClose(mean.apply(rows).data, [0, 0.25, 0, 0.6, 0.8, 1, 0, 0.75, 0, 0.4]);
    const own = stringLookup({
      vocabulary: ['[UNK]', ...letters],
      outputMode: 'tfIdf',
      idfWeights: [0.9, ...idfWeights],
    });
    expectClose(own.apply(rows).data, [0, 0.25, 0, 0.6, 0.8, 1.8, 0, 0.75, 0, 0.4]);
  });

  test('tf-idf: learned weights', () => {
    const lookup = stringLookup({ outputMode: 'tfIdf' });
    lookup.adapt([
      ['a', 'c', 'd', 'd'],
      ['d', 'z', 'b', 'a'],
    ]);
    expect(lookup.getVocabulary()).toEqual(['[UNK]', 'd', 'a', 'z', 'c', 'b']);
    const expected = [1.2404371500015259, 0, 0.5108256340026855, 0, 0.6931471824645996, 0];
    expectClose(lookup.apply(['a', 'c', 'q', 'q']).data, expected);
    // in a plain list each string is a document
    lookup.adapt(['a', 'c', 'd', 'd']);
    const plain = [1.014840841293335, 0.8472978472709656, 1.0986123085021973, 1.0986123085021973];
    expectClose(lookup.apply([['a', 'c', 'q', 'd']]).data, plain);
  });
});

test('bad options and inputs are named', () => {
  const cases: readonly (readonly [() => unknown, string])[] = [
    [() => stringLookup({ maxToken: 3 } as never), "stringLookup: unknown option 'maxToken'"],
    [() => stringLookup({ maxTokens: 1 }), 'maxTokens must be at least 2, got 1'],
    [() => stringLookup({ maxTokens: 2, numOovIndices: 2 }), 'maxTokens must be more than the 2 special tokens, got 2'],
    [() => stringLookup({ numOovIndices: -1 }), 'numOovIndices must be at least 0, got -1'],
    [() => stringLookup({ numOovIndices: 2 ** 24 + 1 }), 'numOovIndices must be at most 2^24, got 16777217'],
    [() => stringLookup({ maskToken: 3 as never }), 'maskToken must be a string, got 3'],
    [
      () => stringLookup({ vocabulary: 'words.txt' as never }),
      "vocabulary must be an array of tokens, got 'words.txt'",
    ],
    [() => stringLookup({ vocabulary: ['a', 1 as never] }), 'vocabulary[1] must be a string, got 1'],
    [() => stringLookup({ vocabulary: [] }), 'vocabulary must be at least one token'],
    [() => stringLookup({ vocabulary: ['a', 'b', 'a'] }), "vocabulary holds 'a' twice"],
    [() => stringLookup({ vocabulary: ['a', ''], maskToken: '' }), "vocabulary holds the mask token ''"],
    [() => stringLookup({ vocabulary: letters, maxTokens: 4 }), 'has 4 tokens and 1 special ones; maxTokens is 4'],
    [() => stringLookup({ vocabulary: letters, outputMode: 'tfIdf' }), 'a vocabulary needs idfWeights'],
    [() => stringLookup({ vocabulary: letters, idfWeights: [1] }), "idfWeights are for outputMode 'tfIdf'"],
    [() => stringLookup({ idfWeights: [1], outputMode: 'tfIdf' }), 'idfWeights need a vocabulary'],
    [
      () => stringLookup({ vocabulary: letters, idfWeights: [1], outputMode: 'tfIdf' }),
      'idfWeights must be an array of 4 numbers, one for each token of the vocabulary, got [1]',
    ],
    [() => stringLookup({ outputMode: 'tf_idf' as never }), "outputMode must be one of 'int', 'oneHot', 'multiHot'"],
    [() => stringLookup({ outputMode: 'count', padToMaxTokens: true }), 'padToMaxTokens needs maxTokens'],
    [() => stringLookup({ maxTokens: 9, padToMaxTokens: true }), "padToMaxTokens is for other modes than 'int'"],
    [() => stringLookup({ invert: true, outputMode: 'count' }), "outputMode must be 'int' with invert, got 'count'"],
    [() => stringLookup().apply('a'), 'stringLookup: there is no vocabulary yet; call adapt, or give one'],
    [
      () => stringLookup({ outputMode: 'count', maxTokens: 5, padToMaxTokens: true }).apply(['a']),
      'there is no vocabulary yet',
    ],
    [() => stringLookup({ invert: true }).apply([0]), 'there is no vocabulary yet'],
    [
      () => stringLookup({ vocabulary: ['a'], numOovIndices: 0 }).apply(['a', 'b']),
      "stringLookup: 'b' is not in the vocabulary; numOovIndices is 0",
    ],
    [
      () => stringLookup({ vocabulary: ['a'] }).apply([['a', 'a'], ['a']]),
      'stringLookup: apply: arrays of 2 and of 1 strings stand side by side',
    ],
    [
      () => stringLookup({ vocabulary: ['a'] }).apply([['a'], 'b'] as never),
      'the input must be a string, or arrays of strings of one depth',
    ],
  ];
  for (const [body, message] of cases) expect(body).toThrow(message);
});

test('results are tensors that models take', () => {
  const t: Tensor = stringLookup({ vocabulary: letters }).apply(docs);
  expect(t.data).toEqual(Int32Array.of(1, 3, 4, 4, 0, 2));
});
