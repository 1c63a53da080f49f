import type { Tensor } from '../../ir/graph.js';
import { add, cast, multiply } from '../../ir/ops/elementwise.js';
import { gather } from '../../ir/ops/gather.js';
import { centerCrop as crop, resize } from '../../ir/ops/image.js';
import { iota } from '../../ir/ops/random.js';
import { reshape } from '../../ir/ops/shape.js';
import { checkOptions, positiveInteger } from '../arguments.js';
import { Layer, type LayerOptions, layerOptionKeys } from '../layer.js';
import type { RandomLayerOptions } from '../random-layer.js';
import { drawFor, imagesOf } from './arguments.js';
import { RandomImage } from './random-image.js';

export interface CropSize {
  /** Pixels. */
  readonly height: number;
  /** Pixels. */
  readonly width: number;
}

function sizeOf(where: string, { height, width }: CropSize): [number, number] {
  return [positiveInteger(where, 'height', height), positiveInteger(where, 'width', width)];
}

const holds = (x: Tensor, [height, width]: readonly [number, number]): boolean =>
  (x.shape[1] as number) >= height && (x.shape[2] as number) >= width;

/** The largest part in the middle that has the aspect ratio, in the new size. */
const squeeze = (x: Tensor, size: readonly [number, number]): Tensor => resize(x, size, { cropToAspectRatio: true });

export interface RandomCropOptions extends RandomLayerOptions, CropSize {}

class RandomCrop extends RandomImage {
  readonly kind = 'randomCrop';
  readonly #size: readonly [number, number];

  constructor(options: RandomCropOptions) {
    super('layers.randomCrop', options, ['height', 'width']);
    this.#size = sizeOf('layers.randomCrop', options);
  }

  protected override randomize(x: Tensor): Tensor {
    if (!holds(x, this.#size)) return this.settle(x);
    const [batch, rows, columns, channels] = x.shape as [number, number, number, number];
    const [height, width] = this.#size;
    const window = [batch, height, width];
    /** 0 .. spare, each as likely */
    const start = (spare: number) => cast(drawFor(x, [0, spare + 1], [1, 1]), 'int32');
    const row = add(iota(window, 1), start(rows - height));
    const column = add(iota(window, 2), start(columns - width));
    const pixel = add(multiply(add(multiply(iota(window, 0), rows), row), columns), column);
    return gather(reshape(x, [-1, channels]), pixel);
  }

  protected override settle(x: Tensor): Tensor {
    return squeeze(x, this.#size);
  }
}

/**
 * In training, a window at a random place of each image. In inference, and where an image is smaller than the window, the
 * largest part in the middle that has the window's aspect ratio, resized.
 * [batch, height, width, channels] -> float32 [batch, options.height, options.width, channels].
 *
 * @throws Error when an argument is not valid; when applied, if the rank does not fit
 *
 * @example
 * layers.randomCrop({ height: 28, width: 28 });
 */
export const randomCrop = (options: RandomCropOptions): Layer => new RandomCrop(options);

export interface CenterCropOptions extends LayerOptions, CropSize {}

class CenterCrop extends Layer {
  readonly kind = 'centerCrop';
  readonly #size: readonly [number, number];

  constructor(readonly options: CenterCropOptions) {
    checkOptions('layers.centerCrop', options, [...layerOptionKeys, 'height', 'width']);
    super(options);
    this.#size = sizeOf('layers.centerCrop', options);
  }

  override call(inputs: readonly Tensor[]): Tensor {
    const x = imagesOf(this, this.single(inputs));
    return holds(x, this.#size) ? crop(x, this.#size) : squeeze(x, this.#size);
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }
}

/**
 * The middle of each image; where it is smaller than that, the largest part in the middle that has the aspect ratio,
 * resized. [batch, height, width, channels] -> float32 [batch, options.height, options.width, channels].
 *
 * @throws Error when an argument is not valid; when applied, if the rank does not fit
 *
 * @example
 * layers.centerCrop({ height: 224, width: 224 });
 */
export const centerCrop = (options: CenterCropOptions): Layer => new CenterCrop(options);
