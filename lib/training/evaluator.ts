import type { Job } from '../runtime/addon.js';
import type { Engine } from './engine.js';
import type { Logs } from './sums.js';

/** The loss, and the other numbers by name. */
export type Results = Logs & { loss: number };

/** Evaluations of one engine run one after the other: they share the sums in its state. */
export class Evaluator {
  #last: Promise<unknown> = Promise.resolve();

  constructor(readonly engine: Engine) {}

  /** Loss and metrics of the rows that the segments go through, from `firstRow` on. */
  run(
    where: string,
    feeds: Job['feeds'],
    segments: Job['segments'],
    firstRow: number,
    signal: AbortSignal | undefined,
  ): Promise<Results> {
    const result = this.#last.then(() => this.#run(where, feeds, segments, firstRow, signal));
    this.#last = result.catch(() => {});
    return result;
  }

  async #run(
    where: string,
    feeds: Job['feeds'],
    segments: Job['segments'],
    firstRow: number,
    signal: AbortSignal | undefined,
  ): Promise<Results> {
    const { engine } = this;
    engine.checkAlive(where);
    signal?.throwIfAborted();
    const sums = engine.evaluation;
    sums.clear(engine.state);
    const end = segments.reduce((steps, s) => steps + s.steps, 0);
    const rows = segments.reduce((total, s) => total + s.steps * s.rows, 0);
    const metrics = sums.range(engine.state);
    const result = await engine.run(where, { segments, feeds, fetches: [], begin: 0, end, firstRow, metrics }, signal);
    return sums.logs(engine.state, result.log, rows) as Results;
  }
}
