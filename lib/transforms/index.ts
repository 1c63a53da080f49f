export { evaluate } from './evaluate.js';
export { grad, type ValueAndGradient, valueAndGrad } from './grad.js';
export { type JitOptions, jit } from './jit.js';
export type { Loose } from './pytree.js';
