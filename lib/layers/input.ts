import type { DType, Shape, Tensor } from '../ir/graph.js';
import { checkOptions, dimensions } from './arguments.js';
import { checkDType, Layer } from './layer.js';
import { LayerCall, type SymbolicTensor } from './symbolic.js';

export interface InputOptions {
  /** Shape of one sample, without the batch dimension. `[]` for one number per sample. */
  readonly shape: Shape;
  /** Type of the values. Default: 'float32'. */
  readonly dtype?: DType;
  /** Unique in a model. Default: 'input_1', ... */
  readonly name?: string;
}

/** The entrance of a model: has no weights and is never traced. */
export class InputLayer extends Layer {
  readonly kind = 'input';
  /** The value that enters the model here. */
  readonly output: SymbolicTensor;

  constructor(readonly options: InputOptions) {
    const where = 'layers.inputLayer';
    checkOptions(where, options, ['shape', 'dtype', 'name']);
    const shape = dimensions(where, 'shape', options.shape);
    const dtype = checkDType(where, 'dtype', options.dtype ?? 'float32');
    super({ name: options.name, inputShape: shape, inputDType: dtype });
    this.output = new LayerCall(this, [], [{ shape: [null, ...shape], dtype }]).outputs[0] as SymbolicTensor;
  }

  override applyMany(): readonly SymbolicTensor[] {
    throw this.error('is the entrance of a model and cannot be applied to a value');
  }

  override call(inputs: readonly Tensor[]): readonly Tensor[] {
    return inputs;
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }
}

/**
 * The first element of a `sequential` model that does not give `inputShape` on its first layer.
 *
 * - output: [batch, ...shape]
 *
 * @throws Error when `shape` does not hold positive integers, or `dtype` is unknown
 *
 * @example
 * sequential([layers.inputLayer({ shape: [28, 28] }), layers.flatten(), layers.dense({ units: 10 })]);
 */
export const inputLayer = (options: InputOptions): InputLayer => new InputLayer(options);

/**
 * A value that enters a model: the start of the functional way to build one.
 *
 * - output: [batch, ...shape]
 *
 * @returns a symbolic tensor of shape [batch, ...shape]
 * @throws Error when `shape` does not hold positive integers, or `dtype` is unknown
 *
 * @example
 * const x = input({ shape: [784], name: 'image' });
 * const y = layers.dense({ units: 10 }).apply(x);
 */
export const input = (options: InputOptions): SymbolicTensor => new InputLayer(options).output;
