import type { Tensor, Variable } from '../ir/graph.js';
import { add, expm1, maximum, multiply, negative, reciprocal, subtract } from '../ir/ops/elementwise.js';
import type { UpdateContext } from './optimizer.js';

/** Moves a running average that is kept in a slot toward a new value: beta * old + (1 - beta) * x. */
export function runningAverage(
  context: UpdateContext,
  name: string,
  variable: Variable,
  x: Tensor,
  beta: number,
): Tensor {
  const slot = context.slot(name, variable);
  const old = context.read(slot);
  const next = add(old, multiply(subtract(x, old), 1 - beta));
  context.write(slot, next);
  return next;
}

/** The largest value so far, kept in a slot. */
export function runningMaximum(context: UpdateContext, name: string, variable: Variable, x: Tensor): Tensor {
  const slot = context.slot(name, variable);
  const next = maximum(context.read(slot), x);
  context.write(slot, next);
  return next;
}

/**
 * move / divisor, as a product: running averages of gradients that have become zero fade into denormal numbers, and those a
 * processor divides several times slower than it multiplies them.
 */
export const dividedBy = (move: Tensor, divisor: Tensor): Tensor => multiply(move, reciprocal(divisor));

/** 1 - beta^t without cancellation, also in float32 and for a beta near 1; 1 for beta 0. */
export const biasCorrection = (beta: number, t: Tensor): Tensor | 1 =>
  beta === 0 ? 1 : negative(expm1(multiply(t, Math.log(beta))));
