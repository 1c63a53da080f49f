import type { Tensor } from '../../ir/graph.js';
import { add, clip, divide, floor, less, multiply, where as select, subtract } from '../../ir/ops/elementwise.js';
import { hsvToRgb, rgbToGrayscale, rgbToHsv } from '../../ir/ops/image.js';
import { exp2 } from '../../ir/ops/math.js';
import { concatenate, sliceAxis } from '../../ir/ops/shape.js';
import { integer, numberIn } from '../arguments.js';
import type { Layer } from '../layer.js';
import type { RandomLayerOptions } from '../random-layer.js';
import { bounds, coloursOf, drawFor, type Factor, factorBounds, happens, spread } from './arguments.js';
import { RandomColor, type ValueRangeOptions } from './color.js';
import { RandomImage } from './random-image.js';

export interface RandomSaturationOptions extends ValueRangeOptions {
  /** [lower, upper] for multipliers from 1 - lower to 1 + upper, both 0 .. 1; a number f stands for [f, f]. */
  readonly factor: Factor;
}

class RandomSaturation extends RandomColor {
  readonly kind = 'randomSaturation';
  readonly #multiplier: readonly [number, number];

  constructor(options: RandomSaturationOptions) {
    super('layers.randomSaturation', options);
    this.#multiplier = spread('layers.randomSaturation', options.factor);
  }

  protected override prepare(x: Tensor): Tensor {
    return coloursOf(this, x);
  }

  protected override change(x: Tensor): Tensor {
    const grey = rgbToGrayscale(x);
    return add(multiply(subtract(x, grey), drawFor(x, this.#multiplier)), grey);
  }
}

/**
 * In training, multiplies the distance of the colours of an image from their grey (`ops.image.rgbToGrayscale`) by a random number:
 * (x - grey) * multiplier + grey. In inference the input passes unchanged.
 * [batch, height, width, 3] -> float32 of the same shape.
 *
 * @throws Error when an argument is not valid; when applied, if there are not three channels
 *
 * @example
 * layers.randomSaturation({ factor: 0.4, valueRange: [0, 1] }); // 0.6 to 1.4
 */
export const randomSaturation = (options: RandomSaturationOptions): Layer => new RandomSaturation(options);

export interface RandomHueOptions extends ValueRangeOptions {
  /** Bounds of the change in turns of the circle of hues, -1 .. 1; a number f stands for [-f, f]. */
  readonly factor: Factor;
}

class RandomHue extends RandomColor {
  readonly kind = 'randomHue';
  readonly #turns: readonly [number, number];

  constructor(options: RandomHueOptions) {
    super('layers.randomHue', options);
    this.#turns = factorBounds('layers.randomHue', 'factor', options.factor);
  }

  protected override prepare(x: Tensor): Tensor {
    return coloursOf(this, x);
  }

  protected override change(x: Tensor): Tensor {
    return this.scaled(x, (unit) => {
      const hsv = rgbToHsv(clip(unit, 0, 1));
      const hue = add(sliceAxis(hsv, -1, 0, 1), drawFor(x, this.#turns));
      return hsvToRgb(concatenate([hue, sliceAxis(hsv, -1, 1)], -1));
    });
  }
}

/**
 * In training, turns the hues of each image (see `ops.image.rgbToHsv`) by a random angle; brightness and saturation stay. In
 * inference the input passes unchanged. [batch, height, width, 3] -> float32 of the same shape.
 *
 * @throws Error when an argument is not valid; when applied, if there are not three channels
 *
 * @example
 * layers.randomHue({ factor: 0.05, valueRange: [0, 1] });
 */
export const randomHue = (options: RandomHueOptions): Layer => new RandomHue(options);

export interface RandomGrayscaleOptions extends RandomLayerOptions {
  /** Probability that an image loses its colours. Default: 0.5. */
  readonly factor?: number;
}

class RandomGrayscale extends RandomImage {
  readonly kind = 'randomGrayscale';
  readonly #probability: number;

  constructor(options: RandomGrayscaleOptions) {
    const where = 'layers.randomGrayscale';
    super(where, options, ['factor']);
    this.#probability = numberIn(where, 'factor', options.factor ?? 0.5, { min: 0, max: 1 });
  }

  protected override prepare(x: Tensor): Tensor {
    return coloursOf(this, x);
  }

  protected override randomize(x: Tensor): Tensor {
    return select(happens(x, this.#probability), rgbToGrayscale(x), x);
  }
}

/**
 * In training, makes each image grey with some probability: all three channels become `ops.image.rgbToGrayscale`. In inference
 * the input passes unchanged. [batch, height, width, 3] -> float32 of the same shape.
 *
 * @throws Error when an argument is not valid; when applied, if there are not three channels
 *
 * @example
 * layers.randomGrayscale({ factor: 0.2 });
 */
export const randomGrayscale = (options: RandomGrayscaleOptions = {}): Layer => new RandomGrayscale(options);

export interface RandomPosterizationOptions extends ValueRangeOptions {
  /** How many bits of 8 are kept, 1 .. 8; or the smallest and largest number of them, of which each is as likely. */
  readonly bits: number | readonly [number, number];
}

class RandomPosterization extends RandomColor {
  readonly kind = 'randomPosterization';
  readonly #bits: readonly [number, number];

  constructor(options: RandomPosterizationOptions) {
    const where = 'layers.randomPosterization';
    super(where, options, ['bits']);
    const { bits } = options;
    this.#bits = bounds(where, 'bits', typeof bits === 'number' ? [bits, bits] : bits, { min: 1, max: 8 });
    for (const n of this.#bits) integer(where, 'bits', n);
  }

  protected override change(x: Tensor): Tensor {
    const [fewest, most] = this.#bits;
    const bits = floor(drawFor(x, [fewest, most + 1]));
    return this.scaled(x, (unit) => {
      const size = exp2(subtract(8, bits)); // of a level, in 0 .. 255
      return divide(multiply(floor(divide(floor(add(multiply(unit, 255), 0.5)), size)), size), 255);
    });
  }
}

/**
 * In training, keeps a few levels of each channel only: as whole numbers 0 .. 255, values lose all but their first `bits` bits. In
 * inference the input passes unchanged. [batch, height, width, channels] -> float32 of the same shape.
 *
 * @throws Error when an argument is not valid; when applied, if the rank does not fit
 *
 * @example
 * layers.randomPosterization({ bits: [3, 8] });
 */
export const randomPosterization = (options: RandomPosterizationOptions): Layer => new RandomPosterization(options);

export interface SolarizationOptions extends ValueRangeOptions {
  /** Bounds of what is added first, a fraction of the value range, 0 .. 1; a number f stands for [0, f]. Default: 0. */
  readonly additionFactor?: Factor;
  /** Bounds of the threshold, a fraction of the value range, 0 .. 1; a number f stands for [0, f]. Default: 0. */
  readonly thresholdFactor?: Factor;
}

class Solarization extends RandomColor {
  readonly kind = 'solarization';
  readonly #addition: readonly [number, number];
  readonly #threshold: readonly [number, number];

  constructor(options: SolarizationOptions) {
    const where = 'layers.solarization';
    super(where, options, ['additionFactor', 'thresholdFactor']);
    const range = (name: 'additionFactor' | 'thresholdFactor'): [number, number] => {
      const value = options[name] ?? 0;
      return bounds(where, name, typeof value === 'number' ? [0, value] : value, { min: 0, max: 1 });
    };
    this.#addition = range('additionFactor');
    this.#threshold = range('thresholdFactor');
  }

  protected override change(x: Tensor): Tensor {
    return this.scaled(x, (unit) => {
      const moved = clip(add(unit, drawFor(x, this.#addition)), 0, 1);
      return select(less(moved, drawFor(x, this.#threshold)), moved, subtract(1, moved));
    });
  }
}

/**
 * In training, inverts what is bright: to each image a random number is added, and values from a random threshold on become
 * high - (x - low), where low and high are the value range. With the default factors everything is inverted. In inference the input
 * passes unchanged. [batch, height, width, channels] -> float32 of the same shape.
 *
 * @throws Error when an argument is not valid; when applied, if the rank does not fit
 *
 * @example
 * layers.solarization({ thresholdFactor: [0.5, 1], valueRange: [0, 1] });
 */
export const solarization = (options: SolarizationOptions = {}): Layer => new Solarization(options);
