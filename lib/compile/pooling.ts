import { broadcastTo, constantValue, make, scalar } from '../ir/build.js';
import { type Attributes, Node, type Tensor } from '../ir/graph.js';

const comparisons: readonly string[] = ['lt', 'le', 'eq', 'ne', 'gt', 'ge'];

/**
 * What follows the gradient of a maximum pooling, done on the maxima instead, which are fewer: a gradient flows only to a
 * cell that equals its window's maximum y.
 *
 *     where(x > 0, maxPoolGrad(x, y, dy), 0)   ->  maxPoolGrad(x, y, where(y > 0, dy, 0))    (any comparison with a constant)
 *     sum(maxPoolGrad(x, y, dy))               ->  sum(dy)                                   (over all positions, in another order)
 */
export function beforePoolGrad(node: Node): Tensor | undefined {
  if (node.op === 'select') return gateBefore(node);
  return node.is('reduce') ? sumBefore(node) : undefined;
}

function gateBefore(node: Node): Tensor | undefined {
  const [condition, dx, otherwise] = node.inputs as readonly [Tensor, Tensor, Tensor];
  const pooling = dx.node;
  if (!pooling.is('maxPoolGrad') || constantValue(otherwise) !== 0 || !comparisons.includes(condition.node.op)) return;
  const [x, y, dy] = pooling.inputs as readonly [Tensor, Tensor, Tensor];
  const values = condition.node.inputs.map(constantValue);
  if (!condition.node.inputs.every((t, i) => t === x || values[i] !== undefined)) return;
  if (!condition.node.inputs.includes(x)) return;
  const small = (t: Tensor): Tensor => broadcastTo(scalar(constantValue(t) as number, t.dtype), y.shape);
  const operands = condition.node.inputs.map((t) => (t === x ? y : small(t)));
  const type = { shape: y.shape, dtype: condition.dtype };
  const open = new Node(condition.node.op, operands, condition.node.attrs, [type], node.scope).outputs[0] as Tensor;
  const gate = make('select', [open, dy, small(otherwise)], {}, y.shape, dy.dtype);
  return make('maxPoolGrad', [x, y, gate], pooling.attrs as Attributes['maxPoolGrad'], dx.shape, dx.dtype);
}

function sumBefore(node: Node): Tensor | undefined {
  const [dx] = node.inputs as readonly [Tensor];
  const attrs = node.attrs as Attributes['reduce'];
  if (!dx.node.is('maxPoolGrad') || attrs.kind !== 'sum' || attrs.program.steps.length > 0) return;
  for (let axis = 1; axis < dx.rank - 1; axis++) if (!attrs.axes.includes(axis)) return;
  const out = node.outputs[0] as Tensor;
  return make('reduce', [dx.node.inputs[2] as Tensor], attrs, out.shape, out.dtype);
}
