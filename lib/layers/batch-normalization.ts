import type { ConstraintName } from '../constraints/resolve.js';
import { type InitializerName, resolveInitializer } from '../initializers/resolve.js';
import type { Tensor, TensorType } from '../ir/graph.js';
import { add, cast, divide, maximum, multiply, square, stopGradient, subtract } from '../ir/ops/elementwise.js';
import { batchNormalization as normalize } from '../ir/ops/normalization.js';
import { standardizeFew } from '../ir/ops/normalize-rows.js';
import { ones, zeros } from '../ir/ops/random.js';
import { moments, sum } from '../ir/ops/reduce.js';
import { broadcastTo, reshape } from '../ir/ops/shape.js';
import type { RegularizerName } from '../regularizers/resolve.js';
import { boolean, checkOptions, integer, numberIn } from './arguments.js';
import {
  type CallContext,
  type ConstraintFn,
  type InitializerFn,
  Layer,
  type LayerOptions,
  layerOptionKeys,
  type RegularizerFn,
  type Weight,
} from './layer.js';
import { maskOf } from './mask.js';
import { overPrefix } from './prefix.js';
import { checkWeightOptions, weightOptionKeys, weightTreatment } from './weight-options.js';

export interface BatchNormalizationOptions extends LayerOptions {
  /** Axis of the channels. Default: -1. */
  readonly axis?: number;
  /** How much of a moving average stays at each step. Default: 0.99. */
  readonly momentum?: number;
  /** Added to the variance. Default: 1e-3. */
  readonly epsilon?: number;
  /** Whether to add beta. Default: true. */
  readonly center?: boolean;
  /** Whether to multiply by gamma. Default: true. */
  readonly scale?: boolean;
  /** Default: 'zeros'. */
  readonly betaInitializer?: InitializerName | InitializerFn;
  /** Default: 'ones'. */
  readonly gammaInitializer?: InitializerName | InitializerFn;
  /** Default: 'zeros'. */
  readonly movingMeanInitializer?: InitializerName | InitializerFn;
  /** Default: 'ones'. */
  readonly movingVarianceInitializer?: InitializerName | InitializerFn;
  readonly betaRegularizer?: RegularizerName | RegularizerFn;
  readonly gammaRegularizer?: RegularizerName | RegularizerFn;
  /** What beta is forced to be after each update. */
  readonly betaConstraint?: ConstraintName | ConstraintFn;
  readonly gammaConstraint?: ConstraintName | ConstraintFn;
}

const where = 'layers.batchNormalization';
const movingInitializers = ['movingMeanInitializer', 'movingVarianceInitializer'] as const;

class BatchNormalization extends Layer {
  readonly kind = 'batchNormalization';
  protected override readonly passesMask = true;
  #gamma: Weight | undefined;
  #beta: Weight | undefined;
  #mean!: Weight;
  #variance!: Weight;

  constructor(readonly options: BatchNormalizationOptions) {
    checkOptions(where, options, [
      ...layerOptionKeys,
      ...['axis', 'momentum', 'epsilon', 'center', 'scale'],
      ...[...movingInitializers, ...weightOptionKeys('beta', 'gamma')],
    ]);
    super(options);
    const { axis, momentum, epsilon, center, scale } = options;
    if (axis !== undefined && integer(where, 'axis', axis) === 0) {
      throw new Error(`${where}: axis 0 is the batch dimension, not that of the channels`);
    }
    if (momentum !== undefined) numberIn(where, 'momentum', momentum, { min: 0, max: 1 });
    if (epsilon !== undefined) numberIn(where, 'epsilon', epsilon, { min: 0, minOpen: true });
    if (center !== undefined) boolean(where, 'center', center);
    if (scale !== undefined) boolean(where, 'scale', scale);
    for (const key of movingInitializers) {
      if (options[key] !== undefined) resolveInitializer(where, key, options[key]);
    }
    checkWeightOptions(where, options, ['beta', 'gamma']);
  }

  override build(inputs: readonly TensorType[]): void {
    const x = this.single(inputs);
    const { options } = this;
    const shape = [x.shape[this.#axis(x)] as number];
    if (options.scale ?? true) {
      this.#gamma = this.addWeight({ name: 'gamma', shape, ...weightTreatment(options, 'gamma', 'ones') });
    }
    if (options.center ?? true) {
      this.#beta = this.addWeight({ name: 'beta', shape, ...weightTreatment(options, 'beta', 'zeros') });
    }
    const { movingMeanInitializer = 'zeros', movingVarianceInitializer = 'ones' } = options;
    const state = { shape, trainable: false };
    this.#mean = this.addWeight({ ...state, name: 'movingMean', initializer: movingMeanInitializer });
    this.#variance = this.addWeight({ ...state, name: 'movingVariance', initializer: movingVarianceInitializer });
  }

  override call(inputs: readonly Tensor[], context: CallContext): Tensor {
    const x = this.single(inputs);
    const axis = this.#axis(x);
    const [channels] = this.#mean.shape;
    if (x.shape[axis] !== channels) {
      throw this.error(`expected ${channels} channels on axis ${axis}, got shape [${x.shape.join(', ')}]`);
    }
    const { epsilon = 1e-3 } = this.options;
    const scale = this.#gamma && context.read(this.#gamma);
    const offset = this.#beta && context.read(this.#beta);
    const [movingMean, movingVariance] = [context.read(this.#mean), context.read(this.#variance)];
    if (!context.training || !this.trainable) {
      return normalize(x, movingMean, movingVariance, { axis, scale, offset, epsilon });
    }
    if (x.size === channels) {
      throw this.error(
        `training needs more than one value per channel, got shape [${x.shape.join(', ')}]: ` +
          'the variance of one value is 0. Use a larger batch (also for the last one of an epoch)',
      );
    }
    const others = [...x.shape.keys()].filter((i) => i !== axis);
    const { mean, variance } = batchMoments(x, others, maskOf(x));
    this.#update(context, this.#mean, movingMean, mean);
    this.#update(context, this.#variance, movingVariance, variance);
    const few = maskOf(x) === undefined ? standardizeFew(x, others, epsilon) : undefined;
    if (few !== undefined) {
      // normalized already: gamma and beta are what is left
      return normalize(few, zeros([channels]), ones([channels]), { axis, scale, offset, epsilon: 0 });
    }
    return normalize(x, mean, variance, { axis, scale, offset, epsilon });
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }

  #update(context: CallContext, weight: Weight, moving: Tensor, batch: Tensor): void {
    const { momentum = 0.99 } = this.options;
    context.write(weight, add(multiply(moving, momentum), multiply(stopGradient(batch), 1 - momentum)));
  }

  #axis(x: TensorType): number {
    const { axis = -1 } = this.options;
    const rank = x.shape.length;
    const a = axis < 0 ? axis + rank : axis;
    if (a < 1 || a >= rank) {
      throw this.error(`axis ${axis} is not a dimension of samples in input of shape [${x.shape.join(', ')}]`);
    }
    return a;
  }
}

/** Mean and variance over some axes, of what a mask lets count. */
function batchMoments(x: Tensor, axes: readonly number[], mask: Tensor | undefined) {
  if (mask === undefined) return moments(x, axes);
  const counts = broadcastTo(overPrefix(cast(mask, 'float32'), x.shape), x.shape);
  const size = maximum(sum(counts, axes, { keepDims: true }), 1);
  const average = (values: Tensor): Tensor => divide(sum(multiply(values, counts), axes, { keepDims: true }), size);
  const mean = average(x);
  const variance = average(square(subtract(x, mean)));
  return { mean: reshape(mean, [mean.size]), variance: reshape(variance, [variance.size]) };
}

/**
 * Brings each channel to mean 0 and variance 1: (x - mean) / sqrt(variance + epsilon) * gamma + beta.
 *
 * In training with the biased statistics of the batch, over all axes but that of the channels, without the steps that a
 * mask leaves out (see `masking`); they also go into moving
 * averages, moving * momentum + batch * (1 - momentum), which are used in inference. A layer that is not trainable uses
 * and keeps its moving averages in training too.
 *
 * - input: float32 of rank >= 2; other dtypes are converted
 * - output: float32, same shape
 * - weights: gamma, beta, movingMean, movingVariance, each [channels]
 *
 * @throws Error when an argument is not valid; in training, for a batch with one value per channel
 *
 * @example
 * layers.batchNormalization();
 * layers.batchNormalization({ momentum: 0.9, epsilon: 1e-5 });
 *
 * Source: Ioffe and Szegedy, "Batch normalization: accelerating deep network training by reducing internal covariate
 * shift", ICML 2015.
 */
export const batchNormalization = (options: BatchNormalizationOptions = {}): Layer => new BatchNormalization(options);
