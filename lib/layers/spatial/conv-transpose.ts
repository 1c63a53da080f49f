import type { ConstraintName } from '../../constraints/resolve.js';
import type { InitializerName } from '../../initializers/resolve.js';
import type { Tensor, TensorType } from '../../ir/graph.js';
import { convTranspose } from '../../ir/ops/conv.js';
import type { RegularizerName } from '../../regularizers/resolve.js';
import { positiveInteger } from '../arguments.js';
import type { CallContext, ConstraintFn, InitializerFn, Layer, RegularizerFn, Weight } from '../layer.js';
import { channelsOf, type PerAxis, paddingName, type Rank, sizes } from './arguments.js';
import { Convolution, type ConvolutionOptions } from './convolution.js';

export interface ConvTransposeOptions extends ConvolutionOptions {
  /** Number of output channels. */
  readonly filters: number;
  /** 'same': outputs of size * stride. Default: 'valid'. */
  readonly padding?: 'valid' | 'same';
  /** Cells by which the output is longer after the last; smaller than the stride. Default: what `padding` makes it. */
  readonly outputPadding?: PerAxis;
  /** Default: 'glorotUniform'. */
  readonly kernelInitializer?: InitializerName | InitializerFn;
  readonly kernelRegularizer?: RegularizerName | RegularizerFn;
  readonly kernelConstraint?: ConstraintName | ConstraintFn;
}

class ConvTranspose extends Convolution<ConvTransposeOptions> {
  readonly #outputPadding: number[] | undefined;
  #kernel!: Weight;

  constructor(kind: string, rank: Rank, options: ConvTransposeOptions) {
    super(kind, rank, options, ['kernel'], ['filters', 'padding', 'outputPadding']);
    const where = `layers.${kind}`;
    const { filters, padding, outputPadding } = options;
    positiveInteger(where, 'filters', filters);
    if (padding !== undefined) paddingName(where, padding, ['valid', 'same'] as const);
    this.#outputPadding =
      outputPadding === undefined ? undefined : sizes(where, 'outputPadding', outputPadding, rank, 0);
    this.#outputPadding?.forEach((n, a) => {
      if (n >= (this.strides[a] as number)) {
        throw new Error(`${where}: outputPadding (${n}) must be smaller than the stride (${this.strides[a]})`);
      }
    });
  }

  override build(inputs: readonly TensorType[]): void {
    const { filters } = this.options;
    const channels = channelsOf(this, this.single(inputs), this.rank);
    this.#kernel = this.addKernel('kernel', [...this.kernelSize, filters, channels]);
    this.addBias(filters);
  }

  override call(inputs: readonly Tensor[], context: CallContext): Tensor {
    const x = this.single(inputs);
    this.checkChannels(channelsOf(this, x, this.rank), this.#kernel.shape.at(-1) as number);
    const { strides, dilationRate } = this;
    const padding = this.options.padding ?? 'valid';
    const options = { strides, dilationRate, padding, outputPadding: this.#outputPadding };
    return this.activate(convTranspose(x, context.read(this.#kernel), options), context);
  }
}

/**
 * A transposed convolution over sequences: activation(convTranspose(x, kernel) + bias), see `ops.convTranspose`.
 *
 * - input: float32 [batch, length, channels]
 * - output: float32 [batch, out, filters]; out = (length - 1) * stride + max(extent, stride) for 'valid', length * stride
 *   for 'same', extent = (kernelSize - 1) * dilationRate + 1
 * - weights: kernel [kernelSize, filters, channels], bias [filters]
 *
 * @throws Error when an argument is not valid; when applied, if rank or channels do not fit
 *
 * @example
 * layers.conv1dTranspose({ filters: 16, kernelSize: 4, strides: 2, padding: 'same' });
 */
export const conv1dTranspose = (options: ConvTransposeOptions): Layer =>
  new ConvTranspose('conv1dTranspose', 1, options);

/**
 * A transposed convolution over images: activation(convTranspose(x, kernel) + bias), see `ops.convTranspose`.
 *
 * - input: float32 [batch, height, width, channels]
 * - output: float32 [batch, height', width', filters], sizes as for `conv1dTranspose`
 * - weights: kernel [...kernelSize, filters, channels], bias [filters]
 *
 * @throws Error when an argument is not valid; when applied, if rank or channels do not fit
 *
 * @example
 * layers.conv2dTranspose({ filters: 16, kernelSize: 3, strides: 2, padding: 'same', activation: 'relu' });
 *
 * Source: Zeiler et al., "Deconvolutional networks", CVPR 2010.
 */
export const conv2dTranspose = (options: ConvTransposeOptions): Layer =>
  new ConvTranspose('conv2dTranspose', 2, options);

/**
 * A transposed convolution over volumes: activation(convTranspose(x, kernel) + bias), see `ops.convTranspose`.
 *
 * - input: float32 [batch, depth, height, width, channels]
 * - output: float32 [batch, depth', height', width', filters], sizes as for `conv1dTranspose`
 * - weights: kernel [...kernelSize, filters, channels], bias [filters]
 *
 * @throws Error when an argument is not valid; when applied, if rank or channels do not fit
 *
 * @example
 * layers.conv3dTranspose({ filters: 4, kernelSize: 2, strides: 2 });
 */
export const conv3dTranspose = (options: ConvTransposeOptions): Layer =>
  new ConvTranspose('conv3dTranspose', 3, options);
