/** Rules that turn gradients into new weights, with Keras's conventions, and PyTorch's where `convention` says so. */
export { type AdafactorOptions, adafactor } from './adafactor.js';
export { type AdadeltaOptions, type AdagradOptions, adadelta, adagrad } from './adagrad.js';
export { type AdamOptions, type AdamWOptions, adam, adamw, type MomentOptions } from './adam.js';
export { type AdamaxOptions, adamax, type NadamOptions, nadam, radam } from './adam-variants.js';
export { type FtrlOptions, ftrl } from './ftrl.js';
export type { GroupSettings, NamePattern, ParameterGroup, ParameterGroups } from './groups.js';
export { lamb } from './lamb.js';
export { type LionOptions, lion } from './lion.js';
export { type LossScaleOptions, lossScale } from './loss-scale.js';
export { type MuonOptions, muon } from './muon.js';
export type { Optimizer, Parameter, UpdateContext } from './optimizer.js';
export type { Convention, OptimizerOptions } from './options.js';
export type { OptimizerName } from './resolve.js';
export { type RmspropOptions, rmsprop } from './rmsprop.js';
export { type SgdOptions, sgd } from './sgd.js';
