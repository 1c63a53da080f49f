import type { Tensor } from '../../ir/graph.js';
import { averagePool, maxPool } from '../../ir/ops/pool.js';
import { checkOptions } from '../arguments.js';
import { Layer, type LayerOptions, layerOptionKeys } from '../layer.js';
import { channelsOf, type PerAxis, paddingName, type Rank, sizes } from './arguments.js';

export interface PoolingOptions extends LayerOptions {
  /** Size of the window. Default: 2. */
  readonly poolSize?: PerAxis;
  /** How far the window moves. Default: the size of the window, so that windows do not overlap. */
  readonly strides?: PerAxis;
  /** 'valid': windows inside the input only. 'same': ceil(size / stride) outputs. Default: 'valid'. */
  readonly padding?: 'valid' | 'same';
}

class Pooling extends Layer {
  readonly #poolSize: number[];
  readonly #strides: number[];

  constructor(
    readonly kind: string,
    readonly rank: Rank,
    readonly pool: typeof maxPool,
    readonly options: PoolingOptions,
  ) {
    const where = `layers.${kind}`;
    checkOptions(where, options, [...layerOptionKeys, 'poolSize', 'strides', 'padding']);
    super(options);
    this.#poolSize = sizes(where, 'poolSize', options.poolSize ?? 2, rank);
    this.#strides = sizes(where, 'strides', options.strides ?? this.#poolSize, rank);
    if (options.padding !== undefined) paddingName(where, options.padding, ['valid', 'same'] as const);
  }

  override call(inputs: readonly Tensor[]): Tensor {
    const x = this.single(inputs);
    channelsOf(this, x, this.rank);
    return this.pool(x, this.#poolSize, { strides: this.#strides, padding: this.options.padding ?? 'valid' });
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }
}

/**
 * The largest value of each window of a sequence, see `ops.maxPool`.
 *
 * - input: float32 [batch, length, channels]
 * - output: float32 [batch, out, channels]; out = floor((length - poolSize) / stride) + 1 for 'valid',
 *   ceil(length / stride) for 'same'
 *
 * @throws Error when an argument is not valid; when applied, if the rank does not fit or no window does
 *
 * @example
 * layers.maxPooling1d({ poolSize: 2 });
 */
export const maxPooling1d = (options: PoolingOptions = {}): Layer => new Pooling('maxPooling1d', 1, maxPool, options);

/**
 * The largest value of each window of an image: [batch, height, width, channels] -> [batch, height', width', channels].
 * Otherwise as `maxPooling1d`.
 *
 * @throws Error as `maxPooling1d`
 *
 * @example
 * layers.maxPooling2d({ poolSize: 3, strides: 2, padding: 'same' });
 */
export const maxPooling2d = (options: PoolingOptions = {}): Layer => new Pooling('maxPooling2d', 2, maxPool, options);

/**
 * The largest value of each window of a volume, [batch, depth, height, width, channels]. Otherwise as `maxPooling1d`.
 *
 * @throws Error as `maxPooling1d`
 *
 * @example
 * layers.maxPooling3d({ poolSize: [1, 2, 2] });
 */
export const maxPooling3d = (options: PoolingOptions = {}): Layer => new Pooling('maxPooling3d', 3, maxPool, options);

/**
 * The mean of each window of a sequence over the cells inside the input, see `ops.averagePool`.
 *
 * - input: float32 [batch, length, channels]
 * - output: float32 [batch, out, channels], sizes as for `maxPooling1d`
 *
 * @throws Error when an argument is not valid; when applied, if the rank does not fit or no window does
 *
 * @example
 * layers.averagePooling1d({ poolSize: 4 });
 */
export const averagePooling1d = (options: PoolingOptions = {}): Layer =>
  new Pooling('averagePooling1d', 1, averagePool, options);

/**
 * The mean of each window of an image: [batch, height, width, channels] -> [batch, height', width', channels].
 * Otherwise as `averagePooling1d`.
 *
 * @throws Error as `averagePooling1d`
 *
 * @example
 * layers.averagePooling2d({ poolSize: 2 });
 */
export const averagePooling2d = (options: PoolingOptions = {}): Layer =>
  new Pooling('averagePooling2d', 2, averagePool, options);

/**
 * The mean of each window of a volume, [batch, depth, height, width, channels]. Otherwise as `averagePooling1d`.
 *
 * @throws Error as `averagePooling1d`
 *
 * @example
 * layers.averagePooling3d({ poolSize: 2 });
 */
export const averagePooling3d = (options: PoolingOptions = {}): Layer =>
  new Pooling('averagePooling3d', 3, averagePool, options);
