import { type InitializerName, resolveInitializer } from '../../initializers/resolve.js';
import { formatType, type Shape, sameShape, type Tensor, type TensorType } from '../../ir/graph.js';
import { conv } from '../../ir/ops/conv.js';
import { add, multiply } from '../../ir/ops/elementwise.js';
import { dropout, ones } from '../../ir/ops/random.js';
import { reshape } from '../../ir/ops/shape.js';
import { type ActivationFn, resolveActivation } from '../activations.js';
import { boolean, numberIn, positiveInteger } from '../arguments.js';
import type { CallContext, InitializerFn, Weight } from '../layer.js';
import { channelsOf, type PerAxis, paddingName, type Rank, sizes } from '../spatial/arguments.js';
import { checkWeightOptions, weightTreatment } from '../weight-options.js';
import { type CellRun, RecurrentCell } from './cell.js';
import { withCell } from './layers.js';
import { type LSTMCellOptions, lstmStep, rememberingBias } from './lstm-cell.js';
import type { Recurrent, RecurrentOptions } from './rnn.js';
import { simpleCellKeys } from './standard-cell.js';

interface ConvLstmCellOptions extends Omit<LSTMCellOptions, 'units'> {
  /** Number of channels of the output and of each state. */
  readonly filters: number;
  /** Size of the windows, of that over the input and that over the state. */
  readonly kernelSize: PerAxis;
  /** How far the window moves over the input. Default: 1. */
  readonly strides?: PerAxis;
  /** Of the convolution over the input; the one over the state is always 'same'. Default: 'valid'. */
  readonly padding?: 'valid' | 'same';
  /** Distance between the cells of the input that neighbouring taps see. Default: 1. */
  readonly dilationRate?: PerAxis;
}

export interface ConvLstmOptions extends ConvLstmCellOptions, RecurrentOptions {}

const cellKeys = [
  ...simpleCellKeys.filter((key) => key !== 'units'),
  ...['filters', 'kernelSize', 'strides', 'padding', 'dilationRate', 'recurrentActivation', 'unitForgetBias'],
];

const gates = 4;

class ConvLstmCell extends RecurrentCell {
  readonly kind: string;
  readonly #kernelSize: readonly number[];
  readonly #strides: readonly number[];
  readonly #dilationRate: readonly number[];
  readonly #activation: ActivationFn;
  readonly #gate: ActivationFn;
  #input: Shape = [];
  #state: Shape = [];
  #kernel!: Weight;
  #recurrentKernel!: Weight;
  #bias: Weight | undefined;

  constructor(
    readonly rank: Rank,
    readonly options: ConvLstmCellOptions,
  ) {
    const where = `layers.convLstm${rank}d`;
    super(options);
    this.kind = `convLstmCell${rank}d`;
    positiveInteger(where, 'filters', options.filters);
    this.#kernelSize = sizes(where, 'kernelSize', options.kernelSize, rank);
    this.#strides = sizes(where, 'strides', options.strides ?? 1, rank);
    this.#dilationRate = sizes(where, 'dilationRate', options.dilationRate ?? 1, rank);
    if (options.padding !== undefined) paddingName(where, options.padding, ['valid', 'same'] as const);
    this.#activation = resolveActivation(where, options.activation ?? 'tanh');
    this.#gate = resolveActivation(where, options.recurrentActivation ?? 'sigmoid', 'recurrentActivation');
    for (const key of ['useBias', 'unitForgetBias'] as const) {
      if (options[key] !== undefined) boolean(where, key, options[key]);
    }
    checkWeightOptions(where, options, ['kernel', 'recurrent', 'bias']);
    for (const key of ['dropout', 'recurrentDropout'] as const) {
      if (options[key] !== undefined) numberIn(where, key, options[key], { min: 0, max: 1 });
    }
  }

  /** Known once the layer is built: they have the size of what the convolution makes of a time step. */
  get stateShapes(): readonly Shape[] {
    return [this.#state, this.#state];
  }

  override build(inputs: readonly TensorType[]): void {
    const { options } = this;
    const x = inputs[0] as TensorType;
    const channels = channelsOf(this, x, this.rank);
    const kernel = (name: string, from: number, weight: string, initializer?: InitializerName) =>
      this.addWeight({
        name,
        shape: [...this.#kernelSize, from, gates * options.filters],
        ...weightTreatment(options, weight, initializer),
      });
    this.#kernel = kernel('kernel', channels, 'kernel');
    this.#recurrentKernel = kernel('recurrentKernel', options.filters, 'recurrent', 'orthogonal');
    if (options.useBias !== false) {
      this.#bias = this.addWeight({
        name: 'bias',
        shape: [gates * options.filters],
        ...weightTreatment(options, 'bias'),
        initializer: this.#biasInitializer(),
      });
    }
    this.#input = x.shape.slice(1);
    const step = this.#convolve(ones([1, ...this.#input]), ones(this.#kernel.shape));
    this.#state = [...step.shape.slice(1, -1), options.filters];
  }

  /** One step: [x, h, c] -> [output, h, c]. */
  override call(inputs: readonly Tensor[], context: CallContext): readonly Tensor[] {
    const [x, ...states] = inputs as readonly [Tensor, ...Tensor[]];
    const { project, step } = this.begin(context, x.shape[0] as number);
    const projected = project(reshape(x, [1, ...x.shape])).map((t) => reshape(t, t.shape.slice(1)));
    const next = step(projected, states);
    return [next.output, ...next.states];
  }

  override begin(context: CallContext, batch: number): CellRun {
    const { dropout: inputRate = 0, recurrentDropout: stateRate = 0 } = this.options;
    const mask = (shape: Shape, rate: number): Tensor | undefined =>
      context.training && rate > 0 ? dropout(ones([batch, ...shape]), rate) : undefined;
    const masked = (t: Tensor, m: Tensor | undefined): Tensor => (m === undefined ? t : multiply(t, m));
    const inputMask = mask(this.#input, inputRate);
    const stateMask = mask(this.#state, stateRate);
    const [kernel, recurrentKernel] = [context.read(this.#kernel), context.read(this.#recurrentKernel)];
    const bias = this.#bias && context.read(this.#bias);
    return {
      project: (x) => {
        if (!sameShape(x.shape.slice(2), this.#input)) {
          throw this.error(`expected time steps of shape [${this.#input.join(', ')}], got ${formatType(x)}`);
        }
        // the steps of all samples are one large batch of images
        const images = reshape(masked(x, inputMask), [-1, ...this.#input]);
        const product = this.#convolve(images, kernel);
        const projected = bias === undefined ? product : add(product, bias);
        return [reshape(projected, [...x.shape.slice(0, 2), ...projected.shape.slice(1)])];
      },
      step: ([projected], [h, c]) => {
        const recurrent = conv(masked(h as Tensor, stateMask), recurrentKernel, { padding: 'same' });
        return lstmStep(add(recurrent, projected as Tensor), c as Tensor, this.#gate, this.#activation);
      },
    };
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }

  #convolve(x: Tensor, kernel: Tensor): Tensor {
    const { padding = 'valid' } = this.options;
    return conv(x, kernel, { strides: this.#strides, dilationRate: this.#dilationRate, padding });
  }

  #biasInitializer(): InitializerFn {
    const { biasInitializer = 'zeros', unitForgetBias = true, filters } = this.options;
    const initial = resolveInitializer(this.label, 'biasInitializer', biasInitializer);
    return unitForgetBias ? rememberingBias(initial, filters) : initial;
  }
}

const convLstm = (rank: Rank, options: ConvLstmOptions): Recurrent =>
  withCell(`convLstm${rank}d`, (cell: ConvLstmCellOptions) => new ConvLstmCell(rank, cell), options, cellKeys);

/**
 * A long short-term memory whose products are convolutions, over sequences of sequences. With * for a convolution and the
 * gates in Keras's order:
 *
 *     i, f, g, o = split(x * W + h * U + b)
 *     c' = σ(f) c + σ(i) tanh(g)
 *     h' = σ(o) tanh(c')
 *
 * Strides, padding and dilation are those of the convolution over the input. Masks, states (h, c), `returnSequences` and the
 * other options of recurrent layers: see `rnn`; dropout drops the same inputs and states at all steps.
 *
 * - input: float32 [batch, time, length, channels]
 * - output: float32 [batch, length', filters], the last one, or [batch, time, length', filters] with `returnSequences`; length'
 *   as for `conv1d`
 * - weights: kernel W [kernelSize, channels, 4 filters], recurrentKernel U [kernelSize, filters, 4 filters], bias b [4 filters]
 *
 * @throws Error when an argument is not valid; when applied, if the shapes do not fit
 *
 * @example
 * layers.convLstm1d({ filters: 8, kernelSize: 3, padding: 'same', inputShape: [10, 32, 4] });
 *
 * Source: Shi et al., "Convolutional LSTM network: a machine learning approach for precipitation nowcasting", NeurIPS 2015.
 */
export const convLstm1d = (options: ConvLstmOptions): Recurrent => convLstm(1, options);

/**
 * A long short-term memory whose products are convolutions, over sequences of images. Formula, masks and options: see
 * `convLstm1d`.
 *
 * - input: float32 [batch, time, height, width, channels]
 * - output: float32 [batch, height', width', filters], or [batch, time, height', width', filters] with `returnSequences`
 * - weights: kernel [...kernelSize, channels, 4 filters], recurrentKernel [...kernelSize, filters, 4 filters], bias [4 filters]
 *
 * @throws Error when an argument is not valid; when applied, if the shapes do not fit
 *
 * @example
 * layers.convLstm2d({ filters: 16, kernelSize: 3, padding: 'same', returnSequences: true, inputShape: [10, 32, 32, 1] });
 *
 * Source: Shi et al., "Convolutional LSTM network: a machine learning approach for precipitation nowcasting", NeurIPS 2015.
 */
export const convLstm2d = (options: ConvLstmOptions): Recurrent => convLstm(2, options);

/**
 * A long short-term memory whose products are convolutions, over sequences of volumes. Formula, masks and options: see
 * `convLstm1d`.
 *
 * - input: float32 [batch, time, depth, height, width, channels]
 * - output: float32 [batch, depth', height', width', filters], or with `returnSequences` all steps of it, [batch, time, ...]
 * - weights: kernel [...kernelSize, channels, 4 filters], recurrentKernel [...kernelSize, filters, 4 filters], bias [4 filters]
 *
 * @throws Error when an argument is not valid; when applied, if the shapes do not fit
 *
 * @example
 * layers.convLstm3d({ filters: 4, kernelSize: 2, inputShape: [5, 8, 8, 8, 1] });
 *
 * Source: Shi et al., "Convolutional LSTM network: a machine learning approach for precipitation nowcasting", NeurIPS 2015.
 */
export const convLstm3d = (options: ConvLstmOptions): Recurrent => convLstm(3, options);
