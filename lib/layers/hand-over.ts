import { inScope } from '../ir/build.js';
import type { Tensor } from '../ir/graph.js';
import { cast, customGradient } from '../ir/ops/elementwise.js';
import { isView } from '../ir/optable.js';
import { handsOverNarrow } from '../ir/precision.js';
import { maskOf, withMask } from './mask.js';

/** From a rounded result to what the layer computed. */
const exact = new WeakMap<Tensor, Tensor>();
/** What derivatives see rounded. */
const kept = new WeakSet<Tensor>();

const isKept = (t: Tensor): boolean => handsOverNarrow() && t.dtype === 'float32' && !exact.has(t) && !isFed(t);

/** Inputs of a model in whatever shape: they may be ids, which are not rounded. */
function isFed({ node }: Tensor): boolean {
  let origin = node;
  while (isView(origin.op)) origin = (origin.inputs[0] as Tensor).node;
  return origin.op === 'input';
}

const rounded = (t: Tensor): Tensor => cast(cast(t, 'bfloat16'), 'float32');

/**
 * A layer's result as the next layers see it: rounded, where the model's values are bfloat16 in memory. Has the same mask.
 * Derivatives that look at the result see the rounded one too, so that no other is kept for them.
 */
export function handOver(t: Tensor): Tensor {
  if (!isKept(t)) return t;
  const result = rounded(t);
  const mask = maskOf(t);
  if (mask !== undefined) withMask(result, mask);
  exact.set(result, t);
  kept.add(t);
  return result;
}

/** As `handOver` on the way back, for derivatives and the gradient; what follows sees the value as it is. */
export function keepNarrow(t: Tensor): Tensor {
  if (!isKept(t)) return t;
  const result = customGradient(
    [t],
    (x) => x,
    (dy) => [rounded(dy)],
  );
  kept.add(result);
  return result;
}

/** A result that was handed over, as the layer computed it: what leaves a model. */
export function takeOut(t: Tensor): Tensor {
  const result = exact.get(t);
  if (result === undefined) return t;
  kept.delete(result);
  return result;
}

/** What derivatives see of a value. */
export const onWayBack = (t: Tensor): Tensor => (kept.has(t) ? inScope(t.node.scope, () => rounded(t)) : t);
