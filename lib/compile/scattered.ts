import { type Attributes, type Graph, type Node, sameShape, type Tensor, topological } from '../ir/graph.js';
import { cast, multiply, notEqual, square, subtract } from '../ir/ops/elementwise.js';
import { gather } from '../ir/ops/gather.js';
import { scatterAdd } from '../ir/ops/indexing.js';
import { argsort } from '../ir/ops/order.js';
import { ones } from '../ir/ops/random.js';
import { sum } from '../ir/ops/reduce.js';
import { cumsum } from '../ir/ops/scan.js';
import { concatenate, reshape, sliceAxis } from '../ir/ops/shape.js';
import { rebuild, rewrite, type Uses, usesOf } from './rewrite.js';

/**
 * What is spread over a table is needed as that table by few: the gradient of an embedding ends in the update of its weights.
 *
 *     scatterAdd(i, x) + scatterAdd(j, y)   ->  scatterAdd([i, j], [x, y])    a table that was looked up twice
 *     sum(square(scatterAdd(i, x)))         ->  sum(square(s))                where s are the sums of the rows of x with one index:
 *     scatterAdd(i, x)                      ->  scatterAdd(k, s)              its norm, for which the table would have to be made
 */
export function sumScattered(graph: Graph): Graph {
  if (!topological(graph).some((node) => node.op === 'scatterAdd')) return graph;
  return sumForNorms(mergeAdded(graph));
}

const result = (node: Node): Tensor => node.outputs[0] as Tensor;
const isReadOnce = (t: Tensor, { consumers, fetched }: Uses): boolean =>
  consumers.get(t)?.length === 1 && !fetched.has(t);

function mergeAdded(graph: Graph): Graph {
  const uses = usesOf(graph);
  return rewrite(graph, (node, inputs) => {
    const [a, b] = inputs as [Tensor, Tensor];
    const both =
      node.op === 'add' && a !== b && inputs.every(isScattered) && node.inputs.every((t) => isReadOnce(t, uses));
    const merged = both ? merge(result(node), [a, b]) : undefined;
    return merged === undefined ? rebuild(node, inputs).outputs : [merged];
  });
}

/** With no end of its own yet, as before fusion. */
const isScattered = (t: Tensor): boolean => t.node.op === 'scatterAdd';

function merge(out: Tensor, operands: [Tensor, Tensor]): Tensor | undefined {
  const [[i, x], [j, y]] = operands.map(rowsOf) as [Rows, Rows];
  if (x.size + y.size > out.size || !operands.every((t) => sameShape(t.shape, out.shape))) return undefined;
  return scatterAdd(concatenate([i, j], 0), concatenate([x, y], 0), out.shape[0] as number);
}

/** Indices [n], and as many rows. */
type Rows = readonly [indices: Tensor, rows: Tensor];

function rowsOf({ node, shape }: Tensor): Rows {
  const [indices, rows] = node.inputs as [Tensor, Tensor];
  return [reshape(indices, [indices.size]), reshape(rows, [indices.size, ...shape.slice(1)])];
}

/** So much larger than what is added to it has a table to be that sorting indices costs less than reading and writing it. */
const timesLarger = 4;
const smallest = 1 << 18;

function sumForNorms(graph: Graph): Graph {
  const uses = usesOf(graph);
  const sums = new Map<Tensor, Tensor>();
  return rewrite(graph, (node, inputs) => {
    if (node.op === 'scatterAdd' && isLarge(result(node)) && normOf(result(node), uses) !== undefined) {
      const spread = summed(result(rebuild(node, inputs)));
      sums.set(result(node), spread.node.inputs[1] as Tensor);
      return [spread];
    }
    const squared = node.inputs[0]?.node;
    const known = squared?.op === 'mul' ? sums.get(squared.inputs[0] as Tensor) : undefined;
    if (known === undefined || node !== normOf(squared?.inputs[0] as Tensor, uses)) {
      return rebuild(node, inputs).outputs;
    }
    return [reshape(sum(square(known)), result(node).shape)];
  });
}

const isLarge = (table: Tensor): boolean =>
  table.size >= smallest && table.size >= timesLarger * (table.node.inputs[1] as Tensor).size;

/** The sum of all squares of a table, if somebody asks for it. */
function normOf(table: Tensor, { consumers, fetched }: Uses): Node | undefined {
  for (const square of consumers.get(table) ?? []) {
    const isSquare = square.op === 'mul' && square.inputs.every((t) => t === table);
    const readers = isSquare && !fetched.has(result(square)) ? (consumers.get(result(square)) ?? []) : [];
    const [sum] = readers;
    if (readers.length !== 1 || !sum?.is('reduce')) continue;
    const { kind, axes, program } = sum.attrs as Attributes['reduce'];
    if (kind === 'sum' && axes.length === table.rank && program.steps.length === 0) return sum;
  }
  return undefined;
}

/**
 * The same with a row for each index, of which the first ones have all the sums and the others are 0. Indices are sorted; one
 * that differs from the one before begins a new sum.
 */
function summed(table: Tensor): Tensor {
  const [indices, rows] = rowsOf(table);
  const [n, height] = [indices.size, table.shape[0] as number];
  if (n === 1) return scatterAdd(indices, rows, height);
  const order = argsort(indices);
  const sorted = gather(indices, order);
  const differs = notEqual(sliceAxis(sorted, 0, 1), sliceAxis(sorted, 0, 0, n - 1));
  const begins = concatenate([ones([1], 'int32'), cast(differs, 'int32')], 0);
  const place = gather(subtract(cumsum(begins), 1), argsort(order));
  // those that begin a sum come first; the others add 0 to row 0
  const names = gather(multiply(sorted, begins), argsort(begins, 0, { descending: true }));
  return scatterAdd(names, scatterAdd(place, rows, n), height);
}
