import type { Tensor } from '../ir/graph.js';
import { add, clip, divide, multiply, power, sqrt, square, subtract } from '../ir/ops/elementwise.js';
import { checkOptions, numberIn } from '../layers/arguments.js';
import type { Schedule } from '../schedules/schedule.js';
import { GradientDescent, type Rule } from './descent.js';
import type { Optimizer, UpdateContext } from './optimizer.js';
import { type OptimizerOptions, optimizerOptionKeys } from './options.js';

export interface FtrlOptions extends OptimizerOptions {
  /** Must stay above 0. Default: 0.001. */
  readonly learningRate?: number | Schedule;
  /** Power of the sums of squares that divides the learning rate, <= 0. Default: -0.5. */
  readonly learningRatePower?: number;
  /** What the sums of squares begin with. Default: 0.1. */
  readonly initialAccumulatorValue?: number;
  /** Makes weights exactly 0. Default: 0. */
  readonly l1RegularizationStrength?: number;
  /** Makes weights smaller. Default: 0. */
  readonly l2RegularizationStrength?: number;
  /** As the one before, but a part of the gradient only: it does not stabilize. Default: 0. */
  readonly l2ShrinkageRegularizationStrength?: number;
  /** The paper's beta. Default: 0. */
  readonly beta?: number;
}

const where = 'optimizers.ftrl';
const ownKeys = [
  ...['learningRatePower', 'initialAccumulatorValue', 'l1RegularizationStrength'],
  ...['l2RegularizationStrength', 'l2ShrinkageRegularizationStrength', 'beta'],
] as const;

class Ftrl extends GradientDescent {
  readonly name = 'ftrl';
  readonly #power: number;
  readonly #initial: number;
  readonly #l1: number;
  readonly #l2: number;
  readonly #shrinkage: number;
  readonly #beta: number;

  constructor(options: FtrlOptions) {
    checkOptions(where, options, [...optimizerOptionKeys, ...ownKeys]);
    super(where, options, 0.001);
    const atLeast0 = (key: keyof FtrlOptions, value: number): number => numberIn(where, key, value, { min: 0 });
    this.#power = numberIn(where, 'learningRatePower', options.learningRatePower ?? -0.5, { max: 0 });
    this.#initial = atLeast0('initialAccumulatorValue', options.initialAccumulatorValue ?? 0.1);
    this.#l1 = atLeast0('l1RegularizationStrength', options.l1RegularizationStrength ?? 0);
    this.#l2 = atLeast0('l2RegularizationStrength', options.l2RegularizationStrength ?? 0);
    this.#shrinkage = atLeast0('l2ShrinkageRegularizationStrength', options.l2ShrinkageRegularizationStrength ?? 0);
    this.#beta = atLeast0('beta', options.beta ?? 0);
  }

  protected override rule(context: UpdateContext): Rule {
    const rate = context.learningRate;
    const root = (squares: Tensor): Tensor => (this.#power === -0.5 ? sqrt(squares) : power(squares, -this.#power));
    const base = add(divide(this.#beta, rate), 2 * this.#l2);
    return ({ variable, value, gradient }) => {
      const squaresSlot = context.slot('squares', variable, this.#initial);
      const linearSlot = context.slot('linear', variable);
      const old = context.read(squaresSlot);
      const squares = add(old, square(gradient));
      context.write(squaresSlot, squares);
      const shrunk = this.#shrinkage === 0 ? gradient : add(gradient, multiply(value, 2 * this.#shrinkage));
      const sigma = divide(subtract(root(squares), root(old)), rate);
      const linear = add(context.read(linearSlot), subtract(shrunk, multiply(sigma, value)));
      context.write(linearSlot, linear);
      const clipped = clip(linear, -this.#l1, this.#l1);
      return divide(subtract(clipped, linear), add(divide(root(squares), rate), base));
    };
  }
}

/**
 * Follow the regularized leader, for sparse linear models: s += g^2, z += g - (s_t^-p - s_{t-1}^-p) / learningRate * w and
 * w = (clip(z, ±l1) - z) / (s^-p / learningRate + 2 * l2 + beta / learningRate), with p = learningRatePower. Weights
 * with |z| <= l1 are exactly 0.
 *
 * @throws Error when an option is not valid
 *
 * @example
 * model.compile({ optimizer: optimizers.ftrl({ l1RegularizationStrength: 0.01 }), loss: 'mse' });
 *
 * Source: McMahan et al., "Ad click prediction: a view from the trenches", KDD 2013.
 */
export const ftrl = (options: FtrlOptions = {}): Optimizer => new Ftrl(options);
