import { make } from '../ir/build.js';
import { type HostData, sizeOf, type Tensor } from '../ir/graph.js';
import type { SymbolicTensor } from '../layers/symbolic.js';
import type { NativeStorage } from '../runtime/addon.js';
import { loadAddon } from '../runtime/native.js';
import { type Column, type ColumnType, commonRows, exactArray, type ModelData, readColumn } from './columns.js';
import { DataSet, segmentRows } from './dataset.js';
import type { Engine } from './engine.js';
import { readInputs } from './prepare.js';
import { inputTypes, sampleShape, typeOf } from './targets.js';

const arrays = { float32: Float32Array, int32: Int32Array, bool: Uint8Array } as const;

const concrete = (data: HostData, shape: readonly number[], dtype: Tensor['dtype']): Tensor =>
  make('constant', [], { data }, shape, dtype);

/** Predictions of an engine: in batches on its thread, or at once on the calling thread. */
export class Predictor {
  readonly #inputs: readonly ColumnType[];
  readonly #outputs: readonly SymbolicTensor[];
  /** The last size that the short way was used for. */
  #last: { readonly length: number; readonly plan: number; readonly outputLength: number } | undefined;

  constructor(
    readonly engine: Engine,
    readonly inputNames: readonly string[],
  ) {
    this.#inputs = inputTypes(engine.topology.inputs, inputNames);
    this.#outputs = engine.topology.outputs;
  }

  async predict(where: string, x: ModelData, batchSize: number, signal: AbortSignal | undefined): Promise<Tensor[]> {
    const columns = this.#columns(where, x);
    const rows = commonRows(where, columns);
    const { engine } = this;
    const segments = segmentRows(rows, batchSize).map((s) => ({
      ...s,
      plan: engine.predictPlan(columns.map(typeOf), s.rows),
    }));
    const data = await DataSet.copy(where, columns, signal);
    const results: NativeStorage[] = [];
    try {
      const values = this.#outputs.map((t) => new arrays[t.dtype](rows * sizeOf(sampleShape(t))));
      for (const v of values) results.push(new (loadAddon().Storage)(v.byteLength));
      const fetches = results.map((storage) => ({ storage, rows }));
      const end = segments.reduce((steps, s) => steps + s.steps, 0);
      const result = await engine.run(
        where,
        { segments, feeds: data.feeds, fetches, begin: 0, end, firstRow: 0 },
        signal,
      );
      if (result.next !== end) throw new Error(`${where}: stopped after ${result.next} of ${end} steps`);
      return this.#outputs.map((t, i) => {
        const target = values[i] as HostData;
        (results[i] as NativeStorage).read(0, target);
        return concrete(target, [rows, ...sampleShape(t)], t.dtype);
      });
    } finally {
      data.dispose();
      for (const storage of results) storage.dispose();
    }
  }

  predictSync(where: string, x: ModelData): Tensor[] {
    const columns = this.#columns(where, x);
    const rows = commonRows(where, columns);
    const plan = this.engine.predictPlan(columns.map(typeOf), rows);
    const values = this.#outputs.map((t) => new arrays[t.dtype](rows * sizeOf(sampleShape(t))));
    this.engine.state.session.runSync(
      plan,
      columns.map((c) => exactArray(where, c)),
      values,
    );
    return this.#outputs.map((t, i) => concrete(values[i] as HostData, [rows, ...sampleShape(t)], t.dtype));
  }

  /** One flat input to one flat output, with as little around the native call as can be. */
  predictFlat(where: string, x: Float32Array, out: Float32Array | undefined): Float32Array {
    let last = this.#last;
    if (last === undefined || last.length !== x.length) last = this.#prepareFlat(where, x);
    const target = out ?? new Float32Array(last.outputLength);
    if (target.length !== last.outputLength) {
      throw new Error(`${where}: out must have ${last.outputLength} values, got ${target.length}`);
    }
    this.engine.state.session.runSync(last.plan, [x], [target]);
    return target;
  }

  /** Whether `predictFlat` can be used. */
  get isFlat(): boolean {
    const only = this.#inputs.length === 1 && this.#outputs.length === 1;
    return only && this.#inputs[0]?.dtype === 'float32' && this.#outputs[0]?.dtype === 'float32';
  }

  #prepareFlat(where: string, x: Float32Array) {
    const column = readColumn(where, this.#inputs[0] as ColumnType, x);
    const plan = this.engine.predictPlan([typeOf(column)], column.rows);
    const outputLength = column.rows * sizeOf(sampleShape(this.#outputs[0] as SymbolicTensor));
    this.#last = { length: x.length, plan, outputLength };
    return this.#last;
  }

  #columns(where: string, x: ModelData): Column[] {
    return readInputs(where, this.engine.topology, this.inputNames, x);
  }
}
