import type { Tensor } from '../../ir/graph.js';
import {
  add,
  divide,
  exp,
  greaterEqual,
  less,
  logicalAnd,
  minimum,
  multiply,
  where as select,
  sqrt,
  subtract,
} from '../../ir/ops/elementwise.js';
import { gaussianBlur } from '../../ir/ops/image.js';
import { smooth } from '../../ir/ops/image-filter.js';
import { iota, randomUniform } from '../../ir/ops/random.js';
import { reshape } from '../../ir/ops/shape.js';
import { argumentError, numberIn, positiveInteger } from '../arguments.js';
import type { Layer } from '../layer.js';
import type { RandomLayerOptions } from '../random-layer.js';
import { bounds, drawFor, type Factor, happens, spread } from './arguments.js';
import { RandomColor, type ValueRangeOptions } from './color.js';
import { RandomImage } from './random-image.js';

export interface RandomSharpnessOptions extends ValueRangeOptions {
  /** [lower, upper] for multipliers from 1 - lower to 1 + upper, both 0 .. 1; a number f stands for [f, f]. */
  readonly factor: Factor;
}

class RandomSharpness extends RandomColor {
  readonly kind = 'randomSharpness';
  readonly #multiplier: readonly [number, number];

  constructor(options: RandomSharpnessOptions) {
    super('layers.randomSharpness', options);
    this.#multiplier = spread('layers.randomSharpness', options.factor);
  }

  protected override change(x: Tensor): Tensor {
    const soft = smooth(x);
    return add(multiply(subtract(x, soft), drawFor(x, this.#multiplier)), soft);
  }
}

/**
 * In training, multiplies the distance of pixels from a smoothed image by a random number: (x - smooth) * multiplier + smooth. The
 * smoothed image has 5 / 13 of each pixel and 1 / 13 of each of its neighbours. In inference the input passes unchanged.
 * [batch, height, width, channels] -> float32 of the same shape.
 *
 * @throws Error when an argument is not valid; when applied, if the rank does not fit
 *
 * @example
 * layers.randomSharpness({ factor: [0.5, 1], valueRange: [0, 1] }); // 0.5 (softer) to 2 (sharper)
 */
export const randomSharpness = (options: RandomSharpnessOptions): Layer => new RandomSharpness(options);

export interface RandomGaussianBlurOptions extends RandomLayerOptions {
  /** Probability that an image is blurred. Default: 1. */
  readonly factor?: number;
  /** Size of the window: an odd number. Default: 3. */
  readonly kernelSize?: number;
  /** Bounds of the standard deviation in pixels; a number stands for itself. Default: 1. */
  readonly sigma?: Factor;
}

class RandomGaussianBlur extends RandomImage {
  readonly kind = 'randomGaussianBlur';
  readonly #probability: number;
  readonly #size: number;
  readonly #sigma: readonly [number, number];

  constructor(options: RandomGaussianBlurOptions) {
    const where = 'layers.randomGaussianBlur';
    super(where, options, ['factor', 'kernelSize', 'sigma']);
    const { factor = 1, kernelSize = 3, sigma = 1 } = options;
    this.#probability = numberIn(where, 'factor', factor, { min: 0, max: 1 });
    this.#size = positiveInteger(where, 'kernelSize', kernelSize);
    if (kernelSize % 2 === 0) throw argumentError(where, 'kernelSize', 'an odd number', kernelSize);
    this.#sigma = bounds(where, 'sigma', typeof sigma === 'number' ? [sigma, sigma] : sigma);
    if (this.#sigma[0] <= 0) throw argumentError(where, 'sigma', 'positive', sigma);
  }

  protected override randomize(x: Tensor): Tensor {
    const blurred = gaussianBlur(x, this.#size, reshape(drawFor(x, this.#sigma, []), [-1]));
    return this.#probability === 1 ? blurred : select(happens(x, this.#probability), blurred, x);
  }
}

/**
 * In training, blurs images by `ops.image.gaussianBlur`, each with its own random width. In inference the input passes unchanged.
 * [batch, height, width, channels] -> float32 of the same shape.
 *
 * @throws Error when an argument is not valid; when applied, if the rank does not fit
 *
 * @example
 * layers.randomGaussianBlur({ kernelSize: 5, sigma: [0.1, 2], factor: 0.5 });
 */
export const randomGaussianBlur = (options: RandomGaussianBlurOptions = {}): Layer => new RandomGaussianBlur(options);

export interface RandomErasingOptions extends ValueRangeOptions {
  /** Probability that something is erased from an image. Default: 1. */
  readonly factor?: number;
  /** Bounds of the erased area, a fraction of the image. Default: [0.02, 0.33]. */
  readonly scale?: readonly [number, number];
  /** Bounds of height / width of the erased rectangle. Default: [0.3, 3.3]. */
  readonly ratio?: readonly [number, number];
  /** What stands there instead. Default: noise, uniform over the value range. */
  readonly fillValue?: number;
}

class RandomErasing extends RandomColor {
  readonly kind = 'randomErasing';
  readonly #probability: number;
  readonly #scale: readonly [number, number];
  readonly #ratio: readonly [number, number];
  readonly #fill: number | undefined;

  constructor(options: RandomErasingOptions) {
    const where = 'layers.randomErasing';
    super(where, options, ['factor', 'scale', 'ratio', 'fillValue']);
    const { factor = 1, scale = [0.02, 0.33], ratio = [0.3, 3.3], fillValue } = options;
    this.#probability = numberIn(where, 'factor', factor, { min: 0, max: 1 });
    this.#scale = bounds(where, 'scale', scale, { min: 0, max: 1 });
    this.#ratio = bounds(where, 'ratio', ratio);
    if (this.#ratio[0] <= 0) throw argumentError(where, 'ratio', 'positive', ratio);
    this.#fill = fillValue === undefined ? undefined : numberIn(where, 'fillValue', fillValue);
  }

  protected override change(x: Tensor): Tensor {
    const [, height, width] = x.shape as [number, number, number];
    const area = multiply(drawFor(x, this.#scale), height * width);
    // as likely to be high as to be wide
    const [low, high] = this.#ratio;
    const ratio = exp(drawFor(x, [Math.log(low), Math.log(high)]));
    const rows = minimum(sqrt(multiply(area, ratio)), height);
    const columns = minimum(sqrt(divide(area, ratio)), width);
    const inside = (axis: number, n: number, size: Tensor): Tensor => {
      const start = multiply(drawFor(x, [0, 1]), subtract(n, size));
      const middle = add(iota([1, height, width, 1], axis, 'float32'), 0.5);
      return logicalAnd(greaterEqual(middle, start), less(middle, add(start, size)));
    };
    const box = logicalAnd(inside(1, height, rows), inside(2, width, columns));
    const erased = this.#probability === 1 ? box : logicalAnd(box, happens(x, this.#probability));
    return select(erased, this.#fill ?? randomUniform(x.shape, ...this.valueRange), x);
  }
}

/**
 * In training, erases a rectangle at a random place of each image: its area is `scale` of the image, its height `ratio` times its
 * width (less where it would not fit). In inference the input passes unchanged.
 * [batch, height, width, channels] -> float32 of the same shape.
 *
 * @throws Error when an argument is not valid; when applied, if the rank does not fit
 *
 * @example
 * layers.randomErasing({ factor: 0.5, scale: [0.02, 0.2], fillValue: 0 });
 *
 * Source: Zhong et al., "Random erasing data augmentation", AAAI 2020.
 */
export const randomErasing = (options: RandomErasingOptions = {}): Layer => new RandomErasing(options);
