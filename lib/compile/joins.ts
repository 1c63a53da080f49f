import {
  type Attributes,
  bytesPerElement,
  type Node,
  type Shape,
  sameShape,
  sizeOf,
  type Tensor,
  type Variable,
} from '../ir/graph.js';
import { encoding } from '../ir/optable.js';
import { memoryOf, type Schedule } from './schedule.js';
import { isIdentity, rowMajorStrides } from './views.js';

/** A part of a concatenation that is computed right where it belongs, and needs no copy. */
export interface Home {
  /** The result that it is a part of: whose memory it lies in. */
  readonly root: Tensor;
  /** Bytes from the beginning of the root. */
  readonly offset: number;
  /** In elements, where its rows lie apart; else they follow each other. */
  readonly strides?: readonly number[];
  /** The concatenation that need not copy it, and which of its inputs it is. */
  readonly concat: Node;
  readonly input: number;
}

/** Elements of a row from which on rows that lie apart cost less than a copy. */
export const minRow = 32;

/** Instructions that read rows that lie apart as fast as others. */
const readers: ReadonlySet<string> = new Set(['concat', 'map', 'reduce', 'matmul', 'matmulInt8']);

/**
 * Finds the results of instructions that can be computed in their place in a concatenation: the steps of a recurrent
 * network in their sequence, for example, or the gradients of its gates. What is a part several times is made in one of the
 * places.
 *
 * - Along the leading axis the slices of the concatenation are contiguous, and must be aligned.
 * - Along another axis their rows lie apart, which a map can write. Who else reads such a part reads it there, so it has to
 *   be as it was made; and it is not `fetched`.
 */
export function findHomes(steps: Schedule, fetched: readonly Tensor[] = []): Map<Tensor, Home> {
  const { order, direct } = steps;
  const instructions = new Set(order);
  const bound = findBound(steps, fetched);
  const homes = new Map<Tensor, Home>();
  // from the last to the first: a concatenation may be a part of a later one itself
  for (let i = order.length - 1; i >= 0; i--) {
    const concat = order[i] as Node;
    if (!concat.is('concat')) continue;
    const out = concat.outputs[0] as Tensor;
    const { axis } = concat.attrs as Attributes['concat'];
    const gaps = sizeOf(out.shape.slice(0, axis)) !== 1;
    if (gaps ? homes.has(out) || bound.variables.has(direct.get(out)) : direct.has(out)) continue;
    const { root, offset } = homes.get(out) ?? { root: out, offset: 0 };
    const strides = rowMajorStrides(out.shape);
    let at = offset;
    for (const [input, part] of concat.inputs.entries()) {
      const view = memoryOf(part);
      const { base } = view;
      const free = instructions.has(base.node) && base.node.op !== 'input' && !direct.has(base) && !homes.has(base);
      const fits = gaps
        ? base.node.is('map') && !bound.tensors.has(base) && hasRows(base, part.shape, axis)
        : at % encoding.unit === 0;
      if (free && fits && isIdentity(view)) {
        homes.set(base, { root, offset: at, ...(gaps ? { strides } : {}), concat, input });
      }
      const step = gaps ? (part.shape[axis] as number) * (strides[axis] as number) : part.size;
      at += step * bytesPerElement(part.dtype);
    }
  }
  return homes;
}

function hasRows({ shape, dtype }: Tensor, part: Shape, axis: number): boolean {
  return sameShape(shape, part) && sizeOf(shape.slice(axis)) >= minRow && bytesPerElement(dtype) === 4;
}

/** Tensors that somebody reads in a way that asks for rows without gaps, and variables whose old value is read. */
function findBound({ order, copies }: Schedule, fetched: readonly Tensor[]) {
  const tensors = new Set([...fetched, ...copies.map(({ value }) => value)].map((t) => memoryOf(t).base));
  const variables = new Set<Variable | undefined>();
  for (const node of order) {
    for (const input of node.inputs) {
      const view = memoryOf(input);
      const { base } = view;
      if (base.node.is('variable')) variables.add((base.node.attrs as Attributes['variable']).variable);
      const plain = isIdentity(view) && sameShape(view.shape, base.shape);
      if (!plain || !readers.has(node.op)) tensors.add(base);
    }
  }
  return { tensors, variables };
}
