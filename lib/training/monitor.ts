import { argumentError, named, numberIn } from '../layers/arguments.js';
import type { Logs } from './sums.js';

export interface MonitorOptions {
  /** Key of the logs. Default: 'valLoss'. */
  readonly monitor?: string;
  /** Smallest change that counts as an improvement. Default: 0. */
  readonly minDelta?: number;
  /** Whether smaller or larger is better. 'auto' means larger for names that end in accuracy, precision, recall or auc. */
  readonly mode?: 'auto' | 'min' | 'max';
}

/** Keys of MonitorOptions, for `checkOptions`. */
export const monitorKeys = ['monitor', 'minDelta', 'mode'];

/** Compares the values of a monitored number. */
export class Monitor {
  readonly key: string;
  readonly #sign: 1 | -1; // 1: larger is better
  readonly #minDelta: number;

  constructor(
    readonly where: string,
    options: MonitorOptions,
    defaultMinDelta = 0,
    readonly deltaMode: 'absolute' | 'relative' = 'absolute',
  ) {
    const { monitor = 'valLoss', mode = 'auto' } = options;
    if (typeof monitor !== 'string') throw argumentError(where, 'monitor', `a key of the logs like 'valLoss'`, monitor);
    const larger = /(accuracy|precision|recall|auc)$/i.test(monitor);
    this.#sign = named<1 | -1>(where, 'mode', mode, { auto: larger ? 1 : -1, min: -1, max: 1 });
    this.key = monitor;
    this.#minDelta = numberIn(where, 'minDelta', options.minDelta ?? defaultMinDelta, { min: 0 });
  }

  /** @throws Error when the logs do not have the number, listing what they have */
  value(logs: Logs): number {
    const value = Object.hasOwn(logs, this.key) ? logs[this.key] : undefined;
    if (value !== undefined) return value;
    const hint = this.key.startsWith('val') ? '; fit needs validationData or validationSplit for it' : '';
    throw new Error(`${this.where}: the logs have no '${this.key}', only ${Object.keys(logs).join(', ')}${hint}`);
  }

  improves(value: number, best: number | undefined): boolean {
    if (Number.isNaN(value)) return false;
    if (best === undefined) return true;
    const delta = this.deltaMode === 'absolute' ? this.#minDelta : this.#minDelta * Math.abs(best);
    return this.#sign * (value - best) > delta;
  }
}
