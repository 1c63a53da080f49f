import type { Tensor } from '../ir/graph.js';
import { add, divide, maximum, multiply, rsqrt, sqrt, square, subtract } from '../ir/ops/elementwise.js';
import { boolean, checkOptions, numberIn } from '../layers/arguments.js';
import type { Schedule } from '../schedules/schedule.js';
import { GradientDescent, type Rule } from './descent.js';
import type { Optimizer, UpdateContext } from './optimizer.js';
import { type Convention, fraction, isTorch, type OptimizerOptions, optimizerOptionKeys } from './options.js';
import { runningAverage } from './running.js';

export interface RmspropOptions extends OptimizerOptions {
  /** Default: 0.001; with convention 'torch' 0.01. */
  readonly learningRate?: number | Schedule;
  /** Decay of the running averages, 0 .. 1. Default: 0.9; with convention 'torch' 0.99. */
  readonly rho?: number;
  /** Share of the last move that is made again, 0 .. 1. Default: 0. */
  readonly momentum?: number;
  /** Keeps the divisor from 0. Default: 1e-7; with convention 'torch' 1e-8. */
  readonly epsilon?: number;
  /** Uses the variance of the gradient in place of its mean square. Default: false. */
  readonly centered?: boolean;
  /** Whether epsilon stands inside the square root ('keras') or outside ('torch'), and what the momentum holds. Default: 'keras'. */
  readonly convention?: Convention;
}

const where = 'optimizers.rmsprop';

class Rmsprop extends GradientDescent {
  readonly name = 'rmsprop';
  readonly #rho: number;
  readonly #momentum: number;
  readonly #epsilon: number;
  readonly #centered: boolean;
  readonly #torch: boolean;

  constructor(options: RmspropOptions) {
    checkOptions(where, options, [...optimizerOptionKeys, 'rho', 'momentum', 'epsilon', 'centered', 'convention']);
    const torch = isTorch(where, options.convention);
    super(where, options, torch ? 0.01 : 0.001);
    this.#torch = torch;
    this.#rho = numberIn(where, 'rho', options.rho ?? (torch ? 0.99 : 0.9), fraction);
    this.#momentum = numberIn(where, 'momentum', options.momentum ?? 0, { min: 0, max: 1 });
    this.#epsilon = numberIn(where, 'epsilon', options.epsilon ?? (torch ? 1e-8 : 1e-7), { min: 0 });
    this.#centered = boolean(where, 'centered', options.centered ?? false);
  }

  protected override rule(context: UpdateContext): Rule {
    const rate = context.learningRate;
    return ({ variable, value, gradient }) => {
      let spread = runningAverage(context, 'meanSquare', variable, square(gradient), this.#rho);
      if (this.#centered) {
        const mean = runningAverage(context, 'mean', variable, gradient, this.#rho);
        // a variance, which rounding must not make negative
        spread = maximum(subtract(spread, square(mean)), 0);
      }
      if (this.#torch) {
        const direction = divide(gradient, add(sqrt(spread), this.#epsilon));
        return subtract(value, multiply(this.#withMomentum(context, variable, direction), rate));
      }
      const move = multiply(multiply(gradient, rate), rsqrt(add(spread, this.#epsilon)));
      return subtract(value, this.#withMomentum(context, variable, move));
    };
  }

  #withMomentum(context: UpdateContext, variable: Parameters<UpdateContext['write']>[0], move: Tensor): Tensor {
    if (this.#momentum === 0) return move;
    const slot = context.slot('momentum', variable);
    const momentum = add(multiply(context.read(slot), this.#momentum), move);
    context.write(slot, momentum);
    return momentum;
  }
}

/**
 * Divides each gradient by a running root mean square, as in Keras: s = rho s + (1 - rho) g^2,
 * w -= learningRate * g / sqrt(s + epsilon). `centered` subtracts the square of the running mean from s.
 * With momentum μ: m = μ m + that move, w -= m. With `convention: 'torch'`: the divisor is sqrt(s) + epsilon, and the
 * learning rate stands outside the momentum.
 *
 * @throws Error when an option is not valid
 *
 * @example
 * model.compile({ optimizer: optimizers.rmsprop({ rho: 0.99, centered: true }), loss: 'mse' });
 *
 * Source: Hinton, "Neural networks for machine learning", lecture 6e, 2012.
 */
export const rmsprop = (options: RmspropOptions = {}): Optimizer => new Rmsprop(options);
