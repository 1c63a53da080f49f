import { type ConstraintName, resolveConstraint } from '../../constraints/resolve.js';
import { type InitializerName, resolveInitializer } from '../../initializers/resolve.js';
import type { Shape, Tensor } from '../../ir/graph.js';
import { add } from '../../ir/ops/elementwise.js';
import { type RegularizerName, resolveRegularizer } from '../../regularizers/resolve.js';
import { type Activation, type ActivationFn, resolveActivation } from '../activations.js';
import { boolean, checkOptions } from '../arguments.js';
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
  /** Penalty on the outputs, averaged over the batch. */
  readonly activityRegularizer?: RegularizerName | RegularizerFn;
}

/** How one kernel begins and what happens to it. */
export interface KernelOptions {
  readonly initializer?: InitializerName | InitializerFn | undefined;
  readonly regularizer?: RegularizerName | RegularizerFn | undefined;
  readonly constraint?: ConstraintName | ConstraintFn | undefined;
}

const commonKeys = [
  ...layerOptionKeys,
  ...['kernelSize', 'strides', 'dilationRate', 'activation', 'useBias'],
  ...['biasInitializer', 'biasRegularizer', 'biasConstraint', 'activityRegularizer'],
];

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
    const kernelKeys = kernels.flatMap((k) => [`${k}Initializer`, `${k}Regularizer`, `${k}Constraint`]);
    checkOptions(where, options, [...commonKeys, ...kernelKeys, ...keys]);
    super(options);
    this.kernelSize = sizes(where, 'kernelSize', options.kernelSize, rank);
    this.strides = sizes(where, 'strides', options.strides ?? 1, rank);
    this.dilationRate = sizes(where, 'dilationRate', options.dilationRate ?? 1, rank);
    if (options.useBias !== undefined) boolean(where, 'useBias', options.useBias);
    this.#activation = resolveActivation(where, options.activation ?? 'linear');
    // built much later: a bad name should fail where it was written
    const given = options as unknown as Readonly<Record<string, never>>;
    for (const name of [...kernels, 'bias']) {
      const [initializer, regularizer, constraint] = [`${name}Initializer`, `${name}Regularizer`, `${name}Constraint`];
      if (given[initializer] !== undefined) resolveInitializer(where, initializer, given[initializer]);
      if (given[regularizer] !== undefined) resolveRegularizer(where, regularizer, given[regularizer]);
      if (given[constraint] !== undefined) resolveConstraint(where, constraint, given[constraint]);
    }
    if (options.activityRegularizer !== undefined) {
      this.activityRegularizer = resolveRegularizer(where, 'activityRegularizer', options.activityRegularizer);
    }
  }

  protected addKernel(name: string, shape: Shape, { initializer, regularizer, constraint }: KernelOptions): Weight {
    return this.addWeight({ name, shape, initializer, regularizer, constraint });
  }

  /** After the kernels, so that it comes last among the weights. */
  protected addBias(filters: number): void {
    const { useBias = true, biasInitializer = 'zeros', biasRegularizer, biasConstraint } = this.options;
    if (!useBias) return;
    this.#bias = this.addWeight({
      name: 'bias',
      shape: [filters],
      initializer: biasInitializer,
      regularizer: biasRegularizer,
      constraint: biasConstraint,
    });
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
