import { tensor } from '../../ir/build.js';
import type { NestedArray, Shape, Tensor, TensorType } from '../../ir/graph.js';
import { add, cast, divide, multiply, subtract } from '../../ir/ops/elementwise.js';
import { broadcastTo, reshape } from '../../ir/ops/shape.js';
import { argumentError, boolean, checkOptions, integer, show } from '../arguments.js';
import { type LayerOptions, layerOptionKeys } from '../layer.js';
import { type Accumulator, AdaptableLayer, checkFinite, type Samples } from './adapt.js';
import { type ConstantValues, constantOf, readConstant } from './constant.js';
import { Moments } from './moments.js';

export interface FeatureNormalizationOptions extends LayerOptions {
  /**
   * Axis or axes that have a mean and variance for each index; null for one of all values. Not 0, which counts the samples.
   * Default: -1.
   */
  readonly axis?: number | readonly number[] | null;
  /** Instead of `adapt`: a number, or numbers that broadcast to the sizes of the axes. Together with `variance`. */
  readonly mean?: ConstantValues;
  /** Not negative, of the same shape as `mean`. */
  readonly variance?: ConstantValues;
  /** Undo a normalization: x * deviation + mean. Default: false. */
  readonly invert?: boolean;
}

const where = 'layers.normalization';
/** Smallest deviation that is divided by: a feature that never changes becomes 0. */
const epsilon = 1e-7;

interface Statistics {
  readonly mean: ConstantValues;
  readonly variance: ConstantValues;
}

/** See `normalization`. */
export class Normalization extends AdaptableLayer {
  readonly kind = 'normalization';
  protected override readonly passesMask = true;
  #learned: Statistics | undefined;

  constructor(readonly options: FeatureNormalizationOptions) {
    checkOptions(where, options, [...layerOptionKeys, 'axis', 'mean', 'variance', 'invert']);
    super(options);
    const { axis: given = -1, mean, variance, invert } = options;
    if (!(given === null || typeof given === 'number' || Array.isArray(given))) {
      throw argumentError(where, 'axis', 'an integer, an array of them, or null', given);
    }
    const axes = this.#axes();
    axes.forEach((axis) => {
      if (integer(where, 'axis', axis) === 0) throw new Error(`${where}: axis 0 counts the samples`);
    });
    if (invert !== undefined) boolean(where, 'invert', invert);
    if ((mean === undefined) !== (variance === undefined)) {
      throw new Error(`${where}: mean and variance must be given together`);
    }
    if (mean === undefined) return;
    const [m, v] = [readConstant(where, 'mean', mean), readConstant(where, 'variance', variance)];
    if (m.shape.join() !== v.shape.join()) {
      throw new Error(`${where}: mean has shape ${show(m.shape)}, variance ${show(v.shape)}; they must be the same`);
    }
    if (m.rank > axes.length) {
      throw new Error(`${where}: mean has shape ${show(m.shape)}: more dimensions than the ${axes.length} of axis`);
    }
    if (v.data.some((value) => value < 0)) throw new Error(`${where}: variance must not be negative`);
  }

  /** What `adapt` learned or the options said; undefined before. */
  get statistics(): Statistics | undefined {
    const { mean, variance } = this.options;
    return mean === undefined || variance === undefined ? this.#learned : { mean, variance };
  }

  override build(inputs: readonly TensorType[]): void {
    const kept = this.#keptShape(this.single(inputs).shape);
    if (this.statistics === undefined) {
      throw this.error('call adapt before the layer becomes part of a model, or give mean and variance');
    }
    const { shape } = constantOf(this.statistics.mean);
    const sizes = kept.filter((_, axis) => this.#keptAxes(kept.length).includes(axis));
    if (shape.some((n, i) => n !== 1 && n !== sizes[sizes.length - shape.length + i])) {
      throw this.error(`mean and variance of shape ${show(shape)} do not fit axes of sizes ${show(sizes)}`);
    }
  }

  override call(inputs: readonly Tensor[]): Tensor {
    const x = cast(this.single(inputs), 'float32');
    const { mean, variance } = this.statistics as Statistics;
    const shape = this.#keptShape(x.shape);
    const m = this.#aligned(constantOf(mean), shape);
    const v = constantOf(variance);
    const deviation = this.#aligned(
      tensor(
        Float32Array.from(v.data, (value) => Math.max(Math.sqrt(value), epsilon)),
        v.shape,
      ),
      shape,
    );
    return this.options.invert === true ? add(multiply(x, deviation), m) : divide(subtract(x, m), deviation);
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options, ...this.#learned };
  }

  protected override accumulator(at: string): Accumulator<Samples> {
    if (this.options.mean !== undefined) throw new Error(`${at}: mean and variance were given as arguments`);
    let moments: Moments | undefined;
    let first: Shape | undefined;
    return {
      update: (samples) => {
        checkFinite(at, samples);
        const { shape } = samples;
        first ??= shape;
        moments ??= new Moments(this.#keptShape(shape));
        if (shape.slice(1).join() !== first.slice(1).join()) {
          throw new Error(`${at}: a batch of shape ${show(shape)} came after one of shape ${show(first)}`);
        }
        moments.add(samples);
      },
      finish: () => {
        const { mean, variance, shape } = moments as Moments;
        const sizes = this.#keptAxes(shape.length).map((axis) => shape[axis] as number);
        // as arguments, so that the layer that is made from the configuration has the same bits
        const nested = (values: Float32Array) => tensor(values, sizes).toArray() as number | NestedArray[];
        this.#learned = { mean: nested(mean), variance: nested(variance) };
      },
    };
  }

  #axes(): readonly number[] {
    const { axis = -1 } = this.options;
    return axis === null ? [] : typeof axis === 'number' ? [axis] : axis;
  }

  /** @throws Error when an axis does not exist, or counts the samples */
  #keptAxes(rank: number): number[] {
    const axes = this.#axes().map((axis) => {
      const a = axis < 0 ? axis + rank : axis;
      if (a >= 1 && a < rank) return a;
      throw this.error(
        rank === 1
          ? `axis ${axis} does not exist in samples that are single numbers; use axis: null, or say inputShape`
          : `axis ${axis} is not one of a sample: the data have rank ${rank}, and axis 0 counts the samples`,
      );
    });
    if (new Set(axes).size < axes.length) throw this.error(`axis ${show(this.#axes())} names one axis twice`);
    return axes.sort((a, b) => a - b);
  }

  /** The shape with 1 for every axis over which there is one mean. */
  #keptShape(shape: Shape): number[] {
    const kept = this.#keptAxes(shape.length);
    return shape.map((n, axis) => (kept.includes(axis) ? n : 1));
  }

  /** Numbers for the kept axes, aligned at the last of them, as numbers that broadcast against the input. */
  #aligned(values: Tensor, shape: readonly number[]): Tensor {
    const axes = this.#keptAxes(shape.length);
    const sizes = axes.map((axis) => shape[axis] as number);
    return reshape(broadcastTo(values, sizes), shape);
  }
}

/**
 * Brings features to mean 0 and variance 1: (x - mean) / max(sqrt(variance), 1e-7), with the mean and the (biased) variance of
 * data that `adapt` has seen, or with given ones. The same in training and in inference; a saved model has the numbers in
 * its configuration.
 *
 * - input: any shape that has the axes; other dtypes are converted
 * - output: float32, same shape
 *
 * @throws Error when an argument is not valid; when applied, if neither `adapt` was called nor mean and variance given, or
 *     they do not fit the input
 *
 * @example
 * const normalize = layers.normalization({ inputShape: [8] });
 * normalize.adapt(rows); // of 8 features
 * const net = sequential([normalize, layers.dense({ units: 1 })]);
 */
export const normalization = (options: FeatureNormalizationOptions = {}): Normalization => new Normalization(options);
