import type { Tensor } from './graph.js';

/**
 * Where random numbers of a traced function come from. `seed` and `counter` are runtime int32 scalars: a compiled step
 * draws new numbers each time the counter moves, without being compiled again.
 */
export interface RandomSource {
  readonly seed: Tensor;
  readonly counter: Tensor;
  /** A number that no other draw in the trace has. */
  nextStream(): number;
}

let source: RandomSource | undefined;

/** Random operations inside `body` draw from `from`. */
export function withRandom<T>(from: RandomSource, body: () => T): T {
  const outer = source;
  source = from;
  try {
    return body();
  } finally {
    source = outer;
  }
}

/** Where random operations draw from at the moment, if anything was set. */
export const currentRandom = (): RandomSource | undefined => source;
