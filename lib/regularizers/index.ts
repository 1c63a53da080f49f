/** Penalties on weights or outputs that are added to the training loss. */
export { type OrthogonalRegularizerOptions, orthogonal } from './orthogonal.js';
export { type L1L2Options, l1, l1l2, l2 } from './penalties.js';
export type { RegularizerName } from './resolve.js';
