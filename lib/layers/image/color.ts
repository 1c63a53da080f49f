import type { Tensor } from '../../ir/graph.js';
import { add, divide, maximum, minimum, multiply, subtract } from '../../ir/ops/elementwise.js';
import { mean } from '../../ir/ops/reduce.js';
import type { Layer } from '../layer.js';
import type { RandomLayerOptions } from '../random-layer.js';
import { bounds, drawFor, type Factor, factorBounds, spread } from './arguments.js';
import { RandomImage } from './random-image.js';

export interface ValueRangeOptions extends RandomLayerOptions {
  /** Between which values pixels lie: results are clipped to it. Default: [0, 255]; pass [0, 1] for scaled images. */
  readonly valueRange?: readonly [number, number];
}

/** Changes the values of pixels, within their range. */
export abstract class RandomColor extends RandomImage {
  protected readonly valueRange: readonly [number, number];

  constructor(where: string, options: ValueRangeOptions, own: readonly string[] = ['factor']) {
    super(where, options, ['valueRange', ...own]);
    this.valueRange = bounds(where, 'valueRange', options.valueRange ?? [0, 255]);
  }

  protected abstract change(x: Tensor): Tensor;

  protected override randomize(x: Tensor): Tensor {
    const [low, high] = this.valueRange;
    return minimum(maximum(this.change(x), low), high);
  }

  /** Values from 0 to 1, and back. */
  protected scaled(x: Tensor, change: (x: Tensor) => Tensor): Tensor {
    const [low, high] = this.valueRange;
    return add(multiply(change(divide(subtract(x, low), high - low)), high - low), low);
  }
}

export interface RandomContrastOptions extends ValueRangeOptions {
  /** [lower, upper] for contrasts from 1 - lower to 1 + upper, both 0 .. 1; a number f stands for [f, f]. */
  readonly factor: Factor;
}

class RandomContrast extends RandomColor {
  readonly kind = 'randomContrast';
  readonly #contrast: readonly [number, number];

  constructor(options: RandomContrastOptions) {
    const where = 'layers.randomContrast';
    super(where, options);
    this.#contrast = spread(where, options.factor);
  }

  protected override change(x: Tensor): Tensor {
    const middle = mean(x, [1, 2], { keepDims: true });
    return add(multiply(subtract(x, middle), drawFor(x, this.#contrast)), middle);
  }
}

/**
 * In training, multiplies the distance of pixels from the mean of their image and channel by a random number:
 * (x - mean) * contrast + mean. In inference the input passes unchanged.
 * [batch, height, width, channels] -> float32 of the same shape.
 *
 * @throws Error when an argument is not valid; when applied, if the rank does not fit
 *
 * @example
 * layers.randomContrast({ factor: 0.2, valueRange: [0, 1] }); // 0.8 to 1.2
 */
export const randomContrast = (options: RandomContrastOptions): Layer => new RandomContrast(options);

export interface RandomBrightnessOptions extends ValueRangeOptions {
  /** Bounds of what is added, a fraction of the value range, -1 .. 1; a number f stands for [-f, f]. */
  readonly factor: Factor;
}

class RandomBrightness extends RandomColor {
  readonly kind = 'randomBrightness';
  readonly #factor: readonly [number, number];

  constructor(options: RandomBrightnessOptions) {
    const where = 'layers.randomBrightness';
    super(where, options);
    this.#factor = factorBounds(where, 'factor', options.factor);
  }

  protected override change(x: Tensor): Tensor {
    const [low, high] = this.valueRange;
    return add(x, multiply(drawFor(x, this.#factor), high - low));
  }
}

/**
 * In training, adds a random number to all pixels of an image. In inference the input passes unchanged.
 * [batch, height, width, channels] -> float32 of the same shape.
 *
 * @throws Error when an argument is not valid; when applied, if the rank does not fit
 *
 * @example
 * layers.randomBrightness({ factor: 0.1, valueRange: [0, 1] });
 */
export const randomBrightness = (options: RandomBrightnessOptions): Layer => new RandomBrightness(options);
