import { named, refuseFactory } from '../layers/arguments.js';
import * as losses from './index.js';
import { defineLoss, type Loss, type LossFunction } from './loss.js';

/** Every loss has a name, which means its default options. */
const table = {
  ...losses,
  mse: losses.meanSquaredError,
  mae: losses.meanAbsoluteError,
  mape: losses.meanAbsolutePercentageError,
  msle: losses.meanSquaredLogarithmicError,
} as const satisfies Record<string, () => Loss>;

/** Names that `compile`'s `loss` accepts. */
export type LossName = keyof typeof table;

export const lossNames: readonly string[] = Object.keys(table);

/** Whether a name is that of a loss. */
export const isLossName = (name: string): name is LossName => Object.hasOwn(table, name);

/**
 * The loss behind a name or a function. A function of your own gets its targets as they are.
 *
 * @throws Error listing the valid names
 */
export function resolveLoss(where: string, loss: LossName | LossFunction | Loss): Loss {
  refuseFactory(where, 'loss', loss, 'losses', losses);
  if (typeof loss !== 'function') return named<() => Loss>(where, 'loss', loss, table)();
  return 'targetDType' in loss ? (loss as Loss) : defineLoss(loss.name === '' ? 'customLoss' : loss.name, loss);
}
