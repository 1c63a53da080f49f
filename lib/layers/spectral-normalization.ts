import type { Tensor, TensorType } from '../ir/graph.js';
import { divide, equal, where as select, stopGradient } from '../ir/ops/elementwise.js';
import { matmul } from '../ir/ops/linalg.js';
import { normalize } from '../ir/ops/normalization.js';
import { sum } from '../ir/ops/reduce.js';
import { reshape, transpose } from '../ir/ops/shape.js';
import { argumentError, checkOptions, positiveInteger } from './arguments.js';
import { type CallContext, Layer, type LayerOptions, layerOptionKeys, type Weight } from './layer.js';
import { probeContext } from './symbolic.js';

export interface SpectralNormalizationOptions extends LayerOptions {
  /** A layer with a weight that is called 'kernel' or 'embeddings'. */
  readonly layer: Layer;
  /** Power iterations in each training step. Default: 1. */
  readonly powerIterations?: number;
}

const where = 'layers.spectralNormalization';

class SpectralNormalization extends Layer {
  readonly kind = 'spectralNormalization';
  readonly #layer: Layer;
  readonly #iterations: number;
  #kernel!: Weight;
  #vector!: Weight;

  constructor(readonly options: SpectralNormalizationOptions) {
    checkOptions(where, options, [...layerOptionKeys, 'layer', 'powerIterations']);
    const { layer } = options;
    if (!(layer instanceof Layer)) throw argumentError(where, 'layer', 'a layer', layer);
    super({ inputShape: layer.inputShape, inputDType: layer.inputDType, ...options });
    this.#iterations = positiveInteger(where, 'powerIterations', options.powerIterations ?? 1);
    this.#layer = this.own(layer);
  }

  override build(inputs: readonly TensorType[]): void {
    this.#layer.ensureBuilt(inputs);
    const names = ['kernel', 'embeddings'].map((name) => `${this.#layer.path}/${name}`);
    const kernel = this.#layer.weights.find((w) => names.includes(w.name) && w.shape.length >= 2);
    if (kernel === undefined) {
      throw this.error(`the layer ${this.#layer.kind} has no weight 'kernel' or 'embeddings' that is a matrix`);
    }
    this.#kernel = kernel;
    const units = kernel.shape.at(-1) as number;
    this.#vector = this.addWeight({ name: 'vectorU', shape: [units], initializer: 'randomNormal', trainable: false });
  }

  /** What is divided by a norm has to be float32. */
  override get kernels(): readonly [] {
    return [];
  }

  override call(inputs: readonly Tensor[], context: CallContext): readonly Tensor[] {
    // shapes do not depend on the values of weights
    if (context === probeContext) return this.#layer.trace(inputs, context);
    const kernel = context.read(this.#kernel);
    const normal = divide(kernel, this.#norm(kernel, context));
    return this.#layer.trace(inputs, {
      ...context,
      read: (variable) => (variable === this.#kernel ? normal : context.read(variable)),
    });
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }

  /** Estimates the largest singular value of the kernel as a matrix W [inputs, units]; 1 where it would be 0. */
  #norm(kernel: Tensor, context: CallContext): Tensor {
    const matrix = reshape(kernel, [-1, kernel.shape.at(-1) as number]);
    const fixed = stopGradient(matrix);
    const along = (u: Tensor): Tensor => normalize(matmul(fixed, u), 0);
    let u = normalize(reshape(context.read(this.#vector), [-1, 1]), 0);
    let v = along(u);
    if (context.training && this.trainable) {
      u = normalize(matmul(transpose(fixed), v), 0);
      for (let i = 1; i < this.#iterations; i++) {
        v = along(u);
        u = normalize(matmul(transpose(fixed), v), 0);
      }
      context.write(this.#vector, reshape(u, [-1]));
    }
    const sigma = sum(matmul(matmul(transpose(v), matrix), u));
    return select(equal(sigma, 0), 1, sigma);
  }
}

/**
 * Another layer with its kernel divided by the spectral norm of the kernel: kernel / σ, where σ is the largest singular
 * value of the kernel as a matrix W [inputs, units]. The layer then changes no difference between inputs by more than its
 * own factor.
 *
 * σ is estimated by power iteration. In training, each step goes on from a vector u [units] that is saved with the model:
 *
 *     v = W u / |W u|,  u = Wᵀ v / |Wᵀ v|,  σ = vᵀ W u
 *
 * and gradients flow through σ with u and v as constants, as in PyTorch. In inference, and when the layer is not trainable,
 * u stays as it is. The kernel itself is never overwritten (Keras does that): optimizers, regularizers and constraints work
 * on it, and it is what is saved.
 *
 * - inputs and outputs: those of the layer, of any shape
 * - weights: those of the layer, and vectorU [units]
 *
 * @throws Error when an argument is not valid; when applied, if the layer has no weight 'kernel' or 'embeddings' of rank 2
 *     or more
 *
 * @example
 * layers.spectralNormalization({ layer: layers.conv2d({ filters: 16, kernelSize: 3 }), inputShape: [32, 32, 3] });
 *
 * Source: Miyato et al., "Spectral normalization for generative adversarial networks", ICLR 2018.
 */
export const spectralNormalization = (options: SpectralNormalizationOptions): Layer =>
  new SpectralNormalization(options);
