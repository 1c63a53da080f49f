/** steepest: neural-network training at the speed of the machine. */
export type { DType, HostData, NestedArray, Shape, TensorType } from './ir/graph.js';
export { Tensor } from './ir/graph.js';
export * as ops from './ir/ops/index.js';
export { tensor } from './ir/build.js';
export type { Operand } from './ir/build.js';
export { evaluate, grad, jit, valueAndGrad } from './transforms/index.js';
