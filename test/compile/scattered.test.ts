// Rows that are spread over a table: added up first where the table is only wanted for its norm, merged where two tables are added.
import { compile, gradients, StateLayout } from '../../lib/compile';
import { sumScattered } from '../../lib/compile/scattered';
import { simplify } from '../../lib/compile/simplify';
import type { Attributes, Graph, Tensor } from '../../lib/ir/graph';
import { gather } from '../../lib/ir/ops/gather';
import * as ops from '../../lib/ir/ops/index';
import { scatterAdd } from '../../lib/ir/ops/indexing';
import { loadAddon } from '../../lib/runtime/native';
import { fed } from '../helpers/evaluate';
import { census, expectPreserved, graphOf, nodesOf } from '../helpers/graphs';
import { checkNatively } from '../helpers/native';
import { Random } from '../helpers/random';

const { target } = loadAddon().info();
const [height, width] = [4100, 64];

/** What a graph becomes, with random rows and indices below `below`, of which the last two name the ends of the table. */
function summed(inputs: readonly Tensor[], outputs: readonly Tensor[], below = 20): Graph {
  const random = new Random(5);
  const feeds = inputs.map(({ size, dtype }) => {
    if (dtype === 'float32') return Float32Array.from({ length: size }, () => random.uniform(-1, 1));
    const indices = Int32Array.from({ length: size }, () => random.int(0, below - 1));
    if (size > 2) indices.set([0, height - 1], size - 2);
    return indices;
  });
  const problem = { graph: graphOf(inputs, outputs), feeds };
  checkNatively(problem, [target]);
  return expectPreserved(problem, (graph) => sumScattered(simplify(graph)));
}

/** Sizes of all arrays that are as large as a table. */
const tables = (graph: Graph): number =>
  nodesOf(graph, 'scatterAdd').filter((n) => n.outputs[0].shape[0] === height).length;
const squares = (graph: Graph): number => nodesOf(graph, 'reduce')[0].inputs[0].size;

const indices = fed(0, [8, 5], 'int32');
const rows = fed(1, [8, 5, width]);

describe('the norm of a table', () => {
  const table = scatterAdd(indices, rows, height);
  const square = ops.sum(ops.square(table));

  it.each([2, 20, 4000])('is that of the sums, with indices below %i', (below) => {
    const graph = summed([indices, rows], [square, table], below);
    expect(squares(graph)).toBe(40 * width);
    expect(tables(graph)).toBe(1);
  });

  it('needs no table where nobody else does', () => {
    const graph = summed([indices, rows], [square]);
    expect(tables(graph)).toBe(0);
    expect(squares(graph)).toBe(40 * width);
  });

  it('is that of the row where there is one', () => {
    const [index, row] = [fed(0, [], 'int32'), fed(1, [width])];
    const one = scatterAdd(index, row, height);
    expect(squares(summed([index, row], [ops.sum(ops.square(one)), one]))).toBe(width);
  });

  it('may be divided by, as a gradient that is clipped is', () => {
    summed([indices, rows], [ops.multiply(table, ops.divide(1, ops.sqrt(square)))]);
  });

  it.each([
    ['over one axis', (t: Tensor) => ops.sum(ops.square(t), 0), rows],
    ['of absolute values', (t: Tensor) => ops.sum(ops.abs(t)), rows],
    ['of another table by this one', (t: Tensor) => ops.sum(ops.multiply(t, ops.add(t, 1))), rows],
  ])('is as it was: a sum %s', (_, f, updates) => {
    const graph = summed([indices, updates], [f(table), table]);
    expect(census(graph).argsort).toBeUndefined();
  });

  it('is as it was where the table is not much larger than what is added to it', () => {
    const many = fed(0, [1100], 'int32');
    const updates = fed(1, [1100, width]);
    const all = scatterAdd(many, updates, height);
    expect(census(summed([many, updates], [ops.sum(ops.square(all)), all])).argsort).toBeUndefined();
  });
});

describe('two tables that are added', () => {
  const [other, more] = [fed(2, [3], 'int32'), fed(3, [3, width])];
  const inputs = [indices, rows, other, more];
  const [a, b] = [scatterAdd(indices, rows, height), scatterAdd(other, more, height)];

  it('are one, which has a norm as well', () => {
    const both = ops.add(a, b);
    expect(census(summed(inputs, [both]))).toEqual({ input: 4, reshape: 2, concat: 2, scatterAdd: 1 });
    const graph = summed(inputs, [both, ops.sum(ops.square(both))]);
    expect(tables(graph)).toBe(1);
    expect(squares(graph)).toBe(43 * width);
  });

  it('are three, of which all are one', () => {
    const [last, least] = [fed(4, [2, 2], 'int32'), fed(5, [2, 2, width])];
    const all = ops.add(ops.add(a, b), scatterAdd(last, least, height));
    expect(tables(summed([...inputs, last, least], [all]))).toBe(1);
  });

  it.each([
    ['one of which is read by others', [ops.add(a, b), ops.exp(a)], 2],
    ['of the same rows', [ops.add(a, a)], 1],
    ['that are subtracted', [ops.subtract(a, b)], 2],
  ])('stay as they are: %s', (_, outputs, count) => {
    const graph = summed(inputs, outputs);
    expect(census(graph).concat).toBeUndefined();
    expect(tables(graph)).toBe(count);
  });
});

test('a clipped gradient of a table that is looked up twice ends in its update', () => {
  const [table, other] = [fed(2, [height, width]), fed(3, [3], 'int32')];
  const loss = ops.add(ops.sum(ops.exp(gather(table, indices))), ops.sum(ops.square(gather(table, other))));
  const [gradient] = gradients(loss, [table]) as [Tensor];
  const clipped = ops.multiply(gradient, ops.minimum(ops.divide(1, ops.norm(gradient)), 1));
  const updated = ops.subtract(table, ops.multiply(clipped, 0.1));
  let fused: Graph | undefined;
  compile(graphOf([indices, table, other], [updated]), new StateLayout(), {
    inspect: (pass, graph) => {
      if (pass === 'fuse') fused = graph;
    },
  });
  const large = nodesOf(fused as Graph, 'scatterAdd').filter((n) => n.outputs[0].shape[0] === height);
  expect(large).toHaveLength(1);
  expect((large[0].attrs as Attributes['scatterAdd']).epilogue?.steps.length).toBeGreaterThan(0);
  const others = nodesOf(fused as Graph, 'map').filter((n) => n.outputs.some((t) => t.size === height * width));
  expect(others).toHaveLength(0);
});
