import { add, divide, multiply, rsqrt, sqrt, square, subtract } from '../ir/ops/elementwise.js';
import { checkOptions, numberIn } from '../layers/arguments.js';
import type { Schedule } from '../schedules/schedule.js';
import { GradientDescent, type Rule } from './descent.js';
import type { Optimizer, UpdateContext } from './optimizer.js';
import { type Convention, fraction, isTorch, type OptimizerOptions, optimizerOptionKeys } from './options.js';
import { runningAverage } from './running.js';

export interface AdagradOptions extends OptimizerOptions {
  /** Default: 0.001; with convention 'torch' 0.01. */
  readonly learningRate?: number | Schedule;
  /** What the sums of squares begin with. Default: 0.1; with convention 'torch' 0. */
  readonly initialAccumulatorValue?: number;
  /** Keeps the divisor from 0. Default: 1e-7; with convention 'torch' 1e-10. */
  readonly epsilon?: number;
  /** Whether epsilon stands inside the square root ('keras') or outside ('torch'). Default: 'keras'. */
  readonly convention?: Convention;
}

class Adagrad extends GradientDescent {
  readonly name = 'adagrad';
  readonly #initial: number;
  readonly #epsilon: number;
  readonly #torch: boolean;

  constructor(options: AdagradOptions) {
    const where = 'optimizers.adagrad';
    checkOptions(where, options, [...optimizerOptionKeys, 'initialAccumulatorValue', 'epsilon', 'convention']);
    const torch = isTorch(where, options.convention);
    super(where, options, torch ? 0.01 : 0.001);
    this.#torch = torch;
    const initial = options.initialAccumulatorValue ?? (torch ? 0 : 0.1);
    this.#initial = numberIn(where, 'initialAccumulatorValue', initial, { min: 0 });
    this.#epsilon = numberIn(where, 'epsilon', options.epsilon ?? (torch ? 1e-10 : 1e-7), { min: 0 });
  }

  protected override rule(context: UpdateContext): Rule {
    return ({ variable, value, gradient }) => {
      const slot = context.slot('squares', variable, this.#initial);
      const squares = add(context.read(slot), square(gradient));
      context.write(slot, squares);
      const move = multiply(gradient, context.learningRate);
      if (this.#torch) return subtract(value, divide(move, add(sqrt(squares), this.#epsilon)));
      return subtract(value, multiply(move, rsqrt(add(squares, this.#epsilon))));
    };
  }
}

/**
 * Divides each gradient by the root of the sum of all its squares so far: s += g^2,
 * w -= learningRate * g / sqrt(s + epsilon); with `convention: 'torch'` the divisor is sqrt(s) + epsilon.
 *
 * @throws Error when an option is not valid
 *
 * @example
 * model.compile({ optimizer: optimizers.adagrad({ learningRate: 0.01 }), loss: 'mse' });
 *
 * Source: Duchi, Hazan and Singer, "Adaptive subgradient methods", JMLR 2011.
 */
export const adagrad = (options: AdagradOptions = {}): Optimizer => new Adagrad(options);

export interface AdadeltaOptions extends OptimizerOptions {
  /** Default: 0.001, as in Keras; the paper and PyTorch have 1. */
  readonly learningRate?: number | Schedule;
  /** Decay of the running averages, 0 .. 1. Default: 0.95. */
  readonly rho?: number;
  /** Inside the square roots. Default: 1e-7. */
  readonly epsilon?: number;
}

class Adadelta extends GradientDescent {
  readonly name = 'adadelta';
  readonly #rho: number;
  readonly #epsilon: number;

  constructor(options: AdadeltaOptions) {
    const where = 'optimizers.adadelta';
    checkOptions(where, options, [...optimizerOptionKeys, 'rho', 'epsilon']);
    super(where, options, 0.001);
    this.#rho = numberIn(where, 'rho', options.rho ?? 0.95, fraction);
    this.#epsilon = numberIn(where, 'epsilon', options.epsilon ?? 1e-7, { min: 0, minOpen: true });
  }

  protected override rule(context: UpdateContext): Rule {
    return ({ variable, value, gradient }) => {
      const squares = runningAverage(context, 'meanSquare', variable, square(gradient), this.#rho);
      const lastMoves = context.read(context.slot('meanSquareMove', variable));
      const root = multiply(sqrt(add(lastMoves, this.#epsilon)), rsqrt(add(squares, this.#epsilon)));
      const move = multiply(gradient, root);
      runningAverage(context, 'meanSquareMove', variable, square(move), this.#rho);
      return subtract(value, multiply(move, context.learningRate));
    };
  }
}

/**
 * Divides each gradient by its running root mean square and multiplies it by that of the last moves:
 * s = rho s + (1 - rho) g^2, d = g * sqrt(a + epsilon) / sqrt(s + epsilon), a = rho a + (1 - rho) d^2,
 * w -= learningRate * d.
 *
 * @throws Error when an option is not valid
 *
 * @example
 * model.compile({ optimizer: optimizers.adadelta({ learningRate: 1 }), loss: 'mse' });
 *
 * Source: Zeiler, "ADADELTA", 2012.
 */
export const adadelta = (options: AdadeltaOptions = {}): Optimizer => new Adadelta(options);
