import type { Tensor } from '../ir/graph.js';
import { add, divide, maximum, minimum, multiply, sqrt, square, subtract } from '../ir/ops/elementwise.js';
import { norm, sum } from '../ir/ops/reduce.js';
import { numberIn } from '../layers/arguments.js';
import type { Optimizer, Parameter, UpdateContext } from './optimizer.js';

/** Options that every optimizer takes. */
export interface OptimizerOptions {
  /** Size of a step. */
  readonly learningRate?: number;
  /** Before each update, weights shrink by learningRate * weightDecay of themselves (decoupled decay). Default: 0. */
  readonly weightDecay?: number;
  /** Each gradient is scaled down to at most this Euclidean norm. */
  readonly clipnorm?: number;
  /** Each element of a gradient is limited to ± this. */
  readonly clipvalue?: number;
  /** All gradients together are scaled down to at most this Euclidean norm. */
  readonly globalClipnorm?: number;
}

export const optimizerOptionKeys = ['learningRate', 'weightDecay', 'clipnorm', 'clipvalue', 'globalClipnorm'] as const;

const scaleDown = (g: Tensor, length: Tensor, limit: number): Tensor =>
  multiply(g, divide(limit, maximum(length, limit)));

/**
 * What all optimizers have in common: the learning rate, clipping, and weight decay. A rule only says how one parameter
 * moves, in `step`.
 */
export abstract class GradientDescent implements Optimizer {
  abstract readonly name: string;
  readonly #where: string;
  #learningRate: number;

  constructor(
    where: string,
    protected readonly common: OptimizerOptions,
    defaultLearningRate: number,
  ) {
    this.#where = where;
    this.#learningRate = numberIn(where, 'learningRate', common.learningRate ?? defaultLearningRate, { min: 0 });
    if (common.weightDecay !== undefined) numberIn(where, 'weightDecay', common.weightDecay, { min: 0 });
    const limits = (['clipnorm', 'clipvalue', 'globalClipnorm'] as const).filter((key) => common[key] !== undefined);
    for (const key of limits) numberIn(where, key, common[key], { min: 0, minOpen: true });
    if (limits.length > 1)
      throw new Error(
        `${where}: only one of clipnorm, clipvalue, globalClipnorm can be set, got ${limits.join(' and ')}`,
      );
  }

  get learningRate(): number {
    return this.#learningRate;
  }

  set learningRate(value: number) {
    this.#learningRate = numberIn(this.#where, 'learningRate', value, { min: 0 });
  }

  update(parameters: readonly Parameter[], context: UpdateContext): void {
    const { weightDecay = 0 } = this.common;
    // scalars that all parameters share are made once
    const decay = weightDecay > 0 ? multiply(context.learningRate, weightDecay) : undefined;
    const step = this.rule(context);
    for (const parameter of this.#clipped(parameters)) {
      const { variable, value } = parameter;
      // not value * (1 - decay): the rounding of 1 - decay would be the same in every step and add up
      const decayed = decay === undefined ? value : subtract(value, multiply(value, decay));
      context.write(variable, step({ ...parameter, value: decayed }));
    }
  }

  getConfig(): Record<string, unknown> {
    return { ...this.common, learningRate: this.#learningRate };
  }

  /** Traces what is the same for all parameters, and returns the function that gives a parameter's new value. */
  protected abstract rule(context: UpdateContext): (parameter: Parameter) => Tensor;

  #clipped(parameters: readonly Parameter[]): readonly Parameter[] {
    const { clipnorm, clipvalue, globalClipnorm } = this.common;
    const change = (clip: (g: Tensor) => Tensor) => parameters.map((p) => ({ ...p, gradient: clip(p.gradient) }));
    if (clipnorm !== undefined) return change((g) => scaleDown(g, norm(g), clipnorm));
    if (clipvalue !== undefined) return change((g) => minimum(maximum(g, -clipvalue), clipvalue));
    if (globalClipnorm !== undefined && parameters.length > 0) {
      const squares = parameters.map((p) => sum(square(p.gradient)));
      const length = sqrt(squares.reduce((a, b) => add(a, b)));
      return change((g) => scaleDown(g, length, globalClipnorm));
    }
    return parameters;
  }
}
