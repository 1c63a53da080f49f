import {
  asTensor,
  checkNumber,
  checkOperands,
  checkOptions,
  normalizeAxes,
  normalizeAxis,
  type Operand,
  opError,
  show,
} from '../build.js';
import { affinely } from '../composites/normalization.js';
import { formatType, Tensor } from '../graph.js';
import { add, cast, maximum, multiply, reciprocal, rsqrt, square, subtract } from './elementwise.js';
import { normalizedRows, standardize, standardizeFew } from './normalize-rows.js';
import { type Axes, mean, norm, sum } from './reduce.js';
import { repeat, reshape } from './shape.js';

function checkEpsilon(op: string, epsilon: unknown): void {
  if (!Number.isFinite(epsilon)) throw opError(op, `epsilon must be a finite number, got ${show(epsilon)}`);
}

/** x as float32, and the other arguments of a normalization over axes checked. */
function normalizable(op: string, x: Operand, axes: Axes, options: NormalizationOptions): Tensor {
  const t = cast(asTensor(op, 'x', x), 'float32');
  normalizeAxes(op, axes, t.rank);
  checkOptions(op, options);
  const { epsilon = 0, scale, offset } = options;
  checkEpsilon(op, epsilon);
  if (scale !== undefined) checkOperands(op, { x: t, scale });
  if (offset !== undefined) checkOperands(op, { x: t, offset });
  return t;
}

/** A vector of one value per element of an axis, shaped to broadcast against x. */
function along(op: string, argument: string, x: Tensor, axis: number, v: Tensor): Tensor {
  if (!(v instanceof Tensor) || v.rank !== 1 || v.size !== x.shape[axis]) {
    throw opError(op, `${argument} must have shape [${x.shape[axis]}] (axis ${axis} of x), got ${formatType(v)}`);
  }
  return reshape(
    v,
    x.shape.map((n, i) => (i === axis ? n : 1)),
  );
}

export interface BatchNormalizationOptions {
  /** Axis of the channels. Default: -1. */
  readonly axis?: number;
  /** gamma, [channels]. Default: 1. */
  readonly scale?: Tensor;
  /** beta, [channels]. Default: 0. */
  readonly offset?: Tensor;
  /** Added to the variance. Default: 1e-3. */
  readonly epsilon?: number;
}

/**
 * (x - mean) / sqrt(variance + epsilon) * scale + offset, with given statistics for each channel: those of the batch in
 * training (`moments` over all other axes), moving averages in inference.
 *
 * @param mean [channels]
 * @param variance [channels]
 * @throws Error when a shape does not fit
 *
 * @example
 * const { mean, variance } = ops.moments(x, [0, 1, 2]);
 * ops.batchNormalization(x, mean, variance, { scale: gamma, offset: beta });
 *
 * Source: Ioffe and Szegedy, "Batch normalization", ICML 2015.
 */
export function batchNormalization(
  x: Operand,
  mean: Tensor,
  variance: Tensor,
  options: BatchNormalizationOptions = {},
): Tensor {
  const op = 'batchNormalization';
  const t = cast(asTensor(op, 'x', x), 'float32');
  checkOptions(op, options);
  const axis = normalizeAxis(op, options.axis ?? -1, t.rank);
  const { scale, offset, epsilon = 1e-3 } = options;
  checkEpsilon(op, epsilon);
  const inverse = rsqrt(add(along(op, 'variance', t, axis, variance), epsilon));
  const factor = scale === undefined ? inverse : multiply(inverse, along(op, 'scale', t, axis, scale));
  const centered = subtract(t, along(op, 'mean', t, axis, mean));
  return affinely(centered, factor, offset === undefined ? undefined : along(op, 'offset', t, axis, offset));
}

export interface NormalizationOptions {
  /** What the result is multiplied by. Default: 1. */
  readonly scale?: Tensor;
  /** What is added to it. Default: 0. */
  readonly offset?: Tensor;
  /** Added inside the square root. Default: 1e-3. */
  readonly epsilon?: number;
}

/**
 * (x - mean) / sqrt(variance + epsilon) * scale + offset, with mean and biased variance over `axes` of each sample.
 *
 * @param axes default: -1
 * @param options `scale` and `offset` broadcast against x: for the last axes, of their shape
 *
 * Source: Ba, Kiros and Hinton, "Layer normalization", 2016.
 */
export function layerNormalization(x: Operand, axes: Axes = -1, options: NormalizationOptions = {}): Tensor {
  const t = normalizable('layerNormalization', x, axes, options);
  const { epsilon = 1e-3, scale, offset } = options;
  return (
    normalizedRows(t, axes, epsilon, true, scale, offset) ?? affinely(standardize(t, axes, epsilon), scale, offset)
  );
}

/**
 * x / sqrt(mean(x^2) + epsilon) * scale, with the mean over `axes`.
 *
 * @param axes default: -1
 * @param options `epsilon` is 1e-6 by default
 *
 * Source: Zhang and Sennrich, "Root mean square layer normalization", NeurIPS 2019.
 */
export function rmsNormalization(
  x: Operand,
  axes: Axes = -1,
  options: Omit<NormalizationOptions, 'offset'> = {},
): Tensor {
  const t = normalizable('rmsNormalization', x, axes, options);
  const { epsilon = 1e-6, scale } = options;
  const byRows = normalizedRows(t, axes, epsilon, false, scale, undefined);
  if (byRows !== undefined) return byRows;
  const inverse = rsqrt(add(mean(square(t), axes, { keepDims: true }), epsilon));
  return affinely(multiply(t, inverse), scale, undefined);
}

/**
 * (x - mean) / sqrt(variance + epsilon) * scale, with statistics of each group of channels. They are taken of channels first
 * and then of groups, and each channel has its own: what runs over all of x has whole rows of channels, however few a group has.
 *
 * @param scale broadcasts against x, as one value for each channel
 */
function standardizeGroups(x: Tensor, groups: number, axis: number, epsilon: number, scale?: Tensor): Tensor {
  const size = (x.shape[axis] as number) / groups;
  const split = [...x.shape.slice(0, axis), groups, size, ...x.shape.slice(axis + 1)];
  const within = [...split.keys()].filter((i) => i !== 0 && i !== axis);
  const few = standardizeFew(reshape(x, split), within, epsilon);
  if (few !== undefined) return affinely(reshape(few, x.shape), scale, undefined);
  const positions = [...x.shape.keys()].filter((i) => i !== 0 && i !== axis);
  const average = (v: Tensor): Tensor => {
    const means = mean(reshape(mean(v, positions), [x.shape[0] as number, groups, size]), -1);
    return reshape(
      repeat(means, size, 1),
      x.shape.map((n, i) => (positions.includes(i) ? 1 : n)),
    );
  };
  const centered = subtract(x, average(x));
  return multiply(centered, affinely(rsqrt(add(average(square(centered)), epsilon)), scale, undefined));
}

/**
 * Layer normalization within groups of channels: statistics over a group and all axes but the batch. With one group per
 * channel it is instance normalization.
 *
 * @param x [batch, ..., channels] or with the channels on another `axis`
 * @param options `scale` and `offset` of shape [channels]
 * @throws Error when the channels cannot be divided into `groups`
 *
 * Source: Wu and He, "Group normalization", ECCV 2018.
 */
export function groupNormalization(
  x: Operand,
  groups: number,
  options: NormalizationOptions & { readonly axis?: number } = {},
): Tensor {
  const op = 'groupNormalization';
  const t = cast(asTensor(op, 'x', x), 'float32');
  checkOptions(op, options);
  const axis = normalizeAxis(op, options.axis ?? -1, t.rank);
  const channels = t.shape[axis] as number;
  const { scale, offset, epsilon = 1e-3 } = options;
  checkEpsilon(op, epsilon);
  if (axis === 0) throw opError(op, 'axis 0 is the batch, not the channels');
  if (!Number.isInteger(groups) || groups < 1 || channels % groups !== 0) {
    throw opError(op, `${channels} channels (axis ${axis}) cannot be divided into ${show(groups)} groups`);
  }
  const channelwise = (name: string, v: Tensor | undefined) =>
    v === undefined ? undefined : along(op, name, t, axis, v);
  const scaled = standardizeGroups(t, groups, axis, epsilon, channelwise('scale', scale));
  return affinely(scaled, undefined, channelwise('offset', offset));
}

/**
 * x divided by its p-norm over axes, so that it has length 1. Vectors shorter than `epsilon` are divided by that.
 *
 * @param axes default: -1
 * @param options `order` p (default 2); `epsilon` (default 1e-12)
 */
export function normalize(
  x: Operand,
  axes: Axes = -1,
  options: { readonly order?: number; readonly epsilon?: number } = {},
): Tensor {
  const t = normalizable('normalize', x, axes, options);
  const { order = 2, epsilon = 1e-12 } = options;
  checkNumber('normalize', 'order', order);
  if (Number.isNaN(order)) throw opError('normalize', 'order must be a number, got NaN');
  // the root of a maximum has a derivative at 0, a maximum with a root has none
  if (order === 2) {
    return multiply(t, rsqrt(maximum(sum(square(t), axes, { keepDims: true }), Math.max(epsilon * epsilon, 1e-37))));
  }
  return multiply(t, reciprocal(maximum(norm(t, axes, { ord: order, keepDims: true }), epsilon)));
}
