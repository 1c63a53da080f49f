/** steepest: neural-network training at the speed of the machine. */

export * as constraints from './constraints/index.js';
export * from './data/index.js';
export * as initializers from './initializers/index.js';
export type { Operand } from './ir/build.js';
export { tensor } from './ir/build.js';
export type { DType, HostData, NestedArray, Shape, TensorType } from './ir/graph.js';
export { Tensor } from './ir/graph.js';
export * as ops from './ir/ops/index.js';
export type { Precision } from './ir/precision.js';
export * as layers from './layers/index.js';
export { input, Layer, SymbolicTensor } from './layers/index.js';
export { type LayerFactory, registerFunction, registerLayer } from './layers/registry.js';
export * as losses from './losses/index.js';
export * as metrics from './metrics/index.js';
export * as optimizers from './optimizers/index.js';
export * as preprocessing from './preprocessing/index.js';
export * as regularizers from './regularizers/index.js';
export { type Device, devices } from './runtime/devices.js';
export { type CpuInfo, cpuInfo, type MemoryInfo, memory, selectBlas, setThreads } from './runtime/native.js';
export * as schedules from './schedules/index.js';
export * from './training/index.js';
export { evaluate, grad, jit, valueAndGrad } from './transforms/index.js';
