import { argumentError, named, refuseFactory } from '../layers/arguments.js';
import { adafactor } from './adafactor.js';
import { adadelta, adagrad } from './adagrad.js';
import { adam, adamw } from './adam.js';
import { adamax, nadam, radam } from './adam-variants.js';
import { ftrl } from './ftrl.js';
import { lamb } from './lamb.js';
import { lion } from './lion.js';
import { muon } from './muon.js';
import type { Optimizer } from './optimizer.js';
import { rmsprop } from './rmsprop.js';
import { sgd } from './sgd.js';

/** Optimizers that have a name; the name means the default options. */
const table = {
  sgd,
  rmsprop,
  adagrad,
  adadelta,
  adam,
  adamw,
  adamax,
  nadam,
  radam,
  lion,
  lamb,
  ftrl,
  adafactor,
  muon,
} as const satisfies Record<string, () => Optimizer>;

/** Names that `compile`'s `optimizer` accepts. */
export type OptimizerName = keyof typeof table;

/** @throws Error listing the valid names */
export function resolveOptimizer(where: string, optimizer: OptimizerName | Optimizer): Optimizer {
  if (typeof optimizer === 'string') return named<() => Optimizer>(where, 'optimizer', optimizer, table)();
  refuseFactory(where, 'optimizer', optimizer, 'optimizers', table);
  if (typeof optimizer !== 'object' || optimizer === null || typeof optimizer.update !== 'function') {
    throw argumentError(where, 'optimizer', `an optimizer or one of ${Object.keys(table).join(', ')}`, optimizer);
  }
  return optimizer;
}
