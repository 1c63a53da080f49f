import { make, tensor } from '../../lib/ir/build';
import { type Graph, Node, type Tensor, type Variable } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import { philox, uniforms } from '../../lib/ir/philox';
import type { Program } from '../../lib/ir/program';
import { interpret } from '../../lib/ir/reference';

const asGraph = (...outputs: Tensor[]): Graph => ({ inputs: [], outputs, writes: [] });
const valuesOf = (...tensors: Tensor[]): number[][] => interpret(asGraph(...tensors)).outputs.map((v) => [...v]);
const matrix = tensor([
  [1, 2, 3],
  [4, 5, 6],
]);

/** a * b + 1, and a - b */
const program: Program = {
  inputs: 2,
  constants: [{ value: 1, lanes: 'f' }],
  steps: [
    { op: 'mul', lanes: 'f', args: [0, 1] },
    { op: 'add', lanes: 'f', args: [3, 2] },
    { op: 'sub', lanes: 'f', args: [0, 1] },
  ],
  outputs: [4, 5],
};

test('views', () => {
  expect(valuesOf(ops.transpose(matrix))[0]).toEqual([1, 4, 2, 5, 3, 6]);
  expect(valuesOf(ops.slice(matrix, [0, 0], [2, 2], [1, 2]))[0]).toEqual([1, 3, 4, 6]);
  expect(valuesOf(ops.flip(matrix, 1))[0]).toEqual([3, 2, 1, 6, 5, 4]);
  expect(valuesOf(ops.broadcastTo(tensor([[1], [2]]), [2, 2, 2]))[0]).toEqual([1, 1, 2, 2, 1, 1, 2, 2]);
  expect(valuesOf(ops.concatenate([matrix, ops.multiply(matrix, 10)], 1))[0]).toEqual([
    1, 2, 3, 10, 20, 30, 4, 5, 6, 40, 50, 60,
  ]);
});

test('reductions and products', () => {
  expect(valuesOf(ops.sum(matrix, 0), ops.max(matrix, 1), ops.min(matrix), ops.prod(matrix, 1))).toEqual([
    [5, 7, 9],
    [3, 6],
    [1],
    [6, 120],
  ]);
  expect(valuesOf(ops.argmax(tensor([2, 7, 7])), ops.argmin(tensor([2, 1, 1])))).toEqual([[1], [1]]);
  expect(valuesOf(ops.argmax(tensor([2, Number.NaN, 7])))).toEqual([[1]]);
  expect(valuesOf(ops.matmul(matrix, ops.transpose(matrix)))[0]).toEqual([14, 32, 32, 77]);
});

test('softmax and cross-entropy survive large logits', () => {
  const logits = tensor([[1000, 1000 + Math.log(3)]]);
  const [p] = valuesOf(ops.softmax(logits));
  expect(p[0]).toBeCloseTo(0.25, 4);
  const [loss] = valuesOf(ops.sparseSoftmaxCrossEntropy(logits, tensor(Int32Array.of(1))));
  expect(loss[0]).toBeCloseTo(Math.log(4 / 3), 4);
});

test('nodes that fusion makes: map with segments, prologue, epilogue', () => {
  const [a, b, c, d] = [tensor([1, 2]), tensor([3, 4]), tensor([5]), tensor([6])];
  const types = [a, b, c, d];
  const map = new Node('map', [a, b, c, d], { program, segments: 2 }, [types[0], types[1], types[2], types[3]], '');
  expect(valuesOf(...map.outputs)).toEqual([[4, 9], [-2, -2], [31], [-1]]);

  const prologue = { ...program, outputs: [4] };
  const reduce = make('reduce', [matrix, matrix], { kind: 'sum', axes: [1], program: prologue }, [2], 'float32');
  expect(valuesOf(reduce)).toEqual([[17, 80]]);

  const square = ops.transpose(matrix);
  const extra = tensor([1, 2, 3, 4], [2, 2]);
  const matmul = new Node('matmul', [matrix, square, extra], { epilogue: program }, [extra, extra], '');
  expect(valuesOf(...matmul.outputs)).toEqual([
    [15, 65, 97, 309],
    [13, 30, 29, 73],
  ]);
});

test('positions count within the output, and within each segment', () => {
  const at: Program = {
    inputs: 0,
    constants: [],
    steps: [{ op: 'iota', lanes: 'i', args: [], immediates: [1, 100] }],
    outputs: [0],
  };
  const int = (n: number) => ({ shape: [n], dtype: 'int32' as const });
  const map = new Node('map', [], { program: at, segments: 2 }, [int(3), int(2)], '');
  expect(valuesOf(...map.outputs)).toEqual([
    [0, 1, 2],
    [0, 1],
  ]);
  expect(valuesOf(ops.iota([2, 3], 0), ops.iota([2, 3], 1))).toEqual([
    [0, 0, 0, 1, 1, 1],
    [0, 1, 2, 0, 1, 2],
  ]);
});

test('Philox4x32-10: the known answers of its authors, and uniforms in order', () => {
  const hex = (words: readonly number[]) => words.map((w) => w.toString(16).padStart(8, '0'));
  expect(hex(philox(0, 0, [0, 0, 0, 0]))).toEqual(['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']);
  const ones = 0xffffffff;
  expect(hex(philox(ones, ones, [ones, ones, ones, ones]))).toEqual(['408f276d', '41c83b0e', 'a20bc7c6', '6d5451fd']);
  expect(hex(philox(0xa4093822, 0x299f31d0, [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344]))).toEqual([
    'd16cfe09',
    '94fdcceb',
    '5001e420',
    '24126ea1',
  ]);
  const [drawn] = valuesOf(ops.randomUniform([2, 5], 0, 1, { seed: 42 }));
  expect(drawn).toEqual([...uniforms(10, 42, 0)]);
});

test('variables are read before they are written', () => {
  const counter: Variable = { name: 'counter', shape: [], dtype: 'float32' };
  const read = make('variable', [], { variable: counter }, [], 'float32');
  const write = new Node('write', [ops.add(read, 1)], { variable: counter }, [], '');
  const variables = new Map([[counter, [41]]]);
  const { outputs, writes } = interpret({ inputs: [], outputs: [read], writes: [write] }, { variables });
  expect([...outputs[0]]).toEqual([41]);
  expect([...(writes.get(counter) as Float64Array)]).toEqual([42]);
});

test('says what is missing', () => {
  const x = make('input', [], { slot: 0 }, [3], 'float32');
  expect(() => interpret({ inputs: [x], outputs: [x], writes: [] }, { feeds: [[1, 2]] })).toThrow(
    'feed 0 must have 3 values for float32[3], got 2',
  );
  const variable: Variable = { name: 'kernel', shape: [1], dtype: 'float32' };
  const v = make('variable', [], { variable }, [1], 'float32');
  expect(() => interpret(asGraph(v))).toThrow('variable kernel must have 1 values for float32[1], got none');
  expect(() => interpret(asGraph(ops.take(matrix, tensor(Int32Array.of(2)))))).toThrow('index 2 is not in 0 .. 1');
  const bad = ops.sparseSoftmaxCrossEntropy(matrix, tensor(Int32Array.of(0, 3)));
  expect(() => interpret(asGraph(bad))).toThrow('index 3 is not in 0 .. 2');
});
