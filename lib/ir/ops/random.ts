import {
  asTensor,
  broadcastShapes,
  broadcastTo,
  checkDType,
  checkNumber,
  checkOperands,
  checkOptions,
  checkScalar,
  checkShape,
  checkTensor,
  make,
  normalizeAxis,
  type Operand,
  opError,
  scalar,
  show,
} from '../build.js';
import { type DType, formatType, type Shape, sameShape, sizeOf, type Tensor } from '../graph.js';
import { currentRandom } from '../random-source.js';
import { add, cast, cos, less, log, multiply, sqrt, where } from './elementwise.js';

export interface RandomOptions {
  /** Draw the same numbers for the same seed, independent of anything else. Required outside a model. */
  readonly seed?: number;
}

function draw(op: string, shape: Shape, options: RandomOptions): Tensor {
  checkShape(op, shape);
  checkOptions(op, options);
  let from = currentRandom();
  if (options.seed !== undefined) {
    if (!Number.isInteger(options.seed)) throw opError(op, `seed must be a whole number, got ${show(options.seed)}`);
    from = { seed: scalar(options.seed | 0, 'int32'), counter: scalar(0, 'int32'), nextStream: () => 0 };
  }
  if (from === undefined) throw opError(op, 'outside a model a seed is needed: { seed: 1 }');
  const stream = from.nextStream();
  return make(
    'random',
    [broadcastTo(from.seed, shape), broadcastTo(from.counter, shape)],
    { stream },
    [...shape],
    'float32',
  );
}

/** Uniform in [low, high): Philox4x32-10, 24 bits (Salmon et al., 2011). */
export function randomUniform(shape: Shape, low = 0, high = 1, options: RandomOptions = {}): Tensor {
  checkNumber('randomUniform', 'low', low);
  checkNumber('randomUniform', 'high', high);
  const u = draw('randomUniform', shape, options);
  return low === 0 && high === 1 ? u : add(multiply(u, high - low), low);
}

/** Normal with the given mean and standard deviation: Box-Muller on two uniforms. */
export function randomNormal(shape: Shape, mean = 0, stddev = 1, options: RandomOptions = {}): Tensor {
  checkShape('randomNormal', shape);
  checkScalar('randomNormal', 'mean', mean);
  checkScalar('randomNormal', 'stddev', stddev);
  // one draw of twice the length gives both uniforms, also when a seed fixes the stream
  const pairs = draw('randomNormal', [2, sizeOf(shape)], options);
  const half = (i: number) => make('slice', [pairs], { start: [i, 0], step: [1, 1] }, [1, sizeOf(shape)], 'float32');
  const radius = sqrt(multiply(-2, log(add(multiply(half(0), -1), 1))));
  const z = multiply(radius, cos(multiply(half(1), 2 * Math.PI)));
  const flat = add(multiply(z, stddev), mean);
  return make('reshape', [flat], {}, [...shape], 'float32');
}

/** True with the given probability. */
export function randomBernoulli(shape: Shape, probability: number, options: RandomOptions = {}): Tensor {
  const u = draw('randomBernoulli', shape, options);
  checkOperands('randomBernoulli', { u, probability });
  return less(u, probability);
}

/**
 * Sets elements to 0 with probability `rate` and scales the others by 1 / (1 - rate), so that the expected sum stays.
 *
 * Source: Srivastava et al., Dropout, JMLR 2014.
 */
export function dropout(
  x: Tensor,
  rate: number,
  options: RandomOptions & { readonly noiseShape?: Shape } = {},
): Tensor {
  checkTensor('dropout', 'x', x);
  checkNumber('dropout', 'rate', rate);
  checkOptions('dropout', options);
  if (!(rate >= 0 && rate <= 1)) throw opError('dropout', `rate must be between 0 and 1, got ${show(rate)}`);
  if (rate === 0) return x;
  const shape = options.noiseShape ?? x.shape;
  checkShape('dropout', shape);
  if (shape.length > x.rank || !sameShape(broadcastShapes('dropout', shape, x.shape), x.shape)) {
    throw opError('dropout', `noiseShape ${show(shape)} must broadcast to ${formatType(x)}`);
  }
  const keep = broadcastTo(less(draw('dropout', shape, options), 1 - rate), x.shape);
  return where(keep, rate === 1 ? 0 : multiply(x, 1 / (1 - rate)), 0);
}

/** 0, 1, ..., n-1 along `axis` of `shape`; a negative one counts from the end. */
export function iota(shape: Shape, axis: number, dtype: DType = 'int32'): Tensor {
  checkShape('iota', shape);
  const a = shape.length === 0 && axis === 0 ? 0 : normalizeAxis('iota', axis, shape.length); // one element: its axis is none
  checkDType('iota', dtype);
  // counted once along the axis: a number of each element's own would be a quotient and a remainder of its position
  const line = shape.map((n, i) => (i === a ? n : 1));
  const t = make('iota', [], { inner: 1, size: Math.max(shape[a] ?? 1, 1) }, line, 'int32');
  return broadcastTo(cast(t, dtype), shape);
}

/** The numbers start, start + step, ... below stop. */
export function arange(start: number, stop: number, step = 1, dtype: DType = 'float32'): Tensor {
  for (const [name, value] of Object.entries({ start, stop, step })) checkNumber('arange', name, value);
  checkDType('arange', dtype);
  const n = Math.max(0, Math.ceil((stop - start) / step));
  if (!Number.isFinite(n))
    throw opError('arange', `start ${start}, stop ${stop}, step ${step} do not give a finite range`);
  return cast(add(multiply(iota([n], 0, dtype === 'int32' ? 'int32' : 'float32'), step), start), dtype);
}

function filled(op: string, shape: Shape, value: Operand, dtype: DType): Tensor {
  checkShape(op, shape);
  checkDType(op, dtype);
  const t = asTensor(op, 'value', value, dtype);
  if (t.rank > shape.length || !sameShape(broadcastShapes(op, t.shape, shape), shape)) {
    throw opError(op, `a value ${formatType(t)} does not broadcast to [${shape.join(', ')}]`);
  }
  return broadcastTo(t, shape);
}

/** A tensor filled with one value. */
export const full = (shape: Shape, value: Operand, dtype: DType = 'float32'): Tensor =>
  filled('full', shape, value, dtype);
/** All 0. */
export const zeros = (shape: Shape, dtype: DType = 'float32'): Tensor => filled('zeros', shape, 0, dtype);
/** All 1. */
export const ones = (shape: Shape, dtype: DType = 'float32'): Tensor => filled('ones', shape, 1, dtype);
/** All 0, in the shape and dtype of x. */
export function zerosLike(x: Tensor): Tensor {
  checkTensor('zerosLike', 'x', x);
  return zeros(x.shape, x.dtype);
}
/** All 1, in the shape and dtype of x. */
export function onesLike(x: Tensor): Tensor {
  checkTensor('onesLike', 'x', x);
  return ones(x.shape, x.dtype);
}
/** One value in the shape of another tensor, and in its dtype unless another is given. */
export function fullLike(x: Tensor, value: Operand, dtype?: DType): Tensor {
  checkTensor('fullLike', 'x', x);
  return filled('fullLike', x.shape, value, dtype ?? x.dtype);
}
