import type { Graph, Node, Tensor } from '../../lib/ir/graph';
import { topological } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import type { OpName } from '../../lib/ir/optable';
import { interpret } from '../../lib/ir/reference';
import { expectWithin, interpretWithBounds } from './bounds';
import { fed } from './evaluate';
import type { Problem } from './native';
import type { Random } from './random';

export const graphOf = (inputs: readonly Tensor[], outputs: readonly Tensor[]): Graph => ({
  inputs,
  outputs,
  writes: [],
});

/** How often each operation stands in a graph. */
export function census(graph: Graph): Partial<Record<OpName, number>> {
  const counts: Partial<Record<OpName, number>> = {};
  for (const { op } of topological(graph)) counts[op] = (counts[op] ?? 0) + 1;
  return counts;
}

export const nodesOf = (graph: Graph, op: OpName): Node[] => topological(graph).filter((n) => n.op === op);

/** A pass must not change what a graph computes, beyond what rounding constants to float32 explains. */
export function expectPreserved({ graph, feeds }: Problem, pass: (graph: Graph) => Graph): Graph {
  const { values, errors } = interpretWithBounds(graph, { feeds });
  const after = pass(graph);
  interpret(after, { feeds }).outputs.forEach((got, i) => {
    expectWithin(`output ${i}`, got, values[i], errors[i]);
  });
  return after;
}

/** Numbers for the inputs of a graph: small, so that no tanh, exp or product of them is extreme. */
export function randomFeeds(inputs: readonly Tensor[], random: Random) {
  return inputs.map(({ size, dtype }) => {
    if (dtype === 'float32') return Float32Array.from({ length: size }, () => random.uniform(-1, 1));
    if (dtype === 'int32') return Int32Array.from({ length: size }, () => random.int(-5, 5));
    return Uint8Array.from({ length: size }, () => random.int(0, 1));
  });
}

/**
 * A graph of many small operations over a few shapes that meet in broadcasts, reductions, products and views: diamonds,
 * shared inputs, scalars, values that are fetched and used. Values stay within a few units.
 */
export function randomProblem(random: Random, operations = 30): Problem {
  const [m, n] = [random.int(1, 6), random.int(1, 6)];
  const inputs = [fed(0, [m, n]), fed(1, [m, n]), fed(2, [n]), fed(3, []), fed(4, [n, n])];
  const pool: Tensor[] = [...inputs];
  const any = () => random.pick(pool);
  const matrix = () => random.pick(pool.filter((t) => t.rank === 2 && t.shape[0] === m && t.shape[1] === n));
  const seed = random.int(1, 1000);
  const choices: (() => Tensor)[] = [
    () => ops.tanh(any()),
    () => ops.sin(any()),
    () => ops.multiply(any(), random.pick([0.5, -1, 1, 0.25])),
    () => ops.add(matrix(), matrix()),
    () => ops.multiply(ops.tanh(matrix()), ops.sin(matrix())),
    () => ops.maximum(matrix(), ops.multiply(matrix(), 0.5)),
    () => ops.where(ops.greater(matrix(), 0), matrix(), inputs[2]),
    () => ops.add(matrix(), inputs[3]),
    () => ops.tanh(ops.matmul(matrix(), inputs[4])),
    () => ops.mean(any()),
    () => ops.mean(ops.square(matrix()), 0),
    () => ops.mean(matrix(), 1, { keepDims: true }),
    () => ops.transpose(ops.transpose(matrix())),
    () => ops.reshape(ops.transpose(matrix()), [m, n]),
    () => ops.softmax(matrix()),
    () => ops.flip(matrix(), 0),
    () => ops.add(ops.randomUniform([m, n], 0, 1, { seed }), any().rank === 0 ? 0.5 : 0.25),
    () => ops.multiply(ops.cast(ops.iota([m, n], 1), 'float32'), 0.125),
    () => ops.concatenate([ops.sliceAxis(matrix(), 0, 0, 1), ops.sliceAxis(matrix(), 0, 1)], 0),
  ];
  for (let i = 0; i < operations; i++) {
    const made = ops.tanh(random.pick(choices)());
    pool.push(random.uniform() < 0.5 ? made : (made.node.inputs[0] as Tensor));
  }
  const outputs = [pool.at(-1) as Tensor, any(), any(), ...random.shuffle(pool).slice(0, 2)];
  return { graph: graphOf(inputs, outputs), feeds: randomFeeds(inputs, random) };
}
