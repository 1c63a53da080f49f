import { make } from '../ir/build.js';
import { installEvaluator, Node, type Tensor } from '../ir/graph.js';
import { Cache } from './cache.js';
import { Executable } from './executable.js';

const executables = new Cache<Executable>(256);

/**
 * Computes lazy tensors: what is known already is fed, the rest is compiled as one graph and run. Graphs of the same
 * structure are compiled once.
 *
 * @throws Error when a tensor depends on something that is only known while a compiled function runs
 *
 * @example
 * const [a, b] = [ops.exp(x), ops.log(x)];
 * evaluate([a, b]); // one run for both
 * a.data;
 */
export function evaluate(tensors: readonly Tensor[]): void {
  const wanted = tensors.filter((t) => t.known === undefined);
  if (wanted.length === 0) return;
  const { key, leaves, order } = describe(wanted);
  const executable = executables.get(key, () => new Executable(extract(wanted, leaves, order)));
  const results = executable.run(leaves.map((t) => t.known as NonNullable<Tensor['known']>));
  wanted.forEach((t, i) => {
    t.settle(results[i] as NonNullable<Tensor['known']>);
  });
}

/** A rank-0 constant is part of the graph, so that it can be folded into the kernels. */
const isLiteral = (t: Tensor): boolean => t.node.op === 'constant' && t.rank === 0;

interface Description {
  readonly key: string;
  /** Known tensors, to be fed by slot. */
  readonly leaves: readonly Tensor[];
  /** Nodes to compute, producers first. */
  readonly order: readonly Node[];
}

function describe(wanted: readonly Tensor[]): Description {
  const nodes = new Set<Node>();
  const known = new Set<Tensor>();
  const stack = [...wanted];
  for (let t = stack.pop(); t !== undefined; t = stack.pop()) {
    if (t.known !== undefined) {
      known.add(t);
    } else if (!nodes.has(t.node)) {
      if (t.node.op === 'input' || t.node.op === 'variable') {
        throw new Error(
          'Tensor.data: this tensor has no values: it stands for a value inside a traced function (a layer, a loss, jit, grad)',
        );
      }
      nodes.add(t.node);
      for (const operand of t.node.inputs) stack.push(operand); // maybe too many for arguments of a call
    }
  }
  const order = [...nodes].sort((a, b) => a.id - b.id);
  const leaves = [...known].filter((t) => !isLiteral(t)).sort((a, b) => a.node.id - b.node.id || a.index - b.index);
  const names = new Map<Tensor, string>(leaves.map((t, i) => [t, `i${i}`]));
  const nameOf = (t: Tensor): string =>
    names.get(t) ?? `${t.dtype}:${Object.is(t.known?.[0], -0) ? '-0' : t.known?.[0]}`;
  const text = leaves.map((t) => `${t.dtype}[${t.shape}]`);
  order.forEach((node, n) => {
    text.push(
      `${node.op}(${node.inputs.map(nameOf)})${JSON.stringify(node.attrs)}${node.outputs.map((t) => `${t.dtype}[${t.shape}]`)}`,
    );
    node.outputs.forEach((t, i) => {
      if (!names.has(t)) names.set(t, `n${n}.${i}`);
    });
  });
  return { key: `${text.join(';')}->${wanted.map(nameOf)}`, leaves, order };
}

/** The graph with known tensors as inputs. */
function extract(wanted: readonly Tensor[], leaves: readonly Tensor[], order: readonly Node[]) {
  const inputs = leaves.map((t, slot) => make('input', [], { slot }, t.shape, t.dtype));
  const replaced = new Map<Tensor, Tensor>(leaves.map((t, i) => [t, inputs[i] as Tensor]));
  const current = (t: Tensor): Tensor => replaced.get(t) ?? t;
  for (const node of order) {
    const made = new Node(node.op, node.inputs.map(current), node.attrs, node.outputs, node.scope);
    node.outputs.forEach((t, i) => {
      if (!replaced.has(t)) replaced.set(t, made.outputs[i] as Tensor);
    });
  }
  return { inputs, outputs: wanted.map(current), writes: [] };
}

installEvaluator(evaluate);
