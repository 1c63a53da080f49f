/**
 * Learning rates that change with the updates, with Keras's and PyTorch's conventions; an optimizer takes one as its
 * `learningRate`. They are traced with the training step. To follow a metric instead, use the callback `reduceLROnPlateau`.
 */
export {
  type CosineAnnealingOptions,
  type CosineDecayOptions,
  type CosineDecayRestartsOptions,
  cosineAnnealing,
  cosineDecay,
  cosineDecayRestarts,
} from './cosine.js';
export { type CyclicOptions, cyclic, type OneCycleOptions, oneCycle } from './cyclic.js';
export {
  type DecayOptions,
  exponentialDecay,
  inverseTimeDecay,
  type LinearOptions,
  linear,
  type PolynomialDecayOptions,
  polynomialDecay,
} from './decay.js';
export type { NamedSchedule, Schedule } from './schedule.js';
export {
  constant,
  type MultiStepDecayOptions,
  multiStepDecay,
  type PiecewiseConstantOptions,
  piecewiseConstant,
  type StepDecayOptions,
  stepDecay,
} from './steps.js';
