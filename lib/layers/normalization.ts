import type { ConstraintName } from '../constraints/resolve.js';
import type { InitializerName } from '../initializers/resolve.js';
import type { Tensor, TensorType } from '../ir/graph.js';
import {
  normalize,
  groupNormalization as normalizeGroups,
  layerNormalization as normalizeLayer,
  rmsNormalization as normalizeRms,
} from '../ir/ops/normalization.js';
import { reshape } from '../ir/ops/shape.js';
import type { RegularizerName } from '../regularizers/resolve.js';
import { argumentError, boolean, checkOptions, integer, numberIn } from './arguments.js';
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

/** What the normalizations with weights gamma and beta have in common. */
export interface NormalizationOptions extends LayerOptions {
  /** Added inside the square root. Default: 1e-3. */
  readonly epsilon?: number;
  /** Whether to add beta. Default: true. */
  readonly center?: boolean;
  /** Whether to multiply by gamma. Default: true. */
  readonly scale?: boolean;
  /** Default: 'zeros'. */
  readonly betaInitializer?: InitializerName | InitializerFn;
  /** Default: 'ones'. */
  readonly gammaInitializer?: InitializerName | InitializerFn;
  readonly betaRegularizer?: RegularizerName | RegularizerFn;
  readonly gammaRegularizer?: RegularizerName | RegularizerFn;
  /** What beta is forced to be after each update. */
  readonly betaConstraint?: ConstraintName | ConstraintFn;
  readonly gammaConstraint?: ConstraintName | ConstraintFn;
}

/** Weights gamma and beta, and the checks of what all normalizations take. */
abstract class Normalization extends Layer {
  protected override readonly passesMask = true;
  #gamma: Weight | undefined;
  #beta: Weight | undefined;

  constructor(
    where: string,
    readonly options: NormalizationOptions,
    own: readonly string[],
    shared: readonly string[] = ['epsilon', 'center', 'scale', ...weightOptionKeys('beta', 'gamma')],
  ) {
    checkOptions(where, options, [...layerOptionKeys, ...shared, ...own]);
    super(options);
    const { epsilon, center, scale } = options;
    if (epsilon !== undefined) numberIn(where, 'epsilon', epsilon, { min: 0, minOpen: true });
    if (center !== undefined) boolean(where, 'center', center);
    if (scale !== undefined) boolean(where, 'scale', scale);
    checkWeightOptions(where, options, ['beta', 'gamma']);
  }

  protected addScale(shape: readonly number[]): void {
    if (this.options.scale === false) return;
    this.#gamma = this.addWeight({ name: 'gamma', shape, ...weightTreatment(this.options, 'gamma', 'ones') });
  }

  protected addOffset(shape: readonly number[]): void {
    if (this.options.center === false) return;
    this.#beta = this.addWeight({ name: 'beta', shape, ...weightTreatment(this.options, 'beta', 'zeros') });
  }

  /** Values of gamma and beta, those that there are. */
  protected affine(context: CallContext): { readonly scale?: Tensor; readonly offset?: Tensor } {
    return {
      scale: this.#gamma && context.read(this.#gamma),
      offset: this.#beta && context.read(this.#beta),
    };
  }

  /** Throws unless the weights, if there are any, were built for this shape. */
  protected checkShape(shape: readonly number[], x: Tensor): void {
    const built = (this.#gamma ?? this.#beta)?.shape;
    if (built !== undefined && built.join() !== shape.join()) {
      throw this.error(`expected normalized dimensions [${built.join(', ')}], got input [${x.shape.join(', ')}]`);
    }
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }
}

function checkAxes(where: string, axis: unknown): void {
  const list: readonly unknown[] = Array.isArray(axis) ? axis : [axis];
  if (list.length === 0 || new Set(list).size !== list.length) {
    throw argumentError(where, 'axis', 'an axis or several different axes', axis);
  }
  for (const a of list) {
    if (integer(where, 'axis', a) === 0) throw new Error(`${where}: axis 0 is the batch dimension`);
  }
}

/** Axes of samples, counted from the start and in order. */
function sampleAxes(layer: Layer, axis: number | readonly number[], x: TensorType): number[] {
  const rank = x.shape.length;
  return (typeof axis === 'number' ? [axis] : [...axis])
    .map((a) => {
      const from = a < 0 ? a + rank : a;
      if (from < 1 || from >= rank) {
        throw layer.error(`axis ${a} is not a dimension of samples in input of shape [${x.shape.join(', ')}]`);
      }
      return from;
    })
    .sort((a, b) => a - b);
}

const sizesOf = (axes: readonly number[], x: TensorType): number[] => axes.map((a) => x.shape[a] as number);

/** A weight over some axes, so that it broadcasts against x. */
const spread = (weight: Tensor | undefined, axes: readonly number[], x: Tensor): Tensor | undefined =>
  weight &&
  reshape(
    weight,
    x.shape.map((n, i) => (axes.includes(i) ? n : 1)),
  );

export interface LayerNormalizationOptions extends NormalizationOptions {
  /** Axis or axes that are normalized together. Default: -1. */
  readonly axis?: number | readonly number[];
}

class LayerNormalization extends Normalization {
  readonly kind = 'layerNormalization';
  readonly #axis: number | readonly number[];

  constructor(options: LayerNormalizationOptions) {
    const where = 'layers.layerNormalization';
    super(where, options, ['axis']);
    this.#axis = options.axis ?? -1;
    checkAxes(where, this.#axis);
  }

  override build(inputs: readonly TensorType[]): void {
    const x = this.single(inputs);
    const shape = sizesOf(sampleAxes(this, this.#axis, x), x);
    this.addScale(shape);
    this.addOffset(shape);
  }

  override call(inputs: readonly Tensor[], context: CallContext): Tensor {
    const x = this.single(inputs);
    const axes = sampleAxes(this, this.#axis, x);
    this.checkShape(sizesOf(axes, x), x);
    const { scale, offset } = this.affine(context);
    return normalizeLayer(x, axes, {
      scale: spread(scale, axes, x),
      offset: spread(offset, axes, x),
      epsilon: this.options.epsilon ?? 1e-3,
    });
  }
}

/**
 * Brings each sample to mean 0 and variance 1 over some axes: (x - mean) / sqrt(variance + epsilon) * gamma + beta.
 *
 * - input and output: float32 [batch, ...], same shape
 * - weights: gamma and beta, of the sizes of the normalized axes
 *
 * @throws Error when an argument is not valid; when applied, if an axis is not one of the samples'
 *
 * @example
 * layers.layerNormalization({ epsilon: 1e-5 });
 *
 * Source: Ba, Kiros and Hinton, "Layer normalization", 2016.
 */
export const layerNormalization = (options: LayerNormalizationOptions = {}): Layer => new LayerNormalization(options);

export interface RmsNormalizationOptions extends LayerOptions {
  /** Axis or axes that are normalized together. Default: -1. */
  readonly axis?: number | readonly number[];
  /** Added inside the square root. Default: 1e-6. */
  readonly epsilon?: number;
  /** Default: 'ones'. */
  readonly gammaInitializer?: InitializerName | InitializerFn;
  readonly gammaRegularizer?: RegularizerName | RegularizerFn;
  readonly gammaConstraint?: ConstraintName | ConstraintFn;
}

class RmsNormalization extends Normalization {
  readonly kind = 'rmsNormalization';
  readonly #axis: number | readonly number[];

  constructor(options: RmsNormalizationOptions) {
    const where = 'layers.rmsNormalization';
    super(where, options, ['axis'], ['epsilon', ...weightOptionKeys('gamma')]);
    this.#axis = options.axis ?? -1;
    checkAxes(where, this.#axis);
  }

  override build(inputs: readonly TensorType[]): void {
    const x = this.single(inputs);
    this.addScale(sizesOf(sampleAxes(this, this.#axis, x), x));
  }

  override call(inputs: readonly Tensor[], context: CallContext): Tensor {
    const x = this.single(inputs);
    const axes = sampleAxes(this, this.#axis, x);
    this.checkShape(sizesOf(axes, x), x);
    const scale = spread(this.affine(context).scale, axes, x);
    return normalizeRms(x, axes, { scale, epsilon: this.options.epsilon ?? 1e-6 });
  }
}

/**
 * Divides by the root of the mean square over some axes: x / sqrt(mean(x^2) + epsilon) * gamma.
 *
 * - input and output: float32 [batch, ...], same shape
 * - weights: gamma, of the sizes of the normalized axes
 *
 * @throws Error when an argument is not valid; when applied, if an axis is not one of the samples'
 *
 * @example
 * layers.rmsNormalization();
 *
 * Source: Zhang and Sennrich, "Root mean square layer normalization", NeurIPS 2019.
 */
export const rmsNormalization = (options: RmsNormalizationOptions = {}): Layer => new RmsNormalization(options);

export interface InstanceNormalizationOptions extends NormalizationOptions {
  /** Added inside the square root. Default: 1e-5. */
  readonly epsilon?: number;
  /** Axis of the channels. Default: -1. */
  readonly axis?: number;
}

export interface GroupNormalizationOptions extends NormalizationOptions {
  /** Number of groups that the channels are divided into; -1: one for each channel (instance normalization). Default: 32. */
  readonly groups?: number;
  /** Axis of the channels. Default: -1. */
  readonly axis?: number;
}

class GroupNormalization extends Normalization {
  readonly #groups: number;
  readonly #axis: number;
  readonly #epsilon: number;

  constructor(
    readonly kind: string,
    options: GroupNormalizationOptions,
    own: readonly string[],
    groups: number,
    epsilon: number,
  ) {
    const where = `layers.${kind}`;
    super(where, options, own);
    this.#epsilon = options.epsilon ?? epsilon;
    this.#groups = integer(where, 'groups', groups);
    if (this.#groups < 1 && this.#groups !== -1) {
      throw argumentError(where, 'groups', 'a positive integer, or -1 for one group per channel', this.#groups);
    }
    this.#axis = options.axis ?? -1;
    checkAxes(where, integer(where, 'axis', this.#axis));
  }

  override build(inputs: readonly TensorType[]): void {
    const x = this.single(inputs);
    const [channels] = sizesOf(sampleAxes(this, this.#axis, x), x) as [number];
    if (this.#groups > 0 && channels % this.#groups !== 0) {
      throw this.error(
        `${channels} channels cannot be divided into ${this.#groups} groups, input shape [${x.shape.join(', ')}]`,
      );
    }
    this.addScale([channels]);
    this.addOffset([channels]);
  }

  override call(inputs: readonly Tensor[], context: CallContext): Tensor {
    const x = this.single(inputs);
    const [axis] = sampleAxes(this, this.#axis, x) as [number];
    const channels = x.shape[axis] as number;
    this.checkShape([channels], x);
    const groups = this.#groups === -1 ? channels : this.#groups;
    return normalizeGroups(x, groups, { ...this.affine(context), axis, epsilon: this.#epsilon });
  }
}

/**
 * Layer normalization within groups of channels: mean and variance are those of a group over all axes but the batch.
 *
 * - input and output: float32 [batch, ..., channels], same shape
 * - weights: gamma and beta, each [channels]
 *
 * @throws Error when an argument is not valid; when applied, if the channels cannot be divided into groups
 *
 * @example
 * layers.groupNormalization({ groups: 8 });
 *
 * Source: Wu and He, "Group normalization", ECCV 2018.
 */
export const groupNormalization = (options: GroupNormalizationOptions = {}): Layer =>
  new GroupNormalization('groupNormalization', options, ['groups', 'axis'], options?.groups ?? 32, 1e-3);

/**
 * Brings each channel of each sample to mean 0 and variance 1: group normalization with a group for every channel.
 *
 * - input and output: float32 [batch, ..., channels], same shape
 * - weights: gamma and beta, each [channels]
 *
 * Keras has no such layer. `epsilon` is PyTorch's 1e-5; gamma and beta are there by default, as in the other normalizations
 * here (in PyTorch they are not: `{ center: false, scale: false }`).
 *
 * @throws Error when an argument is not valid; when applied, if the axis is not one of the samples'
 *
 * @example
 * layers.instanceNormalization();
 *
 * Source: Ulyanov, Vedaldi and Lempitsky, "Instance normalization", 2016.
 */
export const instanceNormalization = (options: InstanceNormalizationOptions = {}): Layer =>
  new GroupNormalization('instanceNormalization', options, ['axis'], -1, 1e-5);

export interface UnitNormalizationOptions extends LayerOptions {
  /** Axis or axes of the vectors. Default: -1. */
  readonly axis?: number | readonly number[];
}

class UnitNormalization extends Layer {
  readonly kind = 'unitNormalization';
  protected override readonly passesMask = true;
  readonly #axis: number | readonly number[];

  constructor(readonly options: UnitNormalizationOptions) {
    const where = 'layers.unitNormalization';
    checkOptions(where, options, [...layerOptionKeys, 'axis']);
    super(options);
    this.#axis = options.axis ?? -1;
    checkAxes(where, this.#axis);
  }

  override call(inputs: readonly Tensor[]): Tensor {
    const x = this.single(inputs);
    return normalize(x, sampleAxes(this, this.#axis, x));
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }
}

/**
 * Divides vectors by their length: x / sqrt(sum(x^2)).
 *
 * - input and output: float32 [batch, ...], same shape
 *
 * @throws Error when an argument is not valid; when applied, if an axis is not one of the samples'
 *
 * @example
 * layers.unitNormalization();
 */
export const unitNormalization = (options: UnitNormalizationOptions = {}): Layer => new UnitNormalization(options);
