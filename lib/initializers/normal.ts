import { uniforms } from '../ir/philox.js';
import { checkOptions, numberIn } from '../layers/arguments.js';
import type { InitializerFn } from '../layers/layer.js';
import { affine, randomized, type SeedOptions, type Source } from './uniform.js';

/** `n` standard normal numbers: Box-Muller (1958) on pairs of uniforms, each pair giving two. */
export function normalValues(n: number, source: Source, begin = 0): Float64Array {
  const out = new Float64Array(n + (n % 2));
  const u = uniforms(out.length, source.seed, source.stream, 0, begin);
  for (let i = 0; i < out.length; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - (u[i] as number))); // 1 - u is in (0, 1]
    const angle = 2 * Math.PI * (u[i + 1] as number);
    out[i] = radius * Math.cos(angle);
    out[i + 1] = radius * Math.sin(angle);
  }
  return out.subarray(0, n);
}

/** `n` standard normal numbers of which those beyond 2 standard deviations were drawn again. */
export function truncatedNormalValues(n: number, source: Source): Float64Array {
  const out = new Float64Array(n);
  let filled = 0;
  // blocks of a fixed size, so that more values begin with the same ones
  const block = 4096;
  for (let begin = 0; filled < n; begin += block) {
    const values = normalValues(block, source, begin);
    for (let i = 0; i < block && filled < n; i++) {
      const z = values[i] as number;
      if (Math.abs(z) < 2) out[filled++] = z;
    }
  }
  return out;
}

export interface NormalOptions extends SeedOptions {
  /** Mean of the values. Default: 0. */
  readonly mean?: number;
  /** Standard deviation, before truncation. Default: 0.05. */
  readonly stddev?: number;
}

function normal(
  where: string,
  options: NormalOptions,
  values: (n: number, source: Source) => Float64Array,
): InitializerFn {
  checkOptions(where, options, ['mean', 'stddev', 'seed']);
  const mean = numberIn(where, 'mean', options.mean ?? 0);
  const stddev = numberIn(where, 'stddev', options.stddev ?? 0.05, { min: 0 });
  return randomized(where, options, (n, source) => affine(values(n, source), stddev, mean));
}

/**
 * Normal with the given mean and standard deviation.
 *
 * @throws Error when `mean` is not finite or `stddev` is negative
 *
 * @example
 * initializers.randomNormal({ stddev: 0.02 });
 */
export const randomNormal = (options: NormalOptions = {}): InitializerFn =>
  normal('initializers.randomNormal', options, normalValues);

/**
 * Normal, with values beyond two standard deviations drawn again; the result's standard deviation is 0.88 * `stddev`.
 *
 * @throws Error when `mean` is not finite or `stddev` is negative
 *
 * @example
 * layers.embedding({ inputDim: 1000, outputDim: 64, embeddingsInitializer: initializers.truncatedNormal({ stddev: 0.02 }) });
 */
export const truncatedNormal = (options: NormalOptions = {}): InitializerFn =>
  normal('initializers.truncatedNormal', options, truncatedNormalValues);
