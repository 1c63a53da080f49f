import { slides } from '../ir/body.js';
import { formatType, type Graph, type Node, sizeOf, type Tensor, topological, type Variable } from '../ir/graph.js';
import { isView, opInfo } from '../ir/optable.js';
import { inOrder } from './order.js';
import { isContiguous, isIdentity, resolveView, type StridedView } from './views.js';

/** A write to state: directly by the node that computes the value, or by a copy at the end of the step. */
export interface Schedule {
  /** Nodes that become instructions, in order. */
  readonly order: readonly Node[];
  /** Values that are computed right where the variable lives. */
  readonly direct: ReadonlyMap<Tensor, Variable>;
  /** Values that are copied into their variable when everything else is done. */
  readonly copies: readonly { readonly value: Tensor; readonly variable: Variable }[];
}

export const memoryOf = (t: Tensor): StridedView => resolveView(t) as StridedView;

const isInstruction = (node: Node): boolean =>
  !isView(node.op) && node.op !== 'variable' && node.op !== 'constant' && node.op !== 'write';

/**
 * Orders the instructions so that every one finds its inputs, and state keeps its old value for whoever reads it.
 *
 * A new value may be computed straight into its variable only when all readers of the old value have run, except the
 * computing instruction itself where it reads element i just before it writes element i.
 *
 * @throws Error when a variable is written twice, or with a value that does not fit it
 */
export function schedule(graph: Graph): Schedule {
  checkWrites(graph);
  const nodes = topological(graph);
  const used = new Set(
    [...nodes.flatMap((n) => n.inputs), ...graph.outputs].filter((t) => t.size > 0).map((t) => t.node),
  );
  const instructions = nodes.filter((n) => isInstruction(n) && (n.op !== 'input' || used.has(n)));
  const reads = new Map<Node, ReadonlySet<Tensor>>(); // instruction -> what it needs of other instructions
  const readers = new Map<Variable, Map<Node, number[]>>(); // with the positions of the inputs that read it
  const anchored = new Set<Tensor>(); // read by kernels whose operands cannot slide
  for (const node of instructions) {
    const needs = new Set<Tensor>();
    for (const [i, input] of node.inputs.entries()) {
      const { base } = memoryOf(input);
      if (!opInfo(node.op).slides) anchored.add(base);
      if (base.node.is('variable')) {
        const { variable } = base.node.attrs as { variable: Variable };
        let own = readers.get(variable);
        if (own === undefined) {
          own = new Map();
          readers.set(variable, own);
        }
        const positions = own.get(node);
        if (positions === undefined) own.set(node, [i]);
        else positions.push(i);
      } else if (isInstruction(base.node)) {
        needs.add(base);
      }
    }
    reads.set(node, needs);
  }

  const direct = new Map<Tensor, Variable>();
  const copies: { value: Tensor; variable: Variable }[] = [];
  const after = new Map<Node, Set<Node>>(); // instruction -> those that must have run before it
  for (const write of graph.writes) {
    const value = write.inputs[0] as Tensor;
    const { variable } = write.attrs as { variable: Variable };
    if (value.size === 0) continue;
    const view = memoryOf(value);
    const others = readers.get(variable) ?? new Map<Node, number[]>();
    const maker = view.base.node;
    const isDirect =
      isInstruction(maker) &&
      maker.op !== 'input' &&
      isIdentity(view) &&
      !direct.has(view.base) &&
      (!slides(variable) || (opInfo(maker.op).slides && !anchored.has(view.base))) &&
      readsSafely(maker, view.base, others.get(maker) ?? []);
    if (!isDirect) {
      copies.push({ value, variable });
      continue;
    }
    direct.set(view.base, variable);
    let set = after.get(maker);
    if (set === undefined) {
      set = new Set();
      after.set(maker, set);
    }
    for (const reader of others.keys()) if (reader !== maker) set.add(reader);
  }

  for (const [loss, gradient] of losses(instructions)) {
    after.set(loss, new Set([...(after.get(loss) ?? []), gradient]));
  }

  const order = inOrder(instructions, {
    reads,
    after,
    kept: new Set([...graph.outputs, ...copies.map(({ value }) => value)].map((t) => memoryOf(t).base)),
    isInPlace: (output) => direct.has(output),
    // its readers need its result: it cannot be computed in place after all
    release(stuck) {
      for (const output of stuck.outputs) {
        const variable = direct.get(output);
        if (variable === undefined) continue;
        direct.delete(output);
        copies.push({ value: output, variable });
      }
    },
  });
  return { order, direct, copies };
}

/** Losses with the gradient of the same logits, which does not need them: behind it, they are made on the way (native/plan/loss_of.h). */
function losses(instructions: readonly Node[]): [loss: Node, gradient: Node][] {
  const gradients = new Map<Tensor, Node>(); // by logits
  for (const node of instructions) {
    if (node.op === 'softmaxCrossEntropyGrad') gradients.set(node.inputs[0] as Tensor, node);
  }
  const found: [Node, Node][] = [];
  for (const node of gradients.size > 0 ? instructions : []) {
    if (node.op !== 'softmaxCrossEntropy') continue;
    const [logits, labels] = node.inputs as [Tensor, Tensor];
    const gradient = gradients.get(logits);
    if (gradient !== undefined && gradient.inputs[1] === labels && !needs(gradient, node)) found.push([node, gradient]);
  }
  return found;
}

/** Whether anything that a node is made of comes from another one. */
function needs(node: Node, other: Node): boolean {
  const seen = new Set([node]);
  for (const { inputs } of seen) for (const t of inputs) if (t.node.id >= other.id) seen.add(t.node);
  return seen.has(other);
}

function checkWrites({ writes }: Graph): void {
  const written = new Set<Variable>();
  for (const write of writes) {
    const value = write.inputs[0] as Tensor;
    const { variable } = write.attrs as { variable: Variable };
    const what = `variable ${variable.name} ${formatType(variable)}`;
    if (written.has(variable)) throw new Error(`${what} is written twice in one step`);
    if (value.dtype !== variable.dtype || value.size !== sizeOf(variable.shape)) {
      throw new Error(`${what} cannot take ${formatType(value)}: dtype and size must agree`);
    }
    written.add(variable);
  }
}

/** Whether an instruction may write `output` over a variable that it reads itself with the inputs at these positions. */
function readsSafely(maker: Node, output: Tensor, positions: readonly number[]): boolean {
  const { epilogue } = opInfo(maker.op);
  const product = epilogue ? 2 : 0;
  const elementwise = maker.op === 'map' || epilogue;
  return positions.every(
    (i) =>
      elementwise &&
      i >= product &&
      isIdentity(memoryOf(maker.inputs[i] as Tensor)) &&
      segmentOf(maker, 'inputs', i) === segmentOf(maker, 'outputs', output.index),
  );
}

export function segmentOf(node: Node, side: 'inputs' | 'outputs', index: number): number {
  const segments = node.op === 'map' ? (node.attrs as { segments: number }).segments : 1;
  return Math.floor(index / (node[side].length / segments));
}

/** Whether an input of a node lies in memory exactly as an output of the same shape would. */
export const aligned = (view: StridedView, output: Tensor): boolean =>
  isContiguous(view) && isIdentity(view) && view.base.size === output.size;
