// Columns of few rows are combined where the result is, those of more rows in blocks: the same numbers, whatever they are.

import { jit, type Tensor, tensor } from '../../lib/index';
import * as ops from '../../lib/ir/ops/index';

const columns = 21;
const special = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 0, 1e30];

/** Values that give the same in any order; a column in three has one that is special. */
function values(rows: number, factors: boolean): Float32Array {
  const data = Float32Array.from({ length: rows * columns }, (_, i) =>
    factors ? (i % 3) - 1 || 1 : ((i * 7) % 5) - 2,
  );
  for (let c = 0; c < columns; c += 3) data[(c % rows) * columns + c] = special[(c / 3) % special.length];
  return data;
}

const kinds = {
  sum: [ops.sum, 0, (a: number, b: number) => Math.fround(a + b)],
  max: [ops.max, Number.NEGATIVE_INFINITY, (a: number, b: number) => Math.max(a, b)],
  min: [ops.min, Number.POSITIVE_INFINITY, (a: number, b: number) => Math.min(a, b)],
  prod: [ops.prod, 1, (a: number, b: number) => Math.fround(a * b)],
} as const;

describe.each(Object.keys(kinds) as (keyof typeof kinds)[])('%s of columns', (kind) => {
  const [reduce, identity, combine] = kinds[kind];
  test.each([1, 2, 3, 17, 256, 257, 600])('%i rows', (rows) => {
    const x = values(rows, kind === 'prod');
    const got = reduce(tensor(x, [rows, columns]), [0]).data;
    for (let c = 0; c < columns; c++) {
      let expected = identity as number;
      for (let r = 0; r < rows; r++) expected = combine(expected, x[r * columns + c]);
      // of two zeros either may be the maximum
      expect([c, got[c] + 0]).toEqual([c, expected + 0]);
    }
  });

  test('of an array with leading axes, and of integers', () => {
    const x = Int32Array.from({ length: 2 * 3 * 4 }, (_, i) => (i % 5) - 2);
    const got = reduce(tensor(x, [2, 3, 4]), [1]).data;
    const expected = Array.from({ length: 8 }, (_, i) => {
      const [outer, column] = [Math.floor(i / 4), i % 4];
      return [0, 1, 2].reduce((sum, r) => combine(sum, x[outer * 12 + r * 4 + column]), identity as number);
    });
    expect([...got].map((v) => v + 0)).toEqual(expected.map((v) => v + 0));
  });
});

describe('short rows of a program that does not walk through all of its operands', () => {
  const [images, height, width] = [5, 70, 90];
  const at = (n: number, i: number, j: number, c: number): number => ((n * 31 + i * 7 + j * 3 + c) % 11) - 5;

  test.each([1, 2, 3, 5, 31])('%i channels: numbers of each image, and parts of images', (channels) => {
    const x = Float32Array.from({ length: images * height * width * channels }, (_, k) => {
      const [pixel, c] = [Math.floor(k / channels), k % channels];
      return at(Math.floor(pixel / (height * width)), Math.floor(pixel / width) % height, pixel % width, c);
    });
    const factor = Float32Array.of(1, 2, -1, 0.5, 3);
    const reduced = jit((t: Tensor, f: Tensor) => {
      const product = ops.multiply(t, f);
      return [
        ops.sum(product, [1, 2]),
        ops.sum(ops.square(ops.slice(t, [0, 3, 4, 0], [images, height - 9, width - 7, channels])), [1, 2]),
        ops.max(ops.add(ops.flip(t, [2]), f), [1, 2]),
      ];
    });
    const results = reduced(
      tensor(x, [images, height, width, channels]),
      tensor(factor, [images, 1, 1, 1]),
    ) as Tensor[];
    const [scaled, part, most] = results.map(({ data }) => data);
    for (let n = 0; n < images; n++) {
      for (let c = 0; c < channels; c++) {
        let [sum, squares, largest] = [0, 0, Number.NEGATIVE_INFINITY];
        for (let i = 0; i < height; i++) {
          for (let j = 0; j < width; j++) {
            const v = at(n, i, j, c);
            sum += v * factor[n];
            if (i >= 3 && i < height - 6 && j >= 4 && j < width - 3) squares += v * v;
            largest = Math.max(largest, v + factor[n]);
          }
        }
        const to = n * channels + c;
        // whole and half numbers: exact
        expect([scaled, part, most].map((y) => y[to] + 0)).toEqual([sum, squares, largest].map((y) => y + 0));
      }
    }
  });
});
