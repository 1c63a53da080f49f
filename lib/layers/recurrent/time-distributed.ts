import type { Tensor, TensorType } from '../../ir/graph.js';
import { reshape } from '../../ir/ops/shape.js';
import { argumentError, checkOptions } from '../arguments.js';
import { type CallContext, Layer, type LayerOptions, layerOptionKeys } from '../layer.js';
import { maskOf, passStepMasks, withMask } from '../mask.js';

export interface TimeDistributedOptions extends LayerOptions {
  /** Applied to every time step. */
  readonly layer: Layer;
}

const where = 'layers.timeDistributed';

class TimeDistributed extends Layer {
  readonly kind = 'timeDistributed';
  readonly #layer: Layer;

  constructor(readonly options: TimeDistributedOptions) {
    checkOptions(where, options, [...layerOptionKeys, 'layer']);
    if (!(options.layer instanceof Layer)) throw argumentError(where, 'layer', 'a layer', options.layer);
    super(options);
    this.#layer = this.own(options.layer);
  }

  override build(inputs: readonly TensorType[]): void {
    this.#layer.ensureBuilt(inputs.map((t) => ({ shape: this.#steps(t), dtype: t.dtype })));
  }

  override call(inputs: readonly Tensor[], context: CallContext): readonly Tensor[] {
    const [batch, time] = (inputs[0] as Tensor).shape as [number, number];
    const steps = inputs.map((t) => {
      const shape = this.#steps(t);
      if (t.shape[1] !== time)
        throw this.error(`inputs must have the same number of steps, got ${time} and ${t.shape[1]}`);
      const step = reshape(t, shape);
      // of sequences of sequences, the layer sees the inner ones and what counts in them
      const mask = maskOf(t);
      return mask === undefined || mask.rank === 2 ? step : withMask(step, asSteps(mask));
    });
    const outputs = this.#layer.trace(steps, context).map((t) => {
      const inner = maskOf(t);
      const output = asSequence(t, batch, time);
      return inner === undefined ? output : withMask(output, asSequence(inner, batch, time));
    });
    passStepMasks(inputs, outputs);
    return outputs;
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }

  /** Shape [batch, time, ...] -> [batch · time, ...] */
  #steps({ shape }: TensorType): number[] {
    const [batch, time, ...rest] = shape as [number, number, ...number[]];
    if (shape.length >= 2) return [batch * time, ...rest];
    throw this.error(`expected input of shape [batch, time, ...], got [${shape.join(', ')}]`);
  }
}

const asSteps = (t: Tensor): Tensor => reshape(t, [-1, ...t.shape.slice(2)]);
const asSequence = (t: Tensor, batch: number, time: number): Tensor => reshape(t, [batch, time, ...t.shape.slice(1)]);

/**
 * Applies a layer to every time step of its input, with the same weights: [batch, time, ...] -> [batch, time, ...]. All
 * steps are computed together, as samples of one large batch: batch normalization sees them all.
 *
 * @throws Error when `layer` is not a layer or part of another one; when applied, if the input has no time axis
 *
 * @example
 * layers.timeDistributed({ layer: layers.flatten(), inputShape: [10, 8, 8, 3] }); // [batch, 10, 192]
 */
export const timeDistributed = (options: TimeDistributedOptions): Layer => new TimeDistributed(options);
