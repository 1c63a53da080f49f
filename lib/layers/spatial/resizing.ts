import type { Tensor } from '../../ir/graph.js';
import { upSampling } from '../../ir/ops/pool.js';
import { pad, slice } from '../../ir/ops/shape.js';
import { checkOptions } from '../arguments.js';
import { Layer, type LayerOptions, layerOptionKeys } from '../layer.js';
import { channelsOf, choice, type PerAxis, type Rank, type Sides, sides, sizes } from './arguments.js';

export interface UpSampling1dOptions extends LayerOptions {
  /** How often each cell is repeated. Default: 2. */
  readonly size?: PerAxis;
}

export interface UpSampling2dOptions extends UpSampling1dOptions {
  /** 'nearest' repeats cells; 'bilinear' interpolates between their centres. Default: 'nearest'. */
  readonly interpolation?: 'nearest' | 'bilinear';
}

class UpSampling extends Layer {
  readonly #size: number[];

  constructor(
    readonly kind: string,
    readonly rank: Rank,
    readonly options: UpSampling2dOptions,
  ) {
    const where = `layers.${kind}`;
    checkOptions(where, options, [...layerOptionKeys, 'size', ...(rank === 2 ? ['interpolation'] : [])]);
    super(options);
    this.#size = sizes(where, 'size', options.size ?? 2, rank);
    if (options.interpolation !== undefined) {
      choice(where, 'interpolation', options.interpolation, ['nearest', 'bilinear']);
    }
  }

  override call(inputs: readonly Tensor[]): Tensor {
    const x = this.single(inputs);
    channelsOf(this, x, this.rank);
    return upSampling(x, this.#size, this.options.interpolation);
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }
}

/**
 * Every step `size` times: float32 [batch, length, channels] -> [batch, length * size, channels].
 *
 * @throws Error when an argument is not valid; when applied, if the rank does not fit
 *
 * @example
 * layers.upSampling1d({ size: 3 });
 */
export const upSampling1d = (options: UpSampling1dOptions = {}): Layer => new UpSampling('upSampling1d', 1, options);

/**
 * An image `size` times as large, see `ops.upSampling`: float32 [batch, height, width, channels] ->
 * [batch, height * size, width * size, channels].
 *
 * @throws Error when an argument is not valid; when applied, if the rank does not fit
 *
 * @example
 * layers.upSampling2d({ size: [2, 2], interpolation: 'bilinear' });
 */
export const upSampling2d = (options: UpSampling2dOptions = {}): Layer => new UpSampling('upSampling2d', 2, options);

/**
 * Every cell of a volume `size` times along each axis: float32 [batch, depth, height, width, channels].
 *
 * @throws Error when an argument is not valid; when applied, if the rank does not fit
 *
 * @example
 * layers.upSampling3d({ size: [1, 2, 2] });
 */
export const upSampling3d = (options: UpSampling1dOptions = {}): Layer => new UpSampling('upSampling3d', 3, options);

export interface ZeroPaddingOptions extends LayerOptions {
  /** Cells to add: a number for all sides, or for each spatial axis a number or [before, after]. Default: 1. */
  readonly padding?: Sides;
}

class ZeroPadding extends Layer {
  readonly #padding: [number, number][];

  constructor(
    readonly kind: string,
    readonly rank: Rank,
    readonly options: ZeroPaddingOptions,
  ) {
    const where = `layers.${kind}`;
    checkOptions(where, options, [...layerOptionKeys, 'padding']);
    super(options);
    this.#padding = sides(where, 'padding', options.padding ?? 1, rank);
  }

  override call(inputs: readonly Tensor[]): Tensor {
    const x = this.single(inputs);
    channelsOf(this, x, this.rank);
    return pad(x, [[0, 0], ...this.#padding, [0, 0]]);
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }
}

/**
 * Zeros before and after a sequence: [batch, length, channels] -> [batch, before + length + after, channels].
 *
 * @throws Error when `padding` is not valid; when applied, if the rank does not fit
 *
 * @example
 * layers.zeroPadding1d({ padding: [2, 0] });
 */
export const zeroPadding1d = (options: ZeroPaddingOptions = {}): Layer => new ZeroPadding('zeroPadding1d', 1, options);

/**
 * Zeros around an image, [batch, height, width, channels].
 *
 * @throws Error as `zeroPadding1d`
 *
 * @example
 * layers.zeroPadding2d({ padding: [[1, 0], 2] }); // one row above, two columns on either side
 */
export const zeroPadding2d = (options: ZeroPaddingOptions = {}): Layer => new ZeroPadding('zeroPadding2d', 2, options);

/**
 * Zeros around a volume, [batch, depth, height, width, channels].
 *
 * @throws Error as `zeroPadding1d`
 *
 * @example
 * layers.zeroPadding3d({ padding: 1 });
 */
export const zeroPadding3d = (options: ZeroPaddingOptions = {}): Layer => new ZeroPadding('zeroPadding3d', 3, options);

export interface CroppingOptions extends LayerOptions {
  /** Cells to take off: a number for all sides, or for each spatial axis a number or [before, after]. Default: 1. */
  readonly cropping?: Sides;
}

class Cropping extends Layer {
  readonly #cropping: [number, number][];

  constructor(
    readonly kind: string,
    readonly rank: Rank,
    readonly options: CroppingOptions,
  ) {
    const where = `layers.${kind}`;
    checkOptions(where, options, [...layerOptionKeys, 'cropping']);
    super(options);
    this.#cropping = sides(where, 'cropping', options.cropping ?? 1, rank);
  }

  override call(inputs: readonly Tensor[]): Tensor {
    const x = this.single(inputs);
    channelsOf(this, x, this.rank);
    const start = this.#cropping.map(([before]) => before);
    const size = this.#cropping.map(([before, after], a) => (x.shape[a + 1] as number) - before - after);
    if (size.some((n) => n < 1)) {
      throw this.error(`cropping ${JSON.stringify(this.#cropping)} leaves nothing of shape [${x.shape.join(', ')}]`);
    }
    return slice(x, [0, ...start, 0], [x.shape[0] as number, ...size, x.shape.at(-1) as number]);
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }
}

/**
 * A sequence without its first and last steps: [batch, length, channels] -> [batch, length - before - after, channels].
 * No data moves.
 *
 * @throws Error when `cropping` is not valid; when applied, if the rank does not fit or nothing is left
 *
 * @example
 * layers.cropping1d({ cropping: [1, 2] });
 */
export const cropping1d = (options: CroppingOptions = {}): Layer => new Cropping('cropping1d', 1, options);

/**
 * An image without its borders, [batch, height, width, channels]. No data moves.
 *
 * @throws Error as `cropping1d`
 *
 * @example
 * layers.cropping2d({ cropping: [[2, 2], [4, 0]] });
 */
export const cropping2d = (options: CroppingOptions = {}): Layer => new Cropping('cropping2d', 2, options);

/**
 * A volume without its borders, [batch, depth, height, width, channels]. No data moves.
 *
 * @throws Error as `cropping1d`
 *
 * @example
 * layers.cropping3d({ cropping: 1 });
 */
export const cropping3d = (options: CroppingOptions = {}): Layer => new Cropping('cropping3d', 3, options);
