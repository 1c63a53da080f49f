import { tensor } from '../../ir/build.js';
import { type NestedArray, type Shape, sizeOf, Tensor } from '../../ir/graph.js';
import { argumentError, show } from '../arguments.js';
import { Layer } from '../layer.js';

/** Arrays of numbers that a layer can be adapted to. */
export type NumberRows =
  | Float32Array
  | Float64Array
  | Int32Array
  | Uint8Array
  | Uint8ClampedArray
  | Int8Array
  | Int16Array
  | Uint16Array
  | Uint32Array;

/**
 * Some samples: a tensor, nested arrays, or a flat typed array, whose samples have the shape that the layer's `inputShape`
 * says, and are single numbers without it.
 */
export type SampleBatch = Tensor | NumberRows | readonly NestedArray[];

/** Samples with a known shape, the first dimension counting them. */
export interface Samples {
  readonly shape: Shape;
  /** Row-major. */
  readonly values: ArrayLike<number>;
}

/** Takes in the data of `adapt` piece by piece. */
export interface Accumulator<B> {
  /** @throws Error when the batch does not fit */
  update(batch: B): void;
  /** Called after the last batch. */
  finish(): void;
}

const isNumbers = (value: unknown): value is NumberRows =>
  ArrayBuffer.isView(value) &&
  !(value instanceof DataView || value instanceof BigInt64Array || value instanceof BigUint64Array);

/** An array of tensors is several batches. */
const isBatch = (value: unknown): value is SampleBatch =>
  value instanceof Tensor || isNumbers(value) || (Array.isArray(value) && !(value[0] instanceof Tensor));

const has = (value: unknown, symbol: symbol): boolean => typeof value === 'object' && value !== null && symbol in value;

/**
 * Feeds one batch, or each batch of an iterable, to an accumulator. Nothing is kept of a batch but what the accumulator
 * keeps.
 *
 * @param single whether data is one batch itself, though it could be iterated over
 * @returns a promise where the batches come asynchronously
 * @throws Error when there is no batch, or `data` is something else
 */
export function accumulate<B>(
  where: string,
  data: unknown,
  single: (data: unknown) => data is B,
  accumulator: Accumulator<B>,
): void | Promise<void> {
  let batches = 0;
  const take = (batch: B): void => {
    batches++;
    accumulator.update(batch);
  };
  const finish = (): void => {
    if (batches === 0) throw new Error(`${where}: the data hold no batch`);
    accumulator.finish();
  };
  if (single(data)) {
    take(data);
  } else if (has(data, Symbol.asyncIterator)) {
    return (async () => {
      for await (const batch of data as AsyncIterable<B>) take(batch);
      finish();
    })();
  } else if (has(data, Symbol.iterator)) {
    for (const batch of data as Iterable<B>) take(batch);
  } else {
    throw argumentError(where, 'data', 'a batch of samples, or an iterable of batches', data);
  }
  finish();
}

/** @throws Error when the batch is no array of numbers, is ragged, or is empty */
function readBatch(where: string, batch: unknown, inputShape: Shape | undefined): Samples {
  const samples = ((): Samples => {
    if (batch instanceof Tensor) return { shape: batch.shape, values: batch.data };
    if (isNumbers(batch)) return flatSamples(where, batch, inputShape ?? []);
    if (!Array.isArray(batch)) throw argumentError(where, 'a batch', 'a tensor or an array of numbers', batch);
    try {
      const rows = batch.some(isNumbers) ? batch.map((row) => (isNumbers(row) ? Array.from(row) : row)) : batch;
      const { shape, data } = tensor(rows as NestedArray);
      return { shape, values: data };
    } catch (error) {
      throw new Error(`${where}: ${(error as Error).message}`);
    }
  })();
  if (sizeOf(samples.shape) === 0) throw new Error(`${where}: the data hold no values: shape ${show(samples.shape)}`);
  if (samples.shape.length === 0) throw argumentError(where, 'data', 'at least one sample', 'a single number');
  if (inputShape !== undefined && samples.shape.slice(1).join() !== inputShape.join()) {
    throw new Error(
      `${where}: the data must be samples of shape ${show(inputShape)} (inputShape), got shape ${show(samples.shape)}`,
    );
  }
  return samples;
}

function flatSamples(where: string, values: NumberRows, inputShape: Shape): Samples {
  const rows = values.length / sizeOf(inputShape);
  if (!Number.isInteger(rows)) {
    throw new Error(`${where}: ${values.length} values are not whole samples of shape ${show(inputShape)}`);
  }
  return { shape: [rows, ...inputShape], values };
}

/** A layer that learns what it needs from data, before it becomes a part of a model: the counterpart of an argument. */
export abstract class AdaptableLayer extends Layer {
  /**
   * Learns from data, in one pass. What an earlier call learned is forgotten.
   *
   * @param data samples: a tensor, nested arrays, a flat typed array (see `inputShape`); or an iterable of such batches,
   *     which need not fit into memory together. An async iterable makes the call return a promise.
   * @throws Error when the layer is part of a model already, was given as an argument what it would learn, or the data
   *     are empty, ragged, not finite, or of different shapes; the layer is unchanged then
   */
  adapt(data: SampleBatch | Iterable<SampleBatch>): void;
  adapt(data: AsyncIterable<SampleBatch>): Promise<void>;
  adapt(data: SampleBatch | Iterable<SampleBatch> | AsyncIterable<SampleBatch>): void | Promise<void> {
    const where = `${this.label}: adapt`;
    if (this.built) throw new Error(`${where} must be called before the layer becomes part of a model`);
    const { update, finish } = this.accumulator(where);
    return accumulate(where, data, isBatch, {
      update: (batch) => update(readBatch(where, batch, this.inputShape)),
      finish: () => {
        if (this.built) throw new Error(`${where}: the layer became part of a model in the meantime`);
        finish();
      },
    });
  }

  /** @throws Error when there is nothing to learn */
  protected abstract accumulator(where: string): Accumulator<Samples>;
}

/** @throws Error when a value is NaN or infinite: it would spoil everything */
export function checkFinite(where: string, { shape, values }: Samples): void {
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i])) continue;
    const row = Math.floor(i / sizeOf(shape.slice(1)));
    throw new Error(`${where}: sample ${row} holds ${values[i]}; expected finite numbers`);
  }
}
