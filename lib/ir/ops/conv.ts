import { asTensor, checkOptions, make, type Operand, opError, show } from '../build.js';
import { formatType, type Tensor } from '../graph.js';
import { productAttributes } from '../precision.js';
import { cast } from './elementwise.js';
import { reshape } from './shape.js';
import { checkWindow, explicitCells, type Padding, type PerAxis, perAxis, placeWindows, sameCells } from './windows.js';

export type { Padding, PerAxis } from './windows.js';

export interface ConvOptions {
  /** How far the window moves. Default: 1. */
  readonly strides?: PerAxis;
  /** Zeros around the input. Default: 'valid'. */
  readonly padding?: Padding;
  /** Distance between the cells that neighbouring taps see. Default: 1. */
  readonly dilationRate?: PerAxis;
}

/**
 * Convolution (cross-correlation) over one to three spatial axes, channels last:
 *
 * y[n, j, f] = sum over taps t and channels c of x[n, j * stride + t * dilation - before, c] * kernel[t, c, f]
 *
 * with zeros outside the input. Groups follow from the shapes: C / kernel channels of them, each with its own part of the
 * channels and filters.
 *
 * An infinity or NaN may make NaN of neighbouring results: windows of 3 and more are computed by tiles, groups of a few
 * filters several at a time.
 *
 * @param x float32 [N, ...spatial, C]
 * @param kernel float32 [...window, C / groups, F]
 * @returns float32 [N, ...out, F], out = floor((size + before + after - (window - 1) * dilation - 1) / stride) + 1
 * @throws Error when ranks or channels do not fit, an option is not valid, or no window fits
 *
 * @example
 * ops.conv(images, kernel, { strides: 2, padding: 'same' }); // [32, 28, 28, 1] with [3, 3, 1, 8]: [32, 14, 14, 8]
 */
export function conv(x: Operand, kernel: Operand, options: ConvOptions = {}): Tensor {
  return convolve('conv', x, kernel, options);
}

function convolve(op: string, x: Operand, kernel: Operand, options: ConvOptions): Tensor {
  checkOptions(op, options);
  const [input, weights] = pixelsAndKernel(op, x, kernel);
  const rank = input.rank - 2;
  const [channels, perGroup, filters] = [input.shape.at(-1), ...weights.shape.slice(-2)] as [number, number, number];
  const groups = channels / perGroup;
  if (!Number.isInteger(groups) || groups < 1 || filters % groups !== 0) {
    throw opError(
      op,
      `the kernel's ${perGroup} channels must divide the input's, and the groups its filters: ` +
        `${formatType(input)} with kernel ${formatType(weights)}`,
    );
  }
  const strides = perAxis(op, 'strides', options.strides ?? 1, rank);
  const dilation = perAxis(op, 'dilationRate', options.dilationRate ?? 1, rank);
  const window = weights.shape.slice(0, -2);
  const { pads, out } = placeWindows(
    op,
    input.shape.slice(1, -1),
    window,
    strides,
    dilation,
    options.padding ?? 'valid',
  );
  const padding = pads.map(([before]) => before);
  const shape = [input.shape[0] as number, ...out, filters];
  // A depthwise convolution is no product: it multiplies channel by channel, in float32.
  const depthwise = groups > 1 && perGroup === 1 && filters === groups;
  const attrs = { strides, dilation, padding, groups, ...(depthwise ? {} : productAttributes()) };
  return make('conv', [input, weights], attrs, shape, 'float32');
}

/**
 * Convolution of every channel on its own, with `multiplier` filters each:
 * y[n, j, c * multiplier + m] = sum over taps t of x[n, j * stride + t * dilation - before, c] * kernel[t, c, m].
 *
 * @param x float32 [N, ...spatial, C]
 * @param kernel float32 [...window, C, multiplier]
 * @returns float32 [N, ...out, C * multiplier]
 * @throws Error as `conv`
 *
 * @example
 * ops.depthwiseConv(images, kernel, { padding: 'same' }); // [8, 32, 32, 16] with [3, 3, 16, 2]: [8, 32, 32, 32]
 */
export function depthwiseConv(x: Operand, kernel: Operand, options: ConvOptions = {}): Tensor {
  return depthwise('depthwiseConv', x, kernel, options);
}

function depthwise(op: string, x: Operand, kernel: Operand, options: ConvOptions): Tensor {
  const [input, weights] = pixelsAndKernel(op, x, kernel);
  const [channels, multiplier] = weights.shape.slice(-2) as [number, number];
  if (channels !== input.shape.at(-1)) {
    throw opError(op, `kernel ${formatType(weights)} is for ${channels} channels, got input ${formatType(input)}`);
  }
  const grouped = reshape(weights, [...weights.shape.slice(0, -2), 1, channels * multiplier]);
  return convolve(op, input, grouped, options);
}

/**
 * A depthwise convolution, then one over the channels with a window of 1 (Chollet, 2017).
 *
 * @param x float32 [N, ...spatial, C]
 * @param depthwiseKernel float32 [...window, C, multiplier]
 * @param pointwiseKernel float32 [1, ..., C * multiplier, F]
 * @returns float32 [N, ...out, F]
 * @throws Error as `conv`
 *
 * @example
 * ops.separableConv(images, depthwise, pointwise, { padding: 'same' });
 */
export function separableConv(
  x: Operand,
  depthwiseKernel: Operand,
  pointwiseKernel: Operand,
  options: ConvOptions = {},
): Tensor {
  const op = 'separableConv';
  return convolve(op, depthwise(op, x, depthwiseKernel, options), pointwiseKernel, {});
}

export interface ConvTransposeOptions {
  /** How far neighbouring inputs are apart in the output. Default: 1. */
  readonly strides?: PerAxis;
  /** 'valid', 'same' or pairs: what the convolution that is transposed would use. Default: 'valid'. */
  readonly padding?: Exclude<Padding, 'causal'>;
  /** Cells by which the output is longer after the last; smaller than the stride or the dilation. */
  readonly outputPadding?: PerAxis;
  /** Distance between the cells that neighbouring taps reach. Default: 1. */
  readonly dilationRate?: PerAxis;
  /** Parts of the channels and filters that only see each other. Default: 1. */
  readonly groups?: number;
}

/**
 * Transposed convolution: the adjoint of `conv`, which turns [N, ...spatial, C] into something `stride` times as large.
 * Every input cell adds kernel * x at j * stride + t * dilation - before of the output.
 *
 * Output sizes, with extent = (window - 1) * dilation + 1:
 * - 'valid': (size - 1) * stride + max(extent, stride)
 * - 'same': size * stride
 * - with `outputPadding` or a list: (size - 1) * stride + extent - before - after + outputPadding, where 'same' takes off
 *   floor(extent / 2) on both sides
 *
 * @param x float32 [N, ...spatial, C]
 * @param kernel float32 [...window, F / groups, C] (Keras's order)
 * @returns float32 [N, ...out, F]
 * @throws Error when ranks or channels do not fit or an option is not valid
 *
 * @example
 * ops.convTranspose(codes, kernel, { strides: 2, padding: 'same' }); // [8, 7, 7, 32] with [3, 3, 16, 32]: [8, 14, 14, 16]
 */
export function convTranspose(x: Operand, kernel: Operand, options: ConvTransposeOptions = {}): Tensor {
  const op = 'convTranspose';
  const [input, weights] = pixelsAndKernel(op, x, kernel);
  const rank = input.rank - 2;
  checkOptions(op, options);
  const { padding = 'valid', groups = 1 } = options;
  const [perGroup, channels] = weights.shape.slice(-2) as [number, number];
  if (channels !== input.shape.at(-1)) {
    throw opError(op, `kernel ${formatType(weights)} is for ${channels} channels, got input ${formatType(input)}`);
  }
  if (!Number.isInteger(groups) || groups < 1 || channels % groups !== 0) {
    throw opError(op, `groups must be a whole number that divides the ${channels} channels, got ${show(groups)}`);
  }
  const strides = perAxis(op, 'strides', options.strides ?? 1, rank);
  const dilation = perAxis(op, 'dilationRate', options.dilationRate ?? 1, rank);
  const longer =
    options.outputPadding === undefined ? undefined : perAxis(op, 'outputPadding', options.outputPadding, rank, 0);
  const before: number[] = [];
  const out = input.shape.slice(1, -1).map((size, a) => {
    const [stride, extra] = [strides[a] as number, longer?.[a]];
    const extent = ((weights.shape[a] as number) - 1) * (dilation[a] as number) + 1;
    if (extra !== undefined && extra >= Math.max(stride, dilation[a] as number)) {
      throw opError(
        op,
        `outputPadding ${extra} must be smaller than the stride ${stride} or the dilation ${dilation[a]}`,
      );
    }
    if (typeof padding === 'string' && extra === undefined) {
      if (padding !== 'valid' && padding !== 'same') explicitCells(op, padding, a, rank);
      before.push(padding === 'valid' ? 0 : sameCells(size * stride, extent, stride)[0]);
      return padding === 'valid' ? (size - 1) * stride + Math.max(extent, stride) : size * stride;
    }
    const [low, high] =
      padding === 'valid'
        ? [0, 0]
        : padding === 'same'
          ? [Math.floor(extent / 2), Math.floor(extent / 2)]
          : explicitCells(op, padding, a, rank);
    before.push(low);
    const length = (size - 1) * stride + extent - low - high + (extra ?? 0);
    if (length < 1) throw opError(op, `padding [${low}, ${high}] leaves nothing of spatial axis ${a} of size ${size}`);
    return length;
  });
  const depthwise = groups > 1 && perGroup === 1 && channels === groups;
  const attrs = { strides, dilation, padding: before, groups, ...(depthwise ? {} : productAttributes()) };
  return make(
    'convInputGrad',
    [input, weights],
    attrs,
    [input.shape[0] as number, ...out, perGroup * groups],
    'float32',
  );
}

/** Both as float32, of one rank from 3 to 5, the window within bounds. */
function pixelsAndKernel(op: string, x: Operand, kernel: Operand): [Tensor, Tensor] {
  const input = cast(asTensor(op, 'x', x), 'float32');
  const weights = cast(asTensor(op, 'kernel', kernel), 'float32');
  if (input.rank < 3 || input.rank > 5 || weights.rank !== input.rank) {
    throw opError(
      op,
      `expected x [N, ...spatial, C] with one to three spatial axes and a kernel of the same rank, ` +
        `got ${formatType(input)} and kernel ${formatType(weights)}`,
    );
  }
  checkWindow(op, 'the window of the kernel', weights.shape.slice(0, -2));
  return [input, weights];
}
