import type { ConstraintName } from '../constraints/resolve.js';
import type { InitializerName } from '../initializers/resolve.js';
import type { Tensor, TensorType } from '../ir/graph.js';
import { greaterEqual, minimum, multiply, where as select, subtract } from '../ir/ops/elementwise.js';
import * as nn from '../ir/ops/nn.js';
import { reshape } from '../ir/ops/shape.js';
import type { RegularizerName } from '../regularizers/resolve.js';
import { argumentError, checkOptions, integer, numberIn } from './arguments.js';
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
import { checkWeightOptions, weightOptionKeys, weightTreatment } from './weight-options.js';

/** A layer without weights: a function that its options determine. */
class Activation extends Layer {
  protected override readonly passesMask = true;
  readonly #activate: (x: Tensor) => Tensor;

  constructor(
    readonly kind: string,
    readonly options: LayerOptions,
    own: readonly string[],
    activation: (where: string) => (x: Tensor) => Tensor,
  ) {
    const where = `layers.${kind}`;
    checkOptions(where, options, [...layerOptionKeys, ...own]);
    super(options);
    this.#activate = activation(where);
  }

  override call(inputs: readonly Tensor[]): Tensor {
    return this.#activate(this.single(inputs));
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }
}

/**
 * The input as it is: a place in a model that has a name, or one that another layer may take.
 *
 * - input and output: [batch, ...], same shape and dtype
 *
 * @throws Error when an option is not one that every layer has
 *
 * @example
 * layers.identity({ name: 'embedding' });
 */
export const identity = (options: LayerOptions = {}): Layer => new Activation('identity', options, [], () => (x) => x);

export interface ReluOptions extends LayerOptions {
  /** Largest result. Default: none. */
  readonly maxValue?: number;
  /** Slope below the threshold. Default: 0. */
  readonly negativeSlope?: number;
  /** Where the function begins to be x. Default: 0. */
  readonly threshold?: number;
}

/**
 * min(x, maxValue) where x >= threshold, negativeSlope * (x - threshold) elsewhere; by default max(0, x).
 *
 * - input and output: float32 [batch, ...], same shape
 *
 * @throws Error when an argument is not valid
 *
 * @example
 * layers.relu({ maxValue: 6 });
 */
export const relu = (options: ReluOptions = {}): Layer =>
  new Activation('relu', options, ['maxValue', 'negativeSlope', 'threshold'], (where) => {
    const { maxValue, negativeSlope = 0, threshold = 0 } = options;
    if (maxValue !== undefined) numberIn(where, 'maxValue', maxValue, { min: 0 });
    numberIn(where, 'negativeSlope', negativeSlope, { min: 0 });
    numberIn(where, 'threshold', threshold, { min: 0 });
    return (x) => {
      const plain = threshold === 0 && negativeSlope === 0;
      const slope = plain
        ? nn.relu(x)
        : select(greaterEqual(x, threshold), x, multiply(subtract(x, threshold), negativeSlope));
      return maxValue === undefined ? slope : minimum(slope, maxValue);
    };
  });

export interface LeakyReluOptions extends LayerOptions {
  /** Slope where x is negative. Default: 0.3. */
  readonly negativeSlope?: number;
}

/**
 * x where positive, negativeSlope * x elsewhere.
 *
 * - input and output: float32 [batch, ...], same shape
 *
 * @throws Error when `negativeSlope` is negative
 *
 * @example
 * layers.leakyRelu({ negativeSlope: 0.01 });
 *
 * Source: Maas, Hannun and Ng, "Rectifier nonlinearities improve neural network acoustic models", 2013.
 */
export const leakyRelu = (options: LeakyReluOptions = {}): Layer =>
  new Activation('leakyRelu', options, ['negativeSlope'], (where) => {
    const slope = numberIn(where, 'negativeSlope', options.negativeSlope ?? 0.3, { min: 0 });
    return (x) => nn.leakyRelu(x, slope);
  });

export interface EluOptions extends LayerOptions {
  /** What the function tends to for x -> -infinity is -alpha. Default: 1. */
  readonly alpha?: number;
}

/**
 * x where positive, alpha * (e^x - 1) elsewhere.
 *
 * - input and output: float32 [batch, ...], same shape
 *
 * @throws Error when `alpha` is not a number
 *
 * @example
 * layers.elu();
 *
 * Source: Clevert, Unterthiner and Hochreiter, "Fast and accurate deep network learning by exponential linear units", ICLR 2016.
 */
export const elu = (options: EluOptions = {}): Layer =>
  new Activation('elu', options, ['alpha'], (where) => {
    const alpha = numberIn(where, 'alpha', options.alpha ?? 1);
    return (x) => nn.elu(x, alpha);
  });

export interface SoftmaxOptions extends LayerOptions {
  /** Along which the results sum to 1. Default: -1. */
  readonly axis?: number;
}

/**
 * e^x / sum(e^x) along an axis.
 *
 * - input and output: float32 [batch, ...], same shape
 *
 * @throws Error when `axis` is not an integer; when applied, if the input has no such axis
 *
 * @example
 * layers.softmax();
 */
export const softmax = (options: SoftmaxOptions = {}): Layer =>
  new Activation('softmax', options, ['axis'], (where) => {
    const axis = integer(where, 'axis', options.axis ?? -1);
    return (x) => nn.softmax(x, axis);
  });

export interface PreluOptions extends LayerOptions {
  /** Default: 'zeros'. */
  readonly alphaInitializer?: InitializerName | InitializerFn;
  readonly alphaRegularizer?: RegularizerName | RegularizerFn;
  /** What the slopes are forced to be after each update. */
  readonly alphaConstraint?: ConstraintName | ConstraintFn;
  /** Dimensions of samples, counted from 1, along which one slope is shared. Default: none. */
  readonly sharedAxes?: readonly number[];
}

class Prelu extends Layer {
  readonly kind = 'prelu';
  protected override readonly passesMask = true;
  #alpha!: Weight;

  constructor(readonly options: PreluOptions) {
    const where = 'layers.prelu';
    checkOptions(where, options, [...layerOptionKeys, ...weightOptionKeys('alpha'), 'sharedAxes']);
    super(options);
    const { sharedAxes } = options;
    checkWeightOptions(where, options, ['alpha']);
    const axis = (a: unknown): boolean => Number.isInteger(a) && (a as number) >= 1;
    if (sharedAxes !== undefined && !(Array.isArray(sharedAxes) && sharedAxes.every(axis))) {
      throw argumentError(where, 'sharedAxes', 'an array of axes, counted from 1', sharedAxes);
    }
  }

  override build(inputs: readonly TensorType[]): void {
    const shape = this.#slopes(this.single(inputs));
    this.#alpha = this.addWeight({ name: 'alpha', shape, ...weightTreatment(this.options, 'alpha', 'zeros') });
  }

  override call(inputs: readonly Tensor[], context: CallContext): Tensor {
    const x = this.single(inputs);
    const { shape } = this.#alpha;
    if (this.#slopes(x).join() !== shape.join()) {
      throw this.error(`expected samples that fit slopes [${shape.join(', ')}], got shape [${x.shape.join(', ')}]`);
    }
    return nn.prelu(x, reshape(context.read(this.#alpha), [1, ...shape]));
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }

  #slopes(x: TensorType): number[] {
    const { sharedAxes = [] } = this.options;
    const outside = sharedAxes.find((a) => a >= x.shape.length);
    if (outside !== undefined) {
      throw this.error(
        `shared axis ${outside} is not a dimension of samples in input of shape [${x.shape.join(', ')}]`,
      );
    }
    return x.shape.slice(1).map((n, i) => (sharedAxes.includes(i + 1) ? 1 : n));
  }
}

/**
 * x where positive, alpha * x elsewhere, with a learned alpha for each element of a sample.
 *
 * - input and output: float32 [batch, ...], same shape
 * - weights: alpha, the shape of a sample with 1 for the shared axes
 *
 * @throws Error when an argument is not valid; when applied, if the shapes do not fit
 *
 * @example
 * layers.prelu({ sharedAxes: [1, 2] }); // one slope per channel of images
 *
 * Source: He et al., "Delving deep into rectifiers", ICCV 2015.
 */
export const prelu = (options: PreluOptions = {}): Layer => new Prelu(options);
