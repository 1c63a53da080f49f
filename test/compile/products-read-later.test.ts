import { compile, gradients, StateLayout } from '../../lib/compile';
import type { Graph } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import { fed } from '../helpers/evaluate';

const instructions = (graph: Graph): string[] => {
  const seen: string[] = [];
  compile(graph, new StateLayout(), {
    inspect: (pass, g) => {
      if (pass !== 'fuse') return;
      const nodes = new Set<unknown>();
      const visit = (t: (typeof g.outputs)[number]): void => {
        if (nodes.has(t.node)) return;
        nodes.add(t.node);
        t.node.inputs.forEach(visit);
        if (['map', 'matmul'].includes(t.node.op)) seen.push(`${t.node.op} ${t.node.outputs.length}`);
      };
      g.outputs.forEach(visit);
    },
  });
  return seen.sort();
};

test('a product that is read later is finished by an epilogue, and stored beside its result', () => {
  const [x, w] = [fed(0, [8, 4]), fed(1, [4, 6])];
  const y = ops.matmul(x, w);
  // the exponential is needed a level before the product is read again
  const z = ops.multiply(ops.cumsum(ops.exp(y)), y);
  expect(instructions({ inputs: [x, w], outputs: [z], writes: [] })).toEqual(['map 1', 'matmul 2']);
});

test('gelu with its gradient is one epilogue of two results', () => {
  const [x, w, v] = [fed(0, [8, 4]), fed(1, [4, 6]), fed(2, [6, 3])];
  const loss = ops.sum(ops.square(ops.matmul(ops.gelu(ops.matmul(x, w)), v)));
  const graph = { inputs: [x, w, v], outputs: [loss, ...gradients(loss, [w, v])], writes: [] };
  // the other one: the product by v is part of the loss, and times 2 its gradient
  const found = instructions(graph);
  expect(found.filter((i) => i === 'matmul 2')).toHaveLength(2);
  expect(found.filter((i) => i.startsWith('map'))).toHaveLength(0);
});
