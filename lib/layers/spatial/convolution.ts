import type { ConstraintName } from '../../constraints/resolve.js';
import type { InitializerName } from '../../initializers/resolve.js';
import type { Shape, Tensor } from '../../ir/graph.js';
import { conv } from '../../ir/ops/conv.js';
import { add } from '../../ir/ops/elementwise.js';
import { slice } from '../../ir/ops/shape.js';
import type { RegularizerName } from '../../regularizers/resolve.js';
import { type Activation, type ActivationFn, resolveActivation } from '../activations.js';
import { boolean, checkOptions } from '../arguments.js';
import type { MatrixKernel } from '../kernel.js';
import {
  type CallContext,
  type ConstraintFn,
  type InitializerFn,
  Layer,
  type LayerOptions,
  layerOptionKeys,
  type RegularizerFn,
  type Weight,
} from '../layer.js';
import { checkWeightOptions, weightOptionKeys, weightTreatment } from '../weight-options.js';
import { type PerAxis, type Rank, sizes } from './arguments.js';

/** What all layers that convolve have in common. */
export interface ConvolutionOptions extends LayerOptions {
  /** Size of the window. */
  readonly kernelSize: PerAxis;
  /** How far the window moves. Default: 1. */
  readonly strides?: PerAxis;
  /** Distance between the cells that neighbouring taps see. Default: 1. */
  readonly dilationRate?: PerAxis;
  /** Applied to the result. Default: 'linear'. */
  readonly activation?: Activation;
  /** Whether to add a bias. Default: true. */
  readonly useBias?: boolean;
  /** Default: 'zeros'. */
  readonly biasInitializer?: InitializerName | InitializerFn;
  readonly biasRegularizer?: RegularizerName | RegularizerFn;
  readonly biasConstraint?: ConstraintName | ConstraintFn;
}

const commonKeys = [...layerOptionKeys, 'kernelSize', 'strides', 'dilationRate', 'activation', 'useBias'];

/** activation(convolution + bias): what differs is which kernels there are and how they are applied. */
export abstract class Convolution<O extends ConvolutionOptions> extends Layer {
  readonly kernelSize: readonly number[];
  readonly strides: readonly number[];
  readonly dilationRate: readonly number[];
  readonly #activation: ActivationFn;
  #bias: Weight | undefined;

  /** @param kernels names of the kernels, as their options begin: `kernel` has `kernelInitializer` */
  constructor(
    readonly kind: string,
    readonly rank: Rank,
    readonly options: O,
    kernels: readonly string[],
    keys: readonly string[],
  ) {
    const where = `layers.${kind}`;
    checkOptions(where, options, [...commonKeys, ...weightOptionKeys(...kernels, 'bias'), ...keys]);
    super(options);
    this.kernelSize = sizes(where, 'kernelSize', options.kernelSize, rank);
    this.strides = sizes(where, 'strides', options.strides ?? 1, rank);
    this.dilationRate = sizes(where, 'dilationRate', options.dilationRate ?? 1, rank);
    if (options.useBias !== undefined) boolean(where, 'useBias', options.useBias);
    this.#activation = resolveActivation(where, options.activation ?? 'linear');
    checkWeightOptions(where, options, [...kernels, 'bias']);
  }

  /** @param kernel how its options begin: `kernel` has `kernelInitializer` */
  protected addKernel(name: string, shape: Shape, kernel = 'kernel'): Weight {
    return this.addWeight({ name, shape, ...weightTreatment(this.options, kernel) });
  }

  /** A kernel whose window is one cell: a matrix that every cell's channels are multiplied by. */
  protected addPointwise(name: string, shape: Shape, kernel = 'kernel'): MatrixKernel {
    return this.addMatrixKernel({ name, shape, ...weightTreatment(this.options, kernel) });
  }

  /** The convolution with such a kernel. */
  protected pointwise(x: Tensor, kernel: MatrixKernel, strides: readonly number[], context: CallContext): Tensor {
    if (kernel.scale === undefined) return conv(x, context.read(kernel.weight), { strides });
    const steps = [1, ...strides, 1];
    const seen = x.shape.map((n, axis) => Math.ceil(n / (steps[axis] as number)));
    const start = x.shape.map(() => 0);
    return kernel.product(slice(x, start, seen, steps), context);
  }

  /** After the kernels, so that it comes last among the weights. */
  protected addBias(filters: number): void {
    if (this.options.useBias === false) return;
    this.#bias = this.addWeight({ name: 'bias', shape: [filters], ...weightTreatment(this.options, 'bias', 'zeros') });
  }

  protected activate(y: Tensor, context: CallContext): Tensor {
    return this.#activation(this.#bias === undefined ? y : add(y, context.read(this.#bias)));
  }

  /** The number of channels must be that of the first use. */
  protected checkChannels(channels: number, built: number): void {
    if (channels !== built) throw this.error(`expected input with ${built} channels, got ${channels}`);
  }

  override getConfig(): Record<string, unknown> {
    return { ...(this.options as ConvolutionOptions) };
  }
}
