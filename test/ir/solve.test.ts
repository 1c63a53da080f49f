import { gradients } from '../../lib/compile/autodiff';
import { tensor } from '../../lib/ir/build';
import type { Tensor } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import '../../lib/transforms/index'; // evaluates natively
import { evaluate, expectClose } from '../helpers/evaluate';
import { Random } from '../helpers/random';

const values = (t: Tensor): number[] => [...evaluate([t]).outputs[0]];
const random = new Random(23);
const noise = (...shape: number[]): Tensor =>
  tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal()),
    shape,
  );

test('known results', () => {
  const a = tensor([[0, 2, 1], [1, 1, 0], [3, 0, 2]]); // biome-ignore format: rows
  expectClose(values(ops.det(a)), [-7]);
  expectClose(values(ops.solve(a, tensor([7, 3, 9]))), [1, 2, 3]);
  expectClose(
    values(ops.inv(a)),
    [2, -4, -1, -2, -3, 1, -3, 6, -2].map((v) => v / -7),
  );
  const { sign, logAbsDet } = ops.slogdet(a);
  expectClose([...values(sign), ...values(logAbsDet)], [-1, Math.log(7)]);
  const spd = tensor([[4, 12, -16], [12, 37, -43], [-16, -43, 98]]); // biome-ignore format: rows
  expectClose(values(ops.cholesky(spd)), [2, 0, 0, 6, 1, 0, -8, 5, 3]);
  expectClose(
    values(
      ops.solveTriangular(
        tensor([
          [2, 9],
          [1, 2],
        ]),
        tensor([2, 5]),
        { lower: true },
      ),
    ),
    [1, 2],
  );
  expectClose(
    values(
      ops.solveTriangular(
        tensor([
          [2, 1],
          [9, 4],
        ]),
        tensor([[4], [8]]),
      ),
    ),
    [1, 2],
  );
});

test('what is multiplied again is what it was, natively in float32', () => {
  const [a, b] = [noise(3, 20, 20), noise(3, 20, 4)];
  const difference = (p: Tensor, q: Tensor): number => Math.max(...ops.max(ops.abs(ops.subtract(p, q))).data);
  expect(difference(ops.matmul(a, ops.solve(a, b)), b)).toBeLessThan(1e-3);
  expect(difference(ops.matmul(ops.inv(a), a), ops.broadcastTo(ops.eye(20), [3, 20, 20]))).toBeLessThan(1e-3);
  const spd = ops.add(ops.matmul(a, ops.swapLastAxes(a)), ops.eye(20));
  const l = ops.cholesky(spd);
  expect(difference(ops.matmul(l, ops.swapLastAxes(l)), spd)).toBeLessThan(1e-4);
  expect(difference(ops.triu(l, 1), ops.zerosLike(l))).toBe(0);
  const x = ops.solveTriangular(ops.swapLastAxes(l), ops.solveTriangular(l, b, { lower: true }));
  expect(difference(ops.matmul(spd, x), b)).toBeLessThan(1e-2);
  // det(A Aᵀ + 1) = prod(diagonal of L)²
  const { sign, logAbsDet } = ops.slogdet(spd);
  expect([...sign.data]).toEqual([1, 1, 1]);
  const logs = ops.multiply(ops.sum(ops.log(ops.diagonal(l)), -1), 2);
  expect(difference(logAbsDet, logs)).toBeLessThan(1e-4);
});

test('rows are exchanged for the largest pivot', () => {
  // without that, the tiny pivot would lose the other equation
  const a = tensor([[1e-8, 1], [1, 1]]); // biome-ignore format: rows
  expectClose([...ops.solve(a, tensor([1, 2])).data], [1, 1], 1e-6);
});

test('leading axes broadcast, and a vector comes back as one', () => {
  const a = noise(2, 3, 3);
  expect(ops.solve(a, noise(3)).shape).toEqual([2, 3]);
  expect(ops.solve(a, noise(3, 5)).shape).toEqual([2, 3, 5]);
  expect(ops.solve(noise(3, 3), noise(4, 1, 3, 5)).shape).toEqual([4, 1, 3, 5]);
  expect(ops.det(noise(4, 2, 3, 3)).shape).toEqual([4, 2]);
});

test('singular matrices', () => {
  const a = tensor([[[1, 2], [2, 4]], [[0, 0], [0, 0]], [[1, 0], [0, 2]]]); // biome-ignore format: matrices
  expect(values(ops.det(a)).map((v) => v + 0)).toEqual([0, 0, 2]);
  expect(values(ops.solve(a, tensor([1, 1])))).toEqual([Number.NaN, Number.NaN, Number.NaN, Number.NaN, 1, 0.5]);
  const { sign, logAbsDet } = ops.slogdet(a);
  expect(values(sign).map((v) => v + 0)).toEqual([0, 0, 1]);
  expectClose(values(logAbsDet).slice(2), [Math.log(2)]);
  expect(values(logAbsDet).slice(0, 2)).toEqual([Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]);
  expect(values(ops.cholesky(tensor([[1, 2], [2, 1]])))[3]).toBeNaN(); // biome-ignore format: rows
});

test('the gradient of a determinant that is 0 is the adjugate', () => {
  const a = tensor([[1, 2], [2, 4]]); // biome-ignore format: rows
  const [da] = gradients(ops.det(a), [a]);
  expectClose(values(da), [4, -2, -2, 1]);
});

test('shapes are checked', () => {
  expect(() => ops.inv(noise(2, 3))).toThrow('inv: a must hold square matrices [..., n, n], n >= 1, got float32[2, 3]');
  expect(() => ops.cholesky(noise(3))).toThrow('cholesky: a must hold square matrices');
  expect(() => ops.solve(noise(2, 2), noise(3))).toThrow('solve: b must be [2] or [..., 2, k] for a float32[2, 2]');
  expect(() => ops.solveTriangular(noise(3, 2, 2), noise(2, 2, 1))).toThrow('do not broadcast together');
});
