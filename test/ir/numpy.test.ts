// Expected numbers are what NumPy returns.
import { gradients } from '../../lib/compile/autodiff';
import { tensor } from '../../lib/ir/build';
import type { Tensor } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import { evaluate, expectClose } from '../helpers/evaluate';

const values = (t: Tensor): number[] => [...evaluate([t]).outputs[0]];
const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
const square = tensor([[1, 2], [3, 4]]); // biome-ignore format: rows

test('functions of one and two numbers', () => {
  expectClose(values(ops.logAddExp2(tensor([1, 0, 1000]), tensor([1, -100, 1001]))), [2, 0, 1000 + Math.log2(3)]);
  expect(values(ops.heaviside(tensor([-2, 0, 3, nan]), 0.5))).toEqual([0, 0.5, 1, nan]);
  expectClose(values(ops.sinc(tensor([0, 0.5, 1, -1.5]))), [1, 2 / Math.PI, 0, -2 / (3 * Math.PI)]);
  expectClose(values(ops.divideNoNaN(tensor([1, 2, 0]), tensor([0, 4, 0]))), [0, 0.5, 0]);
  expectClose(values(ops.ldexp(tensor([3, -1]), tensor(Int32Array.of(2, -3)))), [12, -0.125]);
  const all = tensor([inf, -inf, nan, 1]);
  expect([values(ops.isPosInf(all)), values(ops.isNegInf(all))]).toEqual([[1, 0, 0, 0], [0, 1, 0, 0]]); // biome-ignore format: both
});

test('the gradient of a division by 0 is 0', () => {
  const [a, b] = [tensor([1, 6]), tensor([0, 2])];
  const [da, db] = gradients(ops.sum(ops.divideNoNaN(a, b)), [a, b]);
  expect([values(da), values(db).map((v) => v + 0)]).toEqual([[0, 0.5], [0, -1.5]]); // biome-ignore format: both
});

test('reductions without NaN', () => {
  const x = tensor([[1, nan, 3], [nan, nan, nan], [-4, 0, nan]]); // biome-ignore format: rows
  expect(values(ops.nanSum(x, 1))).toEqual([4, 0, -4]);
  expect(values(ops.nanProd(x, 1)).map((v) => v + 0)).toEqual([3, 1, 0]);
  expect(values(ops.nanMean(x, 1))).toEqual([2, nan, -2]);
  expect(values(ops.nanMax(x, 1))).toEqual([3, nan, 0]);
  expect(values(ops.nanMin(x, 1))).toEqual([1, nan, -4]);
  expect(values(ops.nanVariance(x, 1))).toEqual([1, nan, 4]);
  expect(values(ops.nanStd(x, 1))).toEqual([1, nan, 2]);
  expectClose([ops.nanSum(x), ops.nanMean(x), ops.nanMax(x), ops.nanMin(x)].flatMap(values), [0, 0, 3, -4]);
  expect(ops.nanMean(x, 1, { keepDims: true }).shape).toEqual([3, 1]);
  const y = tensor([1, nan, 3]);
  expect(values(gradients(ops.nanMean(y), [y])[0])).toEqual([0.5, 0, 0.5]);
});

test('windows', () => {
  expectClose(values(ops.bartlett(5)), [0, 0.5, 1, 0.5, 0]);
  expectClose(values(ops.hanning(4)), [0, 0.75, 0.75, 0]);
  expectClose(values(ops.hamming(3)), [0.08, 1, 0.08]);
  expectClose(values(ops.blackman(5)), [0, 0.34, 1, 0.34, 0]);
  expectClose(values(ops.kaiser(3, 0)), [1, 1, 1]);
  expectClose(
    values(ops.kaiser(12, 14)).slice(0, 4),
    [7.72686684e-6, 3.46009194e-3, 4.65200189e-2, 2.2973712e-1],
    1e-6,
  );
  expect([values(ops.hanning(1)), values(ops.hanning(0))]).toEqual([[1], []]);
  expect(() => ops.hanning(-1)).toThrow('hanning: n must be a whole number that is not negative, got -1');
});

test('statistics', () => {
  expect(values(ops.ptp(tensor([[4, 9, 2], [1, 1, 1]]), 1))).toEqual([7, 0]); // biome-ignore format: rows
  const x = tensor([[0, 1, 2], [2, 1, 0], [1, 5, 3]]); // biome-ignore format: rows
  expectClose(values(ops.cov(x)), [1, -1, 1, -1, 1, -1, 1, -1, 4]);
  expectClose(values(ops.cov(x, 0)).slice(0, 2), [2 / 3, -2 / 3]);
  expectClose(values(ops.corrcoef(x)), [1, -1, 0.5, -1, 1, -0.5, 0.5, -0.5, 1]);
  expect(() => ops.cov(tensor([1, 2]))).toThrow('cov: x must be [variables, observations], got float32[2]');
});

test('trapezoid', () => {
  expect(values(ops.trapezoid(tensor([1, 2, 3])))).toEqual([4]);
  expect(values(ops.trapezoid(tensor([1, 2, 3]), { dx: 2 }))).toEqual([8]);
  expect(values(ops.trapezoid(tensor([1, 2, 3]), { x: tensor([4, 6, 8]) }))).toEqual([8]);
  const x = tensor([[0, 1, 2], [3, 4, 5]]); // biome-ignore format: rows
  expect(values(ops.trapezoid(x, { axis: 0 }))).toEqual([1.5, 2.5, 3.5]);
  expect(values(ops.trapezoid(x, { x }))).toEqual([2, 8]);
  expect(() => ops.trapezoid(x, { x: tensor([1, 2]) })).toThrow('x must have the shape of y float32[2, 3], or [3]');
});

test('correlate', () => {
  const [a, v] = [tensor([1, 2, 3]), tensor([0, 1, 0.5])];
  expect(values(ops.correlate(a, v))).toEqual([3.5]);
  expect(values(ops.correlate(a, v, 'same'))).toEqual([2, 3.5, 3]);
  expect(values(ops.correlate(a, v, 'full'))).toEqual([0.5, 2, 3.5, 3, 0]);
  expect(values(ops.correlate(a, tensor([1, 10]), 'same'))).toEqual([10, 21, 32]);
  expect(() => ops.correlate(tensor([1]), v)).toThrow('with 1 <= m <= n, got float32[1], float32[3]');
  expect(() => ops.correlate(a, v, 'all' as never)).toThrow("mode must be 'valid', 'same' or 'full', got 'all'");
});

test('rot90 and arraySplit', () => {
  const turned = [0, 1, 2, 3, -1, 5].map((k) => values(ops.rot90(square, k)).join(' '));
  expect(turned).toEqual(['1 2 3 4', '2 4 1 3', '4 3 2 1', '3 1 4 2', '3 1 4 2', '2 4 1 3']);
  const cube = ops.reshape(ops.arange(0, 12), [2, 2, 3]);
  expect(values(ops.rot90(cube, 1, [1, 2]))).toEqual([2, 5, 1, 4, 0, 3, 8, 11, 7, 10, 6, 9]);
  expect(() => ops.rot90(square, 1, [0, -2])).toThrow('expected two axes');
  const parts = ops.arraySplit(ops.arange(0, 7), 3);
  expect(parts.map(values)).toEqual([[0, 1, 2], [3, 4], [5, 6]]); // biome-ignore format: parts
  expect(ops.arraySplit(square, 3, 1).map((t) => t.shape)).toEqual([[2, 1], [2, 1], [2, 0]]); // biome-ignore format: parts
  expect(() => ops.arraySplit(square, 0)).toThrow('parts must be a whole number >= 1, got 0');
  expect(ops.arraySplit(square, 5)).toHaveLength(5);
  expect(() => ops.arraySplit(square, 2e9)).toThrow('parts must be at most 65538 for axis 0 of size 2, got 2000000000');
});
