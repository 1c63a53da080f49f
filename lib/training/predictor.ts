import { make } from '../ir/build.js';
import { arrayTypes, type HostData, sizeOf, type Tensor } from '../ir/graph.js';
import { show } from '../ir/show.js';
import type { SymbolicTensor } from '../layers/symbolic.js';
import { type ColumnType, exactRows, type ModelData, readColumn } from './columns.js';
import { DataSet, isLong, rowsAtOnce, segmentRows } from './dataset.js';
import type { Engine } from './engine.js';
import { type FedType, type Feeds, shareFeeds } from './feeds.js';
import type { KeptColumns } from './kept-columns.js';
import { readPredictData } from './prepare.js';
import { sliceRows } from './slice-rows.js';
import { inputTypes, sampleShape } from './targets.js';

const concrete = (data: HostData, shape: readonly number[], dtype: Tensor['dtype']): Tensor =>
  make('constant', [], { data }, shape, dtype);

/** Rows `from` to `to` of an array that has `rows`. */
function rowsOf<A extends HostData>(values: A, rows: number, from: number, to: number): A {
  const perRow = values.length / rows;
  return values.subarray(from * perRow, to * perRow) as A;
}

/** Whether results of a slice can lie where samples of another one are. */
function isOverwritten(x: Float32Array, out: Float32Array): boolean {
  const [begin, outBegin] = [x.byteOffset, out.byteOffset];
  const apart = x.buffer !== out.buffer || begin + x.byteLength <= outBegin || outBegin + out.byteLength <= begin;
  return !apart && !(begin === outBegin && x.length === out.length);
}

/** Bytes of results that may be there twice. */
const mostKnown = 64 << 20;
const totalBytes = (values: readonly HostData[]): number => values.reduce((bytes, v) => bytes + v.byteLength, 0);

/** Rows that one plan takes at once. */
interface Slice {
  readonly plan: number;
  readonly from: number;
  readonly to: number;
}

interface PredictedSlice {
  readonly from: number;
  readonly to: number;
  readonly batchSize: number;
  /** Of the whole data, which the slice is then. */
  readonly keeper: KeptColumns | undefined;
}

interface FlatCall {
  readonly length: number;
  readonly slices: readonly Slice[];
  readonly outputLength: number;
  /** What `Plans.dropped` was when the plan was asked for. */
  readonly dropped: number;
}

/** Predictions of an engine: in batches on its thread, or at once on the calling thread. */
export class Predictor {
  readonly #inputs: readonly ColumnType[];
  readonly #outputs: readonly SymbolicTensor[];
  /** How many rows are computed at a time where nobody says so. */
  readonly #sliceRows: number;
  /** The last size that the short way was used for. */
  #last: FlatCall | undefined;

  constructor(
    readonly engine: Engine,
    readonly inputNames: readonly string[],
  ) {
    this.#inputs = inputTypes(engine.topology.inputs, inputNames);
    this.#outputs = engine.topology.outputs;
    this.#sliceRows = sliceRows(engine.topology, engine.state.device);
  }

  /**
   * Small data is copied before this returns its promise. Of more, a slice of a few megabytes is copied while another is
   * computed, so that its memory does not grow with the number of rows.
   */
  async predict(
    where: string,
    x: ModelData,
    givenBatchSize: number | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Tensor[]> {
    const { rows, columns, types } = this.#read(where, x);
    const batchSize = givenBatchSize ?? Math.min(rows, this.#sliceRows);
    const values = this.#outputs.map((t) => new arrayTypes[t.dtype](rows * sizeOf(sampleShape(t))));
    // data that a device has is not worth copying again; its results are in the device's memory as a whole
    const { keeper } = this.engine;
    const known = keeper !== undefined && columns.every((c) => keeper.knows(c)) && totalBytes(values) <= mostKnown;
    const sliceRows = isLong(columns) && !known ? rowsAtOnce(columns, batchSize) : rows;
    const running: Promise<void>[] = [];
    try {
      for (let from = 0; from < rows; from += sliceRows) {
        if (running.length >= 2) await running.shift();
        const slice = { from, to: Math.min(rows, from + sliceRows), batchSize, keeper: known ? keeper : undefined };
        const end = this.#predictSlice(where, { columns, types }, slice, values, signal);
        end.catch(() => {}); // whoever awaits it hears of it
        running.push(end);
      }
      for (const end of running) await end;
    } finally {
      await Promise.allSettled(running);
    }
    return this.#outputs.map((t, i) => concrete(values[i] as HostData, [rows, ...sampleShape(t)], t.dtype));
  }

  async #predictSlice(
    where: string,
    { columns, types }: Feeds,
    { from, to, batchSize, keeper }: PredictedSlice,
    values: readonly HostData[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { engine } = this;
    const rows = to - from;
    engine.checkAlive(where);
    const segments = segmentRows(rows, batchSize).map((s) => ({ ...s, plan: engine.predictPlan(types, s.rows) }));
    const release = engine.plans.hold(segments);
    let data: DataSet | undefined;
    try {
      data =
        keeper === undefined
          ? DataSet.copyRows(where, columns, from, to)
          : await DataSet.copy(where, columns, { signal, keeper });
      const fetches = this.#outputs.map((t, i) => {
        const perRow = sizeOf(sampleShape(t));
        return { array: (values[i] as HostData).subarray(from * perRow, to * perRow), rows };
      });
      const end = segments.reduce((steps, s) => steps + s.steps, 0);
      const job = { segments, feeds: data.feeds, fetches, begin: 0, end, firstRow: 0 };
      const position = (step: number): string => `batch ${from / batchSize + step + 1}`;
      const result = await engine.run(where, job, signal, position);
      if (result.next !== end) throw new Error(`${where}: stopped after ${result.next} of ${end} steps`);
    } finally {
      data?.dispose();
      release();
    }
  }

  predictSync(where: string, x: ModelData): Tensor[] {
    const { rows, columns, types } = this.#read(where, x);
    const values = this.#outputs.map((t) => new arrayTypes[t.dtype](rows * sizeOf(sampleShape(t))));
    for (const { plan, from, to } of this.#slices(types, rows)) {
      this.engine.state.session.runSync(
        plan,
        columns.map((c) => exactRows(where, c, from, to)),
        values.map((v) => rowsOf(v, rows, from, to)),
      );
    }
    return this.#outputs.map((t, i) => concrete(values[i] as HostData, [rows, ...sampleShape(t)], t.dtype));
  }

  /** One flat input to one flat output, with as little around the native call as can be. */
  predictFlat(where: string, x: Float32Array, out: Float32Array | undefined): Float32Array {
    let last = this.#last;
    if (last === undefined || last.length !== x.length || last.dropped !== this.engine.plans.dropped) {
      last = this.#prepareFlat(where, x);
    }
    if (out !== undefined && !(out instanceof Float32Array && out.length === last.outputLength)) {
      const got = out instanceof Float32Array ? `${out.length} values` : show(out);
      throw new Error(`${where}: out must be a Float32Array of ${last.outputLength} values, got ${got}`);
    }
    const target = out ?? new Float32Array(last.outputLength);
    const { session } = this.engine.state;
    const { slices } = last;
    const first = slices[0];
    if (slices.length === 1 && first !== undefined) {
      session.runSync(first.plan, [x], [target]);
      return target;
    }
    const rows = slices.at(-1)?.to as number;
    const samples = isOverwritten(x, target) ? x.slice() : x;
    for (const { plan, from, to } of slices) {
      session.runSync(plan, [rowsOf(samples, rows, from, to)], [rowsOf(target, rows, from, to)]);
    }
    return target;
  }

  /** Whether `predictFlat` can be used. */
  get isFlat(): boolean {
    const only = this.#inputs.length === 1 && this.#outputs.length === 1;
    return only && this.#inputs[0]?.dtype === 'float32' && this.#outputs[0]?.dtype === 'float32';
  }

  #prepareFlat(where: string, x: Float32Array): FlatCall {
    const column = readColumn(where, this.#inputs[0] as ColumnType, x);
    const slices = this.#slices(shareFeeds([column]).types, column.rows);
    const outputLength = column.rows * sizeOf(sampleShape(this.#outputs[0] as SymbolicTensor));
    this.#last = { length: x.length, slices, outputLength, dropped: this.engine.plans.dropped };
    return this.#last;
  }

  /** Two plans at most, for the full slices and for what is left. */
  #slices(types: readonly FedType[], rows: number): readonly Slice[] {
    const slices: Slice[] = [];
    for (const { rows: each, steps } of segmentRows(rows, this.#sliceRows)) {
      const plan = this.engine.predictPlan(types, each);
      const start = slices.at(-1)?.to ?? 0;
      for (let i = 0; i < steps; i++) slices.push({ plan, from: start + i * each, to: start + (i + 1) * each });
    }
    return slices;
  }

  #read(where: string, x: ModelData): ReturnType<typeof readPredictData> {
    return readPredictData(where, this.engine.topology, this.inputNames, x);
  }
}
