import { checkOptions, numberIn, withoutOptions } from '../layers/arguments.js';
import type { InitializerFn } from '../layers/layer.js';
import { remember } from '../layers/recipe.js';

const filled = (shape: readonly number[], value: number): Float32Array =>
  new Float32Array(shape.reduce((product, n) => product * n, 1)).fill(value);

/**
 * All 0.
 *
 * @example
 * layers.dense({ units: 8, kernelInitializer: initializers.zeros() }); // or 'zeros'
 */
export const zeros: () => InitializerFn = withoutOptions('initializers.zeros', () =>
  remember((shape) => filled(shape, 0), 'initializers.zeros'),
);

/**
 * All 1.
 *
 * @example
 * layers.dense({ units: 8, biasInitializer: initializers.ones() }); // or 'ones'
 */
export const ones: () => InitializerFn = withoutOptions('initializers.ones', () =>
  remember((shape) => filled(shape, 1), 'initializers.ones'),
);

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

export interface IdentityOptions {
  /** Value on the diagonal. Default: 1. */
  readonly gain?: number;
}

/**
 * The identity matrix: `gain` on the main diagonal of [rows, columns], 0 elsewhere.
 *
 * @throws Error when `gain` is not a finite number, and when used for a weight that is not a matrix
 *
 * @example
 * layers.dense({ units: 8, kernelInitializer: initializers.identity({ gain: 0.5 }) });
 */
export function identity(options: IdentityOptions = {}): InitializerFn {
  const where = 'initializers.identity';
  checkOptions(where, options, ['gain']);
  const gain = numberIn(where, 'gain', options.gain ?? 1);
  const values: InitializerFn = (shape) => {
    if (shape.length !== 2) throw new Error(`${where}: needs a weight of rank 2, got shape [${shape.join(', ')}]`);
    const [rows, columns] = shape as readonly [number, number];
    const out = filled(shape, 0);
    for (let i = 0; i < Math.min(rows, columns); i++) out[i * columns + i] = gain;
    return out;
  };
  return remember(values, where, options);
}
