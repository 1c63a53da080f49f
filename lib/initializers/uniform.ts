import { checkOptions, integer, numberIn } from '../layers/arguments.js';
import type { InitializerFn } from '../layers/layer.js';
import { remember } from '../layers/recipe.js';
import { type Drawing, drawUniform, type Source } from '../runtime/draw.js';

export interface SeedOptions {
  /** Draw the same values for every weight of a shape, whatever the seed of the model. */
  readonly seed?: number;
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

/** Numbers that are drawn at a time, for all threads: they stay in a cache. Even, as normal numbers come in pairs. */
export const blockSize = 1 << 17;

/** offset + factor * value for each of `n` values. */
export function drawn(n: number, source: Source, draw: Drawing, factor: number, offset: number): Float32Array {
  const out = new Float32Array(n);
  const block = new Float64Array(Math.min(n, blockSize));
  for (let begin = 0; begin < n; begin += blockSize) {
    const count = Math.min(blockSize, n - begin);
    draw(block.subarray(0, count), source, begin);
    // a loop, because `Float32Array.from` with a function is ten times slower
    for (let i = 0; i < count; i++) out[begin + i] = offset + factor * (block[i] as number);
  }
  return out;
}

/** `n` numbers uniform in [low, high). */
export const uniformValues = (n: number, source: Source, low: number, high: number): Float32Array =>
  drawn(n, source, drawUniform, high - low, low);

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
