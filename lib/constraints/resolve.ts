import { named, refuseFactory } from '../layers/arguments.js';
import type { ConstraintFn } from '../layers/layer.js';
import * as constraints from './index.js';
import { maxNorm, minMaxNorm, nonNeg, unitNorm } from './norms.js';

/** Constraints that have a name; the name means the default options. */
const table = { maxNorm, minMaxNorm, nonNeg, unitNorm } as const satisfies Record<string, () => ConstraintFn>;

export type ConstraintName = keyof typeof table;

/** @throws Error listing the valid names */
export function resolveConstraint(where: string, name: string, value: ConstraintName | ConstraintFn): ConstraintFn {
  refuseFactory(where, name, value, 'constraints', constraints);
  return typeof value === 'function' ? value : named<() => ConstraintFn>(where, name, value, table)();
}
