import type { Tensor } from '../../ir/graph.js';
import { where as select } from '../../ir/ops/elementwise.js';
import { randomBernoulli } from '../../ir/ops/random.js';
import { flip } from '../../ir/ops/shape.js';
import { oneOf } from '../arguments.js';
import type { Layer } from '../layer.js';
import type { RandomLayerOptions } from '../random-layer.js';
import { RandomImage } from './random-image.js';

export interface RandomFlipOptions extends RandomLayerOptions {
  /** 'horizontal' swaps left and right, 'vertical' above and below. Default: 'horizontalAndVertical'. */
  readonly mode?: 'horizontal' | 'vertical' | 'horizontalAndVertical';
}

const where = 'layers.randomFlip';
const modes = ['horizontal', 'vertical', 'horizontalAndVertical'] as const;

class RandomFlip extends RandomImage {
  readonly kind = 'randomFlip';
  readonly #axes: readonly number[];

  constructor(options: RandomFlipOptions) {
    super(where, options, ['mode']);
    const mode = oneOf(where, 'mode', options.mode ?? 'horizontalAndVertical', modes);
    this.#axes = { horizontal: [2], vertical: [1], horizontalAndVertical: [2, 1] }[mode];
  }

  protected override randomize(x: Tensor): Tensor {
    return this.#axes.reduce((t, axis) => {
      const flipped = randomBernoulli([t.shape[0] as number, 1, 1, 1], 0.5);
      return select(flipped, flip(t, axis), t);
    }, x);
  }
}

/**
 * In training, mirrors each image with probability 1/2; along both axes, independently of each other, with
 * 'horizontalAndVertical' (Keras 3 tosses one coin for both). In inference the input passes unchanged.
 * [batch, height, width, channels] -> float32 of the same shape.
 *
 * @throws Error when `mode` is not valid; when applied, if the rank does not fit
 *
 * @example
 * layers.randomFlip({ mode: 'horizontal' });
 */
export const randomFlip = (options: RandomFlipOptions = {}): Layer => new RandomFlip(options);
