import type { Tensor } from '../../ir/graph.js';
import { type ResizeOptions, resize } from '../../ir/ops/image.js';
import { boolean, checkOptions, numberIn, oneOf, positiveInteger } from '../arguments.js';
import { Layer, type LayerOptions, layerOptionKeys } from '../layer.js';
import { imagesOf } from './arguments.js';

export interface ResizingOptions extends LayerOptions, ResizeOptions {
  /** Pixels. */
  readonly height: number;
  /** Pixels. */
  readonly width: number;
}

const where = 'layers.resizing';
const switches = ['antialias', 'cropToAspectRatio', 'padToAspectRatio'] as const;

class Resizing extends Layer {
  readonly kind = 'resizing';

  constructor(readonly options: ResizingOptions) {
    checkOptions(where, options, [
      ...layerOptionKeys,
      ...['height', 'width', 'interpolation', 'fillValue'],
      ...switches,
    ]);
    super(options);
    positiveInteger(where, 'height', options.height);
    positiveInteger(where, 'width', options.width);
    if (options.interpolation !== undefined) {
      oneOf(where, 'interpolation', options.interpolation, ['nearest', 'bilinear']);
    }
    for (const key of switches) if (options[key] !== undefined) boolean(where, key, options[key]);
    if (options.fillValue !== undefined) numberIn(where, 'fillValue', options.fillValue);
    if (options.cropToAspectRatio === true && options.padToAspectRatio === true) {
      throw new Error(`${where}: cropToAspectRatio and padToAspectRatio exclude each other`);
    }
  }

  override call(inputs: readonly Tensor[]): Tensor {
    const x = imagesOf(this, this.single(inputs));
    return resize(x, [this.options.height, this.options.width], this.options);
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }
}

/**
 * Images of another size, see `ops.image.resize`, in training and inference alike.
 * [batch, height, width, channels] -> float32 [batch, options.height, options.width, channels].
 *
 * @throws Error when an argument is not valid; when applied, if the rank does not fit
 *
 * @example
 * layers.resizing({ height: 64, width: 64, cropToAspectRatio: true });
 */
export const resizing = (options: ResizingOptions): Layer => new Resizing(options);
