// int8 as a dtype: what it holds, what it becomes, what is refused. Products are in the case list.

import { layers, sequential } from '../../lib/index';
import { tensor } from '../../lib/ir/build';
import { int8Scale, toInt8 } from '../../lib/ir/int8';
import * as ops from '../../lib/ir/ops/index';

const small = tensor([[1, -2], [127, -128]], [2, 2], 'int8'); // biome-ignore format: rows

test('holds whole numbers in an Int8Array, and moves them', () => {
  expect(small.data).toEqual(Int8Array.of(1, -2, 127, -128));
  const joined = ops.concatenate([ops.transpose(small), tensor([[3, 4]], [1, 2], 'int8')], 0);
  expect([joined.dtype, joined.toArray()]).toEqual(['int8', [[1, 127], [-2, -128], [3, 4]]]); // biome-ignore format: rows
  expect(ops.take(small, tensor(Int32Array.of(1, 1)), 0).data).toEqual(Int8Array.of(127, -128, 127, -128));
});

test('becomes float32 where it is computed with, and other dtypes where it is cast', () => {
  const sum = ops.add(small, small);
  expect([sum.dtype, [...sum.data]]).toEqual(['float32', [2, -4, 254, -256]]);
  expect(ops.max(small, 0).data).toEqual(Float32Array.of(127, -2));
  expect(ops.add(small, tensor(Int32Array.of(1, 2))).dtype).toBe('float32');
  expect(ops.cast(small, 'int32').data).toEqual(Int32Array.of(1, -2, 127, -128));
  expect(ops.cast(small, 'bool').dtype).toBe('bool');
  expect(() => ops.cast(tensor([1]), 'int8')).toThrow('cast: float32[1] cannot become int8');
});

test('a product of rows, by hand', () => {
  // the row's step is 2 / 127; 0.5 is 31.75 of them
  const y = ops.matmulInt8(tensor([[2, 0.5], [0, 0]]), small); // biome-ignore format: rows
  const step = Math.fround(2 / 127);
  expect(y.toArray()).toEqual([[Math.fround((127 + 32 * 127) * step), Math.fround((-254 - 32 * 128) * step)], [0, 0]]); // biome-ignore format: rows
  expect(ops.matmulInt8(tensor([Number.NaN, 1]), small).toArray()).toEqual([Number.NaN, Number.NaN]);
});

test('what is no int8 matrix, does not fit, or is too deep', () => {
  const x = tensor([[1, 2, 3]]);
  expect(() => ops.matmulInt8(x, tensor([[1], [2], [3]]))).toThrow(
    'matmulInt8: kernel must be an int8 matrix, got float32[3, 1]',
  );
  expect(() => ops.matmulInt8(x, small)).toThrow('matmulInt8: inner dimensions differ: float32[1, 3] x int8[2, 2]');
  const deep = ops.zeros([131_073, 1], 'int8');
  expect(() => ops.matmulInt8(ops.zeros([1, 131_073]), deep)).toThrow(
    'matmulInt8: kernel must have at most 131072 rows, got int8[131073, 1]',
  );
});

test('steps and factors are float32, and ties go to the even number', () => {
  expect(int8Scale(1)).toEqual({ factor: 127, step: Math.fround(1 / 127) });
  expect(int8Scale(0)).toEqual({ factor: 0, step: 0 });
  expect(int8Scale(2 ** -101)).toEqual({ factor: 0, step: 0 });
  expect(int8Scale(Number.POSITIVE_INFINITY)).toEqual({ factor: 0, step: Number.NaN });
  expect([0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 126.5].map((x) => toInt8(x, 1) + 0)).toEqual([0, 2, 2, 0, -2, -2, 126]);
});

test('a model takes int8 as an input, and refuses what is out of range', () => {
  const net = sequential([layers.dense({ units: 1, inputShape: [2], inputDType: 'int8', name: 'd' })]);
  net.setWeights({ 'd/kernel': Float32Array.of(1, 0.5) });
  expect([...(net.predictSync(Int8Array.of(-3, 2, 100, -128)) as { data: ArrayLike<number> }).data as never]).toEqual([-2, 36]); // biome-ignore format: one call
  expect(() => net.predictSync([[1, 128]])).toThrow('expected an 8-bit integer');
});
