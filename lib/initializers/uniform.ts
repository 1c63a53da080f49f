import { uniforms } from '../ir/philox.js';
import { checkOptions, integer, numberIn } from '../layers/arguments.js';
import type { InitializerFn } from '../layers/layer.js';
import { remember } from '../layers/recipe.js';

export interface SeedOptions {
  /** Draw the same values for every weight of a shape, whatever the seed of the model. */
  readonly seed?: number;
}

/** Where the numbers of one weight come from. */
export interface Source {
  readonly seed: number;
  readonly stream: number;
}

/**
 * An initializer that draws `n` numbers; a seed of its own takes the place of the model's seed and stream.
 *
 * @param where the factory, 'initializers.heNormal', and `options` its argument: saved models name them
 */
export function randomized(
  where: string,
  options: SeedOptions,
  draw: (n: number, source: Source, shape: readonly number[]) => Float32Array,
): InitializerFn {
  const { seed } = options;
  if (seed !== undefined) integer(where, 'seed', seed);
  const initializer: InitializerFn = (shape, random) => {
    const n = shape.reduce((product, size) => product * size, 1);
    return draw(n, seed === undefined ? random : { seed, stream: 0 }, shape);
  };
  return remember(initializer, where, options);
}

/** offset + factor * value for each value; a loop, because `Float32Array.from` with a function is ten times slower. */
export function affine(values: Float64Array, factor: number, offset: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let i = 0; i < out.length; i++) out[i] = offset + factor * (values[i] as number);
  return out;
}

/** `n` numbers uniform in [low, high). */
export const uniformValues = (n: number, source: Source, low: number, high: number): Float32Array =>
  affine(uniforms(n, source.seed, source.stream), high - low, low);

export interface RandomUniformOptions extends SeedOptions {
  /** Smallest value. Default: -0.05. */
  readonly minval?: number;
  /** Bound that the values stay below. Default: 0.05. */
  readonly maxval?: number;
}

/**
 * Uniform in [minval, maxval).
 *
 * @throws Error when a bound is not finite, or minval > maxval
 *
 * @example
 * layers.dense({ units: 8, kernelInitializer: initializers.randomUniform({ minval: -0.1, maxval: 0.1 }) });
 */
export function randomUniform(options: RandomUniformOptions = {}): InitializerFn {
  const where = 'initializers.randomUniform';
  checkOptions(where, options, ['minval', 'maxval', 'seed']);
  const low = numberIn(where, 'minval', options.minval ?? -0.05);
  const high = numberIn(where, 'maxval', options.maxval ?? 0.05, { min: low });
  return randomized(where, options, (n, source) => uniformValues(n, source, low, high));
}
