import { numberIn } from '../layers/arguments.js';
import type { InitializerFn } from '../layers/layer.js';

const filled = (shape: readonly number[], value: number): Float32Array =>
  new Float32Array(shape.reduce((product, n) => product * n, 1)).fill(value);

/** All 0. */
export const zeros = (): InitializerFn => (shape) => filled(shape, 0);

/** All 1. */
export const ones = (): InitializerFn => (shape) => filled(shape, 1);

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
  return (shape) => filled(shape, value);
}
