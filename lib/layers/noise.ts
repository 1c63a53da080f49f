import type { Tensor } from '../ir/graph.js';
import { add, multiply, where as select } from '../ir/ops/elementwise.js';
import { dropout as drop, randomBernoulli, randomNormal } from '../ir/ops/random.js';
import { numberIn } from './arguments.js';
import type { Layer } from './layer.js';
import { RandomLayer, type RandomLayerOptions } from './random-layer.js';

export type NoiseOptions = RandomLayerOptions;

export interface RateOptions extends NoiseOptions {
  /** Probability that a value is dropped. */
  readonly rate: number;
}

type SpatialKind = 'spatialDropout1d' | 'spatialDropout2d' | 'spatialDropout3d';

class SpatialDropout extends RandomLayer {
  readonly #rate: number;

  constructor(
    readonly kind: SpatialKind,
    readonly spatial: number,
    options: RateOptions,
  ) {
    const where = `layers.${kind}`;
    super(where, options, ['rate']);
    this.#rate = numberIn(where, 'rate', options.rate, { min: 0, max: 1 });
  }

  protected override prepare(x: Tensor): Tensor {
    if (x.rank === this.spatial + 2) return x;
    const axes = ['batch', ...['depth', 'height', 'width'].slice(-this.spatial), 'channels'];
    throw this.error(`expected input [${axes.join(', ')}], got shape [${x.shape.join(', ')}]`);
  }

  protected override randomize(x: Tensor): Tensor {
    return drop(x, this.#rate, { noiseShape: x.shape.map((n, i) => (i === 0 || i === x.rank - 1 ? n : 1)) });
  }
}

/**
 * Dropout of whole channels of sequences [batch, time, channels]: neighbouring values tell too much of each other to be
 * dropped one by one.
 *
 * @throws Error when `rate` is not in 0 .. 1; when applied to another rank
 *
 * @example
 * layers.spatialDropout1d({ rate: 0.2 });
 *
 * Source: Tompson et al., "Efficient object localization using convolutional networks", CVPR 2015.
 */
export const spatialDropout1d = (options: RateOptions): Layer => new SpatialDropout('spatialDropout1d', 1, options);
/**
 * Dropout of whole channels of images [batch, height, width, channels]: as `spatialDropout1d`.
 *
 * @throws Error when `rate` is not in 0 .. 1; when applied to another rank
 *
 * @example
 * layers.spatialDropout2d({ rate: 0.2 });
 *
 * Source: Tompson et al., "Efficient object localization using convolutional networks", CVPR 2015.
 */
export const spatialDropout2d = (options: RateOptions): Layer => new SpatialDropout('spatialDropout2d', 2, options);
/**
 * Dropout of whole channels of volumes [batch, depth, height, width, channels]: as `spatialDropout1d`.
 *
 * @throws Error when `rate` is not in 0 .. 1; when applied to another rank
 *
 * @example
 * layers.spatialDropout3d({ rate: 0.2 });
 *
 * Source: Tompson et al., "Efficient object localization using convolutional networks", CVPR 2015.
 */
export const spatialDropout3d = (options: RateOptions): Layer => new SpatialDropout('spatialDropout3d', 3, options);

export interface GaussianNoiseOptions extends NoiseOptions {
  /** Standard deviation of the noise. */
  readonly stddev: number;
}

class GaussianNoise extends RandomLayer {
  readonly kind = 'gaussianNoise';
  readonly #stddev: number;

  constructor(options: GaussianNoiseOptions) {
    super('layers.gaussianNoise', options, ['stddev']);
    this.#stddev = numberIn('layers.gaussianNoise', 'stddev', options.stddev, { min: 0 });
  }

  protected override randomize(x: Tensor): Tensor {
    return add(x, randomNormal(x.shape, 0, this.#stddev));
  }
}

/**
 * In training, adds normal noise with mean 0. In inference the input passes unchanged.
 *
 * - input and output: float32 [batch, ...], same shape
 *
 * @throws Error when `stddev` is negative
 *
 * @example
 * layers.gaussianNoise({ stddev: 0.1 });
 */
export const gaussianNoise = (options: GaussianNoiseOptions): Layer => new GaussianNoise(options);

class GaussianDropout extends RandomLayer {
  readonly kind = 'gaussianDropout';
  readonly #rate: number;

  constructor(options: RateOptions) {
    super('layers.gaussianDropout', options, ['rate']);
    this.#rate = numberIn('layers.gaussianDropout', 'rate', options.rate, { min: 0, max: 1, maxOpen: true });
  }

  protected override randomize(x: Tensor): Tensor {
    return multiply(x, randomNormal(x.shape, 1, Math.sqrt(this.#rate / (1 - this.#rate))));
  }
}

/**
 * In training, multiplies by normal noise with mean 1 and the standard deviation that dropout of `rate` has,
 * sqrt(rate / (1 - rate)). In inference the input passes unchanged.
 *
 * - input and output: float32 [batch, ...], same shape
 *
 * @throws Error when `rate` is not in 0 .. 1 (1 excluded)
 *
 * @example
 * layers.gaussianDropout({ rate: 0.2 });
 *
 * Source: Srivastava et al., "Dropout", JMLR 2014, section 10.
 */
export const gaussianDropout = (options: RateOptions): Layer => new GaussianDropout(options);

/** What SELU tends to for x -> -infinity: -scale * alpha. */
const saturation = -1.0507009873554805 * 1.6732632423543772;

class AlphaDropout extends RandomLayer {
  readonly kind = 'alphaDropout';
  readonly #rate: number;

  constructor(options: RateOptions) {
    super('layers.alphaDropout', options, ['rate']);
    this.#rate = numberIn('layers.alphaDropout', 'rate', options.rate, { min: 0, max: 1, maxOpen: true });
  }

  protected override randomize(x: Tensor): Tensor {
    const [rate, keep] = [this.#rate, 1 - this.#rate];
    // mean and variance of the mixture, for x of mean 0 and variance 1
    const scale = 1 / Math.sqrt(keep * (1 + rate * saturation * saturation));
    const kept = select(randomBernoulli(x.shape, keep), x, saturation);
    return add(multiply(kept, scale), -scale * saturation * rate);
  }
}

/**
 * Dropout for networks with SELU: in training, sets values to what SELU tends to for very negative inputs, and shifts and
 * scales the result so that mean 0 and variance 1 stay. In inference the input passes unchanged.
 *
 * - input and output: float32 [batch, ...], same shape
 *
 * @throws Error when `rate` is not in 0 .. 1 (1 excluded)
 *
 * @example
 * layers.alphaDropout({ rate: 0.1 });
 *
 * Source: Klambauer et al., "Self-normalizing neural networks", NeurIPS 2017.
 */
export const alphaDropout = (options: RateOptions): Layer => new AlphaDropout(options);
