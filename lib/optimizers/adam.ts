import type { Tensor } from '../ir/graph.js';
import {
  add,
  cast,
  divide,
  expm1,
  maximum,
  multiply,
  negative,
  sqrt,
  square,
  subtract,
} from '../ir/ops/elementwise.js';
import { boolean, checkOptions, numberIn } from '../layers/arguments.js';
import type { Optimizer, Parameter, UpdateContext } from './optimizer.js';
import { GradientDescent, type OptimizerOptions, optimizerOptionKeys } from './settings.js';

export interface AdamOptions extends OptimizerOptions {
  /** Default: 0.001. */
  readonly learningRate?: number;
  /** Decay of the running mean of gradients, 0 .. 1. Default: 0.9. */
  readonly beta1?: number;
  /** Decay of the running mean of squared gradients, 0 .. 1. Default: 0.999. */
  readonly beta2?: number;
  /** Keeps the divisor from 0; added before the bias correction, as in Keras. Default: 1e-7. */
  readonly epsilon?: number;
  /** Divides by the largest running mean square so far. Default: false. */
  readonly amsgrad?: boolean;
}

export interface AdamWOptions extends AdamOptions {
  /** Default: 0.004. */
  readonly weightDecay?: number;
}

/** 1 - beta^t without cancellation, also in float32 and for a beta near 1. */
const biasCorrection = (beta: number, t: Tensor): Tensor => negative(expm1(multiply(t, Math.log(beta))));

class Adam extends GradientDescent {
  readonly #beta1: number;
  readonly #beta2: number;
  readonly #epsilon: number;
  readonly #amsgrad: boolean;

  constructor(
    readonly name: 'adam' | 'adamw',
    options: AdamOptions,
  ) {
    const where = `optimizers.${name}`;
    checkOptions(where, options, [...optimizerOptionKeys, 'beta1', 'beta2', 'epsilon', 'amsgrad']);
    super(where, options, 0.001);
    const fraction = { min: 0, max: 1, minOpen: true, maxOpen: true };
    this.#beta1 = numberIn(where, 'beta1', options.beta1 ?? 0.9, { ...fraction, minOpen: false });
    this.#beta2 = numberIn(where, 'beta2', options.beta2 ?? 0.999, fraction);
    this.#epsilon = numberIn(where, 'epsilon', options.epsilon ?? 1e-7, { min: 0 });
    this.#amsgrad = boolean(where, 'amsgrad', options.amsgrad ?? false);
  }

  protected override rule(context: UpdateContext): (parameter: Parameter) => Tensor {
    const t = cast(context.step, 'float32');
    const correction1 = this.#beta1 === 0 ? 1 : biasCorrection(this.#beta1, t);
    const alpha = divide(multiply(context.learningRate, sqrt(biasCorrection(this.#beta2, t))), correction1);
    return ({ variable, value, gradient }) => {
      /** Moves a running average toward a new value. */
      const average = (name: string, x: Tensor, beta: number): Tensor => {
        const slot = context.slot(name, variable);
        const old = context.read(slot);
        const next = add(old, multiply(subtract(x, old), 1 - beta));
        context.write(slot, next);
        return next;
      };
      const mean = average('m', gradient, this.#beta1);
      let meanSquare = average('v', square(gradient), this.#beta2);
      if (this.#amsgrad) {
        const slot = context.slot('vMax', variable);
        meanSquare = maximum(context.read(slot), meanSquare);
        context.write(slot, meanSquare);
      }
      return subtract(value, divide(multiply(mean, alpha), add(sqrt(meanSquare), this.#epsilon)));
    };
  }
}

/**
 * Adaptive moments, as in Keras: m = β1 m + (1 - β1) g, v = β2 v + (1 - β2) g^2,
 * w -= learningRate * sqrt(1 - β2^t) / (1 - β1^t) * m / (sqrt(v) + epsilon) in update t = 1, 2, ...
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
 * optimizers.adamw({ learningRate: 1e-3, weightDecay: 0.01 });
 *
 * Source: Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019.
 */
export const adamw = (options: AdamWOptions = {}): Optimizer => new Adam('adamw', { weightDecay: 0.004, ...options });
