import { jit } from '../../lib';
import { tensor } from '../../lib/ir/build';
import type { Tensor } from '../../lib/ir/graph';
import { sparsemax, transpose } from '../../lib/ir/ops/index';
import { evaluate, expectClose } from '../helpers/evaluate';
import { gradcheck } from '../helpers/gradcheck';
import { Random } from '../helpers/random';

/** By bisection for the threshold, in float64. */
function expected(row: readonly number[]): number[] {
  let [low, high] = [Math.min(...row) - 1, Math.max(...row)];
  for (let i = 0; i < 100; i++) {
    const t = (low + high) / 2;
    if (row.reduce((total, v) => total + Math.max(v - t, 0), 0) > 1) low = t;
    else high = t;
  }
  return row.map((v) => Math.max(v - low, 0));
}

const random = new Random(5);
const rows = Array.from({ length: 6 }, () => Array.from({ length: 7 }, () => Math.fround(2 * random.normal())));
const reference = rows.flatMap(expected);

test('is the projection onto the distributions', () => {
  expectClose(evaluate([sparsemax(tensor([1, 0.8, -1]))]).outputs[0], [0.6, 0.4, 0]);
  expectClose(evaluate([sparsemax(tensor([-1, 0, 1]))]).outputs[0], [0, 0, 1]);
  expectClose(evaluate([sparsemax(tensor(rows))]).outputs[0], reference);
  expect(reference.filter((v) => v === 0).length).toBeGreaterThan(10);
});

test('along another axis, compiled, and far from 0', () => {
  const columns = jit((x: Tensor) => transpose(sparsemax(transpose(x), 0)));
  expectClose(columns(tensor(rows)).data, reference);
  const far = evaluate([sparsemax(tensor(rows.map((row) => row.map((v) => v + 1e6))))]).outputs[0];
  for (let i = 0; i < 6; i++) expect(far.slice(7 * i, 7 * i + 7).reduce((a, b) => a + b)).toBeCloseTo(1, 6);
  expect(() => sparsemax(tensor(rows), 2)).toThrow('sparsemax');
});

test('has the derivative of its support', () => {
  gradcheck((x) => sparsemax(x), [{ shape: [6, 7], dtype: 'float32', values: Float64Array.from(rows.flat()) }]);
});
