import { tensor } from '../../lib/ir/build';
import type { Tensor } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import { evaluate, expectClose } from '../helpers/evaluate';

const values = (t: Tensor): Float64Array => evaluate([t]).outputs[0];
const ints = (...v: number[]): Tensor => tensor(Int32Array.from(v));
const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
const grid = ops.reshape(ops.arange(0, 12), [3, 4]);

describe('elementwise functions', () => {
  test.each<[keyof typeof Math, (x: Tensor) => Tensor, number[]]>([
    ['log2', ops.log2, [0.5, 3]],
    ['log10', ops.log10, [0.5, 1000]],
    ['tan', ops.tan, [-1, 0.3]],
    ['asin', ops.arcsin, [-1, -0.3, 1]],
    ['acos', ops.arccos, [-1, -0.3, 1]],
    ['atan', ops.arctan, [-50, 0.3]],
    ['sinh', ops.sinh, [-3, 1e-4, 20]],
    ['cosh', ops.cosh, [-3, 1e-4, 20]],
    ['asinh', ops.arcsinh, [-3, 1e-4, 1e18]],
    ['acosh', ops.arccosh, [1, 1.5, 1e18]],
    ['atanh', ops.arctanh, [-0.9, 1e-4]],
    ['trunc', ops.trunc, [-1.5, 1.5, 0]],
  ])('%s', (name, f, points) => {
    const expected = Array.from(Float32Array.from(points), (v) => (Math[name] as (x: number) => number)(v));
    expectClose(values(f(tensor(points))), expected);
  });

  test('floorDivide and mod fit together, for negative numbers too', () => {
    const [a, b] = [ints(7, -7, 7, -7, 6), ints(3, 3, -3, -3, 3)];
    const quotient = ops.floorDivide(a, b);
    expect(quotient.dtype).toBe('int32');
    expect([...values(quotient)]).toEqual([2, -3, -3, 2, 2]);
    expect([...values(ops.add(ops.multiply(quotient, b), ops.mod(a, b)))]).toEqual([7, -7, 7, -7, 6]);
    expect([...values(ops.floorDivide(tensor([0.7, -0.7]), 0.5))]).toEqual([1, -2]);
  });

  test('special values', () => {
    const x = tensor([nan, inf, -inf, 1]);
    expect([...values(ops.isFinite(x))]).toEqual([0, 0, 0, 1]);
    expect([...values(ops.isInf(x))]).toEqual([0, 1, 1, 0]);
    expect([...values(ops.nanToNum(x, { nan: 2, posinf: 3, neginf: 4 }))]).toEqual([2, 3, 4, 1]);
    expect([...values(ops.logAddExp(tensor([-inf, 1000]), tensor([-inf, 1000])))]).toEqual([-inf, 1000 + Math.LN2]);
    expect([...values(ops.logicalXor(tensor([true, true]), tensor([true, false])))]).toEqual([0, 1]);
  });
});

describe('along an axis', () => {
  test('cumsum and cumprod', () => {
    expect([...values(ops.cumsum(ints(1, 2, 3)))]).toEqual([1, 3, 6]);
    expect(ops.cumsum(tensor([true, false, true])).dtype).toBe('int32');
    expect([...values(ops.cumsum(grid, 0))].slice(8)).toEqual([12, 15, 18, 21]);
    expect([...values(ops.cumprod(tensor([2, 0, 3, 1, 5])))]).toEqual([2, 0, 0, 0, 0]);
  });

  test('sort puts NaN last, and first in descending order; equal elements keep their order', () => {
    const x = tensor([2, nan, -inf, 2, inf, -0, 0]);
    expect([...values(ops.argsort(x))]).toEqual([2, 5, 6, 0, 3, 4, 1]);
    expect([...values(ops.argsort(x, -1, { descending: true }))]).toEqual([1, 4, 0, 3, 5, 6, 2]);
    expect([...values(ops.sort(tensor([[3, 1], [2, 5]]), 0))]).toEqual([2, 1, 3, 5]); // biome-ignore format: a matrix
  });

  test('topK', () => {
    const { values: best, indices } = ops.topK(tensor([1, 5, 3, 5]), 3);
    expect([...values(best)]).toEqual([5, 5, 3]);
    expect([...values(indices)]).toEqual([1, 3, 2]);
    expect(() => ops.topK(tensor([1, 2]), 3)).toThrow('topK: k must be a whole number in 0 .. 2 for float32[2], got 3');
  });

  test('takeAlongAxis refuses what does not fit', () => {
    expect(() => ops.takeAlongAxis(grid, ints(1))).toThrow('takeAlongAxis: indices int32[1] must have the shape of x');
    expect(() => ops.takeAlongAxis(grid, grid)).toThrow('indices must be int32');
    expect(() => values(ops.takeAlongAxis(grid, tensor(Int32Array.of(4, 0, 0), [3, 1])))).toThrow('index -1 is not in');
  });

  test('searchSorted counts', () => {
    const sorted = tensor([1, 2, 2, 5]);
    expect([...values(ops.searchSorted(sorted, tensor([2, 9, 0])))]).toEqual([1, 4, 0]);
    expect([...values(ops.searchSorted(sorted, 2, 'right'))]).toEqual([3]);
    expect(() => ops.searchSorted(grid, 1)).toThrow('searchSorted: sorted must have rank 1');
    expect(() => ops.searchSorted(sorted, 1, 'middle' as never)).toThrow("side must be 'left' or 'right'");
  });

  test('segmentSum', () => {
    expect([...values(ops.segmentSum(tensor([1, 2, 3]), ints(0, 2, 0), 3))]).toEqual([4, 0, 2]);
    expect(() => ops.segmentSum(grid, ints(0, 1), 3)).toThrow('segmentSum: segmentIds must be int32 with one id');
    expect(() => ops.segmentSum(grid, ints(0, 1, 2), -1)).toThrow('numSegments');
  });

  test('the logSumExp of no values is the logarithm of 0', () => {
    expect([...values(ops.logSumExp(ops.zeros([2, 0, 3]), 1))]).toEqual(new Array(6).fill(-inf));
    expect(ops.logSumExp(ops.zeros([2, 0, 3]), 1, { keepDims: true }).shape).toEqual([2, 1, 3]);
    expect(ops.logSumExp(ops.zeros([2, 0, 3]), 2).shape).toEqual([2, 0]);
  });
});

describe('matrices', () => {
  test('triangles, diagonals', () => {
    expect([...values(ops.tril(grid))]).toEqual([0, 0, 0, 0, 4, 5, 0, 0, 8, 9, 10, 0]);
    expect([...values(ops.triu(grid, 1))]).toEqual([0, 1, 2, 3, 0, 0, 6, 7, 0, 0, 0, 11]);
    expect([...values(ops.eye(2, 3, 1))]).toEqual([0, 1, 0, 0, 0, 1]);
    expect([...values(ops.diag(grid, 1))]).toEqual([1, 6, 11]);
    expect([...values(ops.diag(grid, -1))]).toEqual([4, 9]);
    expect(ops.diag(grid, 4).shape).toEqual([0]);
    expect(ops.diag(grid, -7).shape).toEqual([0]);
    expect([...values(ops.diag(tensor([1, 2]), -1))]).toEqual([0, 0, 0, 1, 0, 0, 0, 2, 0]);
    expect([...values(ops.trace(grid))]).toEqual([15]);
    expect(() => ops.tril(tensor([1]))).toThrow('tril: expected rank 2 or more, got shape [1]');
    expect(() => ops.diag(ops.zeros([1, 1, 1]))).toThrow('diag: expected a vector or a matrix');
    expect(() => ops.triu(grid, 0.5)).toThrow('k must be a whole number');
  });

  test('products', () => {
    expect([...values(ops.outer(tensor([1, 2]), tensor([3, 4])))]).toEqual([3, 4, 6, 8]);
    expect(ops.dot(grid, ops.zeros([2, 4, 5])).shape).toEqual([3, 2, 5]);
    expect([...values(ops.dot(3, tensor([1, 2])))]).toEqual([3, 6]);
    expect(ops.tensordot(ops.zeros([2, 3, 4]), ops.zeros([3, 4, 5])).shape).toEqual([2, 5]);
    expect(ops.tensordot(ops.zeros([2]), ops.zeros([3]), 0).shape).toEqual([2, 3]);
    expect(() => ops.tensordot(grid, grid, 1)).toThrow('differ in size');
    expect(() => ops.tensordot(grid, grid, [[0, 0], [0, 1]])).toThrow('each once'); // biome-ignore format: pairs
    expect(() => ops.tensordot(grid, grid, 3)).toThrow('axes 3');
  });

  test('norms', () => {
    const x = tensor([3, -4, 0]);
    const norms = [2, 1, 0, inf, -inf, 3].map((ord) => values(ops.norm(x, undefined, { ord }))[0]);
    expectClose(norms, [5, 7, 2, 4, 0, Math.cbrt(91)]);
    expect([...values(ops.countNonzero(x))]).toEqual([2]);
    expect(() => ops.norm(x, undefined, { ord: nan })).toThrow('norm: ord must be a number');
  });
});

describe('making and padding', () => {
  test('linspace and meshgrid', () => {
    expectClose(values(ops.linspace(0, 1, 5)), [0, 0.25, 0.5, 0.75, 1]);
    expectClose(values(ops.linspace(0, 1, 4, { endpoint: false })), [0, 0.25, 0.5, 0.75]);
    expectClose(values(ops.linspace(2, 3, 1)), [2]);
    expect(() => ops.linspace(0, 1, -1)).toThrow('linspace: count must be');
    const [x, y] = ops.meshgrid([tensor([1, 2, 3]), tensor([4, 5])]);
    expect([...values(x)]).toEqual([1, 2, 3, 1, 2, 3]);
    expect([...values(y)]).toEqual([4, 4, 4, 5, 5, 5]);
    expect(ops.meshgrid([tensor([1, 2, 3]), tensor([4, 5])], 'ij')[0].shape).toEqual([3, 2]);
    expect(() => ops.meshgrid([grid])).toThrow('meshgrid: vectors[0] must have rank 1');
  });

  test('borders', () => {
    const x = tensor([1, 2, 3]);
    expect([...values(ops.pad(x, [[1, 2]]))]).toEqual([0, 1, 2, 3, 0, 0]);
    expect([...values(ops.pad(x, [[2, 1]], 'edge'))]).toEqual([1, 1, 1, 2, 3, 3]);
    expect([...values(ops.pad(x, [[2, 2]], 'reflect'))]).toEqual([3, 2, 1, 2, 3, 2, 1]);
    expect([...values(ops.pad(x, [[2, 3]], 'symmetric'))]).toEqual([2, 1, 1, 2, 3, 3, 2, 1]);
    expect(() => ops.pad(x, [[3, 0]], 'reflect')).toThrow(
      "axis 0 of size 3 is too short for 3 elements of mode 'reflect'",
    );
    expect(() => ops.pad(x, [[1, 1]], 'wrap' as never)).toThrow("border must be a number, 'edge'");
  });
});

describe('einsum', () => {
  test('without an arrow: letters that occur once, in alphabetical order', () => {
    expect(ops.einsum('ba', grid).shape).toEqual([4, 3]);
    expect([...values(ops.einsum('ij,ij', grid, grid))]).toEqual([506]);
    expect(ops.einsum('...ij,jk', ops.zeros([5, 2, 3]), ops.zeros([3, 4])).shape).toEqual([5, 2, 4]);
  });

  test.each([
    ['ij,jk->ik', [grid], 'names 2 operands, got 1'],
    ['ij->jk', [grid], "letter 'k' of the result is in no operand"],
    ['ijk', [grid], "'ijk' has 3 letters, operand 0 is float32[3, 4]"],
    ['ij,ij->ij', [grid, ops.zeros([3, 5])], "letter 'j' has sizes 4 and 5"],
    ['ii', [grid], "axes 'i' of float32[3, 4] differ in size"],
    ['i1', [grid], "unexpected '1'"],
    ['i.j', [grid], "unexpected '.'"],
    ['ij->ii', [grid], 'a letter stands twice in the result'],
    ['ij->i->j', [grid], "'->' stands more than once"],
    ['...j->j', [grid], "the result needs a '...'"],
  ])('%s is an error', (equation, operands, message) => {
    expect(() => ops.einsum(equation, ...operands)).toThrow(message);
  });
});

describe('what is no tensor, no list of axes and no shape', () => {
  const wrong = 'x' as never;

  test.each<[() => unknown, string]>([
    [() => ops.sum(grid, wrong), 'sum: axes must be a number or a list of numbers, got string'],
    [() => ops.broadcastTo(grid, wrong), 'broadcastTo: a shape must be a list of sizes, got string'],
    [() => ops.randomUniform(3 as never, 0, 1, { seed: 1 }), 'a shape must be a list of sizes, got number'],
    [() => ops.reshape(grid, wrong), 'reshape: a shape must be a list of sizes, got string'],
    [() => ops.transpose(grid, wrong), 'transpose: axes must be a list of numbers, got string'],
    [() => ops.stack(grid as never), 'stack: tensors must be a list of tensors, got object'],
    [() => ops.zeros([2], wrong), 'dtype must be one of float32, int32, bool'],
    [() => tensor([1], wrong), 'tensor: a shape must be a list of sizes, got string'],
    [
      () => ops.batchNormalization(grid, wrong, wrong),
      'batchNormalization: variance must have shape [4] (axis 1 of x), got string',
    ],
    [() => ops.concatenate([grid, wrong]), 'concatenate: tensors must be a list of at least one tensor'],
  ])('%#', (body, message) => {
    expect(body).toThrow(message);
  });
});

describe('no values', () => {
  const nothing = ops.zeros([2, 0]);

  test('a product over none of them is 0, for rows with more axes than one too', () => {
    const product = ops.matmul(ops.zeros([2, 3, 0]), ops.zeros([0, 4]));
    expect(product.shape).toEqual([2, 3, 4]);
    expect([...values(product)]).toEqual(Array(24).fill(0));
    expect(ops.matmul(ops.zeros([2, 0, 3]), ops.zeros([3, 4])).shape).toEqual([2, 0, 4]);
  });

  test('all of them are true, and none is', () => {
    expect([...values(ops.all(nothing))]).toEqual([1]);
    expect([...values(ops.any(nothing))]).toEqual([0]);
    expect([...values(ops.all(nothing, 1))]).toEqual([1, 1]);
    expect(ops.any(nothing, 1, { keepDims: true }).shape).toEqual([2, 1]);
  });
});

describe('normalization, attention, positions', () => {
  test('shapes are checked', () => {
    const x = ops.zeros([2, 6]);
    expect(() => ops.batchNormalization(x, ops.zeros([5]), ops.ones([6]))).toThrow(
      'batchNormalization: mean must have shape [6] (axis 1 of x), got float32[5]',
    );
    expect(() => ops.groupNormalization(x, 4)).toThrow('groupNormalization: 6 channels (axis 1) cannot be divided');
    expect(() => ops.groupNormalization(x, 2, { axis: 0 })).toThrow('axis 0 is the batch');
    expect(() => ops.rotaryEmbedding(ops.zeros([2, 3]))).toThrow('rotaryEmbedding: the last dimension must be even');
    expect(() => ops.rotaryEmbedding(x, { axis: -1 })).toThrow('axis must be one of the positions');
    expect(() => ops.sinusoidalPositions(3, 5)).toThrow('an even depth, got 3 and 5');
    expect(() => ops.scaledDotProductAttention(x, ops.zeros([2, 5]), x)).toThrow(
      'scaledDotProductAttention: expected query [..., T, D], key [..., S, D] and value [..., S, E]',
    );
    expect(() => ops.scaledDotProductAttention(x, x, x, { mask: ops.zeros([2, 2], 'int32') })).toThrow(
      'mask must be a tensor of bool or float32, got int32[2, 2]',
    );
    expect(() => ops.scaledDotProductAttention(x, x, x, { mask: ops.zeros([3, 2, 2]) })).toThrow(
      'mask float32[3, 2, 2] must broadcast to the scores float32[2, 2]',
    );
  });

  test('a query that may attend to nothing gets 0', () => {
    const x = ops.ones([2, 3]);
    const mask = tensor([[true, false], [false, false]] as never); // biome-ignore format: a matrix
    expect([...values(ops.scaledDotProductAttention(x, x, x, { mask }))]).toEqual([1, 1, 1, 0, 0, 0]);
  });

  test('the product of rotated vectors depends on their distance only', () => {
    const x = ops.broadcastTo(tensor([0.3, -1, 2, 0.5]), [6, 4]);
    const rotated = ops.rotaryEmbedding(x);
    const products = values(ops.matmul(rotated, ops.transpose(rotated)));
    for (let i = 0; i < 5; i++) expectClose([products[i * 6 + i + 1]], [products[1]]);
    const later = ops.rotaryEmbedding(ops.sliceAxis(x, 0, 0, 2), { start: 4 });
    expectClose(values(later), values(ops.sliceAxis(rotated, 0, 4)));
  });
});

test('split cuts at positions, of which negative ones count from the end, and wants them to rise', () => {
  const x = tensor([1, 2, 3, 4, 5]);
  expect(ops.split(x, [1, -2]).map((part) => [...evaluate([part]).outputs[0]])).toEqual([[1], [2, 3], [4, 5]]);
  expect(() => ops.split(x, [3, 1])).toThrow('split: positions [3, 1] do not rise from 0 to 5');
  expect(() => ops.split(x, [6])).toThrow('split: positions [6] do not rise from 0 to 5');
});

test('iota counts along an axis, also from the end, and wants one that there is', () => {
  expect([...evaluate([ops.iota([2, 3], -1)]).outputs[0]]).toEqual([0, 1, 2, 0, 1, 2]);
  expect([...evaluate([ops.iota([2, 3], -2)]).outputs[0]]).toEqual([0, 0, 0, 1, 1, 1]);
  expect(() => ops.iota([2, 3], 2)).toThrow('iota: axis 2 is out of range for a tensor of rank 2');
});
