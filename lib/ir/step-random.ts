import { type Element, parameter } from './body.js';
import { scalar } from './build.js';
import { add, multiply } from './ops/elementwise.js';
import { iota } from './ops/random.js';
import { currentRandom, type RandomSource, withRandom } from './random-source.js';

/** Spreads step numbers over all seeds: 2^32 / golden ratio, as Philox does with its own keys. */
const spread = 0x9e3779b9 | 0;

/**
 * Runs `body`, which traces the body of a loop, with random numbers that differ from step to step. What it is given
 * returns the element that this takes, if anything was drawn: a seed for every step.
 */
export function randomOfSteps<T>(steps: number, body: (drawn: () => Element[]) => T): T {
  const outer = currentRandom();
  if (outer === undefined) return body(() => []);
  const seed = parameter('the seed of a step', { shape: [], dtype: 'int32' });
  let used = false;
  const inner: RandomSource = {
    get seed() {
      used = true;
      return seed;
    },
    counter: outer.counter,
    nextStream: () => outer.nextStream(),
  };
  const sequence = () => add(multiply(iota([steps], 0), scalar(spread, 'int32')), outer.seed);
  return withRandom(inner, () => body(() => (used ? [{ parameter: seed, sequence: sequence() }] : [])));
}
