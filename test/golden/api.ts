// What the golden runner uses of the library: public exports only.

export { grad, jit, ops, Tensor, tensor, valueAndGrad } from '../../lib/index';
export * as initializers from '../../lib/initializers/index';
export * as losses from '../../lib/losses/index';
export * as optimizers from '../../lib/optimizers/index';
export * as regularizers from '../../lib/regularizers/index';
