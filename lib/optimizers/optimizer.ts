import type { Shape, Tensor, Variable } from '../ir/graph.js';
import type { Schedule } from '../schedules/schedule.js';

/** What an optimizer may do while its update is traced. */
export interface UpdateContext {
  /**
   * A float32 runtime scalar: changing `optimizer.learningRate` needs no new compilation. Means nothing where that is a
   * schedule, which the optimizer traces itself.
   */
  readonly learningRate: Tensor;
  /** Number of this update as an int32 scalar: 1, 2, ... */
  readonly step: Tensor;
  /**
   * State of the optimizer, float32: made at the first call with a name and parameter, the same variable ever after.
   *
   * @param of the parameter it belongs to; undefined: the whole optimizer
   * @param initial what all its values are at first; default: 0
   * @param shape default: that of the parameter, or a scalar
   */
  slot(name: string, of: Variable | undefined, initial?: number, shape?: Shape): Variable;
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
  /** A number, which can be assigned also during training; or a schedule, which stays what it is. */
  learningRate: number | Schedule;
  /**
   * The loss is multiplied by this before it is differentiated; `update` gets gradients that are larger by it. A function
   * reads it from the optimizer's state. Default: 1.
   */
  readonly lossScale?: number | ((context: Pick<UpdateContext, 'slot' | 'read'>) => Tensor);
  update(parameters: readonly Parameter[], context: UpdateContext): void;
  /** Gives weights the values that they keep when `fit` is done, if these are not those of the last update. */
  finalize?(parameters: readonly Omit<Parameter, 'gradient'>[], context: UpdateContext): void;
  getConfig(): Record<string, unknown>;
}
