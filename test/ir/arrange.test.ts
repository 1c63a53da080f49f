import { tensor } from '../../lib/ir/build';
import type { Tensor } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import { evaluate, expectClose } from '../helpers/evaluate';
import { gradcheck } from '../helpers/gradcheck';

const values = (t: Tensor): number[] => [...evaluate([t]).outputs[0]];
const grid = ops.reshape(ops.arange(0, 24), [2, 3, 4]);

test('swapAxes and moveAxis', () => {
  expect(ops.swapAxes(grid, 0, -1).shape).toEqual([4, 3, 2]);
  expect(values(ops.swapAxes(grid, 0, -1))).toEqual(values(ops.transpose(grid)));
  expect(ops.swapAxes(grid, 1, 1)).toBe(grid);
  expect(ops.moveAxis(grid, 0, -1).shape).toEqual([3, 4, 2]);
  const moved = ops.moveAxis(grid, [0, 2], [2, 0]);
  expect(moved.shape).toEqual([4, 3, 2]);
  // numpy.moveaxis
  const expected = [0, 12, 4, 16, 8, 20, 1, 13, 5, 17, 9, 21, 2, 14, 6, 18, 10, 22, 3, 15, 7, 19, 11, 23];
  expect(values(moved)).toEqual(expected);
  expect(() => ops.swapAxes(grid, 0, 3)).toThrow('swapAxes: axis 3 is out of range');
  expect(() => ops.moveAxis(grid, [0, 0], [1, 2])).toThrow('pairs of axes, each once');
  expect(() => ops.moveAxis(grid, [0, 1], 2)).toThrow('pairs of axes');
});

test('joining and taking apart', () => {
  const [a, b] = [tensor([1, 2]), tensor([3, 4])];
  expect(values(ops.hstack([a, b, 5]))).toEqual([1, 2, 3, 4, 5]);
  expect(values(ops.hstack([ops.diag(a), ops.expandDims(b, 1)]))).toEqual([1, 0, 3, 0, 2, 4]);
  expect(ops.vstack([a, b]).shape).toEqual([2, 2]);
  expect(values(ops.vstack([ops.diag(a), b]))).toEqual([1, 0, 0, 2, 3, 4]);
  expect(values(ops.append(ops.diag(a), 7))).toEqual([1, 0, 0, 2, 7]);
  expect(ops.append(grid, grid, 1).shape).toEqual([2, 6, 4]);
  expect(ops.ravel(grid).shape).toEqual([24]);
  expect(ops.unstack(grid, 1).map((t) => t.shape)).toEqual([[2, 4], [2, 4], [2, 4]]); // biome-ignore format: shapes
  expect(values(ops.unstack(grid, -1)[1] as Tensor)).toEqual([1, 5, 9, 13, 17, 21]);
  expect(ops.unstack(ops.zeros([0, 2]))).toEqual([]);
  expect(() => ops.vstack([a, tensor([1, 2, 3])])).toThrow('the other dimensions must agree');
  expect(() => ops.hstack([])).toThrow('at least one tensor');
});

test('blocks of pixels and channels, as TensorFlow orders them', () => {
  const x = ops.reshape(ops.arange(0, 16), [1, 2, 2, 4]);
  expect(values(ops.depthToSpace(x, 2))).toEqual([0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15]);
  const image = ops.reshape(ops.arange(0, 48), [2, 2, 4, 3]);
  expect(ops.spaceToDepth(image, 2).shape).toEqual([2, 1, 2, 12]);
  expect(values(ops.spaceToDepth(image, 2)).slice(0, 12)).toEqual([0, 1, 2, 3, 4, 5, 12, 13, 14, 15, 16, 17]);
  expect(values(ops.depthToSpace(ops.spaceToDepth(image, 2), 2))).toEqual(values(image));
  expect(() => ops.depthToSpace(image, 2)).toThrow('3 channels cannot be divided by block^2 = 4');
  expect(() => ops.spaceToDepth(image, 4)).toThrow('height and width of float32[2, 2, 4, 3] cannot be divided by 4');
  expect(() => ops.spaceToDepth(grid, 2)).toThrow('expected images');
  expect(() => ops.spaceToDepth(image, 0)).toThrow('block must be');
});

test('making', () => {
  expect(values(ops.fullLike(tensor(Int32Array.of(1, 2)), 7))).toEqual([7, 7]);
  expect(ops.fullLike(tensor(Int32Array.of(1, 2)), 7).dtype).toBe('int32');
  expect(ops.fullLike(grid, 1, 'bool').dtype).toBe('bool');
  expectClose(values(ops.logspace(0, 2, 3)), [1, 10, 100]);
  expectClose(values(ops.logspace(0, 4, 4, { base: 2, endpoint: false })), [1, 2, 4, 8]);
  expect(values(ops.identity(2))).toEqual([1, 0, 0, 1]);
  expect(values(ops.tri(2, 3, 1))).toEqual([1, 1, 0, 1, 1, 1]);
  expect(values(ops.vander(tensor([2, 0, 3])))).toEqual([4, 2, 1, 0, 0, 1, 9, 3, 1]);
  expect(values(ops.vander(tensor([2, 3]), 3, true))).toEqual([1, 2, 4, 1, 3, 9]);
  expect(() => ops.vander(grid)).toThrow('x must have rank 1');
  expect(() => ops.vander(tensor([1]), 0)).toThrow('count must be');
  expect(() => ops.vander(tensor([1]), 2e9)).toThrow(
    'vander: count must be a whole number in 1 .. 65536, got 2000000000',
  );
  gradcheck((x) => ops.vander(x, 4), [{ shape: [3], dtype: 'float32', values: Float64Array.of(0, 2, -1.5) }]);
});

test('products of vectors, against NumPy', () => {
  const rows = tensor([[1, 2, 3], [4, -5, 6]]); // biome-ignore format: rows
  expect(values(ops.cross(rows, tensor([7, 8, 9])))).toEqual([-6, 12, -6, -93, 6, 67]);
  expect(values(ops.cross(ops.transpose(rows), ops.transpose(rows), 0))).toEqual([0, 0, 0, 0, 0, 0]);
  expect(() => ops.cross(rows, tensor([1]))).toThrow('cross: expected 3 components along axis -1, got float32[1]');
  expect(values(ops.kron(tensor([[1, 2], [3, 4]]), tensor([10, 20])))).toEqual([10, 20, 20, 40, 30, 60, 40, 80]); // biome-ignore format: rows
  expect(values(ops.vdot(rows, rows))).toEqual([91]);
  const [a, b] = [ops.reshape(ops.arange(0, 6), [2, 3]), ops.reshape(ops.arange(0, 12), [4, 3])];
  expect(values(ops.inner(a, b))).toEqual([5, 14, 23, 32, 14, 50, 86, 122]);
  expect(values(ops.inner(2, tensor([1, 2])))).toEqual([2, 4]);
  expect(() => ops.inner(a, tensor([1, 2]))).toThrow('differ in size');
});
