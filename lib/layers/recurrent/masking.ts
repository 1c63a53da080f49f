import type { Tensor } from '../../ir/graph.js';
import { notEqual, where as select } from '../../ir/ops/elementwise.js';
import { any } from '../../ir/ops/reduce.js';
import { expandDims } from '../../ir/ops/shape.js';
import { checkOptions, numberIn } from '../arguments.js';
import { Layer, type LayerOptions, layerOptionKeys } from '../layer.js';
import { withMask } from '../mask.js';

export interface MaskingOptions extends LayerOptions {
  /** A time step is left out when all of its features have this value. Default: 0. */
  readonly maskValue?: number;
}

const where = 'layers.masking';

class Masking extends Layer {
  readonly kind = 'masking';

  constructor(readonly options: MaskingOptions) {
    checkOptions(where, options, [...layerOptionKeys, 'maskValue']);
    super(options);
    if (options.maskValue !== undefined) numberIn(where, 'maskValue', options.maskValue);
  }

  override call(inputs: readonly Tensor[]): Tensor {
    const x = this.single(inputs);
    if (x.rank !== 3) throw this.error(`expected input of shape [batch, time, features], got [${x.shape.join(', ')}]`);
    const mask = any(notEqual(x, this.options.maskValue ?? 0), -1);
    return withMask(select(expandDims(mask, -1), x, 0), mask);
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }
}

/**
 * Marks the time steps of [batch, time, features] in which every feature equals `maskValue` as left out, and sets them to
 * 0. The mark travels with the sequence:
 *
 * - layers that treat every step alike pass it on: dense, activations, dropout and noise, normalizations, timeDistributed,
 *   merging layers, recurrent layers with `returnSequences`, attention (that of the query); all others drop it
 * - recurrent layers skip such steps, attention does not look at them, `globalAveragePooling1d` and `batchNormalization`
 *   leave them out of their means
 * - where it reaches an output of the model, loss and metrics leave such steps out as well: the loss is the mean over the
 *   steps that count
 *
 * An `embedding` with `maskZero` makes such marks, too.
 *
 * @throws Error when `maskValue` is not finite; when applied, if the input has another rank
 *
 * @example
 * sequential([layers.masking({ maskValue: -1, inputShape: [20, 4] }), layers.gru({ units: 16 })]);
 */
export const masking = (options: MaskingOptions = {}): Layer => new Masking(options);
