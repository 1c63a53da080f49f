/** Initial values of weights, with Keras's names and conventions. Drawn on the host with Philox: same seed, same values. */
export { constant, type IdentityOptions, identity, ones, zeros } from './constant.js';
export { type NormalOptions, randomNormal, truncatedNormal } from './normal.js';
export { type OrthogonalOptions, orthogonal } from './orthogonal.js';
export type { InitializerName } from './resolve.js';
export {
  glorotNormal,
  glorotUniform,
  heNormal,
  heUniform,
  lecunNormal,
  lecunUniform,
  type VarianceScalingOptions,
  varianceScaling,
} from './scaling.js';
export { type RandomUniformOptions, randomUniform, type SeedOptions } from './uniform.js';
