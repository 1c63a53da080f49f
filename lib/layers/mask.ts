import { formatType, type Tensor } from '../ir/graph.js';
import { logicalAnd } from '../ir/ops/elementwise.js';
import { any } from '../ir/ops/reduce.js';

/**
 * Which time steps of a sequence count: bool [batch, time], or [batch, time, ...] for sequences of sequences, true where
 * they do. A mask travels with the tensor that it is about, from the layer that makes it (`masking`, an embedding) through
 * the layers that treat every step alike to those that use it, and to loss and metrics.
 */
const masks = new WeakMap<Tensor, Tensor>();

/** The mask of a traced tensor, if it has one. */
export const maskOf = (t: Tensor): Tensor | undefined => masks.get(t);

/** The mask of whole time steps, [batch, time]: a step counts if anything in it does. */
export function stepMaskOf(t: Tensor): Tensor | undefined {
  const mask = maskOf(t);
  return mask === undefined || mask.rank === 2 ? mask : any(mask, [...mask.shape.keys()].slice(2));
}

/**
 * Notes the mask of a traced tensor [batch, time, ...].
 *
 * @returns the tensor
 * @throws Error when the mask is not bool with the first axes of the tensor, two at least
 */
export function withMask(t: Tensor, mask: Tensor): Tensor {
  if (mask.dtype !== 'bool' || mask.rank < 2 || mask.shape.some((n, axis) => n !== t.shape[axis])) {
    throw new Error(
      `a mask of ${formatType(t)} must be bool[${t.shape.slice(0, 2).join(', ')}], got ${formatType(mask)}`,
    );
  }
  masks.set(t, mask);
  return t;
}

/** Gives the results of a layer that treats every time step alike the masks of its inputs: a step counts if it does in all. */
export function passMasks(inputs: readonly Tensor[], outputs: readonly Tensor[]): void {
  const found = inputs.flatMap((t) => maskOf(t) ?? []);
  const alike = found.every((mask) => mask.rank === found[0]?.rank);
  if (alike) pass(found, outputs);
  else passStepMasks(inputs, outputs);
}

/** As `passMasks`, the marks of whole steps only. */
export const passStepMasks = (inputs: readonly Tensor[], outputs: readonly Tensor[]): void =>
  pass(
    inputs.flatMap((t) => stepMaskOf(t) ?? []),
    outputs,
  );

function pass(found: readonly Tensor[], outputs: readonly Tensor[]): void {
  const [first, ...others] = new Set(found);
  if (first === undefined) return;
  const mask = others.reduce((a, b) => logicalAnd(a, b), first);
  for (const t of outputs) {
    if (maskOf(t) === undefined && mask.shape.every((n, axis) => n === t.shape[axis])) withMask(t, mask);
  }
}
