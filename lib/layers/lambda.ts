import type { Tensor } from '../ir/graph.js';
import { argumentError, checkOptions } from './arguments.js';
import { Layer, type LayerOptions, layerOptionKeys } from './layer.js';

/** The inputs of the layer as arguments. */
export type LambdaFn = (...inputs: Tensor[]) => Tensor | readonly Tensor[];

class Lambda extends Layer {
  readonly kind = 'lambda';

  constructor(
    readonly fn: LambdaFn,
    readonly options: LayerOptions,
  ) {
    checkOptions('layers.lambda', options, layerOptionKeys);
    if (typeof fn !== 'function')
      throw argumentError('layers.lambda', 'the first argument', 'a function on tensors', fn);
    super(options);
  }

  override call(inputs: readonly Tensor[]): Tensor | readonly Tensor[] {
    return this.fn(...inputs);
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options, fn: this.fn };
  }
}

/**
 * Any traced function without weights as a layer. The function sees concrete shapes, the batch dimension first, and is
 * called again for each batch size. For weights see `layers.define`.
 *
 * - inputs and outputs: tensors [batch, ...], whatever the function takes and returns
 *
 * @param fn from the layer's inputs to one or more outputs, each beginning with the batch dimension
 * @throws Error when `fn` is not a function; when applied, if it returns anything but tensors with the batch dimension
 *
 * @example
 * layers.lambda((x) => ops.multiply(x, 1 / 255));
 */
export const lambda = (fn: LambdaFn, options: LayerOptions = {}): Layer => new Lambda(fn, options);
