import type { ConstraintName } from '../../constraints/resolve.js';
import type { InitializerName } from '../../initializers/resolve.js';
import type { Tensor, TensorType } from '../../ir/graph.js';
import { conv } from '../../ir/ops/conv.js';
import type { RegularizerName } from '../../regularizers/resolve.js';
import { positiveInteger } from '../arguments.js';
import { MatrixKernel } from '../kernel.js';
import type { CallContext, ConstraintFn, InitializerFn, Layer, RegularizerFn, Weight } from '../layer.js';
import { channelsOf, paddingName, type Rank } from './arguments.js';
import { Convolution, type ConvolutionOptions } from './convolution.js';

export interface ConvOptions extends ConvolutionOptions {
  /** Number of output channels. */
  readonly filters: number;
  /** 'valid': windows inside the input only. 'same': ceil(size / stride) outputs. Default: 'valid'. */
  readonly padding?: 'valid' | 'same';
  /** Parts of the channels and filters that only see each other. Default: 1. */
  readonly groups?: number;
  /** Default: 'glorotUniform'. */
  readonly kernelInitializer?: InitializerName | InitializerFn;
  readonly kernelRegularizer?: RegularizerName | RegularizerFn;
  readonly kernelConstraint?: ConstraintName | ConstraintFn;
}

export interface Conv1dOptions extends Omit<ConvOptions, 'padding'> {
  /** As in other ranks, or 'causal': output t sees no input after t * stride. Default: 'valid'. */
  readonly padding?: 'valid' | 'same' | 'causal';
}

class Conv extends Convolution<Conv1dOptions> {
  #kernel!: Weight | MatrixKernel;

  constructor(kind: string, rank: Rank, options: Conv1dOptions) {
    super(kind, rank, options, ['kernel'], ['filters', 'padding', 'groups']);
    const where = `layers.${kind}`;
    const { filters, padding, groups } = options;
    positiveInteger(where, 'filters', filters);
    const names = rank === 1 ? (['valid', 'same', 'causal'] as const) : (['valid', 'same'] as const);
    if (padding !== undefined) paddingName(where, padding, names);
    if (groups !== undefined && filters % positiveInteger(where, 'groups', groups) !== 0) {
      throw new Error(`${where}: groups (${groups}) must divide filters (${filters})`);
    }
  }

  override build(inputs: readonly TensorType[]): void {
    const { filters, groups = 1 } = this.options;
    const channels = channelsOf(this, this.single(inputs), this.rank);
    if (channels % groups !== 0)
      throw this.error(`groups (${groups}) must divide the ${channels} channels of the input`);
    const shape = [...this.kernelSize, channels / groups, filters];
    const isPointwise = groups === 1 && this.kernelSize.every((n) => n === 1);
    this.#kernel = isPointwise ? this.addPointwise('kernel', shape) : this.addKernel('kernel', shape);
    this.addBias(filters);
  }

  override call(inputs: readonly Tensor[], context: CallContext): Tensor {
    const { padding = 'valid', groups = 1 } = this.options;
    const x = this.single(inputs);
    this.checkChannels(channelsOf(this, x, this.rank), (this.#kernel.shape.at(-2) as number) * groups);
    const { strides, dilationRate } = this;
    const y =
      this.#kernel instanceof MatrixKernel
        ? this.pointwise(x, this.#kernel, strides, context)
        : conv(x, context.read(this.#kernel), { strides, dilationRate, padding });
    return this.activate(y, context);
  }
}

/**
 * A convolution over sequences: activation(conv(x, kernel) + bias), see `ops.conv`.
 *
 * - input: float32 [batch, length, channels]
 * - output: float32 [batch, out, filters]; out = floor((length - extent) / stride) + 1 for 'valid', ceil(length / stride)
 *   for 'same' and 'causal', extent = (kernelSize - 1) * dilationRate + 1
 * - weights: kernel [kernelSize, channels / groups, filters], bias [filters]
 *
 * @throws Error when an argument is not valid; when applied, if rank or channels do not fit or no window does
 *
 * @example
 * layers.conv1d({ filters: 32, kernelSize: 3, padding: 'causal', dilationRate: 2, activation: 'relu' });
 */
export const conv1d = (options: Conv1dOptions): Layer => new Conv('conv1d', 1, options);

/**
 * A convolution over images: activation(conv(x, kernel) + bias), see `ops.conv`.
 *
 * - input: float32 [batch, height, width, channels]
 * - output: float32 [batch, height', width', filters], sizes as for `conv1d`
 * - weights: kernel [...kernelSize, channels / groups, filters], bias [filters]
 *
 * @throws Error when an argument is not valid; when applied, if rank or channels do not fit or no window does
 *
 * @example
 * layers.conv2d({ filters: 32, kernelSize: 3, activation: 'relu', inputShape: [28, 28, 1] });
 */
export const conv2d = (options: ConvOptions): Layer => new Conv('conv2d', 2, options);

/**
 * A convolution over volumes or video: activation(conv(x, kernel) + bias), see `ops.conv`.
 *
 * - input: float32 [batch, depth, height, width, channels]
 * - output: float32 [batch, depth', height', width', filters], sizes as for `conv1d`
 * - weights: kernel [...kernelSize, channels / groups, filters], bias [filters]
 *
 * @throws Error when an argument is not valid; when applied, if rank or channels do not fit or no window does
 *
 * @example
 * layers.conv3d({ filters: 8, kernelSize: [1, 3, 3], padding: 'same' });
 */
export const conv3d = (options: ConvOptions): Layer => new Conv('conv3d', 3, options);
