import type { Tensor } from '../../ir/graph.js';
import { cast, divide, maximum, multiply } from '../../ir/ops/elementwise.js';
import { adaptiveAveragePool, adaptiveMaxPool } from '../../ir/ops/pool.js';
import { max, mean, sum } from '../../ir/ops/reduce.js';
import { expandDims } from '../../ir/ops/shape.js';
import { boolean, checkOptions } from '../arguments.js';
import { Layer, type LayerOptions, layerOptionKeys } from '../layer.js';
import { stepMaskOf } from '../mask.js';
import { channelsOf, type PerAxis, type Rank, sizes } from './arguments.js';

export interface GlobalPoolingOptions extends LayerOptions {
  /** Whether the spatial axes stay, with size 1. Default: false. */
  readonly keepDims?: boolean;
}

class GlobalPooling extends Layer {
  constructor(
    readonly kind: string,
    readonly rank: Rank,
    readonly reduce: typeof mean,
    readonly options: GlobalPoolingOptions,
  ) {
    const where = `layers.${kind}`;
    checkOptions(where, options, [...layerOptionKeys, 'keepDims']);
    super(options);
    if (options.keepDims !== undefined) boolean(where, 'keepDims', options.keepDims);
  }

  override call(inputs: readonly Tensor[]): Tensor {
    const x = this.single(inputs);
    channelsOf(this, x, this.rank);
    const axes = Array.from({ length: this.rank }, (_, a) => a + 1);
    const { keepDims = false } = this.options;
    const mask = this.kind === 'globalAveragePooling1d' ? stepMaskOf(x) : undefined;
    return mask === undefined ? this.reduce(x, axes, { keepDims }) : maskedMean(x, mask, keepDims);
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }
}

/** The mean over the steps that count; 0 where none does. */
function maskedMean(x: Tensor, mask: Tensor, keepDims: boolean): Tensor {
  const counts = cast(expandDims(mask, -1), 'float32'); // [batch, time, 1]
  const total = sum(multiply(x, counts), 1, { keepDims });
  return divide(total, maximum(sum(counts, 1, { keepDims }), 1));
}

/**
 * The largest value of each channel: float32 [batch, length, channels] -> [batch, channels], or [batch, 1, channels] with
 * `keepDims`. Equal largest values share the gradient.
 *
 * @throws Error when an argument is not valid; when applied, if the rank does not fit
 *
 * @example
 * layers.globalMaxPooling1d();
 */
export const globalMaxPooling1d = (options: GlobalPoolingOptions = {}): Layer =>
  new GlobalPooling('globalMaxPooling1d', 1, max, options);

/**
 * The largest value of each channel of an image: [batch, height, width, channels] -> [batch, channels].
 *
 * @throws Error as `globalMaxPooling1d`
 *
 * @example
 * layers.globalMaxPooling2d({ keepDims: true });
 */
export const globalMaxPooling2d = (options: GlobalPoolingOptions = {}): Layer =>
  new GlobalPooling('globalMaxPooling2d', 2, max, options);

/**
 * The largest value of each channel of a volume: [batch, depth, height, width, channels] -> [batch, channels].
 *
 * @throws Error as `globalMaxPooling1d`
 *
 * @example
 * layers.globalMaxPooling3d();
 */
export const globalMaxPooling3d = (options: GlobalPoolingOptions = {}): Layer =>
  new GlobalPooling('globalMaxPooling3d', 3, max, options);

/**
 * The mean of each channel: float32 [batch, length, channels] -> [batch, channels], or [batch, 1, channels] with
 * `keepDims`. Steps that a mask leaves out (see `masking`) do not count.
 *
 * @throws Error when an argument is not valid; when applied, if the rank does not fit
 *
 * @example
 * layers.globalAveragePooling1d();
 */
export const globalAveragePooling1d = (options: GlobalPoolingOptions = {}): Layer =>
  new GlobalPooling('globalAveragePooling1d', 1, mean, options);

/**
 * The mean of each channel of an image: [batch, height, width, channels] -> [batch, channels].
 *
 * @throws Error as `globalAveragePooling1d`
 *
 * @example
 * layers.globalAveragePooling2d();
 */
export const globalAveragePooling2d = (options: GlobalPoolingOptions = {}): Layer =>
  new GlobalPooling('globalAveragePooling2d', 2, mean, options);

/**
 * The mean of each channel of a volume: [batch, depth, height, width, channels] -> [batch, channels].
 *
 * @throws Error as `globalAveragePooling1d`
 *
 * @example
 * layers.globalAveragePooling3d();
 */
export const globalAveragePooling3d = (options: GlobalPoolingOptions = {}): Layer =>
  new GlobalPooling('globalAveragePooling3d', 3, mean, options);

export interface AdaptivePoolingOptions extends LayerOptions {
  /** Size of the output along each spatial axis. */
  readonly outputSize: PerAxis;
}

class AdaptivePooling extends Layer {
  readonly #outputSize: number[];

  constructor(
    readonly kind: string,
    readonly rank: Rank,
    readonly pool: typeof adaptiveAveragePool,
    readonly options: AdaptivePoolingOptions,
  ) {
    const where = `layers.${kind}`;
    checkOptions(where, options, [...layerOptionKeys, 'outputSize']);
    super(options);
    this.#outputSize = sizes(where, 'outputSize', options.outputSize, rank);
  }

  override call(inputs: readonly Tensor[]): Tensor {
    const x = this.single(inputs);
    channelsOf(this, x, this.rank);
    return this.pool(x, this.#outputSize);
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }
}

/**
 * Means of `outputSize` parts of a sequence, see `ops.adaptiveAveragePool`: float32 [batch, length, channels] ->
 * [batch, outputSize, channels].
 *
 * @throws Error when `outputSize` is not valid; when applied, if the rank does not fit
 *
 * @example
 * layers.adaptiveAveragePooling1d({ outputSize: 8 });
 */
export const adaptiveAveragePooling1d = (options: AdaptivePoolingOptions): Layer =>
  new AdaptivePooling('adaptiveAveragePooling1d', 1, adaptiveAveragePool, options);

/**
 * Means of parts of an image: [batch, height, width, channels] -> [batch, ...outputSize, channels].
 *
 * @throws Error as `adaptiveAveragePooling1d`
 *
 * @example
 * layers.adaptiveAveragePooling2d({ outputSize: 7 });
 */
export const adaptiveAveragePooling2d = (options: AdaptivePoolingOptions): Layer =>
  new AdaptivePooling('adaptiveAveragePooling2d', 2, adaptiveAveragePool, options);

/**
 * Means of parts of a volume: [batch, depth, height, width, channels] -> [batch, ...outputSize, channels].
 *
 * @throws Error as `adaptiveAveragePooling1d`
 *
 * @example
 * layers.adaptiveAveragePooling3d({ outputSize: [4, 7, 7] });
 */
export const adaptiveAveragePooling3d = (options: AdaptivePoolingOptions): Layer =>
  new AdaptivePooling('adaptiveAveragePooling3d', 3, adaptiveAveragePool, options);

/**
 * Largest values of `outputSize` parts of a sequence, see `ops.adaptiveMaxPool`: float32 [batch, length, channels] ->
 * [batch, outputSize, channels].
 *
 * @throws Error when `outputSize` is not valid; when applied, if the rank does not fit
 *
 * @example
 * layers.adaptiveMaxPooling1d({ outputSize: 8 });
 */
export const adaptiveMaxPooling1d = (options: AdaptivePoolingOptions): Layer =>
  new AdaptivePooling('adaptiveMaxPooling1d', 1, adaptiveMaxPool, options);

/**
 * Largest values of parts of an image: [batch, height, width, channels] -> [batch, ...outputSize, channels].
 *
 * @throws Error as `adaptiveMaxPooling1d`
 *
 * @example
 * layers.adaptiveMaxPooling2d({ outputSize: 7 });
 */
export const adaptiveMaxPooling2d = (options: AdaptivePoolingOptions): Layer =>
  new AdaptivePooling('adaptiveMaxPooling2d', 2, adaptiveMaxPool, options);

/**
 * Largest values of parts of a volume: [batch, depth, height, width, channels] -> [batch, ...outputSize, channels].
 *
 * @throws Error as `adaptiveMaxPooling1d`
 *
 * @example
 * layers.adaptiveMaxPooling3d({ outputSize: [4, 7, 7] });
 */
export const adaptiveMaxPooling3d = (options: AdaptivePoolingOptions): Layer =>
  new AdaptivePooling('adaptiveMaxPooling3d', 3, adaptiveMaxPool, options);
