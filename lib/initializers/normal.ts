import { checkOptions, numberIn } from '../layers/arguments.js';
import type { InitializerFn } from '../layers/layer.js';
import { drawNormal, type Source } from '../runtime/draw.js';
import { blockSize, drawn, randomized, type SeedOptions } from './uniform.js';

/** mean + stddev * z for `n` standard normal numbers z. */
export const normalValues = (n: number, source: Source, stddev: number, mean = 0): Float32Array =>
  drawn(n, source, drawNormal, stddev, mean);

/** The same, of which those beyond 2 standard deviations were drawn again. */
export function truncatedNormalValues(n: number, source: Source, stddev: number, mean = 0): Float32Array {
  const out = new Float32Array(n);
  let filled = 0;
  // one is enough for most weights: 4.6 % are drawn again
  const block = new Float64Array(Math.min(blockSize, 2 * Math.ceil(0.53 * n) + 16));
  for (let begin = 0; filled < n; begin += block.length) {
    drawNormal(block, source, begin);
    for (let i = 0; i < block.length && filled < n; i++) {
      const z = block[i] as number;
      if (Math.abs(z) < 2) out[filled++] = mean + stddev * z;
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

function normal(where: string, options: NormalOptions, values: typeof normalValues): InitializerFn {
  checkOptions(where, options, ['mean', 'stddev', 'seed']);
  const mean = numberIn(where, 'mean', options.mean ?? 0);
  const stddev = numberIn(where, 'stddev', options.stddev ?? 0.05, { min: 0 });
  return randomized(where, options, (n, source) => values(n, source, stddev, mean));
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
