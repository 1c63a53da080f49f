import { add, cast, divide, multiply, sqrt, square, subtract } from '../ir/ops/elementwise.js';
import { boolean, checkOptions, numberIn } from '../layers/arguments.js';
import type { Schedule } from '../schedules/schedule.js';
import { GradientDescent, type Rule } from './descent.js';
import type { Optimizer, UpdateContext } from './optimizer.js';
import {
  type Convention,
  fraction,
  isTorch,
  type OptimizerOptions,
  openFraction,
  optimizerOptionKeys,
} from './options.js';
import { biasCorrection, runningAverage, runningMaximum } from './running.js';

/** The options of optimizers that keep running means of gradients and of their squares. */
export interface MomentOptions extends OptimizerOptions {
  /** Default: 0.001. */
  readonly learningRate?: number | Schedule;
  /** Decay of the running mean of gradients, 0 .. 1. Default: 0.9. */
  readonly beta1?: number;
  /** Decay of the running mean of squared gradients, 0 .. 1. Default: 0.999. */
  readonly beta2?: number;
  /** Keeps the divisor from 0. Default: 1e-7. */
  readonly epsilon?: number;
}

export interface AdamOptions extends MomentOptions {
  /** Keeps the divisor from 0. Default: 1e-7; with convention 'torch' 1e-8. */
  readonly epsilon?: number;
  /** Divides by the largest running mean square so far. Default: false. */
  readonly amsgrad?: boolean;
  /** Whether epsilon is added before the bias correction ('keras') or after it ('torch'). Default: 'keras'. */
  readonly convention?: Convention;
}

export interface AdamWOptions extends AdamOptions {
  /**
   * Share of each weight, times the learning rate, that an update takes off. Default: 0.004; with convention 'torch'
   * 0.01.
   */
  readonly weightDecay?: number;
}

export const momentOptionKeys = [...optimizerOptionKeys, 'beta1', 'beta2', 'epsilon'] as const;

export interface Moments {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

/** @throws Error naming the option that is not valid */
export const checkMoments = (where: string, options: MomentOptions, epsilon = 1e-7): Moments => ({
  beta1: numberIn(where, 'beta1', options.beta1 ?? 0.9, fraction),
  beta2: numberIn(where, 'beta2', options.beta2 ?? 0.999, openFraction),
  epsilon: numberIn(where, 'epsilon', options.epsilon ?? epsilon, { min: 0 }),
});

/** The update of Adam, for `adam` and for what falls back to it. */
export function adamRule(
  context: UpdateContext,
  { beta1, beta2, epsilon }: Moments,
  { amsgrad = false, torch = false } = {},
): Rule {
  const t = cast(context.step, 'float32');
  const rootCorrection = sqrt(biasCorrection(beta2, t));
  const alpha = divide(multiply(context.learningRate, rootCorrection), biasCorrection(beta1, t));
  // m / (sqrt(v / c) + epsilon) = sqrt(c) * m / (sqrt(v) + epsilon * sqrt(c))
  const floor = torch ? multiply(rootCorrection, epsilon) : epsilon;
  return ({ variable, value, gradient }) => {
    const mean = runningAverage(context, 'm', variable, gradient, beta1);
    const recent = runningAverage(context, 'v', variable, square(gradient), beta2);
    const meanSquare = amsgrad ? runningMaximum(context, 'vMax', variable, recent) : recent;
    return subtract(value, divide(multiply(mean, alpha), add(sqrt(meanSquare), floor)));
  };
}

class Adam extends GradientDescent {
  readonly #moments: Moments;
  readonly #variant: { readonly amsgrad: boolean; readonly torch: boolean };

  constructor(
    readonly name: 'adam' | 'adamw',
    options: AdamOptions,
  ) {
    const where = `optimizers.${name}`;
    checkOptions(where, options, [...momentOptionKeys, 'amsgrad', 'convention']);
    const torch = isTorch(where, options.convention);
    super(where, name === 'adamw' ? { weightDecay: torch ? 0.01 : 0.004, ...options } : options, 0.001);
    this.#moments = checkMoments(where, options, torch ? 1e-8 : 1e-7);
    this.#variant = { amsgrad: boolean(where, 'amsgrad', options.amsgrad ?? false), torch };
  }

  protected override rule(context: UpdateContext): Rule {
    return adamRule(context, this.#moments, this.#variant);
  }
}

/**
 * Adaptive moments, as in Keras: m = β1 m + (1 - β1) g, v = β2 v + (1 - β2) g^2,
 * w -= learningRate * sqrt(1 - β2^t) / (1 - β1^t) * m / (sqrt(v) + epsilon) in update t = 1, 2, ...
 * With `convention: 'torch'` the last divisor is sqrt(v) + epsilon * sqrt(1 - β2^t).
 *
 * @throws Error when an option is not valid
 *
 * @example
 * model.compile({ optimizer: optimizers.adam({ learningRate: 3e-4 }), loss: 'mse' });
 *
 * Sources: Kingma and Ba, "Adam", ICLR 2015 (section 2 for the place of epsilon); `amsgrad`: Reddi et al., ICLR 2018.
 */
export const adam = (options: AdamOptions = {}): Optimizer => new Adam('adam', options);

/**
 * Adam with decoupled weight decay: w -= learningRate * weightDecay * w, then the update of `adam`.
 *
 * @throws Error when an option is not valid
 *
 * @example
 * optimizers.adamw({ learningRate: 1e-3, weightDecay: 0.01, excludeFromWeightDecay: ['bias'] });
 *
 * Source: Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019.
 */
export const adamw = (options: AdamWOptions = {}): Optimizer => new Adam('adamw', options);
