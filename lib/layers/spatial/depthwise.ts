import type { ConstraintName } from '../../constraints/resolve.js';
import type { InitializerName } from '../../initializers/resolve.js';
import type { Tensor, TensorType } from '../../ir/graph.js';
import { depthwiseConv } from '../../ir/ops/conv.js';
import type { RegularizerName } from '../../regularizers/resolve.js';
import { positiveInteger } from '../arguments.js';
import type { MatrixKernel } from '../kernel.js';
import type { CallContext, ConstraintFn, InitializerFn, Layer, RegularizerFn, Weight } from '../layer.js';
import { channelsOf, paddingName, type Rank } from './arguments.js';
import { Convolution, type ConvolutionOptions } from './convolution.js';

export interface DepthwiseConvOptions extends ConvolutionOptions {
  /** Filters of each channel. Default: 1. */
  readonly depthMultiplier?: number;
  /** 'valid': windows inside the input only. 'same': ceil(size / stride) outputs. Default: 'valid'. */
  readonly padding?: 'valid' | 'same';
  /** Default: 'glorotUniform'. */
  readonly depthwiseInitializer?: InitializerName | InitializerFn;
  readonly depthwiseRegularizer?: RegularizerName | RegularizerFn;
  readonly depthwiseConstraint?: ConstraintName | ConstraintFn;
}

export interface SeparableConvOptions extends DepthwiseConvOptions {
  /** Number of output channels. */
  readonly filters: number;
  /** Default: 'glorotUniform'. */
  readonly pointwiseInitializer?: InitializerName | InitializerFn;
  readonly pointwiseRegularizer?: RegularizerName | RegularizerFn;
  readonly pointwiseConstraint?: ConstraintName | ConstraintFn;
}

/** The depthwise kernel, which both layers have. */
abstract class Depthwise<O extends DepthwiseConvOptions> extends Convolution<O> {
  protected depthwise!: Weight;

  constructor(kind: string, rank: Rank, options: O, kernels: readonly string[], keys: readonly string[]) {
    super(kind, rank, options, kernels, [...keys, 'depthMultiplier', 'padding']);
    const where = `layers.${kind}`;
    if (options.depthMultiplier !== undefined) positiveInteger(where, 'depthMultiplier', options.depthMultiplier);
    if (options.padding !== undefined) paddingName(where, options.padding, ['valid', 'same'] as const);
  }

  /** Adds the kernel; returns how many channels it makes. */
  protected addDepthwise(name: string, inputs: readonly TensorType[]): number {
    const { depthMultiplier = 1 } = this.options;
    const channels = channelsOf(this, this.single(inputs), this.rank);
    this.depthwise = this.addKernel(name, [...this.kernelSize, channels, depthMultiplier], 'depthwise');
    return channels * depthMultiplier;
  }

  protected checked(inputs: readonly Tensor[]): Tensor {
    const x = this.single(inputs);
    this.checkChannels(channelsOf(this, x, this.rank), this.depthwise.shape.at(-2) as number);
    return x;
  }

  protected get geometry() {
    const { strides, dilationRate } = this;
    return { strides, dilationRate, padding: this.options.padding ?? 'valid' };
  }
}

class DepthwiseConv extends Depthwise<DepthwiseConvOptions> {
  constructor(kind: string, rank: Rank, options: DepthwiseConvOptions) {
    super(kind, rank, options, ['depthwise'], []);
  }

  override build(inputs: readonly TensorType[]): void {
    this.addBias(this.addDepthwise('kernel', inputs));
  }

  override call(inputs: readonly Tensor[], context: CallContext): Tensor {
    return this.activate(depthwiseConv(this.checked(inputs), context.read(this.depthwise), this.geometry), context);
  }
}

class SeparableConv extends Depthwise<SeparableConvOptions> {
  #pointwise!: MatrixKernel;

  constructor(kind: string, rank: Rank, options: SeparableConvOptions) {
    super(kind, rank, options, ['depthwise', 'pointwise'], ['filters']);
    positiveInteger(`layers.${kind}`, 'filters', options.filters);
  }

  override build(inputs: readonly TensorType[]): void {
    const { filters } = this.options;
    const channels = this.addDepthwise('depthwiseKernel', inputs);
    const window = this.kernelSize.map(() => 1);
    this.#pointwise = this.addPointwise('pointwiseKernel', [...window, channels, filters], 'pointwise');
    this.addBias(filters);
  }

  override call(inputs: readonly Tensor[], context: CallContext): Tensor {
    const y = depthwiseConv(this.checked(inputs), context.read(this.depthwise), this.geometry);
    const strides = this.kernelSize.map(() => 1);
    return this.activate(this.pointwise(y, this.#pointwise, strides, context), context);
  }
}

/**
 * A convolution of every channel of a sequence on its own, see `ops.depthwiseConv`.
 *
 * - input: float32 [batch, length, channels]
 * - output: float32 [batch, out, channels * depthMultiplier], sizes as for `conv1d`
 * - weights: kernel [kernelSize, channels, depthMultiplier], bias [channels * depthMultiplier]
 *
 * @throws Error when an argument is not valid; when applied, if rank or channels do not fit or no window does
 *
 * @example
 * layers.depthwiseConv1d({ kernelSize: 5, padding: 'same' });
 */
export const depthwiseConv1d = (options: DepthwiseConvOptions): Layer =>
  new DepthwiseConv('depthwiseConv1d', 1, options);

/**
 * A convolution of every channel of an image on its own, see `ops.depthwiseConv`.
 *
 * - input: float32 [batch, height, width, channels]
 * - output: float32 [batch, height', width', channels * depthMultiplier], sizes as for `conv1d`
 * - weights: kernel [...kernelSize, channels, depthMultiplier], bias [channels * depthMultiplier]
 *
 * @throws Error when an argument is not valid; when applied, if rank or channels do not fit or no window does
 *
 * @example
 * layers.depthwiseConv2d({ kernelSize: 3, strides: 2, padding: 'same' });
 */
export const depthwiseConv2d = (options: DepthwiseConvOptions): Layer =>
  new DepthwiseConv('depthwiseConv2d', 2, options);

/**
 * A depthwise convolution of sequences and one over the channels, see `ops.separableConv` (Chollet, 2017).
 *
 * - input: float32 [batch, length, channels]
 * - output: float32 [batch, out, filters], sizes as for `conv1d`
 * - weights: depthwiseKernel [kernelSize, channels, depthMultiplier], pointwiseKernel [1, channels * depthMultiplier, filters],
 *   bias [filters]
 *
 * @throws Error when an argument is not valid; when applied, if rank or channels do not fit or no window does
 *
 * @example
 * layers.separableConv1d({ filters: 64, kernelSize: 5, activation: 'relu' });
 *
 * Source: Chollet, "Xception: deep learning with depthwise separable convolutions", CVPR 2017.
 */
export const separableConv1d = (options: SeparableConvOptions): Layer =>
  new SeparableConv('separableConv1d', 1, options);

/**
 * A depthwise convolution of images and one over the channels, see `ops.separableConv` (Chollet, 2017).
 *
 * - input: float32 [batch, height, width, channels]
 * - output: float32 [batch, height', width', filters], sizes as for `conv1d`
 * - weights: depthwiseKernel [...kernelSize, channels, depthMultiplier],
 *   pointwiseKernel [1, 1, channels * depthMultiplier, filters], bias [filters]
 *
 * @throws Error when an argument is not valid; when applied, if rank or channels do not fit or no window does
 *
 * @example
 * layers.separableConv2d({ filters: 64, kernelSize: 3, padding: 'same', activation: 'relu' });
 *
 * Source: Chollet, "Xception: deep learning with depthwise separable convolutions", CVPR 2017.
 */
export const separableConv2d = (options: SeparableConvOptions): Layer =>
  new SeparableConv('separableConv2d', 2, options);
