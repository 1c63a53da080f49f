import type { Tensor } from '../../ir/graph.js';
import {
  add,
  cast,
  clip,
  divide,
  equal,
  floor,
  greater,
  maximum,
  multiply,
  where as select,
  subtract,
} from '../../ir/ops/elementwise.js';
import { gather } from '../../ir/ops/gather.js';
import { scatterAdd } from '../../ir/ops/indexing.js';
import { iota, ones } from '../../ir/ops/random.js';
import { max, min } from '../../ir/ops/reduce.js';
import { cumsum } from '../../ir/ops/scan.js';
import { reshape } from '../../ir/ops/shape.js';
import { checkOptions, positiveInteger } from '../arguments.js';
import { Layer, type LayerOptions, layerOptionKeys } from '../layer.js';
import { bounds, imagesOf } from './arguments.js';

export interface AutoContrastOptions extends LayerOptions {
  /** Between which values pixels lie. Default: [0, 255]; pass [0, 1] for scaled images. */
  readonly valueRange?: readonly [number, number];
}

export interface EqualizationOptions extends AutoContrastOptions {
  /** Number of intervals that values are counted in. Default: 256. */
  readonly bins?: number;
}

/** Spreads the values of each channel of each image over their range. */
abstract class Spread<O extends AutoContrastOptions> extends Layer {
  readonly #range: readonly [number, number];

  constructor(
    readonly kind: string,
    readonly options: O,
    own: readonly string[] = [],
  ) {
    const where = `layers.${kind}`;
    checkOptions(where, options, [...layerOptionKeys, 'valueRange', ...own]);
    super(options);
    this.#range = bounds(where, 'valueRange', options.valueRange ?? [0, 255]);
  }

  override call(inputs: readonly Tensor[]): Tensor {
    const [low, high] = this.#range;
    const x = imagesOf(this, this.single(inputs));
    return add(multiply(this.spread(divide(subtract(x, low), high - low)), high - low), low);
  }

  /** Of images whose values lie between 0 and 1. */
  protected abstract spread(x: Tensor): Tensor;

  override getConfig(): Record<string, unknown> {
    return { ...(this.options as AutoContrastOptions) };
  }
}

class AutoContrast extends Spread<AutoContrastOptions> {
  protected override spread(x: Tensor): Tensor {
    const [lowest, highest] = [min, max].map((f) => f(x, [1, 2], { keepDims: true })) as [Tensor, Tensor];
    const range = subtract(highest, lowest);
    return select(equal(range, 0), x, divide(subtract(x, lowest), select(equal(range, 0), 1, range)));
  }
}

class Equalization extends Spread<EqualizationOptions> {
  readonly #bins: number;

  constructor(options: EqualizationOptions) {
    super('equalization', options, ['bins']);
    this.#bins = positiveInteger('layers.equalization', 'bins', options.bins ?? 256);
  }

  protected override spread(x: Tensor): Tensor {
    const [batch, height, width, channels] = x.shape as [number, number, number, number];
    const bins = this.#bins;
    const level = cast(clip(floor(add(multiply(x, bins - 1), 0.5)), 0, bins - 1), 'int32');
    // the histograms of all channels of all images, one after another
    const histogram = add(multiply(iota(x.shape, 0), channels), iota(x.shape, 3));
    const bin = add(multiply(histogram, bins), level);
    const counts = reshape(scatterAdd(bin, ones(x.shape), batch * channels * bins), [batch * channels, bins]);
    const upTo = cumsum(counts, 1);
    // the pixels of the lowest level that occurs become 0
    const total = height * width;
    const first = min(select(greater(counts, 0), upTo, total), 1, { keepDims: true });
    const spread = divide(subtract(upTo, first), maximum(subtract(total, first), 1));
    const table = reshape(
      select(equal(first, total), divide(iota(counts.shape, 1, 'float32'), bins - 1), spread),
      [-1],
    );
    return gather(table, bin);
  }
}

/**
 * Stretches the contrast of each channel of each image, in training and inference alike: its darkest pixel becomes the lower end of
 * the value range, its brightest the upper end,
 *
 *     low + (x - min) / (max - min) * (high - low)
 *
 * and a channel of one value stays as it is. [batch, height, width, channels] -> float32 of the same shape.
 *
 * @throws Error when an argument is not valid; when applied, if the rank does not fit
 *
 * @example
 * layers.autoContrast({ valueRange: [0, 1] });
 */
export const autoContrast = (options: AutoContrastOptions = {}): Layer => new AutoContrast('autoContrast', options);

/**
 * Equalizes the histogram of each channel of each image, in training and inference alike: with the number of pixels up to a level as
 * n(level), and n0 that of the lowest level that occurs,
 *
 *     low + (n(x) - n0) / (pixels - n0) * (high - low)
 *
 * so that all levels are about as frequent; a channel of one level stays so. No gradient flows through.
 * [batch, height, width, channels] -> float32 of the same shape.
 *
 * @throws Error when an argument is not valid; when applied, if the rank does not fit
 *
 * @example
 * layers.equalization();
 *
 * Source: Gonzalez and Woods, "Digital image processing", 3.3.
 */
export const equalization = (options: EqualizationOptions = {}): Layer => new Equalization(options);
