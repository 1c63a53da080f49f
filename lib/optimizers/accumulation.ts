import { add, equal, mod, multiply, subtract, where } from '../ir/ops/elementwise.js';
import { floorDivide } from '../schedules/integers.js';
import type { Parameter, UpdateContext } from './optimizer.js';

/**
 * Turns a step into a part of an update: parameters whose gradient is the mean over the last `steps` steps, and a context
 * whose step counts updates and whose writes only happen in the step that ends one.
 */
export function accumulated(
  parameters: readonly Parameter[],
  context: UpdateContext,
  steps: number,
): { readonly parameters: readonly Parameter[]; readonly context: UpdateContext } {
  if (steps === 1) return { parameters, context };
  const due = equal(mod(context.step, steps), 0);
  const gathered = parameters.map((parameter) => {
    const slot = context.slot('accumulated', parameter.variable);
    const total = add(context.read(slot), parameter.gradient);
    context.write(slot, where(due, 0, total));
    return { ...parameter, gradient: multiply(total, 1 / steps) };
  });
  return {
    parameters: gathered,
    context: {
      ...context,
      // in a step that does not end an update: the number of the next one
      step: add(floorDivide(subtract(context.step, 1), steps), 1),
      write: (variable, value) => context.write(variable, where(due, value, context.read(variable))),
    },
  };
}
