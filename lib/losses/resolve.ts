import { named } from '../layers/arguments.js';
import {
  binaryCrossentropy,
  categoricalCrossentropy,
  klDivergence,
  sparseCategoricalCrossentropy,
} from './crossentropy.js';
import { ctc } from './ctc.js';
import { contrastive, tripletMargin } from './embedding.js';
import { binaryFocalCrossentropy, categoricalFocalCrossentropy } from './focal.js';
import { gaussianNLL } from './gaussian.js';
import { categoricalHinge, hinge, squaredHinge } from './hinge.js';
import { defineLoss, type Loss, type LossFunction } from './loss.js';
import {
  cosineSimilarity,
  huber,
  logCosh,
  meanAbsoluteError,
  meanAbsolutePercentageError,
  meanSquaredError,
  meanSquaredLogarithmicError,
  poisson,
  smoothL1,
} from './regression.js';

/** Losses that have a name; the name means the default options. */
const table = {
  meanSquaredError,
  mse: meanSquaredError,
  meanAbsoluteError,
  mae: meanAbsoluteError,
  meanAbsolutePercentageError,
  mape: meanAbsolutePercentageError,
  meanSquaredLogarithmicError,
  msle: meanSquaredLogarithmicError,
  binaryCrossentropy,
  categoricalCrossentropy,
  sparseCategoricalCrossentropy,
  huber,
  logCosh,
  hinge,
  squaredHinge,
  categoricalHinge,
  klDivergence,
  poisson,
  cosineSimilarity,
  smoothL1,
  binaryFocalCrossentropy,
  categoricalFocalCrossentropy,
  tripletMargin,
  contrastive,
  gaussianNLL,
  ctc,
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
  if (typeof loss !== 'function') return named<() => Loss>(where, 'loss', loss, table)();
  return 'targetDType' in loss ? (loss as Loss) : defineLoss(loss.name === '' ? 'customLoss' : loss.name, loss);
}
