/** Pixels made of their neighbours. */
import { asTensor, type Operand, opError, show, tensor } from '../build.js';
import { formatType, type Tensor } from '../graph.js';
import { add, cast, divide, exp, multiply, negative, square } from './elementwise.js';
import { gather } from './gather.js';
import { iota } from './random.js';
import { sum } from './reduce.js';
import { reshape, sliceAxis } from './shape.js';

/**
 * Weighted sums of pixels along axis 1 or 2 of images. What lies beyond the border is the pixel at the border.
 *
 * @param weights an odd number of them for each image or for all: [batch or 1, taps]
 */
function along(x: Tensor, axis: number, weights: Tensor): Tensor {
  const [n, taps] = [x.shape[axis] as number, weights.shape[1] as number];
  const half = (taps - 1) / 2;
  const at = Int32Array.from({ length: n + taps - 1 }, (_, i) => Math.min(Math.max(i - half, 0), n - 1));
  const wide = gather(x, tensor(at), axis);
  return Array.from({ length: taps }, (_, i) =>
    multiply(sliceAxis(wide, axis, i, i + n), reshape(sliceAxis(weights, 1, i, i + 1), [-1, 1, 1, 1])),
  ).reduce((a, b) => add(a, b));
}

/**
 * Blurs images: every pixel becomes a mean of its neighbours along both axes, with weights e^(-d² / 2 sigma²) at the distance d.
 * What lies beyond the border is the pixel at the border.
 *
 * @param x [batch, height, width, channels]
 * @param size of the window: an odd number
 * @param sigma a number, or one for each image, [batch]; all positive
 * @returns float32, the shape of x
 * @throws Error when an argument is not valid
 *
 * @example
 * ops.image.gaussianBlur(images, 5, 1.5);
 */
export function gaussianBlur(x: Operand, size: number, sigma: Operand): Tensor {
  const op = 'image.gaussianBlur';
  const t = cast(asTensor(op, 'x', x), 'float32');
  if (t.rank !== 4) throw opError(op, `expected x [batch, height, width, channels], got ${formatType(t)}`);
  if (!Number.isInteger(size) || size < 1 || size % 2 === 0) {
    throw opError(op, `size must be an odd number >= 1, got ${show(size)}`);
  }
  const width = asTensor(op, 'sigma', sigma);
  if (
    width.rank > 1 ||
    (width.rank === 1 && width.size !== t.shape[0]) ||
    (typeof sigma === 'number' && !(sigma > 0))
  ) {
    const got = typeof sigma === 'number' ? sigma : formatType(width);
    throw opError(op, `sigma must be a positive number or [${t.shape[0]}], got ${got}`);
  }
  const distance = add(iota([1, size], 1, 'float32'), -(size - 1) / 2);
  const bell = exp(multiply(negative(square(divide(distance, reshape(width, [-1, 1])))), 0.5));
  const weights = divide(bell, sum(bell, 1, { keepDims: true }));
  return along(along(t, 1, weights), 2, weights);
}

/**
 * Smoothed images: 1 / 13 of the eight neighbours of a pixel, and 5 / 13 of itself. What lies beyond the border is the pixel at
 * the border.
 */
export function smooth(x: Tensor): Tensor {
  const box = tensor([[1, 1, 1]]);
  return divide(add(along(along(x, 1, box), 2, box), multiply(x, 4)), 13);
}
