import type { Tensor } from '../ir/graph.js';
import { add, multiply, rsqrt, square, subtract } from '../ir/ops/elementwise.js';
import { boolean, checkOptions, numberIn } from '../layers/arguments.js';
import type { Optimizer, Parameter, UpdateContext } from './optimizer.js';
import { GradientDescent, type OptimizerOptions, optimizerOptionKeys } from './settings.js';

export interface RmspropOptions extends OptimizerOptions {
  /** Default: 0.001. */
  readonly learningRate?: number;
  /** Decay of the running averages, 0 .. 1. Default: 0.9. */
  readonly rho?: number;
  /** Default: 0. */
  readonly momentum?: number;
  /** Inside the square root. Default: 1e-7. */
  readonly epsilon?: number;
  /** Uses the variance of the gradient in place of its mean square. Default: false. */
  readonly centered?: boolean;
}

const where = 'optimizers.rmsprop';

class Rmsprop extends GradientDescent {
  readonly name = 'rmsprop';
  readonly #rho: number;
  readonly #momentum: number;
  readonly #epsilon: number;
  readonly #centered: boolean;

  constructor(options: RmspropOptions) {
    checkOptions(where, options, [...optimizerOptionKeys, 'rho', 'momentum', 'epsilon', 'centered']);
    super(where, options, 0.001);
    this.#rho = numberIn(where, 'rho', options.rho ?? 0.9, { min: 0, max: 1, maxOpen: true });
    this.#momentum = numberIn(where, 'momentum', options.momentum ?? 0, { min: 0, max: 1 });
    this.#epsilon = numberIn(where, 'epsilon', options.epsilon ?? 1e-7, { min: 0 });
    this.#centered = boolean(where, 'centered', options.centered ?? false);
  }

  protected override rule(context: UpdateContext): (parameter: Parameter) => Tensor {
    return ({ variable, value, gradient }) => {
      /** Moves a running average toward a new value. */
      const average = (name: string, x: Tensor): Tensor => {
        const slot = context.slot(name, variable);
        const old = context.read(slot);
        const next = add(old, multiply(subtract(x, old), 1 - this.#rho));
        context.write(slot, next);
        return next;
      };
      let spread = average('meanSquare', square(gradient));
      if (this.#centered) spread = subtract(spread, square(average('mean', gradient)));
      const move = multiply(multiply(gradient, context.learningRate), rsqrt(add(spread, this.#epsilon)));
      if (this.#momentum === 0) return subtract(value, move);
      const slot = context.slot('momentum', variable);
      const momentum = add(multiply(context.read(slot), this.#momentum), move);
      context.write(slot, momentum);
      return subtract(value, momentum);
    };
  }
}

/**
 * Divides each gradient by a running root mean square, as in Keras: s = rho s + (1 - rho) g^2,
 * w -= learningRate * g / sqrt(s + epsilon). `centered` subtracts the square of the running mean from s.
 * With momentum μ: m = μ m + that move, w -= m.
 *
 * @throws Error when an option is not valid
 *
 * Source: Hinton, "Neural networks for machine learning", lecture 6e, 2012.
 */
export const rmsprop = (options: RmspropOptions = {}): Optimizer => new Rmsprop(options);
