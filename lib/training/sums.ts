import type { Variable } from '../ir/graph.js';
import { newVariable, type State } from './state.js';
import type { MetricSlot, Sums } from './trace.js';

/** Reported numbers by name: loss, accuracy, valLoss, ... */
export type Logs = Record<string, number>;

/** The key of an output's number when there are several outputs: 'ageLoss'. */
export const outputKey = (output: string, key: string): string =>
  `${output}${key.charAt(0).toUpperCase()}${key.slice(1)}`;

/** 'valLoss' for 'loss'. */
export const validationKey = (key: string): string => outputKey('val', key);

/** Sums of one kind of run (training or evaluation): variables that lie in a row in the state, and how to report them. */
export class SumBlock {
  readonly sums: Sums;
  readonly #metrics: readonly MetricSlot[];
  readonly #outputs: readonly string[];

  /** @param outputs names of the outputs */
  constructor(kind: string, metrics: readonly MetricSlot[], outputs: readonly string[]) {
    this.#metrics = metrics;
    this.#outputs = outputs.length > 1 ? outputs : [];
    this.sums = {
      loss: newVariable(`${kind}/loss`, [], 'float32'),
      perOutput: this.#outputs.map((name) => newVariable(`${kind}/${outputKey(name, 'loss')}`, [], 'float32')),
      metrics: metrics.map(({ key, metric }) => newVariable(`${kind}/${key}`, [metric.size], 'float32')),
    };
  }

  get variables(): Variable[] {
    return [this.sums.loss, ...this.sums.perOutput, ...this.sums.metrics];
  }

  /** The bytes of the state from the first sum to the last. */
  range({ layout }: State): { readonly byteOffset: number; readonly count: number } {
    const offsets = this.variables.map((v) => layout.offsetOf(v));
    const byteOffset = Math.min(...offsets);
    const end = Math.max(...this.variables.map((v, i) => (offsets[i] as number) + 4 * (v.shape[0] ?? 1)));
    return { byteOffset, count: (end - byteOffset) / 4 };
  }

  /** Current sums, in the form of a row of a job's log. */
  read(state: State): Float32Array {
    const { byteOffset, count } = this.range(state);
    const row = new Float32Array(count);
    state.session.readState(byteOffset, row);
    return row;
  }

  /** All sums 0, whatever an aborted run left behind. */
  clear(state: State): void {
    const { byteOffset, count } = this.range(state);
    state.session.writeState(byteOffset, new Float32Array(count));
  }

  /** From sums over `rows` rows to the reported numbers. */
  logs(state: State, row: Float32Array, rows: number): Logs {
    const { byteOffset } = this.range(state);
    const at = (v: Variable): number => (state.layout.offsetOf(v) - byteOffset) / 4;
    const mean = (v: Variable): number => (row[at(v)] as number) / rows;
    const logs: Logs = { loss: mean(this.sums.loss) };
    this.sums.perOutput.forEach((v, i) => {
      logs[outputKey(this.#outputs[i] as string, 'loss')] = mean(v);
    });
    this.#metrics.forEach(({ key, metric }, i) => {
      const first = at(this.sums.metrics[i] as Variable);
      const totals = row.subarray(first, first + metric.size);
      logs[key] = metric.result(totals);
      metric.resultAll?.(totals).forEach((value, n) => {
        logs[`${key}[${n}]`] = value;
      });
    });
    return logs;
  }
}
