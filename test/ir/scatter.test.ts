import { tensor } from '../../lib/ir/build';
import type { Tensor } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import { evaluate, expectClose } from '../helpers/evaluate';
import { gradcheck } from '../helpers/gradcheck';

const values = (t: Tensor): number[] => [...evaluate([t]).outputs[0]];
const ints = (v: number[], shape = [v.length]): Tensor => tensor(Int32Array.from(v), shape);
const { POSITIVE_INFINITY: inf } = Number;
const float = (shape: number[], v: number[]) => ({ shape, dtype: 'float32' as const, values: Float64Array.from(v) });

describe('choosing', () => {
  test('select takes the first that holds', () => {
    const x = tensor([-1, 0.5, 2, 9]);
    expect(values(ops.select([ops.less(x, 0), ops.greater(x, 1), ops.greater(x, 5)], [0, 1, 7], x))).toEqual([
      0, 0.5, 1, 1,
    ]);
    expect(values(ops.select([ops.less(x, 0)], [x]))).toEqual([-1, 0, 0, 0]);
    expect(() => ops.select([], [])).toThrow('select: expected one choice for each condition');
  });

  test('isIn, multiHot, inTopK', () => {
    expect(values(ops.isIn(ints([1, 2, 3, 1], [2, 2]), ints([3, 1])))).toEqual([1, 0, 1, 1]);
    expect(values(ops.multiHot(ints([0, 2, 2, 1, 9, -1], [2, 3]), 3))).toEqual([1, 0, 1, 0, 1, 0]);
    expect(() => ops.multiHot(ints([1], []), 3)).toThrow('rank 1 or more');
    const scores = tensor([[0.1, 0.6, 0.3], [0.4, 0.4, 0.2], [inf, 0, 1]]); // biome-ignore format: rows
    expect(values(ops.inTopK(ints([2, 1, 1]), scores, 1))).toEqual([0, 1, 0]);
    expect(values(ops.inTopK(ints([2, 2, 0]), scores, 2))).toEqual([1, 0, 0]);
    expect(() => ops.inTopK(ints([0, 0, 0]), scores, 0)).toThrow('k must be');
    expect(() => ops.inTopK(ints([0]), scores, 1)).toThrow('must have the shape');
  });
});

describe('writing at positions', () => {
  test('scatter adds up', () => {
    expect(values(ops.scatter(ints([0, 1, 1, 0, 0, 1], [3, 2]), tensor([5, 6, 2]), [2, 2]))).toEqual([0, 7, 6, 0]);
    const rows = tensor([[1, 2], [3, 4]]); // biome-ignore format: rows
    expect(values(ops.scatter(ints([2, 0], [2, 1]), rows, [3, 2]))).toEqual([3, 4, 0, 0, 1, 2]);
    // (0, 3) is no place of [2, 2], though its row-major number is
    expect(() => values(ops.scatter(ints([0, 3], [1, 2]), tensor([1]), [2, 2]))).toThrow('index -1');
    expect(() => ops.scatter(ints([0, 3]), tensor([1]), [2])).toThrow(
      'indices must be int32 [..., k] with k in 1 .. 1',
    );
    expect(() => ops.scatter(ints([0], [1, 1]), tensor([1, 2]), [2])).toThrow('expected values of shape [1]');
  });

  test('scatterUpdate: the last update of a place counts', () => {
    const x = tensor([1, 2, 3, 4]);
    const at = ints([2, 0, 2, 3, 2], [5, 1]);
    expect(values(ops.scatterUpdate(x, at, tensor([7, 10, 8, 40, 9])))).toEqual([10, 2, 9, 40]);
    const big = 2 ** 30 + 1;
    expect(values(ops.scatterUpdate(ints([1, 2]), ints([1], [1, 1]), ints([big])))).toEqual([1, big]);
    const matrix = ops.zeros([2, 3]);
    expect(values(ops.scatterUpdate(matrix, ints([1], [1, 1]), tensor([[1, 2, 3]])))).toEqual([0, 0, 0, 1, 2, 3]);
    expect(values(ops.scatterUpdate(matrix, ints([1, 2, 0, 0], [2, 2]), tensor([5, 6])))).toEqual([6, 0, 0, 0, 0, 5]);
    expect(ops.scatterUpdate(x, ints([], [0, 1]), tensor([]))).toBe(x);
    expect(() => values(ops.scatterUpdate(x, ints([4], [1, 1]), tensor([1])))).toThrow('index -1');
    gradcheck((v, u) => ops.scatterUpdate(v, at, u), [float([4], [1, 2, 3, 4]), float([5], [7, 10, 8, 40, 9])]);
  });

  test('sliceUpdate', () => {
    expect(values(ops.sliceUpdate(ops.ones([4]), [1], tensor([5, 0])))).toEqual([1, 5, 0, 1]);
    const box = ops.sliceUpdate(ops.zeros([2, 3], 'int32'), [1, 1], ints([4, 5], [1, 2]));
    expect(box.dtype).toBe('int32');
    expect(values(box)).toEqual([0, 0, 0, 0, 4, 5]);
    expect(() => ops.sliceUpdate(ops.zeros([4]), [3], tensor([5, 6]))).toThrow('at [3] do not lie inside float32[4]');
    gradcheck((v, u) => ops.sliceUpdate(v, [1], u), [float([4], [1, 2, 3, 4]), float([2], [7, 0])]);
  });

  test('segmentMax and segmentMin', () => {
    const x = tensor([[1, 9], [5, 2], [3, 4]]); // biome-ignore format: rows
    const ids = ints([2, 0, 2]);
    expect(values(ops.segmentMax(x, ids, 3))).toEqual([5, 2, -inf, -inf, 3, 9]);
    expect(values(ops.segmentMin(x, ids, 3))).toEqual([5, 2, inf, inf, 1, 4]);
    expect(values(ops.segmentMax(ints([1, 2]), ints([0, 7]), 2))).toEqual([1, -(2 ** 31)]);
    expect(values(ops.segmentMin(ints([1, 2]), ints([0, 7]), 2))).toEqual([1, 2 ** 31 - 1]);
    expect(() => ops.segmentMax(x, ints([0]), 2)).toThrow('segmentMax: segmentIds must be int32 with one id');
    expect(() => ops.segmentMin(x, ids, 0.5)).toThrow('segmentMin: numSegments');
    gradcheck((v) => ops.segmentMax(v, ints([1, 0, 1]), 2), [float([3, 2], [1, 9, 5, 2, 3, 4])]);
  });
});

describe('control', () => {
  test('map', () => {
    expect(values(ops.map((row: Tensor) => ops.cumsum(row), ops.ones([2, 3])))).toEqual([1, 2, 3, 1, 2, 3]);
    const { a } = ops.map(([p, q]: readonly Tensor[]) => ({ a: ops.add(p, q) }), [tensor([1, 2]), tensor([3, 4])]);
    expect(values(a)).toEqual([4, 6]);
    expect(() => ops.map(1 as never, tensor([1]))).toThrow('map: body must be a function');
    gradcheck((x) => ops.map((row: Tensor) => ops.softmax(row), x), [float([2, 3], [1, 2, 0, -1, 3, 0.5])]);
  });

  test('foriLoop', () => {
    const product = (i: Tensor, p: Tensor) => ops.multiply(p, i);
    expect(values(ops.foriLoop(1, 5, product, tensor(1)))).toEqual([24]);
    expect(values(ops.foriLoop(5, 5, product, tensor(3)))).toEqual([3]);
    expect(() => ops.foriLoop(0, 1.5, product, tensor(1))).toThrow('foriLoop: lower and upper must be whole numbers');
    expect(() => ops.foriLoop(0, 2, (_, v: Tensor) => ops.stack([v, v]), tensor(1))).toThrow('must stay float32[]');
    gradcheck((x) => ops.foriLoop(0, 3, (_, v: Tensor) => ops.sin(v), x), [float([2], [0.5, 1])]);
  });

  test('cond', () => {
    const half = (x: Tensor) => ops.cond(ops.greater(x, 1), () => ops.multiply(x, 0.5), () => ops.negative(x)); // biome-ignore format: a line
    expectClose(values(half(tensor(4))), [2]);
    expectClose(values(half(tensor(0.5))), [-0.5]);
    expect(() => ops.cond(tensor(1), () => tensor(1), () => tensor(2))).toThrow('predicate must be a bool scalar'); // biome-ignore format: a line
    expect(() => ops.cond(tensor(true), () => tensor(1), () => tensor([2]))).toThrow('got float32[] and float32[1]'); // biome-ignore format: a line
    gradcheck(half, [float([], [4])]);
  });
});
