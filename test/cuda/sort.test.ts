// Sorting on the emulated CUDA device, and what is made of it: around the sizes at which the kernels change.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import * as ops from '../../lib/ir/ops/index';
import type { Input } from '../helpers/cases';
import { checkOnDevice, problem } from '../helpers/native';
import { Random } from '../helpers/random';
import { onDevice, setEnvironment } from './device';

const folder = mkdtempSync(path.join(tmpdir(), 'steepest-sort-'));
const trace = path.join(folder, 'kernels');
beforeAll(() => setEnvironment({ STEEPEST_EMULATED_TRACE: trace }));
afterAll(async () => {
  await setEnvironment({ STEEPEST_EMULATED_TRACE: '' });
  rmSync(folder, { recursive: true, force: true });
});

/** The kernels that `body` launches. */
function launched(body: () => void): string[] {
  rmSync(trace, { force: true });
  body();
  return [...new Set(readFileSync(trace, 'utf8').trim().split('\n'))];
}

const whole = (shape: number[], draw: (i: number) => number): Input => ({
  shape,
  dtype: 'int32',
  values: Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => draw(i)),
});

onDevice('lines', () => {
  test.each([1, 2, 33, 2047, 2048, 2049, 4096, 4500])('of %i numbers, many of them equal', (size) => {
    const random = new Random(size);
    const x = whole([2, size], () => random.int(-70_000, 70_000) >> random.pick([0, 16]));
    const names = launched(() => {
      checkOnDevice(problem({ inputs: [x], run: (t) => ops.argsort(t, 1) }, false, 1), 'cuda:0');
    });
    const sorts = names.filter((name) => name.startsWith('sort'));
    expect(sorts.sort()).toEqual(size < 2 ? [] : size <= 2048 ? ['sortShort'] : ['sortCounts', 'sortMove']);
  });
});

onDevice('rows added up', () => {
  const check = (count: number, inner: number, rows: number, draw: (i: number) => number) => {
    const random = new Random(count);
    const values = Float64Array.from({ length: count * inner }, () => Math.fround(random.normal()));
    const inputs: Input[] = [whole([count], draw), { shape: [count, inner], dtype: 'float32', values }];
    return launched(() => {
      checkOnDevice(problem({ inputs, run: (i, x) => ops.scatterAdd(i, x, rows) }, false, 1), 'cuda:0');
    });
  };

  test.each([31, 32, 33, 64, 65, 200])('all %i in one row, and in rows that end with a chunk', (count) => {
    check(count, 4, 3, () => 1);
    check(count, 3, 9, (i) => i >> 5);
    check(count, 1, 9, (i) => (i + 5) >> 5);
    check(count, 4, 2, (i) => Number(i > 40));
  });

  test('more than a block sorts, by one digit and by two', () => {
    const random = new Random(3);
    for (const rows of [200, 256, 70_000]) {
      expect(check(2100, 4, rows, () => random.int(0, rows - 1))).toContain('sortMove');
    }
  });

  test('more than the parts of a line hold at once', () => {
    const random = new Random(4);
    check(128 * 2048 + 1, 1, 5, () => random.int(0, 4));
  });

  test('no row at all', () => {
    check(0, 4, 3, () => 0);
  });
});
