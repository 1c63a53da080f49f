import { tensor } from '../../lib/ir/build';
import type { Tensor } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import * as layers from '../../lib/layers/index';
import { sequential } from '../../lib/training/index';
import '../../lib/transforms/index'; // evaluates natively
import { fed } from '../helpers/evaluate';
import { graphOf, nodesOf } from '../helpers/graphs';

const ints = (...v: number[]): Tensor => tensor(Int32Array.from(v));
const x = tensor([[1, 2, 3], [4, 5, 6]]); // biome-ignore format: rows

test('negative positions count from the end', () => {
  expect([...ops.take(x, ints(0, -1, -3), 1).data]).toEqual([1, 3, 1, 4, 6, 4]);
  expect([...ops.take(x, ints(-2)).data]).toEqual([1, 2, 3]);
  expect([...ops.takeAlongAxis(x, tensor(Int32Array.of(-1, 0), [2, 1])).data]).toEqual([3, 4]);
});

test('positions beyond either end are an error still', () => {
  for (const i of [3, -4]) {
    expect(() => ops.take(x, ints(i), 1).data).toThrow(/index/);
    expect(() => ops.takeAlongAxis(x, tensor(Int32Array.of(i, 0), [2, 1])).data).toThrow(/index/);
  }
});

test('an embedding knows no ids from the end', async () => {
  const net = sequential([layers.embedding({ inputDim: 4, outputDim: 2, inputShape: [1] })]);
  net.compile({ optimizer: 'sgd', loss: 'mse' });
  await expect(net.predict(Float32Array.of(-1))).rejects.toThrow(/index/);
  net.dispose();
});

test('positions that are known not to be negative cost nothing', () => {
  const table = fed(0, [5, 3]);
  const nodes = (indices: Tensor) => nodesOf(graphOf([table], [ops.take(table, indices)]), 'select').length;
  expect([nodes(ints(0, 4)), nodes(ints(0, -1)), nodes(fed(1, [2], 'int32'))]).toEqual([0, 1, 1]);
});
