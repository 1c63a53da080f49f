import type { ConstraintName } from '../constraints/resolve.js';
import type { InitializerName } from '../initializers/resolve.js';
import type { Tensor, TensorType } from '../ir/graph.js';
import { add } from '../ir/ops/elementwise.js';
import type { RegularizerName } from '../regularizers/resolve.js';
import { type Activation, type ActivationFn, resolveActivation } from './activations.js';
import { boolean, checkOptions, positiveInteger } from './arguments.js';
import type { MatrixKernel } from './kernel.js';
import {
  type CallContext,
  type ConstraintFn,
  type InitializerFn,
  Layer,
  type LayerOptions,
  layerOptionKeys,
  type RegularizerFn,
  type Weight,
} from './layer.js';
import { checkWeightOptions, weightOptionKeys, weightTreatment } from './weight-options.js';

export interface DenseOptions extends LayerOptions {
  /** Number of outputs. */
  readonly units: number;
  /** Applied to the result. Default: 'linear'. */
  readonly activation?: Activation;
  /** Whether to add a bias. Default: true. */
  readonly useBias?: boolean;
  /** Default: 'glorotUniform'. */
  readonly kernelInitializer?: InitializerName | InitializerFn;
  /** Default: 'zeros'. */
  readonly biasInitializer?: InitializerName | InitializerFn;
  readonly kernelRegularizer?: RegularizerName | RegularizerFn;
  readonly biasRegularizer?: RegularizerName | RegularizerFn;
  /** What the kernel is forced to be after each update. */
  readonly kernelConstraint?: ConstraintName | ConstraintFn;
  readonly biasConstraint?: ConstraintName | ConstraintFn;
}

const where = 'layers.dense';

class Dense extends Layer {
  readonly kind = 'dense';
  protected override readonly passesMask = true;
  readonly #activation: ActivationFn;
  #kernel!: MatrixKernel;
  #bias: Weight | undefined;

  constructor(readonly options: DenseOptions) {
    const keys = ['units', 'activation', 'useBias', ...weightOptionKeys('kernel', 'bias')];
    checkOptions(where, options, [...layerOptionKeys, ...keys]);
    super(options);
    positiveInteger(where, 'units', options.units);
    if (options.useBias !== undefined) boolean(where, 'useBias', options.useBias);
    this.#activation = resolveActivation(where, options.activation ?? 'linear');
    checkWeightOptions(where, options, ['kernel', 'bias']);
  }

  override build(inputs: readonly TensorType[]): void {
    const { units, useBias = true } = this.options;
    const features = this.#features(this.single(inputs));
    this.#kernel = this.addMatrixKernel({
      name: 'kernel',
      shape: [features, units],
      ...weightTreatment(this.options, 'kernel'),
    });
    if (!useBias) return;
    this.#bias = this.addWeight({ name: 'bias', shape: [units], ...weightTreatment(this.options, 'bias', 'zeros') });
  }

  override call(inputs: readonly Tensor[], context: CallContext): Tensor {
    const x = this.single(inputs);
    const [features] = this.#kernel.shape;
    if (this.#features(x) !== features) {
      throw this.error(
        `expected input with ${features} features in the last dimension (kernel [${this.#kernel.shape.join(', ')}]), ` +
          `got shape [${x.shape.join(', ')}]`,
      );
    }
    const product = this.#kernel.product(x, context); // [..., features] x [features, units]
    return this.#activation(this.#bias === undefined ? product : add(product, context.read(this.#bias)));
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }

  #features(x: TensorType): number {
    if (x.shape.length < 2) {
      throw this.error(`expected input of rank >= 2 ([batch, ..., features]), got shape [${x.shape.join(', ')}]`);
    }
    return x.shape[x.shape.length - 1] as number;
  }
}

/**
 * A fully connected layer: activation(x · kernel + bias).
 *
 * - input: float32 [batch, ..., features]; other dtypes are converted
 * - output: float32 [batch, ..., units]
 * - weights: kernel [features, units], bias [units]; once quantized (`model.quantize`), the kernel is int8, with kernelScale
 *   [units]
 *
 * @throws Error when an argument is not valid; when applied, if the input has rank < 2 or the wrong number of features
 *
 * @example
 * layers.dense({ units: 256, activation: 'relu', inputShape: [784], kernelRegularizer: regularizers.l2(1e-4) });
 */
export const dense = (options: DenseOptions): Layer => new Dense(options);
