import type { Tensor } from '../../ir/graph.js';
import { RandomLayer } from '../random-layer.js';
import { imagesOf } from './arguments.js';

/** Changes each image of a batch in its own random way in training. */
export abstract class RandomImage extends RandomLayer {
  protected override readonly passesMask = false;

  protected override prepare(x: Tensor): Tensor {
    return imagesOf(this, x);
  }
}
