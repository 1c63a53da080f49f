import type { Operand } from '../../ir/build.js';
import type { Tensor } from '../../ir/graph.js';
import { add, cos, divide, multiply, negative, sin, subtract } from '../../ir/ops/elementwise.js';
import { type AffineTransformOptions, affineTransform, type FillMode, type Interpolation } from '../../ir/ops/image.js';
import { full } from '../../ir/ops/random.js';
import { broadcastTo, concatenate } from '../../ir/ops/shape.js';
import { argumentError, numberIn, oneOf } from '../arguments.js';
import type { Layer } from '../layer.js';
import type { RandomLayerOptions } from '../random-layer.js';
import { drawFor, type Factor, factorBounds } from './arguments.js';
import { RandomImage } from './random-image.js';

export interface WarpOptions extends RandomLayerOptions {
  /** What lies beyond the border, see `ops.image.affineTransform`. Default: 'reflect'. */
  readonly fillMode?: FillMode;
  /** With fill mode 'constant'. Default: 0. */
  readonly fillValue?: number;
  /** Default: 'bilinear'. */
  readonly interpolation?: Interpolation;
}

/** a0, a1, a2, b0, b1, b2, and maybe c0, c1 of `ops.image.affineTransform`; tensors are [batch, 1]. */
type Entries = readonly Operand[];

/** Where x' = factor x + offset leaves the middle of n pixels in its place. */
const around = (n: number, factor: Tensor): Tensor => multiply(subtract(1, factor), (n - 1) / 2);

/** Takes each image through an affine map of its own. */
abstract class RandomWarp extends RandomImage {
  readonly #how: AffineTransformOptions;

  constructor(where: string, options: WarpOptions, own: readonly string[]) {
    super(where, options, ['fillMode', 'fillValue', 'interpolation', ...own]);
    const { fillMode = 'reflect', fillValue = 0, interpolation = 'bilinear' } = options;
    oneOf(where, 'fillMode', fillMode, ['constant', 'nearest', 'reflect', 'wrap']);
    oneOf(where, 'interpolation', interpolation, ['nearest', 'bilinear']);
    this.#how = { fillMode, fillValue: numberIn(where, 'fillValue', fillValue), interpolation };
  }

  protected abstract draw(x: Tensor, height: number, width: number): Entries;

  protected override randomize(x: Tensor): Tensor {
    const [batch, height, width] = x.shape as [number, number, number];
    const columns = this.draw(x, height, width).map((v) =>
      typeof v === 'number' ? full([batch, 1], v) : broadcastTo(v, [batch, 1]),
    );
    return affineTransform(x, concatenate(columns, 1), this.#how);
  }
}

export interface RandomRotationOptions extends WarpOptions {
  /** Bounds of the angle, in full turns counterclockwise; a number f stands for [-f, f]. */
  readonly factor: Factor;
}

class RandomRotation extends RandomWarp {
  readonly kind = 'randomRotation';
  readonly #turns: readonly [number, number];

  constructor(options: RandomRotationOptions) {
    const where = 'layers.randomRotation';
    super(where, options, ['factor']);
    this.#turns = factorBounds(where, 'factor', options.factor);
  }

  protected override draw(x: Tensor, height: number, width: number): Entries {
    const angle = multiply(drawFor(x, this.#turns, [1]), 2 * Math.PI);
    const [c, s] = [cos(angle), sin(angle)];
    const [cx, cy] = [(width - 1) / 2, (height - 1) / 2];
    return [c, negative(s), add(around(width, c), multiply(s, cy)), s, c, subtract(around(height, c), multiply(s, cx))];
  }
}

/**
 * In training, rotates each image around its middle by a random angle. In inference the input passes unchanged.
 * [batch, height, width, channels] -> float32 of the same shape.
 *
 * @throws Error when an argument is not valid; when applied, if the rank does not fit
 *
 * @example
 * layers.randomRotation({ factor: 0.04 }); // up to 14 degrees either way
 * layers.randomRotation({ factor: [0, 0.25], fillMode: 'constant' });
 */
export const randomRotation = (options: RandomRotationOptions): Layer => new RandomRotation(options);

export interface RandomZoomOptions extends WarpOptions {
  /**
   * Bounds of the vertical zoom, a fraction of the size: 0.2 shows 20 % more (smaller things), -0.2 shows 20 % less.
   * A number f stands for [-f, f].
   */
  readonly heightFactor: Factor;
  /** Bounds of the horizontal zoom. Default: as much as vertically, so that the aspect ratio stays. */
  readonly widthFactor?: Factor;
}

class RandomZoom extends RandomWarp {
  readonly kind = 'randomZoom';
  readonly #height: readonly [number, number];
  readonly #width: readonly [number, number] | undefined;

  constructor(options: RandomZoomOptions) {
    const where = 'layers.randomZoom';
    super(where, options, ['heightFactor', 'widthFactor']);
    const factor = (name: 'heightFactor' | 'widthFactor'): [number, number] => {
      const [low, high] = factorBounds(where, name, options[name]);
      // the whole image would be made of one pixel
      if (low === -1) throw argumentError(where, name, 'more than -1', options[name]);
      return [1 + low, 1 + high];
    };
    this.#height = factor('heightFactor');
    this.#width = options.widthFactor === undefined ? undefined : factor('widthFactor');
  }

  protected override draw(x: Tensor, height: number, width: number): Entries {
    const vertical = drawFor(x, this.#height, [1]);
    const horizontal = this.#width === undefined ? vertical : drawFor(x, this.#width, [1]);
    return [horizontal, 0, around(width, horizontal), 0, vertical, around(height, vertical)];
  }
}

/**
 * In training, zooms into or out of each image around its middle by a random amount. In inference the input passes
 * unchanged. [batch, height, width, channels] -> float32 of the same shape.
 *
 * @throws Error when an argument is not valid; when applied, if the rank does not fit
 *
 * @example
 * layers.randomZoom({ heightFactor: 0.1 });
 * layers.randomZoom({ heightFactor: [-0.3, 0], widthFactor: 0 });
 */
export const randomZoom = (options: RandomZoomOptions): Layer => new RandomZoom(options);

export interface RandomTranslationOptions extends WarpOptions {
  /** Bounds of the shift downwards, a fraction of the height; a number f stands for [-f, f]. */
  readonly heightFactor: Factor;
  /** Bounds of the shift to the right, a fraction of the width; a number f stands for [-f, f]. */
  readonly widthFactor: Factor;
}

class RandomTranslation extends RandomWarp {
  readonly kind = 'randomTranslation';
  readonly #height: readonly [number, number];
  readonly #width: readonly [number, number];

  constructor(options: RandomTranslationOptions) {
    const where = 'layers.randomTranslation';
    super(where, options, ['heightFactor', 'widthFactor']);
    this.#height = factorBounds(where, 'heightFactor', options.heightFactor);
    this.#width = factorBounds(where, 'widthFactor', options.widthFactor);
  }

  protected override draw(x: Tensor, height: number, width: number): Entries {
    const shift = (factor: readonly [number, number], n: number) => multiply(drawFor(x, factor, [1]), -n);
    return [1, 0, shift(this.#width, width), 0, 1, shift(this.#height, height)];
  }
}

/**
 * In training, shifts each image by a random amount. In inference the input passes unchanged.
 * [batch, height, width, channels] -> float32 of the same shape.
 *
 * @throws Error when an argument is not valid; when applied, if the rank does not fit
 *
 * @example
 * layers.randomTranslation({ heightFactor: 0.125, widthFactor: 0.125, fillMode: 'constant' });
 */
export const randomTranslation = (options: RandomTranslationOptions): Layer => new RandomTranslation(options);

export interface RandomShearOptions extends WarpOptions {
  /** Bounds of how far the lowest row is moved to the right of the topmost, a fraction of the height; f stands for [-f, f]. Default: 0. */
  readonly xFactor?: Factor;
  /** Bounds of how far the last column is moved below the first, a fraction of the width; f stands for [-f, f]. Default: 0. */
  readonly yFactor?: Factor;
}

class RandomShear extends RandomWarp {
  readonly kind = 'randomShear';
  readonly #x: readonly [number, number];
  readonly #y: readonly [number, number];

  constructor(options: RandomShearOptions) {
    const where = 'layers.randomShear';
    super(where, options, ['xFactor', 'yFactor']);
    this.#x = factorBounds(where, 'xFactor', options.xFactor ?? 0);
    this.#y = factorBounds(where, 'yFactor', options.yFactor ?? 0);
  }

  protected override draw(x: Tensor, height: number, width: number): Entries {
    // pixels come from where they were before
    const [p, q] = [negative(drawFor(x, this.#x, [1])), negative(drawFor(x, this.#y, [1]))];
    return [1, p, multiply(p, -(height - 1) / 2), q, 1, multiply(q, -(width - 1) / 2)];
  }
}

/**
 * In training, shears each image around its middle by a random amount: rows move sideways, columns up and down. In inference the
 * input passes unchanged. [batch, height, width, channels] -> float32 of the same shape.
 *
 * @throws Error when an argument is not valid; when applied, if the rank does not fit
 *
 * @example
 * layers.randomShear({ xFactor: 0.2, fillMode: 'nearest' });
 */
export const randomShear = (options: RandomShearOptions): Layer => new RandomShear(options);

export interface RandomPerspectiveOptions extends WarpOptions {
  /**
   * Bounds of how far each corner moves along each axis, a fraction of the size below 1/4: what is seen at a corner of the result is
   * so far inside the image, or outside of it where negative. A number f stands for [-f, f].
   */
  readonly factor: Factor;
}

class RandomPerspective extends RandomWarp {
  readonly kind = 'randomPerspective';
  readonly #factor: readonly [number, number];

  constructor(options: RandomPerspectiveOptions) {
    const where = 'layers.randomPerspective';
    super(where, options, ['factor']);
    this.#factor = factorBounds(where, 'factor', options.factor);
    // beyond that, four corners may be no convex quadrangle
    if (Math.max(...this.#factor.map(Math.abs)) >= 0.25) {
      throw argumentError(where, 'factor', 'more than -0.25 and less than 0.25', options.factor);
    }
  }

  protected override draw(x: Tensor, height: number, width: number): Entries {
    /** A corner of the image, moved inside. */
    const corner = (last: number, isFar: boolean): Tensor => {
      const inside = multiply(drawFor(x, this.#factor, [1]), last);
      return isFar ? subtract(last, inside) : inside;
    };
    const [right, bottom] = [width - 1, height - 1];
    const xs = [false, true, true, false].map((isFar) => corner(right, isFar));
    const ys = [false, false, true, true].map((isFar) => corner(bottom, isFar));
    return projective(xs, ys, Math.max(right, 1), Math.max(bottom, 1));
  }
}

/**
 * The map that takes the corners of a rectangle - top left, top right, bottom right, bottom left - to points.
 *
 * Source: Heckbert, "Fundamentals of texture mapping and image warping", 1989, 2.2.3.
 */
function projective(xs: readonly Tensor[], ys: readonly Tensor[], width: number, height: number): Entries {
  const [x0, x1, x2, x3] = xs as [Tensor, Tensor, Tensor, Tensor];
  const [y0, y1, y2, y3] = ys as [Tensor, Tensor, Tensor, Tensor];
  const cross = (a: Tensor, b: Tensor, c: Tensor, d: Tensor): Tensor => subtract(multiply(a, d), multiply(b, c));
  const [dx1, dx2, sx] = [subtract(x1, x2), subtract(x3, x2), add(subtract(x0, x1), subtract(x2, x3))];
  const [dy1, dy2, sy] = [subtract(y1, y2), subtract(y3, y2), add(subtract(y0, y1), subtract(y2, y3))];
  const whole = cross(dx1, dx2, dy1, dy2);
  const g = divide(cross(sx, dx2, sy, dy2), whole);
  const h = divide(cross(dx1, sx, dy1, sy), whole);
  const across = (p: Tensor, to: Tensor, k: Tensor, n: number): Tensor =>
    divide(add(subtract(to, p), multiply(k, to)), n);
  return [
    ...[across(x0, x1, g, width), across(x0, x3, h, height), x0],
    ...[across(y0, y1, g, width), across(y0, y3, h, height), y0],
    ...[divide(g, width), divide(h, height)],
  ];
}

/**
 * In training, shows each image from another direction: its corners move at random, and straight lines stay straight. In inference the
 * input passes unchanged. [batch, height, width, channels] -> float32 of the same shape.
 *
 * @throws Error when an argument is not valid; when applied, if the rank does not fit
 *
 * @example
 * layers.randomPerspective({ factor: 0.1 });
 * layers.randomPerspective({ factor: [0, 0.2] }); // nothing beyond the border is seen
 */
export const randomPerspective = (options: RandomPerspectiveOptions): Layer => new RandomPerspective(options);
