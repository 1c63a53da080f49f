import type { Shape, Tensor } from '../../ir/graph.js';
import { cast } from '../../ir/ops/elementwise.js';
import { randomBernoulli, randomUniform } from '../../ir/ops/random.js';
import { argumentError } from '../arguments.js';
import type { Layer } from '../layer.js';
import { channelsOf } from '../spatial/arguments.js';

/** Bounds of a random number; one number f stands for [-f, f]. */
export type Factor = number | readonly [number, number];

/** Two numbers in order, both from `min` to `max`. */
export function bounds(
  where: string,
  name: string,
  value: unknown,
  { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = {},
): [number, number] {
  const valid = (n: unknown): n is number => Number.isFinite(n) && (n as number) >= min && (n as number) <= max;
  if (Array.isArray(value) && value.length === 2 && value.every(valid) && value[0] <= value[1]) {
    return [value[0], value[1]];
  }
  const limits = Number.isFinite(min) ? ` from ${min} to ${max}` : '';
  throw argumentError(where, name, `[low, high] with numbers${limits} in this order`, value);
}

/** The bounds that a factor means. */
export function factorBounds(where: string, name: string, value: unknown): [number, number] {
  if (typeof value !== 'number') return bounds(where, name, value, { min: -1, max: 1 });
  if (Math.abs(value) <= 1) return [-Math.abs(value), Math.abs(value)];
  throw argumentError(where, name, 'a number from -1 to 1 or [low, high]', value);
}

/** Bounds of a multiplier: [lower, upper] stands for 1 - lower to 1 + upper, a number f for [f, f]. */
export function spread(where: string, factor: unknown): [number, number] {
  const both: unknown = typeof factor === 'number' ? [factor, factor] : factor;
  const valid = (n: unknown): n is number => Number.isFinite(n) && (n as number) >= 0 && (n as number) <= 1;
  if (!Array.isArray(both) || both.length !== 2 || !both.every(valid)) {
    throw argumentError(where, 'factor', 'a number from 0 to 1, or two of them', factor);
  }
  return [1 - both[0], 1 + both[1]];
}

/** [batch, height, width, 3] as float32. */
export function coloursOf(layer: Layer, x: Tensor): Tensor {
  if (channelsOf(layer, x, 2) !== 3) {
    throw layer.error(`expected images of 3 channels (red, green, blue), got shape [${x.shape.join(', ')}]`);
  }
  return cast(x, 'float32');
}

/** Whether something happens to an image, for each of a batch. */
export const happens = (x: Tensor, probability: number): Tensor =>
  randomBernoulli([x.shape[0] as number, 1, 1, 1], probability);

/** A random number of its own for each image. */
export const drawFor = (x: Tensor, [low, high]: readonly [number, number], shape: Shape = [1, 1, 1]): Tensor =>
  randomUniform([x.shape[0] as number, ...shape], low, high);

/** [batch, height, width, channels] as float32. */
export function imagesOf(layer: Layer, x: Tensor): Tensor {
  channelsOf(layer, x, 2);
  return cast(x, 'float32');
}
