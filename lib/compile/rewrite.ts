import { eachInScope } from '../ir/build.js';
import { type Attributes, type Graph, Node, onceForEach, type Tensor, topological } from '../ir/graph.js';

/** The node with other inputs; the node itself when they are the same. */
export function rebuild(node: Node, inputs: readonly Tensor[]): Node {
  const before = node.inputs;
  for (let i = 0; i < inputs.length; i++) {
    if (inputs[i] !== before[i]) return new Node(node.op, inputs, node.attrs, node.outputs, node.scope, node.fused);
  }
  return node;
}

/**
 * Rebuilds a graph from its sources to its results. `visit` gets each node with its new inputs and returns what stands
 * for its outputs from now on; nodes that it makes come from where the old one came.
 */
export function rewrite(graph: Graph, visit: (node: Node, inputs: readonly Tensor[]) => readonly Tensor[]): Graph {
  const replaced = new Map<Tensor, Tensor>();
  const current = (t: Tensor): Tensor => replaced.get(t) as Tensor;
  const writes: Node[] = [];
  eachInScope(topological(graph), (node) => {
    const inputs: Tensor[] = [];
    for (const t of node.inputs) inputs.push(current(t));
    if (node.op === 'write') {
      writes.push(rebuild(node, inputs));
      return;
    }
    const outputs = visit(node, inputs);
    const before = node.outputs;
    for (let i = 0; i < before.length; i++) replaced.set(before[i] as Tensor, outputs[i] as Tensor);
  });
  return { inputs: graph.inputs.map(current), outputs: graph.outputs.map(current), writes };
}

/** Consumers of every tensor of a graph. Outputs of the graph are counted in `fetched`. */
export interface Uses {
  readonly consumers: ReadonlyMap<Tensor, readonly Node[]>;
  readonly fetched: ReadonlySet<Tensor>;
}

export const usesOf: (graph: Graph) => Uses = onceForEach(findUses);

function findUses(graph: Graph): Uses {
  const consumers = new Map<Tensor, Node[]>();
  for (const node of topological(graph)) {
    for (const input of node.inputs) {
      const list = consumers.get(input);
      if (list === undefined) consumers.set(input, [node]);
      else if (list.at(-1) !== node) list.push(node);
    }
  }
  return { consumers, fetched: new Set(graph.outputs) };
}

/** Applies a pass to the bodies of loops first, from the inside out. */
export function withBodies(pass: (graph: Graph) => Graph): (graph: Graph) => Graph {
  const everywhere = (graph: Graph): Graph =>
    pass(
      rewrite(graph, (node, inputs) => {
        if (!node.is('loop')) return rebuild(node, inputs).outputs;
        const attrs = node.attrs as Attributes['loop'];
        return new Node('loop', inputs, { ...attrs, body: everywhere(attrs.body) }, node.outputs, node.scope).outputs;
      }),
    );
  return everywhere;
}
