import type { Tensor } from '../ir/graph.js';
import { add, divide, multiply, subtract } from '../ir/ops/elementwise.js';
import { matmul } from '../ir/ops/linalg.js';
import { norm } from '../ir/ops/reduce.js';
import { transpose } from '../ir/ops/shape.js';
import { type ProductPrecision, withProductPrecision } from '../ir/precision.js';
import { argumentError, boolean, checkOptions, numberIn, oneOf, positiveInteger } from '../layers/arguments.js';
import type { Schedule } from '../schedules/schedule.js';
import { adamRule, checkMoments, type MomentOptions, type Moments, momentOptionKeys } from './adam.js';
import { GradientDescent, type Rule } from './descent.js';
import { checkPatterns, matches, type NamePattern } from './groups.js';
import type { Optimizer, Parameter, UpdateContext } from './optimizer.js';

export interface MuonOptions extends MomentOptions {
  /** Default: 0.02. */
  readonly learningRate?: number | Schedule;
  /** Part of the last gradients that is repeated, 0 .. 1. Default: 0.95. */
  readonly momentum?: number;
  /** Looks ahead along the momentum. Default: true. */
  readonly nesterov?: boolean;
  /** Iterations of the orthogonalization, at most 100. Default: 5. */
  readonly newtonSchulzSteps?: number;
  /**
   * What the operands of its products are rounded to; sums are float32. 'bfloat16', as in the source, takes half the time where
   * the CPU or GPU multiplies such numbers. Default: 'float32'.
   */
  readonly newtonSchulzPrecision?: ProductPrecision;
  /** Learning rate of AdamW as a part of this one. Default: 0.015. */
  readonly adamLearningRateRatio?: number;
  /** Matrices that AdamW takes care of, by their names; the layer that makes the logits belongs here. Default: ['embedding']. */
  readonly exclude?: readonly NamePattern[];
  /** Of AdamW. Default: 0.9. */
  readonly beta1?: number;
  /** Of AdamW. Default: 0.95. */
  readonly beta2?: number;
}

const where = 'optimizers.muon';
/** Each step is three products of the graph, for each matrix; after a dozen nothing gets nearer. */
const mostSteps = 100;

class Muon extends GradientDescent {
  readonly name = 'muon';
  protected override readonly tellsApart = true;
  readonly #momentum: number;
  readonly #nesterov: boolean;
  readonly #steps: number;
  readonly #precision: ProductPrecision;
  readonly #ratio: number;
  readonly #exclude: readonly NamePattern[];
  readonly #moments: Moments;

  constructor(options: MuonOptions) {
    checkOptions(where, options, [
      ...momentOptionKeys,
      ...['momentum', 'nesterov', 'newtonSchulzSteps', 'newtonSchulzPrecision', 'adamLearningRateRatio', 'exclude'],
    ]);
    super(where, options, 0.02);
    this.#momentum = numberIn(where, 'momentum', options.momentum ?? 0.95, { min: 0, max: 1, maxOpen: true });
    this.#nesterov = boolean(where, 'nesterov', options.nesterov ?? true);
    this.#steps = positiveInteger(where, 'newtonSchulzSteps', options.newtonSchulzSteps ?? 5);
    if (this.#steps > mostSteps) throw argumentError(where, 'newtonSchulzSteps', `at most ${mostSteps}`, this.#steps);
    this.#precision = oneOf(where, 'newtonSchulzPrecision', options.newtonSchulzPrecision ?? 'float32', [
      'float32',
      'tf32',
      'bfloat16',
    ]);
    this.#ratio = numberIn(where, 'adamLearningRateRatio', options.adamLearningRateRatio ?? 0.015, { min: 0 });
    this.#exclude = options.exclude ?? ['embedding'];
    checkPatterns(where, 'exclude', this.#exclude);
    this.#moments = checkMoments(where, { ...options, beta2: options.beta2 ?? 0.95 });
  }

  protected override rule(context: UpdateContext): Rule {
    const adamRate = multiply(context.learningRate, this.#ratio);
    const adam = adamRule({ ...context, learningRate: adamRate }, this.#moments);
    return (parameter, weightDecay) =>
      this.#isHidden(parameter) ? this.#orthogonalMove(context, parameter) : adam(parameter, weightDecay);
  }

  #isHidden({ variable }: Parameter): boolean {
    return variable.shape.length === 2 && !this.#exclude.some((pattern) => matches(pattern, variable.name));
  }

  #orthogonalMove(context: UpdateContext, { variable, value, gradient }: Parameter): Tensor {
    const slot = context.slot('momentum', variable);
    const momentum = add(multiply(context.read(slot), this.#momentum), gradient);
    context.write(slot, momentum);
    const direction = this.#nesterov ? add(gradient, multiply(momentum, this.#momentum)) : momentum;
    const [inputs, outputs] = variable.shape as [number, number];
    const scale = Math.sqrt(Math.max(1, outputs / inputs));
    const move = withProductPrecision(this.#precision, () => orthogonalized(direction, this.#steps));
    return subtract(value, multiply(move, multiply(context.learningRate, scale)));
  }
}

/**
 * A matrix with the same singular vectors and singular values near 1 (0.7 .. 1.2 after five steps): iterations of
 * X = a X + (b A + c A^2) X with A = X Xᵀ, whose coefficients make small values grow fast.
 */
function orthogonalized(matrix: Tensor, steps: number): Tensor {
  const [a, b, c] = [3.4445, -4.775, 2.0315];
  const [rows, columns] = matrix.shape as [number, number];
  // X Xᵀ is the smaller product when X is wide
  let x = rows > columns ? transpose(matrix) : matrix;
  x = divide(x, add(norm(x), 1e-7));
  for (let i = 0; i < steps; i++) {
    const gram = matmul(x, transpose(x));
    const polynomial = add(multiply(gram, b), multiply(matmul(gram, gram), c));
    x = add(multiply(x, a), matmul(polynomial, x));
  }
  return rows > columns ? transpose(x) : x;
}

/**
 * Moves matrices along the nearest orthogonal matrix to their momentum: m = μ m + g, O = orthogonalized(g + μ m),
 * w -= learningRate * sqrt(max(1, outputs / inputs)) * O, for weights [inputs, outputs]. All other weights, and
 * embeddings, are updated by AdamW with learningRate * adamLearningRateRatio.
 *
 * @throws Error when an option is not valid
 *
 * @example
 * optimizers.muon({ learningRate: 0.02, weightDecay: 0.01, exclude: ['embedding', 'logits'] });
 *
 * Source: Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024.
 */
export const muon = (options: MuonOptions = {}): Optimizer => new Muon(options);
