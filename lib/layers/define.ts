import type { Tensor, TensorType } from '../ir/graph.js';
import { argumentError, boolean, checkOptions } from './arguments.js';
import {
  type CallContext,
  Layer,
  type LayerOptions,
  layerOptionKeys,
  type Weight,
  type WeightOptions,
} from './layer.js';

export interface CustomLayerOptions<W extends Record<string, Weight>> extends LayerOptions {
  /** Names the kind of layer in messages and summaries: 'scale'. */
  readonly kind: string;
  /**
   * What to call the factory with that makes this layer again, for saved models: JSON values, names and values of the
   * library. The factory has to be registered with `registerLayer` under the kind.
   */
  readonly config?: Readonly<Record<string, unknown>>;
  /**
   * The layer treats every time step alike: masks of its inputs are those of its outputs as well (see `masking`).
   * Default: false, masks end here.
   */
  readonly supportsMasking?: boolean;
  /**
   * Declares the weights. The shapes of the inputs are concrete, with a batch size (dimension 0) that must not be used.
   */
  readonly build?: (inputs: readonly TensorType[], addWeight: (options: WeightOptions) => Weight) => W;
  /**
   * The traced function.
   *
   * @param weights values of the weights in this step, under the names that `build` returned
   * @param variables the weights themselves, for `context.write`
   */
  readonly call: (
    inputs: readonly Tensor[],
    weights: { readonly [K in keyof W]: Tensor },
    context: CallContext,
    variables: W,
  ) => Tensor | readonly Tensor[];
}

const where = 'layers.define';

class CustomLayer<W extends Record<string, Weight>> extends Layer {
  readonly kind: string;
  protected override readonly passesMask: boolean;
  #variables = {} as W;

  constructor(readonly options: CustomLayerOptions<W>) {
    checkOptions(where, options, [...layerOptionKeys, 'kind', 'config', 'supportsMasking', 'build', 'call']);
    super(options);
    const { kind, supportsMasking, build, call } = options;
    if (supportsMasking !== undefined) boolean(where, 'supportsMasking', supportsMasking);
    if (typeof kind !== 'string' || !/^[^/\s]+$/.test(kind)) {
      throw argumentError(where, 'kind', 'a word without slashes', kind);
    }
    if (build !== undefined && typeof build !== 'function') throw argumentError(where, 'build', 'a function', build);
    if (typeof call !== 'function') throw argumentError(where, 'call', 'a function', call);
    this.kind = kind;
    this.passesMask = supportsMasking ?? false;
  }

  override build(inputs: readonly TensorType[]): void {
    const variables: unknown = this.options.build?.(inputs, (weight) => this.addWeight(weight)) ?? {};
    if (typeof variables !== 'object' || !Object.values(variables as object).every((w) => this.weights.includes(w))) {
      throw this.error('build must return an object of weights that addWeight made');
    }
    this.#variables = variables as W;
  }

  override call(inputs: readonly Tensor[], context: CallContext): Tensor | readonly Tensor[] {
    const values = Object.entries(this.#variables).map(([key, weight]) => [key, context.read(weight)] as const);
    const weights = Object.fromEntries(values) as { readonly [K in keyof W]: Tensor };
    return this.options.call(inputs, weights, context, this.#variables);
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options.config };
  }
}

/**
 * A layer of your own, written as plain functions.
 *
 * - inputs and outputs: tensors [batch, ...], whatever `call` takes and returns
 * - weights: those that `build` adds
 *
 * @throws Error when an argument is not valid; when applied, if `build` or `call` return something else than promised
 *
 * @example
 * const scale = () =>
 *   layers.define({
 *     kind: 'scale',
 *     build: ([x], addWeight) => ({ gain: addWeight({ name: 'gain', shape: x.shape.slice(1), initializer: 'ones' }) }),
 *     call: ([x], { gain }) => ops.multiply(x, gain),
 *   });
 * sequential([layers.dense({ units: 8, inputShape: [4] }), scale()]);
 */
export const define = <W extends Record<string, Weight> = Record<never, never>>(
  options: CustomLayerOptions<W>,
): Layer => new CustomLayer(options);
