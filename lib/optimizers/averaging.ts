import type { Tensor, Variable } from '../ir/graph.js';
import { add, equal, greaterEqual, mod, multiply, subtract, where } from '../ir/ops/elementwise.js';
import type { Parameter, UpdateContext } from './optimizer.js';
import type { OptimizerOptions } from './options.js';

/** Name of the slot that holds the moving average of a weight. */
export const averageSlot = 'average';

/**
 * Keeps the moving average of a weight, if the options say so: average = emaMomentum * average + (1 - emaMomentum) * w,
 * beginning with the weight after the first update. Returns what the weight becomes: itself, or the average when it is
 * time to overwrite.
 */
export function averaged(variable: Variable, value: Tensor, options: OptimizerOptions, context: UpdateContext): Tensor {
  const { useEma = false, emaMomentum = 0.99, emaOverwriteFrequency } = options;
  if (!useEma) return value;
  const slot = context.slot(averageSlot, variable);
  const old = context.read(slot);
  const moved = add(old, multiply(subtract(value, old), 1 - emaMomentum));
  const average = where(equal(context.step, 1), value, moved);
  context.write(slot, average);
  if (emaOverwriteFrequency === undefined) return value;
  return where(equal(mod(context.step, emaOverwriteFrequency), 0), average, value);
}

/** Gives weights their moving averages, if the options keep some and there has been an update. */
export function finalizeAverages(
  parameters: readonly Omit<Parameter, 'gradient'>[],
  options: OptimizerOptions,
  context: UpdateContext,
): void {
  const { useEma = false, gradientAccumulationSteps = 1 } = options;
  if (!useEma) return;
  const updated = greaterEqual(context.step, gradientAccumulationSteps);
  for (const { variable, value } of parameters) {
    context.write(variable, where(updated, context.read(context.slot(averageSlot, variable)), value));
  }
}
