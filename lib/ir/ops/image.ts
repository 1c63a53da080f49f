/** Operations on images [batch, height, width, channels]. */
import {
  asTensor,
  broadcastTo,
  checkNumber,
  checkOptions,
  checkScalar,
  type Operand,
  opError,
  show,
  tensor,
} from '../build.js';
import { formatType, type Tensor } from '../graph.js';
import {
  abs,
  add,
  cast,
  divide,
  floor,
  greaterEqual,
  less,
  logicalAnd,
  maximum,
  minimum,
  mod,
  multiply,
  sign,
  subtract,
  where,
} from './elementwise.js';
import { gather } from './gather.js';
import { iota } from './random.js';
import { linearTaps, resample } from './resample.js';
import { pad, reshape, slice, sliceAxis } from './shape.js';
import { perAxis } from './windows.js';

export { hsvToRgb, rgbToGrayscale, rgbToHsv } from './image-color.js';
export { gaussianBlur } from './image-filter.js';

export type Interpolation = 'nearest' | 'bilinear';

/**
 * What lies beyond the border of an image `a b c d`:
 *
 * - 'constant': one value, k k k | a b c d | k k k
 * - 'nearest': the pixel at the border, a a a | a b c d | d d d
 * - 'reflect': the mirror image with that pixel, c b a | a b c d | d c b
 * - 'wrap': the image again, b c d | a b c d | a b c
 */
export type FillMode = 'constant' | 'nearest' | 'reflect' | 'wrap';

export interface ResizeOptions {
  /** Default: 'bilinear'. */
  readonly interpolation?: Interpolation;
  /** Whether a smaller 'bilinear' image is an average of all pixels, not of the nearest four. Default: false. */
  readonly antialias?: boolean;
  /** Whether to cut off the borders that are too much for the new aspect ratio, rather than distort. Default: false. */
  readonly cropToAspectRatio?: boolean;
  /** Whether to add borders that are missing for the new aspect ratio, rather than distort. Default: false. */
  readonly padToAspectRatio?: boolean;
  /** What those borders hold. Default: 0. */
  readonly fillValue?: number;
}

export interface AffineTransformOptions {
  /** Default: 'bilinear'. */
  readonly interpolation?: Interpolation;
  /** Default: 'constant'. */
  readonly fillMode?: FillMode;
  /** With fill mode 'constant'. Default: 0. */
  readonly fillValue?: number;
}

/** [batch, height, width, channels] as float32. */
function images(op: string, x: Operand): Tensor {
  const t = asTensor(op, 'x', x);
  if (t.rank !== 4) throw opError(op, `expected x [batch, height, width, channels], got ${formatType(t)}`);
  return cast(t, 'float32');
}

function oneOf(op: string, name: string, value: string, known: readonly string[]): void {
  if (known.includes(value)) return;
  throw opError(op, `${name} must be one of ${known.map((k) => `'${k}'`).join(', ')}, got ${show(value)}`);
}

/** The largest window of an aspect ratio inside a size, or the smallest around it. */
function withAspect(
  [height, width]: readonly [number, number],
  [rows, columns]: readonly [number, number],
  pick: (a: number, b: number) => number,
): [number, number] {
  return [
    Math.max(1, pick(height, Math.floor((width * rows) / columns))),
    Math.max(1, pick(width, Math.floor((height * columns) / rows))),
  ];
}

/**
 * Images of another size. New pixels are placed so that the areas of both images cover each other: pixel i of an axis has
 * its centre at (i + 1/2) * old / new - 1/2. 'nearest' takes the pixel whose area holds that point, 'bilinear' interpolates
 * between the pixels around it.
 *
 * @param x [batch, height, width, channels]
 * @param size one number, or [height, width]
 * @returns float32 [batch, ...size, channels]
 * @throws Error when an argument is not valid
 *
 * @example
 * ops.image.resize(images, [64, 96], { cropToAspectRatio: true });
 */
export function resize(x: Operand, size: number | readonly [number, number], options: ResizeOptions = {}): Tensor {
  const op = 'image.resize';
  checkOptions(op, options);
  const { interpolation = 'bilinear', antialias = false, fillValue = 0 } = options;
  checkNumber(op, 'fillValue', fillValue);
  let t = images(op, x);
  const target = perAxis(op, 'size', size, 2) as [number, number];
  oneOf(op, 'interpolation', interpolation, ['nearest', 'bilinear']);
  const given = t.shape.slice(1, 3) as [number, number];
  if (options.cropToAspectRatio === true && options.padToAspectRatio === true) {
    throw opError(op, 'cropToAspectRatio and padToAspectRatio exclude each other');
  }
  if (options.cropToAspectRatio === true) t = centerCrop(t, withAspect(given, target, Math.min));
  if (options.padToAspectRatio === true) {
    const borders = withAspect(given, target, Math.max).map((n, a): [number, number] => {
      const border = Math.floor((n - (given[a] as number)) / 2);
      return [border, border];
    });
    t = pad(t, [[0, 0], ...borders, [0, 0]], fillValue);
  }
  return target.reduce((image, to, a) => {
    const from = image.shape[a + 1] as number;
    if (from === to) return image;
    if (interpolation === 'bilinear') return resample(image, a + 1, to, linearTaps(from, to, antialias));
    return gather(image, tensor(Int32Array.from({ length: to }, (_, i) => Math.floor(((i + 0.5) * from) / to))), a + 1);
  }, t);
}

/**
 * The middle of images; of an odd number of pixels that are left over, the extra one is below or on the right. No data moves.
 *
 * @param x [batch, height, width, channels]
 * @param size one number, or [height, width]
 * @returns float32 [batch, ...size, channels]
 * @throws Error when `size` is not valid, or larger than the images
 *
 * @example
 * ops.image.centerCrop(images, 24);
 */
export function centerCrop(x: Operand, size: number | readonly [number, number]): Tensor {
  const op = 'image.centerCrop';
  const t = images(op, x);
  const [batch, rows, columns, channels] = t.shape as [number, number, number, number];
  const [height, width] = perAxis(op, 'size', size, 2) as [number, number];
  if (height > rows || width > columns) {
    throw opError(op, `a window of ${height} x ${width} pixels does not fit into ${formatType(t)}`);
  }
  const start = [0, Math.floor((rows - height) / 2), Math.floor((columns - width) / 2), 0];
  return slice(t, start, [batch, height, width, channels]);
}

/**
 * Moves, rotates, scales or shears images. `transform` says where an output pixel comes from (it is the inverse of what
 * happens to the picture): the pixel in column x and row y is taken from
 *
 *     column (a0 x + a1 y + a2) / k, row (b0 x + b1 y + b2) / k,  k = c0 x + c1 y + 1
 *
 * of the input, interpolated between the pixels around that point. Differentiable with respect to both arguments.
 *
 * @param x [batch, height, width, channels]
 * @param transform [batch, 6] or, for all images alike, [6]: a0, a1, a2, b0, b1, b2; or 8 numbers, with c0, c1 (otherwise 0)
 * @returns float32, the shape of x
 * @throws Error when an argument is not valid
 *
 * @example
 * ops.image.affineTransform(images, tensor([1, 0, -5, 0, 1, 0]), { fillMode: 'nearest' }); // five pixels to the right
 */
export function affineTransform(x: Operand, transform: Operand, options: AffineTransformOptions = {}): Tensor {
  const op = 'image.affineTransform';
  const t = images(op, x);
  const matrix = cast(asTensor(op, 'transform', transform), 'float32');
  const [batch, height, width] = t.shape as [number, number, number];
  const count = matrix.shape.at(-1);
  const fits = matrix.rank === 1 || (matrix.rank === 2 && matrix.shape[0] === batch);
  if (!fits || (count !== 6 && count !== 8)) {
    throw opError(op, `transform must be [6], [8], [${batch}, 6] or [${batch}, 8], got ${formatType(matrix)}`);
  }
  const entries = Array.from({ length: count }, (_, i) => reshape(sliceAxis(matrix, -1, i, i + 1), [-1, 1, 1]));
  const [column, row] = [2, 1].map((axis) => iota([1, height, width], axis, 'float32')) as [Tensor, Tensor];
  /** p column + q row + r */
  const linear = (p: Operand, q: Operand, r: Operand) => add(add(multiply(p, column), multiply(q, row)), r);
  const [a0, a1, a2, b0, b1, b2, c0, c1] = entries as [
    Tensor,
    Tensor,
    Tensor,
    Tensor,
    Tensor,
    Tensor,
    Tensor?,
    Tensor?,
  ];
  const points = [linear(b0, b1, b2), linear(a0, a1, a2)];
  const [y, xs] = c0 === undefined || c1 === undefined ? points : points.map((p) => divide(p, linear(c0, c1, 1)));
  return sample(op, t, y as Tensor, xs as Tensor, options);
}

/** Where a whole position along an axis of size `n` is read, and whether there is something. */
function inside(at: Tensor, n: number, mode: FillMode): { readonly index: Tensor; readonly exists?: Tensor } {
  const clamped = () => minimum(maximum(at, 0), n - 1);
  if (mode === 'constant') {
    return { index: clamped(), exists: logicalAnd(greaterEqual(at, 0), less(at, n)) };
  }
  if (mode === 'nearest') return { index: clamped() };
  if (mode === 'wrap') return { index: mod(at, n) };
  const twice = mod(at, 2 * n);
  return { index: minimum(twice, subtract(2 * n - 1, twice)) };
}

/** Values at the points (y, x), each [batch or 1, height, width]. */
function sample(op: string, t: Tensor, y: Tensor, x: Tensor, options: AffineTransformOptions): Tensor {
  checkOptions(op, options);
  const { interpolation = 'bilinear', fillMode = 'constant', fillValue = 0 } = options;
  oneOf(op, 'interpolation', interpolation, ['nearest', 'bilinear']);
  checkScalar(op, 'fillValue', fillValue);
  oneOf(op, 'fillMode', fillMode, ['constant', 'nearest', 'reflect', 'wrap']);
  const [batch, height, width, channels] = t.shape as [number, number, number, number];
  const points = [batch, ...y.shape.slice(1)];
  const pixels = reshape(t, [-1, channels]);
  const image = multiply(iota(points, 0), height * width);
  const at = (rows: Tensor, columns: Tensor): Tensor => {
    const [r, c] = [inside(rows, height, fillMode), inside(columns, width, fillMode)];
    const index = add(multiply(cast(r.index, 'int32'), width), cast(c.index, 'int32'));
    const value = gather(pixels, add(image, index));
    if (r.exists === undefined || c.exists === undefined) return value;
    const exists = broadcastTo(reshape(logicalAnd(r.exists, c.exists), [-1, ...y.shape.slice(1), 1]), value.shape);
    return where(exists, value, fillValue);
  };
  // halves are rounded away from zero
  const nearest = (v: Tensor) => multiply(sign(v), floor(add(abs(v), 0.5)));
  if (interpolation === 'nearest') return at(nearest(y), nearest(x));
  const [top, left] = [floor(y), floor(x)];
  const along = (from: Tensor, low: Tensor) => reshape(subtract(from, low), [-1, ...y.shape.slice(1), 1]);
  /** a (1 - weight) + b weight */
  const mix = (a: Tensor, b: Tensor, weight: Tensor) => add(a, multiply(subtract(b, a), weight));
  const [bottom, right] = [add(top, 1), add(left, 1)];
  const [down, across] = [along(y, top), along(x, left)];
  return mix(mix(at(top, left), at(top, right), across), mix(at(bottom, left), at(bottom, right), across), down);
}
