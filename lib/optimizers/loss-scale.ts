import type { Tensor } from '../ir/graph.js';
import {
  add,
  cast,
  divide,
  equal,
  logicalAnd,
  minimum,
  multiply,
  where as select,
  subtract,
} from '../ir/ops/elementwise.js';
import { isFinite } from '../ir/ops/math.js';
import { all } from '../ir/ops/reduce.js';
import { argumentError, checkOptions, numberIn, positiveInteger } from '../layers/arguments.js';
import { remember } from '../layers/recipe.js';
import type { Schedule } from '../schedules/schedule.js';
import type { Optimizer, Parameter, UpdateContext } from './optimizer.js';

export interface LossScaleOptions {
  /** Scale of the first step: better too large than too small, for it falls faster than it grows. Default: 2^15. */
  readonly initialScale?: number;
  /** After this many steps with finite gradients in a row, the scale is doubled. Default: 2000. */
  readonly dynamicGrowthSteps?: number;
}

const where = 'optimizers.lossScale';
const counterLimit = 1 << 24;
/** Twice this is infinite, which no halving would bring back. */
const largestScale = 2 ** 127;

type StateContext = Pick<UpdateContext, 'slot' | 'read'>;

class LossScale implements Optimizer {
  readonly name = 'lossScale';
  readonly #initialScale: number;
  readonly #growthSteps: number;

  constructor(
    readonly inner: Optimizer,
    readonly options: LossScaleOptions,
  ) {
    if (typeof inner !== 'object' || inner === null || typeof inner.update !== 'function') {
      throw argumentError(where, 'optimizer', 'an optimizer (optimizers.adam(), ...)', inner);
    }
    if (inner.lossScale !== undefined && inner.lossScale !== 1) {
      throw new Error(`${where}: the optimizer ${inner.name} scales the loss already; leave lossScaleFactor out`);
    }
    checkOptions(where, options, ['initialScale', 'dynamicGrowthSteps']);
    this.#initialScale = numberIn(where, 'initialScale', options.initialScale ?? 2 ** 15, { min: 0, minOpen: true });
    this.#growthSteps = positiveInteger(where, 'dynamicGrowthSteps', options.dynamicGrowthSteps ?? 2000);
    if (this.#growthSteps > counterLimit) {
      throw argumentError(where, 'dynamicGrowthSteps', `at most ${counterLimit}`, this.#growthSteps);
    }
  }

  get learningRate(): number | Schedule {
    return this.inner.learningRate;
  }

  set learningRate(value: number | Schedule) {
    this.inner.learningRate = value;
  }

  readonly lossScale = (context: StateContext): Tensor => context.read(this.#scaleSlot(context));

  update(parameters: readonly Parameter[], context: UpdateContext): void {
    const scaleSlot = this.#scaleSlot(context);
    const goodSlot = context.slot('lossScaleGoodSteps', undefined);
    const skippedSlot = this.#skippedSlot(context);
    const [scale, good, skipped] = [scaleSlot, goodSlot, skippedSlot].map(context.read) as [Tensor, Tensor, Tensor];
    const finite = parameters.map((p) => all(isFinite(p.gradient))).reduce((a, b) => logicalAnd(a, b));

    const unscaled = parameters.map((p) => ({ ...p, gradient: divide(p.gradient, scale) }));
    this.inner.update(unscaled, {
      ...context,
      step: this.#innerStep(context),
      write: (variable, value) => context.write(variable, select(finite, value, context.read(variable))),
    });

    const grows = logicalAnd(finite, equal(good, this.#growthSteps - 1));
    const next = multiply(scale, select(grows, 2, select(finite, 1, 0.5)));
    context.write(scaleSlot, minimum(next, largestScale));
    context.write(goodSlot, select(finite, select(grows, 0, add(good, 1)), 0));
    context.write(skippedSlot, select(finite, skipped, add(skipped, 1)));
  }

  finalize(parameters: readonly Omit<Parameter, 'gradient'>[], context: UpdateContext): void {
    this.inner.finalize?.(parameters, { ...context, step: this.#innerStep(context) });
  }

  getConfig(): Record<string, unknown> {
    return { optimizer: this.inner, ...this.options };
  }

  #scaleSlot(context: StateContext) {
    return context.slot('lossScale', undefined, this.#initialScale);
  }

  /** Not the updates but the few steps without one are counted: that stays exact in float32. */
  #skippedSlot(context: StateContext) {
    return context.slot('lossScaleSkippedSteps', undefined);
  }

  #innerStep(context: UpdateContext): Tensor {
    return subtract(context.step, cast(context.read(this.#skippedSlot(context)), 'int32'));
  }
}

/**
 * The update of another optimizer with g = d(scale * loss) / dw / scale, so that small gradients do not become 0 on the way. It finds the scale itself: a step with a gradient that is NaN or infinite changes
 * no weight and halves the scale; `dynamicGrowthSteps` steps without one in a row double it. Everything else is the inner
 * optimizer's, which does not count the steps that were left out. The scale is saved and loaded with the model.
 *
 * @throws Error when an option is not valid, or the inner optimizer scales the loss itself
 *
 * @example
 * model.compile({ optimizer: optimizers.lossScale(optimizers.adam({ learningRate: 1e-3 })), loss: 'mse' });
 *
 * Source: Micikevicius et al., "Mixed precision training", ICLR 2018.
 */
export function lossScale(optimizer: Optimizer, options: LossScaleOptions = {}): Optimizer {
  const scaled = new LossScale(optimizer, options);
  return remember(scaled, where, scaled.getConfig());
}
