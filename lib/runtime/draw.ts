import { loadAddon } from './native.js';

/** Where the random numbers of one weight come from. */
export interface Source {
  readonly seed: number;
  readonly stream: number;
}

/** Fills an array with numbers `begin`, `begin + 1`, ... of what a source gives. */
export type Drawing = (to: Float64Array, source: Source, begin?: number) => void;

/** Uniform in [0, 1): the numbers of `uniforms` in ir/philox.ts. */
export const drawUniform: Drawing = (to, { seed, stream }, begin = 0) =>
  loadAddon().drawUniform(to, seed >>> 0, stream >>> 0, begin);

/** Standard normal: Box-Muller (1958) on pairs of those, each pair giving two. `begin` counts uniform numbers. */
export const drawNormal: Drawing = (to, { seed, stream }, begin = 0) =>
  loadAddon().drawNormal(to, seed >>> 0, stream >>> 0, begin);
