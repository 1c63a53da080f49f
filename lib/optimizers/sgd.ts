import type { Tensor } from '../ir/graph.js';
import { add, multiply, subtract } from '../ir/ops/elementwise.js';
import { boolean, checkOptions, numberIn } from '../layers/arguments.js';
import type { Optimizer, Parameter, UpdateContext } from './optimizer.js';
import { GradientDescent, type OptimizerOptions, optimizerOptionKeys } from './settings.js';

export interface SgdOptions extends OptimizerOptions {
  /** Default: 0.01. */
  readonly learningRate?: number;
  /** Part of the last move that is repeated, 0 .. 1. Default: 0. */
  readonly momentum?: number;
  /** Looks ahead along the momentum. Default: false. */
  readonly nesterov?: boolean;
}

const where = 'optimizers.sgd';

class Sgd extends GradientDescent {
  readonly name = 'sgd';
  readonly #momentum: number;
  readonly #nesterov: boolean;

  constructor(options: SgdOptions) {
    checkOptions(where, options, [...optimizerOptionKeys, 'momentum', 'nesterov']);
    super(where, options, 0.01);
    this.#momentum = numberIn(where, 'momentum', options.momentum ?? 0, { min: 0, max: 1 });
    this.#nesterov = boolean(where, 'nesterov', options.nesterov ?? false);
  }

  protected override rule(context: UpdateContext): (parameter: Parameter) => Tensor {
    const rate = context.learningRate;
    const momentum = this.#momentum;
    if (momentum === 0) return ({ value, gradient }) => subtract(value, multiply(gradient, rate));
    return ({ variable, value, gradient }) => {
      const slot = context.slot('velocity', variable);
      const move = multiply(gradient, rate);
      const velocity = subtract(multiply(context.read(slot), momentum), move);
      context.write(slot, velocity);
      return add(value, this.#nesterov ? subtract(multiply(velocity, momentum), move) : velocity);
    };
  }
}

/**
 * Stochastic gradient descent: w -= learningRate * g. With momentum μ, as in Keras: v = μ v - learningRate * g and
 * w += v, or with `nesterov` w += μ v - learningRate * g.
 *
 * @throws Error when an option is not valid
 *
 * @example
 * model.compile({ optimizer: optimizers.sgd({ learningRate: 0.1, momentum: 0.9, nesterov: true }), loss: 'mse' });
 *
 * Source: Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML 2013.
 */
export const sgd = (options: SgdOptions = {}): Optimizer => new Sgd(options);
