/** Losses, as Keras defines them. Each returns one value per sample. */
export {
  binaryCrossentropy,
  type CrossentropyOptions,
  categoricalCrossentropy,
  klDivergence,
  type SmoothedCrossentropyOptions,
  sparseCategoricalCrossentropy,
} from './crossentropy.js';
export { categoricalHinge, hinge, squaredHinge } from './hinge.js';
export type { Loss, LossFunction } from './loss.js';
export {
  cosineSimilarity,
  type HuberOptions,
  huber,
  logCosh,
  meanAbsoluteError,
  meanAbsolutePercentageError,
  meanSquaredError,
  meanSquaredLogarithmicError,
  poisson,
} from './regression.js';
export type { LossName } from './resolve.js';
