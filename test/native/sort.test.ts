// Lines that are sorted by digits: around the sizes at which the kernels change.
import { tensor } from '../../lib/index';
import * as ops from '../../lib/ir/ops/index';
import { Random } from '../helpers/random';

/** Positions in ascending order of the numbers: NaN last, equal ones as they come. */
function order(x: ArrayLike<number>): number[] {
  const rank = (v: number) => (Number.isNaN(v) ? Number.POSITIVE_INFINITY : v);
  return Array.from({ length: x.length }, (_, i) => i).sort((i, j) => {
    const [a, b] = [x[i] as number, x[j] as number];
    if (Number.isNaN(a) !== Number.isNaN(b)) return Number.isNaN(a) ? 1 : -1;
    return rank(a) === rank(b) ? i - j : rank(a) - rank(b);
  });
}

describe('lines', () => {
  test.each([1, 2, 95, 96, 97, 255, 256, 3000])('of %i numbers, some equal, infinite or not numbers', (size) => {
    const random = new Random(size);
    const special = [0, -0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e-40, 2.5, -2.5];
    const lines = 3;
    const x = Float32Array.from({ length: lines * size }, () =>
      random.int(0, 3) === 0 ? (random.pick(special) as number) : random.normal() * 10 ** random.int(-20, 20),
    );
    const sorted = ops.argsort(tensor(x, [lines, size]), -1).data;
    for (let line = 0; line < lines; line++) {
      const part = x.subarray(line * size, (line + 1) * size);
      expect([...sorted.slice(line * size, (line + 1) * size)]).toEqual(order(part));
    }
  });

  test('of whole numbers, all with the same upper digits, down an axis', () => {
    const [rows, columns] = [300, 5];
    const random = new Random(5);
    const x = Int32Array.from({ length: rows * columns }, () => random.int(-3, 200));
    const sorted = ops.argsort(tensor(x, [rows, columns]), 0).data;
    for (let c = 0; c < columns; c++) {
      const of = (data: ArrayLike<number>) => Array.from({ length: rows }, (_, r) => data[r * columns + c] as number);
      expect(of(sorted)).toEqual(order(of(x)));
    }
  });

  test('of which the largest are wanted', () => {
    const random = new Random(6);
    const x = Float32Array.from({ length: 2000 }, () => random.int(0, 500));
    const { indices } = ops.topK(tensor(x, [2000]), 700);
    const want = order(x.map((v) => -v)).slice(0, 700);
    expect([...indices.data]).toEqual(want);
  });
});
