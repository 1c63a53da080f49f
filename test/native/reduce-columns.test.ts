// Columns of few rows are combined where the result is, those of more rows in blocks: the same numbers, whatever they are.

import { tensor } from '../../lib/index';
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
