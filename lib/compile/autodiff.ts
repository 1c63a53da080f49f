import { currentScope, inScope } from '../ir/build.js';
import { byParts } from '../ir/composites/index.js';
import { type Flowing, hasGradient, sumGradients, type Vjp, vjps } from '../ir/gradients.js';
import { formatType, type Node, sameShape, Tensor, topological } from '../ir/graph.js';
import { onesLike, zerosLike } from '../ir/ops/random.js';
import { scanFlows } from './scan-gradient.js';

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
  const nodes = topological({ inputs: [], outputs: [of], writes: [] });
  const { total } = flowBack([{ to: of, gradient: upstream ?? onesLike(of) }], wrt, nodes);
  return wrt.map((t) => total(t) ?? zerosLike(t));
}

/** What flows back to one tensor. */
export interface Flow {
  readonly to: Tensor;
  readonly gradient: Flowing;
}

/** What has flowed back to tensors: all parts, or their sum; undefined where nothing did. */
export interface Arrived {
  readonly parts: (t: Tensor) => readonly Flowing[] | undefined;
  readonly total: (t: Tensor) => Tensor | undefined;
}

/**
 * Walks back through `nodes` (sorted, producers first) from where gradients are known.
 *
 * @param wrt where to: what these do not reach through `nodes` is left out
 */
export function flowBack(from: readonly Flow[], wrt: readonly Tensor[], nodes: readonly Node[]): Arrived {
  const dependent = dependents(wrt, nodes);
  const arrived = new Map<Tensor, Flowing[]>();
  const origins = new Map<Tensor, string>();
  const totals = new Map<Tensor, Tensor>();
  const arrive = ({ to, gradient }: Flow): void => {
    const parts = arrived.get(to);
    origins.set(to, currentScope());
    if (parts === undefined) arrived.set(to, [gradient]);
    else parts.push(gradient);
  };
  const total = (t: Tensor): Tensor | undefined => {
    const found = totals.get(t);
    if (found !== undefined) return found;
    const parts = arrived.get(t);
    if (parts === undefined) return undefined;
    // a product may be made here only: it comes from where its factors met, whoever asks for it
    const sum = inScope(origins.get(t) as string, () => sumGradients(t, parts));
    totals.set(t, sum);
    return sum;
  };

  from.forEach(arrive);
  for (const node of [...dependent.nodes].reverse()) {
    inScope(node.scope === '' ? 'gradient' : `${node.scope}/gradient`, () => {
      for (const flow of flowsOf(node, total, dependent.tensors)) {
        if (!dependent.tensors.has(flow.to)) continue;
        if (flow.gradient instanceof Tensor) checkRule(node, flow.to, flow.gradient);
        arrive(flow);
      }
    });
  }
  return { parts: (t) => arrived.get(t), total };
}

/** What a node hands to its inputs. */
function flowsOf(node: Node, total: Arrived['total'], wanted: ReadonlySet<Tensor>): Flow[] {
  const rule = vjps[node.op] as Vjp | 'none' | 'control' | 'parts';
  if (rule === 'parts') return flowsThroughParts(node, node.outputs.map(total), wanted);
  if (node.is('scan')) return scanFlows(node, node.outputs.map(total), wanted, flowBack);
  const y = node.outputs[0] as Tensor;
  const dy = total(y);
  if (dy === undefined || typeof rule === 'string') return [];
  return rule(dy, node.inputs, y, node.attrs).flatMap((gradient, i) =>
    gradient === undefined ? [] : [{ to: node.inputs[i] as Tensor, gradient }],
  );
}

/** The gradient of what a composite is made of. */
function flowsThroughParts(node: Node, dy: readonly (Tensor | undefined)[], wanted: ReadonlySet<Tensor>): Flow[] {
  const inputs = node.inputs.filter((t) => wanted.has(t));
  const results = byParts(node);
  const from = results.flatMap((to, i) => (dy[i] === undefined ? [] : [{ to, gradient: dy[i] }]));
  const parts = topological({ inputs: [], outputs: results, writes: [] }).filter((n) => n.id > node.id);
  const { total } = flowBack(from, inputs, parts);
  return inputs.flatMap((to) => {
    const gradient = total(to);
    return gradient === undefined ? [] : [{ to, gradient }];
  });
}

/** The float32 and bfloat16 tensors that depend on one of `wrt`, and the nodes that lead back from them. */
function dependents(wrt: readonly Tensor[], among: readonly Node[]): { tensors: Set<Tensor>; nodes: Set<Node> } {
  const tensors = new Set<Tensor>(wrt);
  const nodes = new Set<Node>();
  for (const node of among) {
    if (vjps[node.op] === 'none' || !node.inputs.some((input) => tensors.has(input))) continue;
    for (const output of node.outputs) if (hasGradient(output)) tensors.add(output);
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
  // of bfloat16 tensors it may be float32 still: what flows to one is added up before it is rounded
  const isFloat = gradient.dtype === 'float32' || gradient.dtype === input.dtype;
  if (isFloat && sameShape(gradient.shape, input.shape)) return;
  throw new Error(`gradients: the rule of ${node.op} gave ${formatType(gradient)} for an input ${formatType(input)}`);
}
