import type { Tensor } from '../ir/graph.js';
import { type ActivationFn, type Activation as ActivationOption, resolveActivation } from './activations.js';
import { checkOptions } from './arguments.js';
import { Layer, type LayerOptions, layerOptionKeys } from './layer.js';

export interface ActivationOptions extends LayerOptions {
  /** A name, or any function on tensors. */
  readonly activation: ActivationOption;
}

const where = 'layers.activation';

class ActivationLayer extends Layer {
  readonly kind = 'activation';
  protected override readonly passesMask = true;
  readonly #activation: ActivationFn;

  constructor(readonly options: ActivationOptions) {
    checkOptions(where, options, [...layerOptionKeys, 'activation']);
    super(options);
    this.#activation = resolveActivation(where, options.activation);
  }

  override call(inputs: readonly Tensor[]): Tensor {
    return this.#activation(this.single(inputs));
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }
}

/**
 * Applies an activation function: f(x).
 *
 * - input and output: float32 [batch, ...], same shape
 *
 * @param options `activation`: a name ('relu', 'softmax', ...) or any function on tensors
 * @throws Error that lists the valid names when the name is unknown
 *
 * @example
 * layers.activation({ activation: 'gelu' });
 * layers.activation({ activation: (x) => ops.leakyRelu(x, 0.01) });
 */
export const activation = (options: ActivationOptions): Layer => new ActivationLayer(options);
