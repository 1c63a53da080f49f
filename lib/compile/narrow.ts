import { make } from '../ir/build.js';
import { type Attributes, type Graph, Node, type Tensor, topological } from '../ir/graph.js';
import { rebuild, rewrite, usesOf } from './rewrite.js';

const isWidened = (t: Tensor): boolean => t.node.op === 'widen' && (t.node.inputs[0] as Tensor).dtype === 'bfloat16';

/**
 * Keeps bfloat16 numbers as they are in memory: they become float32 where somebody computes with them, not where they were made.
 * So `widen` moves towards those who read it, past what only moves elements, and every reader gets one of its own, which
 * fusion makes a part of it. Nothing is computed differently: `widen` is exact, and rounding what it gives changes nothing.
 */
export function widenLate(graph: Graph): Graph {
  if (!topological(graph).some((node) => node.outputs.some((t) => t.dtype === 'bfloat16'))) return graph;
  const moved = rewrite(graph, (node, inputs) => movedPast(node, inputs) ?? rebuild(node, inputs).outputs);
  const uses = usesOf(moved);
  const shared = (t: Tensor): boolean => (uses.consumers.get(t)?.length ?? 0) + Number(uses.fetched.has(t)) > 1;
  return rewrite(moved, (node, inputs) => {
    const own = inputs.map((t, i) => (shared(node.inputs[i] as Tensor) && isWidened(t) ? twin(t) : t));
    return rebuild(node, own).outputs;
  });
}

/** Products of operands that are rounded to bfloat16 take such numbers from memory as they are. */
export function multiplyNarrow(graph: Graph): Graph {
  if (!topological(graph).some((node) => node.outputs.some(isWidened))) return graph;
  return rewrite(graph, (node, inputs) => {
    const rounds = node.is('matmul') && (node.attrs as Attributes['matmul']).precision === 'bfloat16';
    return rebuild(node, rounds ? inputs.map((t) => (isWidened(t) ? (t.node.inputs[0] as Tensor) : t)) : inputs)
      .outputs;
  });
}

const twin = ({ node }: Tensor): Tensor =>
  new Node(node.op, node.inputs, node.attrs, node.outputs, node.scope).outputs[0] as Tensor;

/** The results of a node that could as well have moved the narrow numbers. */
function movedPast(node: Node, inputs: readonly Tensor[]): readonly Tensor[] | undefined {
  const [first] = inputs;
  if (first === undefined || !isWidened(first)) return undefined;
  const narrow = first.node.inputs[0] as Tensor;
  const { shape } = node.outputs[0] as Tensor;
  switch (node.op) {
    case 'castBfloat16':
      return [narrow];
    case 'reshape':
    case 'permute':
    case 'slice':
    case 'flip':
      return [widened(make(node.op, [narrow], node.attrs as never, shape, 'bfloat16'))];
    case 'gather':
      return [widened(make('gather', [narrow, inputs[1] as Tensor], {}, shape, 'bfloat16'))];
    case 'concat': {
      if (!inputs.every(isWidened)) return undefined;
      const parts = inputs.map((t) => t.node.inputs[0] as Tensor);
      return [widened(make('concat', parts, node.attrs as Attributes['concat'], shape, 'bfloat16'))];
    }
    default:
      return undefined;
  }
}

const widened = (t: Tensor): Tensor => make('widen', [t], {}, t.shape, 'float32');

/**
 * Makes one of those that widen the same numbers on the same level: there they are one part of one program, or one temporary
 * copy for several instructions.
 */
export function shareWidened(graph: Graph, level: ReadonlyMap<Node, number>): Graph {
  const known = new Map<string, Tensor>();
  return rewrite(graph, (node, inputs) => {
    const rebuilt = rebuild(node, inputs).outputs;
    if (!node.outputs.some(isWidened)) return rebuilt;
    const [from] = inputs as [Tensor];
    const key = `${from.node.id}.${from.index} ${level.get(node)}`;
    const shared = known.get(key);
    if (shared !== undefined) return [shared];
    known.set(key, rebuilt[0] as Tensor);
    return rebuilt;
  });
}
