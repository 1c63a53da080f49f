// Lines that are sorted by digits, and rows added up by index in parts: around the sizes at which the kernels change.
import { tensor } from '../../lib/index';
import * as ops from '../../lib/ir/ops/index';
import { cpuInfo, setThreads } from '../../lib/runtime/native';
import { Random } from '../helpers/random';

const { threads: threadsBefore } = cpuInfo();
afterAll(() => setThreads(threadsBefore));

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

describe('rows added up', () => {
  const draws: [string, (random: Random, i: number, rows: number) => number][] = [
    ['at random', (random, _, rows) => random.int(0, rows - 1)],
    ['in order', (_, i, rows) => Math.min(rows - 1, i >> 2)],
    ['all in one', () => 7],
  ];
  test.each(draws)('%s: the same bits with one and two threads', (_, draw) => {
    for (const [count, inner, rows] of [
      [255, 1, 40],
      [257, 3, 9000],
      [60_000, 1, 20_000],
      [20_000, 5, 3001],
      [3000, 200, 90],
    ] as const) {
      const random = new Random(count);
      const indices = Int32Array.from({ length: count }, (__, i) => draw(random, i, rows));
      const updates = Float32Array.from({ length: count * inner }, () => random.normal());
      const run = (threads: number) => {
        setThreads(threads);
        return ops.scatterAdd(tensor(indices, [count]), tensor(updates, [count, inner]), rows).data;
      };
      const want = new Float32Array(rows * inner);
      indices.forEach((row, i) => {
        for (let j = 0; j < inner; j++) want[row * inner + j] += updates[i * inner + j] as number;
      });
      expect(run(2)).toEqual(want);
      expect(run(1)).toEqual(want);
    }
  });

  test('an index outside, in any block, is an error', () => {
    for (const [at, value] of [
      [0, -1],
      [599, 50],
      [300, 2 ** 30],
    ] as const) {
      const indices = new Int32Array(600).fill(3);
      indices[at] = value;
      const sum = () => ops.scatterAdd(tensor(indices, [600]), tensor(new Float32Array(600), [600, 1]), 50).data;
      expect(sum).toThrow(/index/);
    }
  });
});
