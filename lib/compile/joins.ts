import type { Attributes, Node, Tensor } from '../ir/graph.js';
import { encoding } from '../ir/optable.js';
import { memoryOf, type Schedule } from './schedule.js';
import { bytesPerElement } from './state-layout.js';
import { isIdentity } from './views.js';

/** A part of a concatenation that is computed right where it belongs, and needs no copy. */
export interface Home {
  /** The result that it is a part of: whose memory it lies in. */
  readonly root: Tensor;
  /** Bytes from the beginning of the root. */
  readonly offset: number;
  /** The concatenation that need not copy it, and which of its inputs it is. */
  readonly concat: Node;
  readonly input: number;
}

/**
 * Finds the results of instructions that can be computed in their place in a concatenation: the steps of a recurrent
 * network in their sequence, for example. The slices of the concatenation must be contiguous and aligned; a result that is
 * a part several times is made in one of the places.
 */
export function findHomes({ order, direct }: Schedule): Map<Tensor, Home> {
  const instructions = new Set(order);
  const homes = new Map<Tensor, Home>();
  // from the last to the first: a concatenation may be a part of a later one itself
  for (let i = order.length - 1; i >= 0; i--) {
    const concat = order[i] as Node;
    const out = concat.outputs[0] as Tensor;
    if (!concat.is('concat') || direct.has(out)) continue;
    const { axis } = concat.attrs as Attributes['concat'];
    if (out.shape.slice(0, axis).some((n) => n !== 1)) continue;
    const { root, offset } = homes.get(out) ?? { root: out, offset: 0 };
    let at = offset;
    for (const [input, part] of concat.inputs.entries()) {
      const view = memoryOf(part);
      const { base } = view;
      const fits =
        at % encoding.unit === 0 && isIdentity(view) && instructions.has(base.node) && base.node.op !== 'input';
      if (fits && !direct.has(base) && !homes.has(base)) homes.set(base, { root, offset: at, concat, input });
      at += part.size * bytesPerElement(part.dtype);
    }
  }
  return homes;
}
