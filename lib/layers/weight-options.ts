import { resolveConstraint } from '../constraints/resolve.js';
import { resolveInitializer } from '../initializers/resolve.js';
import { resolveRegularizer } from '../regularizers/resolve.js';
import type { WeightOptions } from './layer.js';

/** How a weight begins and what happens to it. */
type WeightTreatment = Pick<WeightOptions, 'initializer' | 'regularizer' | 'constraint'>;

const optionsOf = (weight: string) =>
  ({
    initializer: `${weight}Initializer`,
    regularizer: `${weight}Regularizer`,
    constraint: `${weight}Constraint`,
  }) as const;

/** The options that a layer has for each of its weights: 'kernel' has `kernelInitializer`, `kernelRegularizer`, ... */
export const weightOptionKeys = (...weights: readonly string[]): string[] =>
  weights.flatMap((weight) => Object.values(optionsOf(weight)));

/**
 * For constructors. Weights are built much later: a bad name should fail where it was written.
 *
 * @throws Error naming the option and the valid names
 */
export function checkWeightOptions(where: string, options: object, weights: readonly string[]): void {
  const given = options as Readonly<Record<string, never>>;
  for (const { initializer, regularizer, constraint } of weights.map(optionsOf)) {
    if (given[initializer] !== undefined) resolveInitializer(where, initializer, given[initializer]);
    if (given[regularizer] !== undefined) resolveRegularizer(where, regularizer, given[regularizer]);
    if (given[constraint] !== undefined) resolveConstraint(where, constraint, given[constraint]);
  }
}

/**
 * For `addWeight`: what a layer's options say about a weight.
 *
 * @param initializer where the options say nothing; default: 'glorotUniform'
 */
export function weightTreatment(
  options: object,
  weight: string,
  initializer?: WeightOptions['initializer'],
): WeightTreatment {
  const given = options as Readonly<Record<string, never>>;
  const keys = optionsOf(weight);
  return {
    initializer: given[keys.initializer] ?? initializer,
    regularizer: given[keys.regularizer],
    constraint: given[keys.constraint],
  };
}
