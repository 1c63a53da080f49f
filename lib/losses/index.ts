/** Losses, as Keras defines them. Each returns one number for each entry: each sample, each time step of a sequence. */
export {
  binaryCrossentropy,
  type CategoricalCrossentropyOptions,
  type CrossentropyOptions,
  categoricalCrossentropy,
  klDivergence,
  type SmoothedCrossentropyOptions,
  type SparseCrossentropyOptions,
  sparseCategoricalCrossentropy,
} from './crossentropy.js';
export { ctc } from './ctc.js';
export { type ContrastiveOptions, contrastive, type TripletMarginOptions, tripletMargin } from './embedding.js';
export {
  type BinaryFocalOptions,
  binaryFocalCrossentropy,
  categoricalFocalCrossentropy,
  type FocalOptions,
} from './focal.js';
export { type GaussianNLLOptions, gaussianNLL } from './gaussian.js';
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
  type SmoothL1Options,
  smoothL1,
} from './regression.js';
export type { LossName } from './resolve.js';
export type { ClassWeightOptions } from './weighting.js';
