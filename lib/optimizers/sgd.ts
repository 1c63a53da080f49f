import { add, equal, multiply, where as select, subtract } from '../ir/ops/elementwise.js';
import { boolean, checkOptions, numberIn } from '../layers/arguments.js';
import type { Schedule } from '../schedules/schedule.js';
import { GradientDescent, type Rule } from './descent.js';
import type { Optimizer, UpdateContext } from './optimizer.js';
import { type Convention, isTorch, type OptimizerOptions, optimizerOptionKeys } from './options.js';

export interface SgdOptions extends OptimizerOptions {
  /** Default: 0.01. */
  readonly learningRate?: number | Schedule;
  /** Part of the last move that is repeated, 0 .. 1. Default: 0. */
  readonly momentum?: number;
  /** Looks ahead along the momentum. Default: false. */
  readonly nesterov?: boolean;
  /** Part of the gradient that does not enter the momentum, from the second update on; for convention 'torch'. Default: 0. */
  readonly dampening?: number;
  /** Whether momentum holds moves ('keras') or gradients ('torch'): differs once the learning rate changes. Default: 'keras'. */
  readonly convention?: Convention;
}

const where = 'optimizers.sgd';

class Sgd extends GradientDescent {
  readonly name = 'sgd';
  readonly #momentum: number;
  readonly #nesterov: boolean;
  readonly #dampening: number;
  readonly #torch: boolean;

  constructor(options: SgdOptions) {
    checkOptions(where, options, [...optimizerOptionKeys, 'momentum', 'nesterov', 'dampening', 'convention']);
    super(where, options, 0.01);
    this.#momentum = numberIn(where, 'momentum', options.momentum ?? 0, { min: 0, max: 1 });
    this.#nesterov = boolean(where, 'nesterov', options.nesterov ?? false);
    this.#dampening = numberIn(where, 'dampening', options.dampening ?? 0, { min: 0, max: 1 });
    this.#torch = isTorch(where, options.convention);
    if (this.#dampening > 0 && !this.#torch) throw new Error(`${where}: dampening needs convention: 'torch'`);
  }

  protected override rule(context: UpdateContext): Rule {
    const rate = context.learningRate;
    const momentum = this.#momentum;
    if (momentum === 0) return ({ value, gradient }) => subtract(value, multiply(gradient, rate));
    if (this.#torch) return this.#gradientMomentum(context);
    return ({ variable, value, gradient }) => {
      const slot = context.slot('velocity', variable);
      const move = multiply(gradient, rate);
      const velocity = subtract(multiply(context.read(slot), momentum), move);
      context.write(slot, velocity);
      return add(value, this.#nesterov ? subtract(multiply(velocity, momentum), move) : velocity);
    };
  }

  #gradientMomentum(context: UpdateContext): Rule {
    const momentum = this.#momentum;
    return ({ variable, value, gradient }) => {
      const slot = context.slot('momentum', variable);
      const damped =
        this.#dampening === 0
          ? gradient
          : select(equal(context.step, 1), gradient, multiply(gradient, 1 - this.#dampening));
      const buffer = add(multiply(context.read(slot), momentum), damped);
      context.write(slot, buffer);
      const direction = this.#nesterov ? add(gradient, multiply(buffer, momentum)) : buffer;
      return subtract(value, multiply(direction, context.learningRate));
    };
  }
}

/**
 * Stochastic gradient descent: w -= learningRate * g. With momentum μ, as in Keras: v = μ v - learningRate * g and
 * w += v, or with `nesterov` w += μ v - learningRate * g. With `convention: 'torch'`: v = μ v + (1 - dampening) g and
 * w -= learningRate * v, or with `nesterov` w -= learningRate * (g + μ v).
 *
 * @throws Error when an option is not valid
 *
 * @example
 * model.compile({ optimizer: optimizers.sgd({ learningRate: 0.1, momentum: 0.9, nesterov: true }), loss: 'mse' });
 *
 * Source: Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML 2013.
 */
export const sgd = (options: SgdOptions = {}): Optimizer => new Sgd(options);
