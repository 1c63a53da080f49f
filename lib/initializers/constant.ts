import { numberIn } from '../layers/arguments.js';
import type { InitializerFn } from '../layers/layer.js';
import { remember } from '../layers/recipe.js';

const filled = (shape: readonly number[], value: number): Float32Array =>
  new Float32Array(shape.reduce((product, n) => product * n, 1)).fill(value);

/** All 0. */
export const zeros = (): InitializerFn =>
  remember((shape) => filled(shape, 0), 'initializers.zeros');

/** All 1. */
export const ones = (): InitializerFn =>
  remember((shape) => filled(shape, 1), 'initializers.ones');

/**
 * All the same value.
 *
 * @throws Error when `value` is not a finite number
 *
 * @example
 * layers.dense({ units: 1, biasInitializer: initializers.constant(0.1) });
 */
export function constant(value: number): InitializerFn {
  numberIn('initializers.constant', 'value', value);
  return remember((shape) => filled(shape, value), 'initializers.constant', value);
}
