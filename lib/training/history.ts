import type { Logs } from './sums.js';

/** What `fit` returns: the numbers of each epoch. */
export class History {
  /** Epochs that were trained, counted from 0. */
  readonly epochs: number[] = [];
  /** One list per number, with one element per epoch: `history.loss`, `history.valAccuracy`. */
  readonly history: Record<string, number[]> = {};

  add(epoch: number, logs: Logs): void {
    this.epochs.push(epoch);
    for (const [key, value] of Object.entries(logs)) {
      // a metric may be called like what every object has
      if (!Object.hasOwn(this.history, key)) this.history[key] = [];
      this.history[key]?.push(value);
    }
  }

  /** The numbers of the last epoch; empty when there was none. */
  get last(): Logs {
    return Object.fromEntries(Object.entries(this.history).map(([key, values]) => [key, values.at(-1) as number]));
  }
}
