import { type Box, sumBoxes } from '../ir/boxes.js';
import { withScope } from '../ir/build.js';
import { type Gradient, type Vjp, vjps } from '../ir/gradients.js';
import { formatType, type Node, type Shape, sameShape, Tensor, topological } from '../ir/graph.js';
import { add } from '../ir/ops/elementwise.js';
import { onesLike, zerosLike } from '../ir/ops/random.js';
import { type Product, sumProducts } from '../ir/products.js';

/**
 * Reverse-mode differentiation: extends the graph by dL/dx for each x in `wrt`, where dL/d(of) is `upstream`.
 *
 * Nodes are walked from the newest to the oldest; each hands the gradient of its result to its inputs, and what arrives
 * at a tensor is added up in that order. A tensor in `wrt` that `of` does not depend on gets zeros.
 *
 * @param of float32; of rank 0 unless `upstream` is given
 * @param upstream float32 of the shape of `of`, default 1
 * @throws Error when `of` or a member of `wrt` is not float32, or the shapes do not agree
 */
export function gradients(of: Tensor, wrt: readonly Tensor[], upstream?: Tensor): Tensor[] {
  checkArguments(of, wrt, upstream);
  const dependent = dependents(of, wrt);
  const arrived = new Map<Tensor, Exclude<Gradient, undefined>[]>([[of, [upstream ?? onesLike(of)]]]);
  const totals = new Map<Tensor, Tensor>();

  const total = (t: Tensor): Tensor | undefined => {
    const found = totals.get(t);
    if (found !== undefined) return found;
    const parts = arrived.get(t);
    if (parts === undefined) return undefined;
    const sum = sumParts(t.shape, parts);
    totals.set(t, sum);
    return sum;
  };

  for (const node of [...dependent.nodes].sort((a, b) => b.id - a.id)) {
    const y = node.outputs[0] as Tensor;
    const rule = vjps[node.op] as Vjp | 'none';
    if (rule === 'none') continue;
    withScope(node.scope === '' ? 'gradient' : `${node.scope}/gradient`, () => {
      const dy = total(y);
      if (dy === undefined) return;
      rule(dy, node.inputs, y, node.attrs).forEach((gradient, i) => {
        const input = node.inputs[i] as Tensor;
        if (gradient === undefined || !dependent.tensors.has(input)) return;
        if (gradient instanceof Tensor) checkRule(node, input, gradient);
        const parts = arrived.get(input);
        if (parts === undefined) arrived.set(input, [gradient]);
        else parts.push(gradient);
      });
    });
  }
  return wrt.map((t) => total(t) ?? zerosLike(t));
}

/** The sum of everything that flowed back to one tensor. */
function sumParts(shape: Shape, parts: readonly Exclude<Gradient, undefined>[]): Tensor {
  const whole: Tensor[] = [];
  const boxes: Box[] = [];
  const products: Product[] = [];
  for (const part of parts) {
    if (part instanceof Tensor) whole.push(part);
    else if ('value' in part) boxes.push(part);
    else products.push(part);
  }
  if (boxes.length > 0) whole.push(sumBoxes(shape, boxes));
  if (products.length > 0) whole.push(sumProducts(products));
  return whole.reduce((a, b) => add(a, b));
}

/** The float32 tensors that depend on one of `wrt` and that `of` depends on, and the nodes that lead back from them. */
function dependents(of: Tensor, wrt: readonly Tensor[]): { tensors: Set<Tensor>; nodes: Set<Node> } {
  const tensors = new Set<Tensor>(wrt);
  const nodes = new Set<Node>();
  for (const node of topological({ inputs: [], outputs: [of], writes: [] })) {
    if (vjps[node.op] === 'none' || !node.inputs.some((input) => tensors.has(input))) continue;
    for (const output of node.outputs) if (output.dtype === 'float32') tensors.add(output);
    nodes.add(node);
  }
  return { tensors, nodes };
}

function checkArguments(of: Tensor, wrt: readonly Tensor[], upstream: Tensor | undefined): void {
  if (!(of instanceof Tensor)) throw new Error(`gradients: expected a tensor to differentiate, got ${typeof of}`);
  if (of.dtype !== 'float32') {
    throw new Error(`gradients: only float32 can be differentiated, got ${formatType(of)}`);
  }
  if (upstream === undefined && of.rank !== 0) {
    throw new Error(`gradients: expected a scalar (rank 0), got ${formatType(of)}; reduce it with sum or mean first`);
  }
  if (upstream !== undefined && (upstream.dtype !== 'float32' || !sameShape(upstream.shape, of.shape))) {
    throw new Error(`gradients: upstream must be ${formatType(of)} like the result, got ${formatType(upstream)}`);
  }
  wrt.forEach((t, i) => {
    if (t instanceof Tensor && t.dtype === 'float32') return;
    const got = t instanceof Tensor ? formatType(t) : typeof t;
    throw new Error(`gradients: wrt[${i}] must be a float32 tensor, got ${got}`);
  });
}

function checkRule(node: Node, input: Tensor, gradient: Tensor): void {
  if (gradient.dtype === 'float32' && sameShape(gradient.shape, input.shape)) return;
  throw new Error(`gradients: the rule of ${node.op} gave ${formatType(gradient)} for an input ${formatType(input)}`);
}
