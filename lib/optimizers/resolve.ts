import { argumentError, named } from '../layers/arguments.js';
import { adam, adamw } from './adam.js';
import type { Optimizer } from './optimizer.js';
import { rmsprop } from './rmsprop.js';
import { sgd } from './sgd.js';

/** Optimizers that have a name; the name means the default options. */
const table = { sgd, rmsprop, adam, adamw } as const satisfies Record<string, () => Optimizer>;

/** Names that `compile`'s `optimizer` accepts. */
export type OptimizerName = keyof typeof table;

/** @throws Error listing the valid names */
export function resolveOptimizer(where: string, optimizer: OptimizerName | Optimizer): Optimizer {
  if (typeof optimizer === 'string') return named<() => Optimizer>(where, 'optimizer', optimizer, table)();
  if (typeof optimizer !== 'object' || optimizer === null || typeof optimizer.update !== 'function') {
    throw argumentError(where, 'optimizer', `an optimizer or one of ${Object.keys(table).join(', ')}`, optimizer);
  }
  return optimizer;
}
