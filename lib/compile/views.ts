import { isPlace, slides } from '../ir/body.js';
import { inScope, make } from '../ir/build.js';
import { type Attributes, type Graph, type Node, type Shape, sizeOf, type Tensor, topological } from '../ir/graph.js';
import { isScalar, isView, opInfo } from '../ir/optable.js';
import { rebuild, rewrite } from './rewrite.js';

/** A strided window on the memory of `base`, which is not a view itself. Offset and strides count elements. */
export interface StridedView {
  readonly base: Tensor;
  readonly offset: number;
  readonly shape: Shape;
  readonly strides: readonly number[];
}

export function rowMajorStrides(shape: Shape): number[] {
  const strides = shape.map(() => 1);
  for (let i = shape.length - 2; i >= 0; i--) strides[i] = (strides[i + 1] as number) * (shape[i + 1] as number);
  return strides;
}

/** Row-major without gaps, from the first element on. */
export function isContiguous(view: StridedView): boolean {
  if (sizeOf(view.shape) <= 1) return true;
  const dense = rowMajorStrides(view.shape);
  return view.shape.every((n, i) => n === 1 || view.strides[i] === dense[i]);
}

/** The whole of its base in order: the same elements at the same positions. */
export const isIdentity = (view: StridedView): boolean =>
  view.offset === 0 && sizeOf(view.shape) === view.base.size && isContiguous(view);

/** What views were found to be: every pass asks again, and tensors do not change. Null when no strides can say it. */
const resolved = new WeakMap<Tensor, StridedView | null>();

/** Follows views down to memory. Undefined when a reshape on the way needs the data in another order. */
export function resolveView(t: Tensor): StridedView | undefined {
  if (!isView(t.node.op)) return { base: t, offset: 0, shape: t.shape, strides: rowMajorStrides(t.shape) };
  let view = resolved.get(t);
  if (view === undefined) {
    view = followView(t) ?? null;
    resolved.set(t, view);
  }
  return view ?? undefined;
}

function followView(t: Tensor): StridedView | undefined {
  const inner = resolveView(t.node.inputs[0] as Tensor);
  if (inner === undefined) return undefined;
  const { base, offset, shape, strides } = inner;
  const node = t.node;
  if (node.op === 'reshape') {
    const next = reshapeStrides(shape, strides, t.shape);
    return next && { base, offset, shape: t.shape, strides: next };
  }
  if (node.op === 'broadcast') {
    const lead = t.rank - shape.length;
    const next = t.shape.map((n, i) =>
      i < lead || (shape[i - lead] === 1 && n !== 1) ? 0 : (strides[i - lead] as number),
    );
    return { base, offset, shape: t.shape, strides: next };
  }
  if (node.op === 'permute') {
    const { axes } = node.attrs as Attributes['permute'];
    return { base, offset, shape: t.shape, strides: axes.map((a) => strides[a] as number) };
  }
  if (node.op === 'slice') {
    const { start, step } = node.attrs as Attributes['slice'];
    const moved = start.reduce((sum, s, i) => sum + s * (strides[i] as number), offset);
    // an empty box may start just past the end: it reads nothing, so it may as well start at 0
    return {
      base,
      offset: t.size === 0 ? 0 : moved,
      shape: t.shape,
      strides: strides.map((s, i) => s * (step[i] as number)),
    };
  }
  if (node.op === 'flip') {
    const { axes } = node.attrs as Attributes['flip'];
    const moved = axes.reduce((sum, a) => sum + Math.max((shape[a] as number) - 1, 0) * (strides[a] as number), offset);
    return { base, offset: moved, shape: t.shape, strides: strides.map((s, i) => (axes.includes(i) ? -s : s)) };
  }
  return inner; // stopGradient, customGradient
}

/** Strides of the same elements under another shape, or undefined when no strides can say it. */
function reshapeStrides(from: Shape, strides: readonly number[], to: Shape): number[] | undefined {
  if (sizeOf(to) <= 1) return to.map(() => 0);
  // group axes of both shapes into blocks of equal size; a block must be evenly strided
  const source = from.map((n, i) => ({ n, s: strides[i] as number })).filter(({ n }) => n !== 1);
  const result = to.map(() => 0);
  let i = 0;
  let j = 0;
  while (j < to.length) {
    if (to[j] === 1) {
      j++;
      continue;
    }
    const first = i;
    const begin = j;
    let have = (source[i++] as { n: number }).n;
    let want = to[j++] as number;
    while (have !== want) {
      if (have < want) have *= (source[i++] as { n: number }).n;
      else want *= to[j++] as number;
    }
    for (let k = first; k + 1 < i; k++) {
      const [a, b] = [source[k], source[k + 1]] as [{ n: number; s: number }, { n: number; s: number }];
      if (a.s !== b.s * b.n) return undefined;
    }
    let stride = (source[i - 1] as { s: number }).s;
    for (let k = j - 1; k >= begin; k--) {
      result[k] = stride;
      stride *= to[k] as number;
    }
  }
  return result;
}

/** The tensor itself when strides can describe it, else a contiguous copy of what its reshape starts from. */
function addressable(t: Tensor): Tensor {
  if (resolveView(t) !== undefined) return t;
  const origin = addressable(t.node.inputs[0] as Tensor);
  const node = rebuild(t.node, [origin]);
  const view = node.outputs[0] as Tensor;
  if (resolveView(view) !== undefined) return view;
  return rebuild(t.node, [copyOf(origin)]).outputs[0] as Tensor;
}

const copyOf = (t: Tensor): Tensor => inScope(t.node.scope, () => make('copy', [t], {}, t.shape, t.dtype));
const unslid = (t: Tensor): Tensor => (isSliding(t) ? copyOf(t) : t);

/** In order and without gaps, in memory that no write of the same step changes before the end. */
const settled = (t: Tensor): Tensor => {
  const view = resolveView(t);
  const ready = view !== undefined && isContiguous(view) && view.base.node.op !== 'variable';
  return ready ? t : copyOf(t);
};

/** Whether a tensor is a step's part of a loop's operand. */
export const isSliding = (t: Tensor): boolean => {
  const node = resolveView(t)?.base.node;
  return node?.is('variable') === true && slides((node.attrs as Attributes['variable']).variable);
};

/** The inputs of a loop, as its body reads them: dense, or with dense rows. */
function loopInputs(node: Node<'loop'>, inputs: readonly Tensor[], copies: Map<Tensor, Tensor>): Tensor[] {
  const { body } = node.attrs as Attributes['loop'];
  const read = new Map<number, boolean>(); // operand -> whether by rows
  for (const { attrs } of topological(body)) {
    if ('variable' in attrs && isPlace(attrs.variable)) read.set(attrs.variable.operand, slides(attrs.variable));
  }
  return inputs.map((t, i) => {
    const { shape, strides, ...rest } = resolveView(t) as StridedView;
    const rows = read.get(i) ?? false;
    const part = rows ? { ...rest, shape: shape.slice(1), strides: strides.slice(1) } : { ...rest, shape, strides };
    if (!read.has(i) || isContiguous(part)) return t;
    const copy = copies.get(t) ?? copyOf(t);
    copies.set(t, copy);
    return copy;
  });
}

/** Inputs as a node can read them. Loops share the copies that they need. */
function legalInputs(node: Node, inputs: readonly Tensor[], copies: Map<Tensor, Tensor>): readonly Tensor[] {
  if (node.is('loop')) return loopInputs(node, inputs.map(unslid), copies);
  return isView(node.op) || isScalar(node.op) || opInfo(node.op).slides ? inputs : inputs.map(unslid);
}

/** After this pass every tensor resolves to a strided view, and what leaves the graph is contiguous and not state. */
export function legalizeViews(graph: Graph): Graph {
  const copies = new Map<Tensor, Tensor>();
  const legal = rewrite(graph, (node, inputs) => {
    const rebuilt = rebuild(node, legalInputs(node, inputs, copies));
    return isView(node.op) ? [addressable(rebuilt.outputs[0] as Tensor)] : rebuilt.outputs;
  });
  return {
    inputs: legal.inputs,
    outputs: legal.outputs.map(settled),
    writes: legal.writes.map((w) => rebuild(w, [settled(w.inputs[0] as Tensor)])),
  };
}
