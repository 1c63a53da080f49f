/** Operations on tensors, with NumPy's and Keras 3's names. Traced inside models, losses and `jit`; lazy outside. */
export { scalar, tensor } from '../build.js';
export * from './elementwise.js';
export * from './indexing.js';
export * from './linalg.js';
export * from './nn.js';
export * from './random.js';
export * from './reduce.js';
export * from './shape.js';
