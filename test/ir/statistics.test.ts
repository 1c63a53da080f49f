import { gradients } from '../../lib/compile/autodiff';
import { tensor } from '../../lib/ir/build';
import type { Tensor } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import { evaluate, expectClose } from '../helpers/evaluate';
import { gradcheck } from '../helpers/gradcheck';

const values = (t: Tensor): number[] => [...evaluate([t]).outputs[0]];
const ints = (...v: number[]): Tensor => tensor(Int32Array.from(v));
const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
const float = (shape: number[], v: number[]) => ({ shape, dtype: 'float32' as const, values: Float64Array.from(v) });
const table = [3, 1, 4, 1.5, 9, 2, 6, 5, 3.5, 8, -7, 0];
const x = tensor(Float32Array.from(table), [3, 4]);

describe('statistics, against NumPy', () => {
  test('diff', () => {
    expect(values(ops.diff(tensor([1, 4, 9, 16]), 2))).toEqual([2, 2]);
    expect(values(ops.diff(ints(5, 3)))).toEqual([-2]);
    expect(ops.diff(x, 1, 0).shape).toEqual([2, 4]);
    expect(ops.diff(tensor([1]), 1).shape).toEqual([0]);
    expect(() => ops.diff(tensor([1]), 2)).toThrow('n must be a whole number in 0 .. 1');
  });

  test('average', () => {
    expect(values(ops.average(tensor([1, 5]), 0, { weights: tensor([3, 1]) }))).toEqual([2]);
    expectClose(values(ops.average(x, 1, { weights: tensor([1, 0, 0, 1]) })), [2.25, 7, 1.75]);
    expectClose(values(ops.average(x, undefined, { weights: x })), [299.5 / 36]);
    expectClose(values(ops.average(x)), [3]);
    expect(ops.average(x, 1, { weights: x, keepDims: true }).shape).toEqual([3, 1]);
    expect(() => ops.average(x, [0, 1], { weights: tensor([1, 2, 3]) })).toThrow(
      'average: weights float32[3] must have',
    );
  });

  test('quantile and median', () => {
    const expected = [1.15, 2.9, -4.9, 2.25, 5.5, 1.75, 3.25, 6.75, 4.625];
    expectClose(values(ops.quantile(x, [0.1, 0.5, 0.75], 1)), expected);
    expectClose(values(ops.quantile(x, 0.3)), [1.65]);
    expectClose(values(ops.median(x, 0)), [3.5, 2, 4, 1.5]);
    expectClose(values(ops.median(x)), [3.25]);
    expect(ops.median(x, 0, { keepDims: true }).shape).toEqual([1, 4]);
    expect(ops.quantile(x, [0, 1], [0, 1], { keepDims: true }).shape).toEqual([2, 1, 1]);
    expect(values(ops.quantile(x, [0, 1]))).toEqual([-7, 9]);
    expect(values(ops.median(tensor([1, nan, 2])))).toEqual([nan]);
    expect(values(ops.median(tensor([inf, 1, inf, inf])))).toEqual([inf]);
    expect(() => ops.quantile(x, 1.5)).toThrow('q must be in 0 .. 1, got 1.5');
    expect(() => ops.quantile(x, [])).toThrow('q must be a number or a list');
    expect(() => ops.median(ops.zeros([0]))).toThrow('the quantile of no values');
    gradcheck((v) => ops.quantile(v, 0.3, 1), [float([3, 4], table)]);
  });

  test('digitize, bincount, histogram', () => {
    expect(values(ops.digitize(tensor([0.5, 1, 7]), tensor([1, 2, 3])))).toEqual([0, 1, 3]);
    expect(values(ops.bincount(ints(1, 3, 1), 4))).toEqual([0, 2, 0, 1]);
    expect(ops.bincount(ints(1), 4).dtype).toBe('int32');
    expect(values(ops.bincount(ints(1, 0, 1), 2, tensor([0.5, 1, 2])))).toEqual([1, 2.5]);
    expect(() => values(ops.bincount(ints(4), 4))).toThrow('index 4');
    expect(() => ops.bincount(x, 4)).toThrow('x must be int32');
    expect(() => ops.bincount(ints(1), 4, tensor([1, 2]))).toThrow('weights float32[2] must have the shape of x');
    expect(() => ops.bincount(ints(1), -1)).toThrow('length must be');
    expect(values(ops.histogram(tensor([0, 0.5, 1, 2, 3, -1, nan]), tensor([0, 1, 2])))).toEqual([2, 2]);
    expect(() => ops.histogram(x, tensor([1]))).toThrow('edges must have rank 1 and at least 2');
  });
});

describe('elementwise', () => {
  test('cbrt, hypot, degrees', () => {
    expectClose(values(ops.cbrt(tensor([-27, 0, 0.001]))), [-3, 0, 0.1]);
    expectClose(values(ops.hypot(tensor([3, 0, 3e30]), tensor([-4, 0, 4e30]))), [5, 0, 5e30]);
    expect(values(ops.hypot(tensor([inf]), 1))).toEqual([inf]);
    expectClose(values(ops.deg2rad(tensor([180, -90]))), [Math.PI, -Math.PI / 2]);
    expectClose(values(ops.rad2deg(ops.deg2rad(30))), [30]);
    gradcheck(ops.cbrt, [float([3], [-2, 0.5, 9])]);
    gradcheck(ops.hypot, [float([2], [3, -1]), float([2], [-4, 0.5])]);
  });

  test('isClose', () => {
    const [a, b] = [tensor([1, 1, inf, inf, nan, 1e-9]), tensor([1.000001, 1.001, inf, 1, nan, 0])];
    expect(values(ops.isClose(a, b))).toEqual([1, 0, 1, 0, 0, 1]);
    expect(values(ops.isClose(b, a, { rtol: 0, atol: 0.01, equalNaN: true }))).toEqual([1, 1, 1, 0, 1, 1]);
    expect(values(ops.isClose(1, inf))).toEqual([0]);
  });

  test('sparsePlus and its slope', () => {
    const at = tensor([-2, -1, 0, 0.5, 1, 3]);
    expect(values(ops.sparsePlus(at))).toEqual([0, 0, 0.25, 0.5625, 1, 3]);
    expect(values(ops.sparseSigmoid(at))).toEqual([0, 0, 0.5, 0.75, 1, 1]);
    gradcheck(ops.sparsePlus, [float([4], [-2, 0.3, -0.4, 2])]);
    const inside = tensor([-2, -0.5, 0.5, 3]);
    expect(values(gradients(ops.sparsePlus(inside), [inside], ops.ones([4]))[0])).toEqual(
      values(ops.sparseSigmoid(inside)),
    );
  });

  test('erfinv, against SciPy', () => {
    const p = tensor([-0.999999, -0.9, -0.3, 1e-6, 0.5, 0.99, 0.9999]);
    const expected = [
      -3.4570747260359505, -1.1630870719457722, -0.2724627261055238, 8.862269232154821e-7, 0.4769362762044699,
      1.821386600900278, 2.7510354379032873,
    ];
    expectClose(values(ops.erfinv(p)), expected, 4e-7);
    expect(values(ops.erfinv(tensor([-1, 1, 0, 2])))).toEqual([-inf, inf, 0, nan]);
    const at = tensor([-0.9, -0.3, 0.5, 0.99]);
    const [slope] = gradients(ops.erfinv(at), [at], ops.ones([4]));
    expectClose(values(slope), [3.42804281, 0.95452036, 1.11258482, 24.4508765], 3e-6);
    // the second derivative is 2 y y'^2
    const [second] = gradients(slope, [at], ops.ones([4]));
    const wanted = [-1.16308707, -0.27246273, 0.47693628, 1.8213866].map((y, i) => 2 * y * values(slope)[i] ** 2);
    expectClose(values(second), wanted, 3e-6);
  });
});
