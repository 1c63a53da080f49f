import {
  asTensor,
  checkNumber,
  checkOptions,
  checkScalar,
  normalizeAxis,
  type Operand,
  opError,
  show,
} from '../build.js';
import { formatType, type Tensor } from '../graph.js';
import { add, cast, cos, exp, multiply, sin, subtract } from './elementwise.js';
import { arange, iota } from './random.js';
import { concatenate, reshape, split, stack } from './shape.js';

export interface RotaryOptions {
  /** Wavelengths grow from 2 pi to 2 pi * base. Default: 10000. */
  readonly base?: number;
  /** Axis of the positions. Default: -2. */
  readonly axis?: number;
  /** Position of the first element. Default: 0. */
  readonly start?: number | Tensor;
}

/** Position times frequency base^(-i / count), i = 0 .. count - 1: [positions, count]. */
function angles(positions: number, count: number, base: number, start: number | Tensor = 0): Tensor {
  const frequencies = exp(multiply(arange(0, count), -Math.log(base) / count));
  const at = add(iota([positions, 1], 0, 'float32'), cast(start, 'float32'));
  return multiply(at, frequencies);
}

/**
 * Rotates pairs of features (i, i + D/2) by the angle position * base^(-2i/D), so that the product of a rotated query and
 * key depends on the distance between their positions only.
 *
 * @param x [..., T, D] with even D, the positions on `axis`
 * @returns the shape of x
 * @throws Error when the last dimension is odd
 *
 * Source: Su et al., "RoFormer: enhanced transformer with rotary position embedding", 2021.
 */
export function rotaryEmbedding(x: Operand, options: RotaryOptions = {}): Tensor {
  const op = 'rotaryEmbedding';
  const t = cast(asTensor(op, 'x', x), 'float32');
  checkOptions(op, options);
  const { base = 10000, start = 0 } = options;
  checkNumber(op, 'base', base);
  checkScalar(op, 'start', start);
  const axis = normalizeAxis(op, options.axis ?? -2, t.rank);
  const depth = t.shape.at(-1) as number;
  if (axis === t.rank - 1) throw opError(op, 'axis must be one of the positions, not that of the features');
  if (depth % 2 !== 0) throw opError(op, `the last dimension must be even, got ${formatType(t)}`);
  const table = angles(t.shape[axis] as number, depth / 2, base, start);
  const angle = reshape(
    table,
    t.shape.map((n, i) => (i === axis ? n : i === t.rank - 1 ? depth / 2 : 1)),
  );
  const [a, b] = split(t, 2) as [Tensor, Tensor];
  const [c, s] = [cos(angle), sin(angle)];
  return concatenate([subtract(multiply(a, c), multiply(b, s)), add(multiply(b, c), multiply(a, s))]);
}

/**
 * Sines and cosines of the positions: element (p, 2i) is sin(p * base^(-2i/D)), element (p, 2i + 1) the cosine of it.
 *
 * @returns [positions, depth]
 * @throws Error when `depth` is odd
 *
 * Source: Vaswani et al., "Attention is all you need", NeurIPS 2017.
 */
export function sinusoidalPositions(positions: number, depth: number, base = 10000): Tensor {
  if (!Number.isInteger(positions) || positions < 0 || !Number.isInteger(depth) || depth < 2 || depth % 2 !== 0) {
    throw opError(
      'sinusoidalPositions',
      `expected a number of positions and an even depth, got ${show(positions)} and ${show(depth)}`,
    );
  }
  checkNumber('sinusoidalPositions', 'base', base);
  const angle = angles(positions, depth / 2, base);
  return reshape(stack([sin(angle), cos(angle)], 2), [positions, depth]);
}
