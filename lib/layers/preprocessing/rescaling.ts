import type { Tensor } from '../../ir/graph.js';
import { add, cast, multiply } from '../../ir/ops/elementwise.js';
import { checkOptions } from '../arguments.js';
import { Layer, type LayerOptions, layerOptionKeys } from '../layer.js';
import { type ConstantValues, constantOf, readConstant } from './constant.js';

export interface RescalingOptions extends LayerOptions {
  /** What to multiply by: a number, or numbers that broadcast against the input, like one for each channel. */
  readonly scale: ConstantValues;
  /** What to add then. Default: 0. */
  readonly offset?: ConstantValues;
}

class Rescaling extends Layer {
  readonly kind = 'rescaling';
  protected override readonly passesMask = true;

  constructor(readonly options: RescalingOptions) {
    const where = 'layers.rescaling';
    checkOptions(where, options, [...layerOptionKeys, 'scale', 'offset']);
    super(options);
    readConstant(where, 'scale', options.scale);
    if (options.offset !== undefined) readConstant(where, 'offset', options.offset);
  }

  override call(inputs: readonly Tensor[]): Tensor {
    const x = cast(this.single(inputs), 'float32');
    const { scale, offset = 0 } = this.options;
    const y = add(multiply(x, constantOf(scale)), constantOf(offset));
    if (y.shape.join() === x.shape.join()) return y;
    throw this.error(`scale and offset must broadcast to the input's shape [${x.shape.join(', ')}]`);
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }
}

/**
 * x * scale + offset, in training and in inference.
 *
 * - input: any shape; other dtypes are converted
 * - output: float32, same shape
 *
 * @throws Error when an argument is not valid; when applied, if `scale` or `offset` does not broadcast to the input
 *
 * @example
 * layers.rescaling({ scale: 1 / 255 }); // bytes to 0 .. 1
 * layers.rescaling({ scale: 1 / 127.5, offset: -1 }); // bytes to -1 .. 1
 */
export const rescaling = (options: RescalingOptions): Layer => new Rescaling(options);
