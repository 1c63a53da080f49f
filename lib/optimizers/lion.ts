import { add, multiply, sign, subtract } from '../ir/ops/elementwise.js';
import { checkOptions, numberIn } from '../layers/arguments.js';
import type { Schedule } from '../schedules/schedule.js';
import { GradientDescent, type Rule } from './descent.js';
import type { Optimizer, UpdateContext } from './optimizer.js';
import { fraction, type OptimizerOptions, optimizerOptionKeys } from './options.js';
import { runningAverage } from './running.js';

export interface LionOptions extends OptimizerOptions {
  /** Default: 0.001. */
  readonly learningRate?: number | Schedule;
  /** Part of the running mean in the direction of a move, 0 .. 1. Default: 0.9. */
  readonly beta1?: number;
  /** Decay of the running mean, 0 .. 1. Default: 0.99. */
  readonly beta2?: number;
}

class Lion extends GradientDescent {
  readonly name = 'lion';
  readonly #beta1: number;
  readonly #beta2: number;

  constructor(options: LionOptions) {
    const where = 'optimizers.lion';
    checkOptions(where, options, [...optimizerOptionKeys, 'beta1', 'beta2']);
    super(where, options, 0.001);
    this.#beta1 = numberIn(where, 'beta1', options.beta1 ?? 0.9, fraction);
    this.#beta2 = numberIn(where, 'beta2', options.beta2 ?? 0.99, fraction);
  }

  protected override rule(context: UpdateContext): Rule {
    return ({ variable, value, gradient }) => {
      const mean = context.read(context.slot('m', variable));
      const direction = sign(add(multiply(mean, this.#beta1), multiply(gradient, 1 - this.#beta1)));
      runningAverage(context, 'm', variable, gradient, this.#beta2);
      return subtract(value, multiply(direction, context.learningRate));
    };
  }
}

/**
 * Moves every weight by the same amount: w -= learningRate * sign(β1 m + (1 - β1) g), then m = β2 m + (1 - β2) g. Wants
 * a learning rate three to ten times smaller than Adam's.
 *
 * @throws Error when an option is not valid
 *
 * @example
 * model.compile({ optimizer: optimizers.lion({ learningRate: 1e-4, weightDecay: 0.1 }), loss: 'mse' });
 *
 * Source: Chen et al., "Symbolic discovery of optimization algorithms", NeurIPS 2023.
 */
export const lion = (options: LionOptions = {}): Optimizer => new Lion(options);
