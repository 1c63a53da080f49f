import type { Tensor } from '../ir/graph.js';
import {
  abs,
  add,
  cast,
  divide,
  exp,
  expm1,
  greater,
  less,
  maximum,
  multiply,
  where as select,
  sqrt,
  square,
  subtract,
} from '../ir/ops/elementwise.js';
import { checkOptions, numberIn } from '../layers/arguments.js';
import type { Schedule } from '../schedules/schedule.js';
import { checkMoments, type MomentOptions, type Moments, momentOptionKeys } from './adam.js';
import { GradientDescent, type Rule } from './descent.js';
import type { Optimizer, UpdateContext } from './optimizer.js';
import { type Convention, isTorch } from './options.js';
import { biasCorrection, runningAverage } from './running.js';

export interface NadamOptions extends MomentOptions {
  /** How fast the momentum grows to beta1: beta1 * (1 - 0.96^(t * momentumDecay) / 2). Default: 1; PyTorch has 0.004. */
  readonly momentumDecay?: number;
}

class Nadam extends GradientDescent {
  readonly name = 'nadam';
  readonly #moments: Moments;
  readonly #momentumDecay: number;

  constructor(options: NadamOptions) {
    const where = 'optimizers.nadam';
    checkOptions(where, options, [...momentOptionKeys, 'momentumDecay']);
    super(where, options, 0.001);
    this.#moments = checkMoments(where, options);
    this.#momentumDecay = numberIn(where, 'momentumDecay', options.momentumDecay ?? 1, { min: 0 });
  }

  protected override rule(context: UpdateContext): Rule {
    const { beta1, beta2, epsilon } = this.#moments;
    const t = cast(context.step, 'float32');
    const momentumAt = (step: Tensor): Tensor =>
      multiply(subtract(1, multiply(exp(multiply(step, Math.log(0.96) * this.#momentumDecay)), 0.5)), beta1);
    const [now, next] = [momentumAt(t), momentumAt(add(t, 1))];
    const slot = context.slot('momentumProduct', undefined, 1);
    const product = multiply(context.read(slot), now);
    context.write(slot, product);
    const rate = context.learningRate;
    const gradientRate = divide(multiply(rate, subtract(1, now)), subtract(1, product));
    const meanRate = divide(multiply(rate, next), subtract(1, multiply(product, next)));
    const correction = sqrt(biasCorrection(beta2, t));
    return ({ variable, value, gradient }) => {
      const mean = runningAverage(context, 'm', variable, gradient, beta1);
      const meanSquare = runningAverage(context, 'v', variable, square(gradient), beta2);
      const move = add(multiply(gradient, gradientRate), multiply(mean, meanRate));
      return subtract(value, divide(move, add(divide(sqrt(meanSquare), correction), epsilon)));
    };
  }
}

/**
 * Adam with Nesterov's momentum: with μ_t = β1 (1 - 0.96^(t * momentumDecay) / 2) and π_t = μ_1 ... μ_t,
 * w -= learningRate * (μ_{t+1} m / (1 - π_{t+1}) + (1 - μ_t) g / (1 - π_t)) / (sqrt(v / (1 - β2^t)) + epsilon).
 *
 * @throws Error when an option is not valid
 *
 * @example
 * model.compile({ optimizer: optimizers.nadam({ learningRate: 0.002 }), loss: 'mse' });
 *
 * Source: Dozat, "Incorporating Nesterov momentum into Adam", ICLR workshop 2016.
 */
export const nadam = (options: NadamOptions = {}): Optimizer => new Nadam(options);

export interface AdamaxOptions extends MomentOptions {
  /** Default: 0.001; with convention 'torch' 0.002. */
  readonly learningRate?: number | Schedule;
  /** Keeps the divisor from 0. Default: 1e-7; with convention 'torch' 1e-8. */
  readonly epsilon?: number;
  /** Whether epsilon is added to the largest gradient ('keras') or to each gradient before ('torch'). Default: 'keras'. */
  readonly convention?: Convention;
}

class Adamax extends GradientDescent {
  readonly name = 'adamax';
  readonly #moments: Moments;
  readonly #torch: boolean;

  constructor(options: AdamaxOptions) {
    const where = 'optimizers.adamax';
    checkOptions(where, options, [...momentOptionKeys, 'convention']);
    const torch = isTorch(where, options.convention);
    super(where, options, torch ? 0.002 : 0.001);
    this.#torch = torch;
    this.#moments = checkMoments(where, options, torch ? 1e-8 : 1e-7);
  }

  protected override rule(context: UpdateContext): Rule {
    const { beta1, beta2, epsilon } = this.#moments;
    const alpha = divide(context.learningRate, biasCorrection(beta1, cast(context.step, 'float32')));
    return ({ variable, value, gradient }) => {
      const mean = runningAverage(context, 'm', variable, gradient, beta1);
      const slot = context.slot('u', variable);
      const size = this.#torch ? add(abs(gradient), epsilon) : abs(gradient);
      const largest = maximum(multiply(context.read(slot), beta2), size);
      context.write(slot, largest);
      return subtract(value, divide(multiply(mean, alpha), this.#torch ? largest : add(largest, epsilon)));
    };
  }
}

/**
 * Adam with the largest gradient in place of the root mean square: u = max(β2 u, |g|),
 * w -= learningRate / (1 - β1^t) * m / (u + epsilon); with `convention: 'torch'` u = max(β2 u, |g| + epsilon) and the
 * divisor is u.
 *
 * @throws Error when an option is not valid
 *
 * @example
 * model.compile({ optimizer: optimizers.adamax({ learningRate: 0.002 }), loss: 'mse' });
 *
 * Source: Kingma and Ba, "Adam", ICLR 2015, section 7.
 */
export const adamax = (options: AdamaxOptions = {}): Optimizer => new Adamax(options);

class Radam extends GradientDescent {
  readonly name = 'radam';
  readonly #moments: Moments;

  constructor(options: MomentOptions) {
    const where = 'optimizers.radam';
    checkOptions(where, options, momentOptionKeys);
    super(where, options, 0.001);
    this.#moments = checkMoments(where, options, 1e-8);
  }

  protected override rule(context: UpdateContext): Rule {
    const { beta1, beta2, epsilon } = this.#moments;
    const t = cast(context.step, 'float32');
    const length = averageLength(beta2, t);
    const limit = 2 / (1 - beta2) - 1;
    const warm = greater(length, 5);
    const excess = (offset: number): Tensor => subtract(select(warm, length, 5), offset);
    const rectification = multiply(
      sqrt(divide(multiply(excess(4), excess(2)), excess(0))),
      Math.sqrt(limit / ((limit - 4) * (limit - 2))),
    );
    const plainRate = divide(context.learningRate, biasCorrection(beta1, t));
    const adaptiveRate = multiply(multiply(plainRate, rectification), sqrt(biasCorrection(beta2, t)));
    return ({ variable, value, gradient }) => {
      const mean = runningAverage(context, 'm', variable, gradient, beta1);
      const meanSquare = runningAverage(context, 'v', variable, square(gradient), beta2);
      const adaptive = divide(multiply(mean, adaptiveRate), add(sqrt(meanSquare), epsilon));
      return subtract(value, select(warm, adaptive, multiply(mean, plainRate)));
    };
  }
}

/**
 * How many gradients the running mean square is worth: 2 / (1 - β2) - 1 - 2 t β2^t / (1 - β2^t). For the first updates
 * that is a small difference of large numbers; with x = -t log(β2), the series of 1 - x / (e^x - 1) gives it exactly.
 */
function averageLength(beta2: number, t: Tensor): Tensor {
  const decay = -Math.log(beta2);
  const x = multiply(t, decay);
  const y = square(x);
  const tail = subtract(multiply(y, 1 / 30240), 1 / 720);
  const series = subtract(multiply(x, 0.5), multiply(y, add(multiply(y, tail), 1 / 12)));
  const difference = select(less(x, 0.5), series, subtract(1, divide(x, expm1(x))));
  return add(multiply(difference, 2 / decay), 2 / (1 - beta2) - 1 - 2 / decay);
}

/**
 * Adam that begins with plain momentum and rectifies the step size by how reliable the mean square is: with the length ρ of
 * its average, r = sqrt((ρ - 4)(ρ - 2) ρ∞ / ((ρ∞ - 4)(ρ∞ - 2) ρ)) and w -= learningRate * r * sqrt(1 - β2^t) / (1 - β1^t)
 * * m / (sqrt(v) + epsilon) once ρ > 5, before that w -= learningRate / (1 - β1^t) * m. Epsilon is 1e-8 unless given.
 *
 * @throws Error when an option is not valid
 *
 * @example
 * model.compile({ optimizer: optimizers.radam(), loss: 'mse' });
 *
 * Source: Liu et al., "On the variance of the adaptive learning rate and beyond", ICLR 2020.
 */
export const radam = (options: MomentOptions = {}): Optimizer => new Radam(options);
