/** Rules that turn gradients into new weights, with Keras's conventions. */
export { type AdamOptions, type AdamWOptions, adam, adamw } from './adam.js';
export type { Optimizer, Parameter, UpdateContext } from './optimizer.js';
export type { OptimizerName } from './resolve.js';
export { type RmspropOptions, rmsprop } from './rmsprop.js';
export type { OptimizerOptions } from './settings.js';
export { type SgdOptions, sgd } from './sgd.js';
