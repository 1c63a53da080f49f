import { scalar } from '../ir/build.js';
import { currentRandom, withRandom } from '../ir/random-source.js';

/**
 * Random numbers inside `body` depend on `seed` instead of the training run's; without one, nothing changes. They still
 * change from step to step, where there are steps.
 */
export function withSeed<T>(seed: number | undefined, body: () => T): T {
  if (seed === undefined) return body();
  const outer = currentRandom();
  let stream = 0;
  const source = {
    seed: scalar(seed | 0, 'int32'),
    counter: outer?.counter ?? scalar(0, 'int32'),
    nextStream: () => outer?.nextStream() ?? stream++,
  };
  return withRandom(source, body);
}
