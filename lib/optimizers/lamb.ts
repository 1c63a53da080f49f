import {
  add,
  cast,
  divide,
  greater,
  logicalAnd,
  multiply,
  where as select,
  sqrt,
  square,
  subtract,
} from '../ir/ops/elementwise.js';
import { norm } from '../ir/ops/reduce.js';
import { checkOptions } from '../layers/arguments.js';
import { checkMoments, type MomentOptions, type Moments, momentOptionKeys } from './adam.js';
import { GradientDescent, type Rule } from './descent.js';
import type { Optimizer, UpdateContext } from './optimizer.js';
import { biasCorrection, runningAverage } from './running.js';

class Lamb extends GradientDescent {
  readonly name = 'lamb';
  /** The paper's decay is a part of the direction, whose length is then set. */
  protected override readonly decaysItself = true;
  readonly #moments: Moments;

  constructor(options: MomentOptions) {
    const where = 'optimizers.lamb';
    checkOptions(where, options, momentOptionKeys);
    super(where, options, 0.001);
    this.#moments = checkMoments(where, options);
  }

  protected override rule(context: UpdateContext): Rule {
    const { beta1, beta2, epsilon } = this.#moments;
    const decoupled = this.common.weightDecayMode !== 'l2';
    const t = cast(context.step, 'float32');
    const [correction1, correction2] = [biasCorrection(beta1, t), sqrt(biasCorrection(beta2, t))];
    return ({ variable, value, gradient }, weightDecay) => {
      const mean = runningAverage(context, 'm', variable, gradient, beta1);
      const meanSquare = runningAverage(context, 'v', variable, square(gradient), beta2);
      const adaptive = divide(divide(mean, correction1), add(divide(sqrt(meanSquare), correction2), epsilon));
      const direction = decoupled && weightDecay > 0 ? add(adaptive, multiply(value, weightDecay)) : adaptive;
      const [weightNorm, moveNorm] = [norm(value), norm(direction)];
      const known = logicalAnd(greater(weightNorm, 0), greater(moveNorm, 0));
      const ratio = select(known, divide(weightNorm, select(known, moveNorm, 1)), 1);
      return subtract(value, multiply(direction, multiply(ratio, context.learningRate)));
    };
  }
}

/**
 * Adam whose move of each weight tensor is as long as the tensor itself times the learning rate: for very large batches.
 * With d = m / (1 - β1^t) / (sqrt(v / (1 - β2^t)) + epsilon) + weightDecay * w: w -= learningRate * |w| / |d| * d, where
 * the quotient is 1 if one of the norms is 0.
 *
 * @throws Error when an option is not valid
 *
 * @example
 * model.compile({ optimizer: optimizers.lamb({ learningRate: 0.01, weightDecay: 0.01 }), loss: 'mse' });
 *
 * Source: You et al., "Large batch optimization for deep learning: training BERT in 76 minutes", ICLR 2020.
 */
export const lamb = (options: MomentOptions = {}): Optimizer => new Lamb(options);
