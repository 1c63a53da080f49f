import { type Graph, Node, onceForEach, sameShape, type Tensor, topological } from '../ir/graph.js';
import { hasSibling, isScalar, isView, opInfo } from '../ir/optable.js';
import { isElementwise } from './region.js';
import { rebuild, type Uses, usesOf } from './rewrite.js';

/** Smaller tensors stay in the cache between their maker and those who read them: an instruction more costs as much. */
export const largeSize = 1 << 16;

/** Whether two operations can run in one program. */
export const fusable = (producer: Node, consumer: Node): boolean =>
  isElementwise(producer) && isElementwise(consumer) && sameShape(result(producer).shape, result(consumer).shape);

const result = (node: Node): Tensor => node.outputs[0] as Tensor;

/**
 * A level for every node, counted from the results: a consumer that is elementwise over the same shape shares it, any
 * other edge goes one level down.
 *
 * A large value that only a reduction reads goes one level down as well where what it is made of is stored anyway: there
 * it runs in front of the reduction and is never stored itself.
 *
 * What is only written, as a part of a whole, shares the level of that whole, from where no way leads back.
 *
 * Rounding to fewer bytes is done where the number is made, however late it is read: so the wide one is not stored.
 */
export const levelsOf: (graph: Graph) => ReadonlyMap<Node, number> = onceForEach(findLevels);

function findLevels(graph: Graph): Map<Node, number> {
  const nodes = topological(graph);
  const uses = usesOf(graph);
  const { consumers } = uses;
  const level = new Map<Node, number>();
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i] as Node;
    const large = node.outputs.some((t) => t.size > largeSize);
    let lowest = 0;
    for (const output of node.outputs) {
      const list = consumers.get(output) ?? [];
      const stored = large && list.some((c) => !fusable(node, c));
      for (const consumer of list) {
        const together =
          (fusable(node, consumer) && !(stored && onlyReduced(consumer, uses))) || onlyWritten(consumer, uses);
        lowest = Math.min(lowest, (level.get(consumer) as number) - (together ? 0 : 1));
      }
    }
    level.set(node, lowest);
    // functions that share most of their work are computed together, where the first of them is needed
    for (const other of siblingsOf(node, uses)) level.set(other, Math.min(lowest, level.get(other) ?? lowest));
  }
  for (const node of nodes) {
    if (node.op !== 'castBfloat16') continue;
    const made = (node.inputs[0] as Tensor).node;
    if (made.inputs.length === 0 || isView(made.op)) continue;
    const earliest = (level.get(made) as number) + (fusable(made, node) ? 0 : 1);
    level.set(node, Math.min(earliest, level.get(node) as number));
  }
  return level;
}

/** Nodes after this one that compute a function of the same operand for little more than this one costs. */
function siblingsOf(node: Node, { consumers }: Uses): Node[] {
  const operand = node.inputs[0];
  if (operand === undefined || !hasSibling(node.op)) return [];
  return (consumers.get(operand) ?? []).filter((c) => opInfo(c.op).sibling === node.op);
}

/** A concatenation that nobody reads in this step: what it is made of lies in its place as soon as it is made. */
const onlyWritten = (node: Node, { consumers }: Uses): boolean =>
  node.op === 'concat' && (consumers.get(result(node)) ?? []).every((c) => c.op === 'write');

/** One reduction reads it, nothing else. */
function onlyReduced(node: Node, { consumers, fetched }: Uses): boolean {
  const list = consumers.get(result(node)) ?? [];
  return list.length === 1 && list[0]?.op === 'reduce' && !fetched.has(result(node));
}

/**
 * Computes cheap large values again on each level that reads them, rather than once to be stored: x - mean on the way
 * forward and on the way back. Only values made of one large operand, which is read instead of them.
 */
export function recompute(graph: Graph): Graph {
  const nodes = topological(graph);
  const uses = usesOf(graph);
  const cheap = new Set(nodes.filter((node) => isCheap(node, uses)));
  if (cheap.size === 0) return graph;
  const level = levelsOf(graph);
  // consumers before producers, so that a copy's operands can be copied too
  const copies = new Map<Node, Map<number, Node>>();
  const readers = new Map<Node, Set<number>>(); // of cheap ones: the levels that they are read on
  const read = (node: Node, at: number): void => {
    const levels = readers.get(node);
    if (levels === undefined) readers.set(node, new Set([at]));
    else levels.add(at);
  };
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i] as Node;
    const own = level.get(node) as number;
    const again = [...(readers.get(node) ?? [])].filter((at) => at !== own);
    if (again.length > 0) copies.set(node, new Map(again.map((at) => [at, node])));
    for (const { node: producer } of node.inputs) {
      if (cheap.has(producer)) for (const at of [own, ...again]) read(producer, at);
    }
  }
  return copies.size === 0 ? graph : copy(graph, nodes, level, copies);
}

/** Worth doing twice, if nobody needs it in memory. */
function isCheap(node: Node, { consumers, fetched }: Uses): boolean {
  if (!isScalar(node.op) || opInfo(node.op).costly || opInfo(node.op).positional) return false;
  // rounded to take less memory than what it is made of
  if (node.op === 'castBfloat16') return false;
  const out = result(node);
  const large = new Set(node.inputs.filter((t) => t.size === out.size && t.node.op !== 'broadcast'));
  return (
    out.size > largeSize &&
    large.size === 1 &&
    !fetched.has(out) &&
    (consumers.get(out) as Node[]).every((c) => fusable(node, c))
  );
}

function copy(
  graph: Graph,
  nodes: readonly Node[],
  level: ReadonlyMap<Node, number>,
  copies: ReadonlyMap<Node, Map<number, Node>>,
): Graph {
  const made = new Map<Tensor, Tensor>();
  /** What stands for a tensor on a level. */
  const on = (t: Tensor, at: number): Tensor => {
    const copied = copies.get(t.node)?.get(at);
    return copied === undefined ? (made.get(t) as Tensor) : (copied.outputs[0] as Tensor);
  };
  const writes: Node[] = [];
  for (const node of nodes) {
    const own = level.get(node) as number;
    const inputs: Tensor[] = [];
    for (const t of node.inputs) inputs.push(on(t, own));
    const rebuilt = rebuild(node, inputs);
    if (node.op === 'write') writes.push(rebuilt);
    for (const t of node.outputs) made.set(t, rebuilt.outputs[t.index] as Tensor);
    const again = copies.get(node);
    if (again === undefined) continue;
    for (const at of again.keys()) {
      const operands = node.inputs.map((t) => on(t, at));
      again.set(at, new Node(node.op, operands, node.attrs, node.outputs, node.scope));
    }
  }
  const current = (t: Tensor): Tensor => made.get(t) as Tensor;
  return { inputs: graph.inputs.map(current), outputs: graph.outputs.map(current), writes };
}
