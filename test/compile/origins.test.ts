// Where instructions come from, for profiles: scopes go through derivatives and passes.
import { compile, gradients, type InstructionInfo, StateLayout } from '../../lib/compile/index';
import { make, withScope } from '../../lib/ir/build';
import type { Graph } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';

const instructionsOf = (graph: Graph): readonly InstructionInfo[] => compile(graph, new StateLayout()).instructions;
const fed = (slot: number, shape: number[]) => make('input', [], { slot }, shape, 'float32');
const named = (list: readonly InstructionInfo[], op: string) => list.filter((i) => i.op === op).map((i) => i.origins);

test('a fused kernel has the scopes of all its parts, its own first', () => {
  const [x, w] = [fed(0, [8, 4]), fed(1, [4, 5])];
  const product = withScope('first (dense)', () => ops.matmul(x, w));
  const y = withScope('second (activation)', () => ops.tanh(ops.multiply(product, 3)));
  expect(named(instructionsOf({ inputs: [x, w], outputs: [y], writes: [] }), 'matmul')).toEqual([
    ['first (dense)', 'second (activation)'],
  ]);
  const z = withScope('sum (loss)', () => ops.sum(withScope('square (lambda)', () => ops.square(ops.add(x, 1)))));
  expect(named(instructionsOf({ inputs: [x], outputs: [z], writes: [] }), 'reduce')).toEqual([
    ['sum (loss)', 'sum (loss)/square (lambda)'],
  ]);
});

test('the most frequent scope of a program is its main one', () => {
  const x = fed(0, [64]);
  const a = withScope('a', () => ops.add(x, 1));
  const b = withScope('b', () => ops.sqrt(ops.abs(ops.sin(a))));
  expect(named(instructionsOf({ inputs: [x], outputs: [b], writes: [] }), 'map')).toEqual([['b', 'a']]);
});

test('a gradient comes from where its operation does, whoever asks for it', () => {
  const [x, w, v] = [fed(0, [8, 4]), fed(1, [4, 5]), fed(2, [5, 3])];
  const hidden = withScope('one', () => ops.sigmoid(ops.matmul(x, w)));
  const loss = withScope('two', () => ops.sum(ops.matmul(hidden, v)));
  const slopes = withScope('elsewhere', () => gradients(loss, [w, v]));
  const found = named(instructionsOf({ inputs: [x, w, v], outputs: slopes, writes: [] }), 'matmul');
  expect(found.map((origins) => origins[0]).sort()).toEqual(['one', 'one/gradient', 'two/gradient', 'two/gradient']);
});

test('what the compiler rewrites keeps its origin', () => {
  const x = fed(0, [6, 6]);
  // becomes a negation, and the reshape of a transposed matrix needs a copy
  const y = withScope('layer', () => ops.multiply(ops.reshape(ops.transpose(ops.exp(x)), [36]), -1));
  const list = instructionsOf({ inputs: [x], outputs: [y], writes: [] });
  expect(list.map((i) => i.op)).toContain('copy');
  for (const { op, origins } of list) {
    if (op !== 'feed') expect(origins).toEqual(['layer']);
  }
});
