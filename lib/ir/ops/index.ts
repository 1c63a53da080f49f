/** Operations on tensors, with NumPy's and Keras 3's names. Traced inside models, losses and `jit`; lazy outside. */
export { scalar, tensor } from '../build.js';
export * from './attention.js';
export * from './create.js';
export * from './einsum.js';
export * from './elementwise.js';
export * from './indexing.js';
export * from './linalg.js';
export * from './math.js';
export * from './matrix.js';
export * from './nn.js';
export * from './normalization.js';
export * from './order.js';
export * from './position.js';
export * from './random.js';
export * from './reduce.js';
export * from './scan.js';
export * from './shape.js';
