import { broadcastTo, constantValue, hostArray, make } from '../ir/build.js';
import {
  type Attributes,
  type Graph,
  Node,
  type Shape,
  sameShape,
  sizeOf,
  type Tensor,
  type Variable,
} from '../ir/graph.js';
import { isScalar, opInfo } from '../ir/optable.js';
import { identityProgram } from '../ir/program.js';
import { evaluateScalar } from '../ir/scalar.js';
import { beforePoolGrad } from './pooling.js';
import { rebuild, rewrite } from './rewrite.js';

/**
 * Makes the graph smaller without changing what it computes (every rule is exact in float32 but those that move what is summed, which round elsewhere):
 * folds constants, drops identities and gradient markers, computes on small shapes before they are broadcast, merges
 * chains of views, and shares common subexpressions.
 */
export function simplify(graph: Graph): Graph {
  const seen = new Map<string, Node>();
  const variables = new Map<Variable, number>();

  const share = (node: Node): readonly Tensor[] => {
    const key = keyOf(node, variables);
    if (key === undefined) return node.outputs;
    const known = seen.get(key);
    if (known !== undefined) return known.outputs;
    seen.set(key, node);
    return node.outputs;
  };
  // a rule may make several nodes: each goes through the table of known ones, inputs first
  const settle = (t: Tensor): Tensor => {
    const inputs = t.node.inputs.map((input) => (seenTensors.has(input) ? input : settle(input)));
    const shared = share(rebuild(t.node, inputs))[t.index] as Tensor;
    seenTensors.add(shared);
    return shared;
  };
  const seenTensors = new Set<Tensor>();

  return rewrite(graph, (node, inputs) => {
    const rebuilt = rebuild(node, inputs);
    const better = rebuilt.outputs.length === 1 ? apply(rebuilt) : undefined;
    const outputs = better === undefined ? share(rebuilt) : [settle(better)];
    for (const t of outputs) seenTensors.add(t);
    return outputs;
  });
}

/** Two nodes with the same key compute the same. Sources with data, fed inputs, loops and programs have none. */
function keyOf(node: Node, variables: Map<Variable, number>): string | undefined {
  if (node.op === 'input' || node.op === 'loop' || node.op === 'map') return undefined;
  let inputs = '';
  for (const t of node.inputs) inputs += t.index === 0 ? `${t.node.id},` : `${t.node.id}.${t.index},`;
  const attributes = hasAttributes(node);
  // elementwise operations have the shape of their operands
  if (isScalar(node.op) && node.inputs.length > 0 && !attributes) return `${node.op} ${inputs}`;
  let shape = '';
  for (const t of node.outputs) shape += `${t.dtype}[${t.shape}]`;
  if (node.is('constant')) {
    const { data } = node.attrs as Attributes['constant'];
    return data.length === 1 ? `constant ${Object.is(data[0], -0) ? '-0' : data[0]} ${shape}` : undefined;
  }
  if (node.is('variable')) {
    const { variable } = node.attrs as Attributes['variable'];
    if (!variables.has(variable)) variables.set(variable, variables.size);
    return `variable ${variables.get(variable)}`;
  }
  return `${node.op} ${inputs} ${attributes ? JSON.stringify(node.attrs) : ''} ${shape}`;
}

function hasAttributes({ attrs }: Node): boolean {
  for (const _ in attrs) return true;
  return false;
}

/** A simpler tensor with the same value, or undefined. */
function apply(node: Node): Tensor | undefined {
  const [x] = node.inputs;
  const out = node.outputs[0] as Tensor;
  if (out.size === 0 || node.inputs.some((t) => t.size === 0)) return simplifyEmpty(node, out);
  switch (node.op) {
    case 'stopGradient':
    case 'customGradient':
      return x;
    case 'broadcast':
      return x?.node.op === 'broadcast' ? broadcastTo(x.node.inputs[0] as Tensor, out.shape) : undefined;
    case 'reshape':
      return simplifyReshape(x as Tensor, out.shape);
    case 'permute':
      return simplifyPermute(x as Tensor, node.attrs as Attributes['permute'], out);
    case 'reduce':
      return simplifyReduce(x as Tensor, node.attrs as Attributes['reduce'], out) ?? beforePoolGrad(node);
    case 'concat':
      return simplifyConcat(node, node.attrs as Attributes['concat'], out);
    default:
      return isScalar(node.op) ? (simplifyScalar(node) ?? beforePoolGrad(node)) : undefined;
  }
}

/** No instruction ever works on a tensor without elements: it is a constant, and so is what comes of it alone. */
function simplifyEmpty(node: Node, out: Tensor): Tensor | undefined {
  if (out.size === 0) {
    return opInfo(node.op).kind === 'source'
      ? undefined
      : make('constant', [], { data: hostArray(out.dtype, []) }, out.shape, out.dtype);
  }
  if (node.op === 'concat') {
    const [first, ...others] = node.inputs.filter((t) => t.size > 0) as [Tensor, ...Tensor[]];
    return others.length === 0
      ? first
      : make('concat', [first, ...others], node.attrs as Attributes['concat'], out.shape, out.dtype);
  }
  // of the others only an empty product is not 0: reduce, matmul over no terms, scatterAdd of no rows
  const isProduct = node.is('reduce') && (node.attrs as Attributes['reduce']).kind === 'prod';
  return constant(isProduct ? 1 : 0, out.shape, out);
}

function simplifyReshape(x: Tensor, shape: Shape): Tensor | undefined {
  if (sameShape(x.shape, shape)) return x;
  const inner = x.node.op === 'reshape' ? (x.node.inputs[0] as Tensor) : undefined;
  if (inner !== undefined) return sameShape(inner.shape, shape) ? inner : make('reshape', [inner], {}, shape, x.dtype);
  const value = constantValue(x);
  return value === undefined ? undefined : constant(value, shape, x);
}

function simplifyPermute(x: Tensor, { axes }: Attributes['permute'], out: Tensor): Tensor | undefined {
  if (axes.every((a, i) => a === i)) return x;
  if (x.node.op !== 'permute') return undefined;
  const inner = (x.node.attrs as Attributes['permute']).axes;
  const combined = axes.map((a) => inner[a] as number);
  const origin = x.node.inputs[0] as Tensor;
  return combined.every((a, i) => a === i)
    ? origin
    : make('permute', [origin], { axes: combined }, out.shape, out.dtype);
}

/** Along the leading axis, tensors lie one behind the other whatever their other axes are: reshaped first or last. */
function simplifyConcat({ inputs }: Node, { axis }: Attributes['concat'], out: Tensor): Tensor | undefined {
  if (axis !== 0 || !inputs.every((t) => t.node.op === 'reshape')) return undefined;
  const origins = inputs.map((t) => t.node.inputs[0] as Tensor);
  const [first] = origins as [Tensor, ...Tensor[]];
  if (first.rank === 0 || !origins.every((t) => sameShape(t.shape.slice(1), first.shape.slice(1)))) return undefined;
  const length = origins.reduce((n, t) => n + (t.shape[0] as number), 0);
  const joined = make('concat', origins, { axis }, [length, ...first.shape.slice(1)], out.dtype);
  return make('reshape', [joined], {}, out.shape, out.dtype);
}

/** Nothing is left of axes with one element each; what has lost all axes does not know how it was reshaped; the sum of n equal constants is known (as is their maximum). */
function simplifyReduce(x: Tensor, { kind, axes, program }: Attributes['reduce'], out: Tensor): Tensor | undefined {
  if (x.size === out.size && program === identityProgram) {
    return simplifyReshape(x, out.shape) ?? make('reshape', [x], {}, out.shape, out.dtype);
  }
  if (out.rank === 0 && x.node.op === 'reshape') {
    const origin = x.node.inputs[0] as Tensor;
    const all = [...origin.shape.keys()];
    return make('reduce', [origin], { kind, axes: all, program }, out.shape, out.dtype);
  }
  if (kind === 'sum' && x.node.op === 'neg') {
    const total = sumOf(x.node.inputs[0] as Tensor, axes, out);
    return make('neg', [factorOut(x.node.inputs[0] as Tensor, axes, out) ?? total], {}, out.shape, out.dtype);
  }
  if (kind === 'sum') {
    const moved = factorOut(x, axes, out);
    if (moved !== undefined) return moved;
  }
  const value = constantValue(x);
  if (value === undefined || x.size === 0 || kind === 'prod') return undefined;
  const count = axes.reduce((n, a) => n * (x.shape[a] as number), 1);
  const total = kind === 'sum' ? value * count : value;
  return Number.isSafeInteger(count) && Math.fround(total) === total ? constant(total, out.shape, out) : undefined;
}

/**
 * sum(a * b) = sum(a) * b where b is the same along the axes. Only of many elements: where a few are compared with their own
 * mean, as the gradient of normalization does, products that were rounded before cancel exactly.
 */
function factorOut(x: Tensor, axes: readonly number[], out: Tensor): Tensor | undefined {
  if (x.node.op !== 'mul' || x.dtype !== 'float32' || x.size < manySummed * out.size) return undefined;
  const [a, b] = x.node.inputs as readonly [Tensor, Tensor];
  const factors = [a, b].map((t) => kept(t, axes, out.shape));
  const at = factors.findIndex((f) => f !== undefined);
  const factor = factors[at];
  if (factor === undefined) return undefined;
  return make('mul', [sumOf(at === 0 ? b : a, axes, out), factor], {}, out.shape, out.dtype);
}

const manySummed = 256;

const sumOf = (x: Tensor, axes: readonly number[], out: Tensor): Tensor =>
  make('reduce', [x], { kind: 'sum', axes, program: identityProgram }, out.shape, out.dtype);

/** The values of a broadcast tensor without axes along which it only repeats, or undefined. */
function kept(t: Tensor, axes: readonly number[], shape: Shape): Tensor | undefined {
  if (t.node.op !== 'broadcast') return undefined;
  const origin = t.node.inputs[0] as Tensor;
  const missing = t.rank - origin.rank;
  if (axes.some((axis) => axis >= missing && origin.shape[axis - missing] !== 1)) return undefined;
  const rest = origin.shape.filter((_, i) => !axes.includes(i + missing));
  return broadcastTo(make('reshape', [origin], {}, rest, t.dtype), shape);
}

const constant = (value: number, shape: Shape, like: Tensor): Tensor =>
  broadcastTo(make('constant', [], { data: hostArray(like.dtype, [value]) }, [], like.dtype), shape);

function simplifyScalar(node: Node): Tensor | undefined {
  const out = node.outputs[0] as Tensor;
  const { inputs, op } = node;
  if (opInfo(op).positional || !isScalar(op)) return undefined;
  const values = inputs.map(constantValue);
  if (values.every((v) => v !== undefined)) {
    const lanes = (inputs[inputs.length - 1] as Tensor).dtype === 'int32' ? 'i' : 'f';
    return constant(evaluateScalar(op, lanes, values as number[]), out.shape, out);
  }
  const identity = simplifyIdentity(node, values);
  if (identity !== undefined) return identity;
  return hoist(node, values);
}

/** x + 0, x * 1 and the like. Only rules that hold for NaN, infinities and signed zeros that anyone could see. */
function simplifyIdentity(node: Node, values: readonly (number | undefined)[]): Tensor | undefined {
  const [a, b] = node.inputs as readonly [Tensor, Tensor];
  const [va, vb] = values;
  switch (node.op) {
    case 'add':
      return vb === 0 ? a : va === 0 ? b : undefined;
    case 'sub':
      return vb === 0 ? a : undefined;
    case 'mul':
      if (vb === 1) return a;
      if (va === 1) return b;
      if (vb === -1) return make('neg', [a], {}, a.shape, a.dtype);
      return va === -1 ? make('neg', [b], {}, b.shape, b.dtype) : undefined;
    case 'div':
      if (vb === 1) return a;
      // dividing by a power of two is exactly multiplying by its inverse
      return vb !== undefined && Math.log2(Math.abs(vb)) % 1 === 0 && Math.abs(Math.log2(Math.abs(vb))) < 100
        ? make('mul', [a, constant(1 / vb, a.shape, a)], {}, a.shape, a.dtype)
        : undefined;
    case 'pow':
      if (vb === 1) return a;
      if (vb === 2) return make('mul', [a, a], {}, a.shape, a.dtype);
      return undefined;
    case 'neg':
      return a.node.op === 'neg' ? (a.node.inputs[0] as Tensor) : undefined;
    default:
      return undefined;
  }
}

/**
 * f(broadcast(a), broadcast(b)) = broadcast(f(a, b)) where a and b have one shape, and the same for reshape: the work is
 * done once per distinct value, and chains of elementwise operations stay unbroken by views.
 */
function hoist(node: Node, values: readonly (number | undefined)[]): Tensor | undefined {
  const out = node.outputs[0] as Tensor;
  const view = node.inputs[values.indexOf(undefined)]?.node.op;
  if (view !== 'broadcast' && view !== 'reshape') return undefined;
  const moving = node.inputs.filter((_, i) => values[i] === undefined);
  const origins = moving.map((t) => t.node.inputs[0] as Tensor);
  const shape = (origins[0] as Tensor).shape;
  if (!moving.every((t, i) => t.node.op === view && sameShape((origins[i] as Tensor).shape, shape))) return undefined;
  if (view === 'broadcast' && sizeOf(shape) === out.size) return undefined;
  const inputs = node.inputs.map((t, i) => {
    const value = values[i];
    return value === undefined ? (t.node.inputs[0] as Tensor) : constant(value, shape, t);
  });
  const small = new Node(node.op, inputs, node.attrs, [{ shape, dtype: out.dtype }], node.scope).outputs[0] as Tensor;
  return view === 'broadcast' ? broadcastTo(small, out.shape) : make('reshape', [small], {}, out.shape, out.dtype);
}
