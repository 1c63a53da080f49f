import type { Tensor, Variable } from '../ir/graph.js';

/** What an optimizer may do while its update is traced. */
export interface UpdateContext {
  /** A float32 runtime scalar: changing `optimizer.learningRate` needs no new compilation. */
  readonly learningRate: Tensor;
  /** Number of this update as an int32 scalar: 1, 2, ... */
  readonly step: Tensor;
  /** State of the optimizer that belongs to a parameter (same shape) or to the whole optimizer (scalar). */
  slot(name: string, of: Variable | undefined, initial?: number): Variable;
  read(variable: Variable): Tensor;
  write(variable: Variable, value: Tensor): void;
}

export interface Parameter {
  readonly variable: Variable;
  readonly value: Tensor;
  readonly gradient: Tensor;
}

/** A rule that turns gradients into new parameters: traced like any other function, so it is fused and planned with the step. */
export interface Optimizer {
  readonly name: string;
  /** Current learning rate; assign to change it, also during training. */
  learningRate: number;
  update(parameters: readonly Parameter[], context: UpdateContext): void;
  getConfig(): Record<string, unknown>;
}
