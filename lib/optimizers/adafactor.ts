import type { Tensor, Variable } from '../ir/graph.js';
import {
  add,
  cast,
  divide,
  exp,
  log,
  maximum,
  minimum,
  multiply,
  rsqrt,
  sqrt,
  square,
  subtract,
} from '../ir/ops/elementwise.js';
import { mean } from '../ir/ops/reduce.js';
import { expandDims } from '../ir/ops/shape.js';
import { boolean, checkOptions, numberIn } from '../layers/arguments.js';
import type { Schedule } from '../schedules/schedule.js';
import { GradientDescent, type Rule } from './descent.js';
import type { Optimizer, UpdateContext } from './optimizer.js';
import { type OptimizerOptions, optimizerOptionKeys } from './options.js';

export interface AdafactorOptions extends OptimizerOptions {
  /** Default: 0.001. */
  readonly learningRate?: number | Schedule;
  /** Exponent c of the decay 1 - t^c of the running mean squares, < 0. Default: -0.8. */
  readonly beta2Decay?: number;
  /** Added to squared gradients. Default: 1e-30. */
  readonly epsilon1?: number;
  /** Smallest size of a weight that the step is measured by. Default: 0.001. */
  readonly epsilon2?: number;
  /** Largest root mean square of a move, before the step size. Default: 1. */
  readonly clipThreshold?: number;
  /** Limits the learning rate to 1 / sqrt(t). Default: true. */
  readonly relativeStep?: boolean;
}

const where = 'optimizers.adafactor';
const rootMeanSquare = (x: Tensor): Tensor => sqrt(mean(square(x)));

class Adafactor extends GradientDescent {
  readonly name = 'adafactor';
  readonly #decay: number;
  readonly #epsilon1: number;
  readonly #epsilon2: number;
  readonly #threshold: number;
  readonly #relative: boolean;

  constructor(options: AdafactorOptions) {
    checkOptions(where, options, [
      ...optimizerOptionKeys,
      ...['beta2Decay', 'epsilon1', 'epsilon2', 'clipThreshold', 'relativeStep'],
    ]);
    super(where, options, 0.001);
    this.#decay = numberIn(where, 'beta2Decay', options.beta2Decay ?? -0.8, { max: 0, maxOpen: true });
    this.#epsilon1 = numberIn(where, 'epsilon1', options.epsilon1 ?? 1e-30, { min: 0, minOpen: true });
    this.#epsilon2 = numberIn(where, 'epsilon2', options.epsilon2 ?? 1e-3, { min: 0 });
    this.#threshold = numberIn(where, 'clipThreshold', options.clipThreshold ?? 1, { min: 0, minOpen: true });
    this.#relative = boolean(where, 'relativeStep', options.relativeStep ?? true);
  }

  protected override rule(context: UpdateContext): Rule {
    const t = cast(context.step, 'float32');
    const rate = this.#relative ? minimum(context.learningRate, rsqrt(t)) : context.learningRate;
    // 1 - beta2 of this update
    const renewal = exp(multiply(log(t), this.#decay));
    return ({ variable, value, gradient }) => {
      const squares = add(square(gradient), this.#epsilon1);
      const direction = multiply(gradient, rsqrt(this.#meanSquare(context, variable, squares, renewal)));
      const limited = divide(direction, maximum(divide(rootMeanSquare(direction), this.#threshold), 1));
      const size = multiply(maximum(rootMeanSquare(value), this.#epsilon2), rate);
      return subtract(value, multiply(limited, size));
    };
  }

  /** Running mean squares: of matrices only those of the rows and columns are kept, and their product taken. */
  #meanSquare(context: UpdateContext, variable: Variable, squares: Tensor, renewal: Tensor): Tensor {
    const average = (name: string, x: Tensor): Tensor => {
      const slot = context.slot(name, variable, 0, x.shape);
      const old = context.read(slot);
      const next = add(old, multiply(subtract(x, old), renewal));
      context.write(slot, next);
      return next;
    };
    if (squares.rank < 2) return average('v', squares);
    const rows = average('rows', mean(squares, -1)); // [..., R]
    const columns = average('columns', mean(squares, -2)); // [..., C]
    const share = divide(rows, mean(rows, -1, { keepDims: true }));
    return multiply(expandDims(share, -1), expandDims(columns, -2));
  }
}

/**
 * Adaptive steps with little memory: of a matrix only running mean squares r of rows and c of columns are kept, and
 * v = r cᵀ / mean(r). With u = g / sqrt(v), w -= max(epsilon2, rms(w)) * rate * u / max(1, rms(u) / clipThreshold), where
 * rate = min(learningRate, 1 / sqrt(t)) and the averages decay by 1 - t^beta2Decay.
 *
 * @throws Error when an option is not valid
 *
 * @example
 * model.compile({ optimizer: optimizers.adafactor({ learningRate: 0.01 }), loss: 'mse' });
 *
 * Source: Shazeer and Stern, "Adafactor", ICML 2018.
 */
export const adafactor = (options: AdafactorOptions = {}): Optimizer => new Adafactor(options);
