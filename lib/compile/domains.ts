import { broadcastTo, constantValue } from '../ir/build.js';
import { type Graph, Node, type Shape, sameShape, type Tensor, topological } from '../ir/graph.js';
import { reshape } from '../ir/ops/shape.js';
import { isScalar, isView, opInfo } from '../ir/optable.js';
import { isElementwise } from './region.js';
import { rebuild, rewrite, usesOf } from './rewrite.js';
import { isSliding, resolveView } from './views.js';

/**
 * Elementwise operations on a product, or on what ends it, that is seen in another shape take the product's own, so that they
 * can be its end: a dense layer multiplies a matrix [rows, features], whatever shape its input has, and what follows adds to
 * [batch, steps, features].
 *
 * Elements keep their order, so positions do not change. What else is read is seen in the product's shape as well, or computed
 * in it where nobody else wants it; where neither is possible, or something would have to be stored for it, all stays as it is.
 */
export function inShapeOfProducts(graph: Graph): Graph {
  const nodes = topological(graph);
  if (!nodes.some(isProduct) || !nodes.some((node) => node.op === 'reshape')) return graph;
  const { consumers, fetched } = usesOf(graph);
  const ends = new Set<Tensor>(); // products, and what is elementwise in their shape
  const before = new Map<Tensor, Tensor>(); // of new tensors: the old ones

  /** Read as it is by something that is not elementwise, or by the caller. */
  const isStored = (t: Tensor): boolean =>
    fetched.has(t) || (consumers.get(t) ?? []).some((c) => !isElementwise(c) && !isView(c.op));

  /** The same elements in another shape, for one reader. */
  function inShape(t: Tensor, shape: Shape): Tensor | undefined {
    if (sameShape(t.shape, shape)) return t;
    if (constantValue(t) !== undefined) return broadcastTo(constantOf(t), shape);
    const origin = t.node.op === 'reshape' ? (t.node.inputs[0] as Tensor) : t;
    if (sameShape(origin.shape, shape)) return origin;
    const old = before.get(t) ?? t;
    if (isScalar(t.node.op) && !isStored(old)) {
      return (consumers.get(old) ?? []).length === 1 ? computedIn(t.node, t.node.inputs, shape)?.[0] : undefined;
    }
    const view = reshape(t, shape);
    return isSliding(t) || resolveView(view) === undefined ? undefined : view;
  }

  function computedIn(node: Node, inputs: readonly Tensor[], shape: Shape): readonly Tensor[] | undefined {
    // the operands of a positional operation are not read element by element
    const operands = opInfo(node.op).positional ? inputs : inputs.map((t) => inShape(t, shape));
    if (!operands.every((t) => t !== undefined)) return undefined;
    const types = node.outputs.map(({ dtype }) => ({ shape, dtype }));
    return new Node(node.op, operands, node.attrs, types, node.scope).outputs;
  }

  return rewrite(graph, (node, inputs) => {
    const moved = isElementwise(node) ? inProductsShape(node, inputs) : undefined;
    const made = moved ?? rebuild(node, inputs).outputs;
    if (isProduct(node) || moved !== undefined || isEnd(node, inputs)) for (const t of made) ends.add(t);
    const outputs = moved === undefined ? made : moved.map((t) => reshape(t, shapeOf(node)));
    for (const t of node.outputs) {
      const now = outputs[t.index] as Tensor;
      if (now !== t) before.set(now, t);
    }
    return outputs;
  });

  function isEnd(node: Node, inputs: readonly Tensor[]): boolean {
    return isElementwise(node) && inputs.some((t) => ends.has(t) && sameShape(t.shape, shapeOf(node)));
  }

  function inProductsShape(node: Node, inputs: readonly Tensor[]): readonly Tensor[] | undefined {
    const shape = shapeOf(node);
    for (const t of inputs) {
      if (t.node.op !== 'reshape') continue;
      const lead = t.node.inputs[0] as Tensor;
      if (ends.has(lead) && !sameShape(lead.shape, shape)) return computedIn(node, inputs, lead.shape);
    }
    return undefined;
  }
}

const isProduct = (node: Node): boolean => opInfo(node.op).epilogue === true;
const shapeOf = (node: Node): Shape => (node.outputs[0] as Tensor).shape;

function constantOf(t: Tensor): Tensor {
  let origin = t;
  while (origin.node.op !== 'constant') origin = origin.node.inputs[0] as Tensor;
  return reshape(origin, []);
}
