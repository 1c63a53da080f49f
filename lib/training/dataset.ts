import { sizeOf } from '../ir/graph.js';
import type { HostArray, Job, NativeStorage } from '../runtime/addon.js';
import { loadAddon } from '../runtime/native.js';
import { bytesOf, type Column, convert, storageType } from './columns.js';
import type { KeptColumn, KeptColumns } from './kept-columns.js';

/** Above this a copy gives the event loop a turn now and then. */
const longCopy = 16 << 20;
const chunkBytes = 4 << 20;
/** Converted values pass through an array of this many elements. */
const chunkElements = chunkBytes / 4;

const storedBytes = (column: Column): number => sizeOf(column.shape) * bytesOf(storageType(column));

/** Whether data is so large that it is not copied at once. */
export const isLong = (columns: readonly Column[]): boolean =>
  columns.reduce((bytes, c) => bytes + c.rows * storedBytes(c), 0) > longCopy;

/** How many rows take as many bytes as the event loop can wait for: a multiple of `step`. */
export const rowsAtOnce = (columns: readonly Column[], step: number): number => {
  const bytes = columns.reduce((total, c) => total + storedBytes(c), 0) * step;
  return Math.max(1, Math.floor(chunkBytes / bytes)) * step;
};

export interface CopyOptions {
  readonly signal?: AbortSignal | undefined;
  /** Keeps the columns, and has some perhaps. */
  readonly keeper?: KeptColumns | undefined;
}

/** Columns in native memory: what jobs feed steps from. */
export class DataSet {
  readonly #feeds: Job['feeds'][number][] = [];
  /** Those of the feeds that stay behind, by their numbers. */
  readonly #kept = new Map<number, KeptColumn>();

  private constructor() {}

  get feeds(): Job['feeds'] {
    return this.#feeds;
  }

  /**
   * Copies columns into native memory, unless they are kept there. Small data is copied before this returns its promise; a
   * large copy yields to the event loop every few megabytes.
   *
   * @throws Error when a buffer is transferred or resized meanwhile, or a value is not valid
   */
  static async copy(where: string, columns: readonly Column[], options: CopyOptions = {}): Promise<DataSet> {
    const { signal, keeper } = options;
    const set = new DataSet();
    const yielding = isLong(columns);
    try {
      for (const column of columns) {
        for (const _ of set.#take(where, column, keeper)) {
          // no turn of the event loop for small data: the caller may change its arrays right after the call
          if (!yielding) continue;
          await new Promise((resolve) => setImmediate(resolve));
          signal?.throwIfAborted();
        }
      }
      return set;
    } catch (error) {
      set.dispose();
      throw error;
    }
  }

  /** Copies rows `from` to `to` of the columns, at once. @throws Error as `copy` */
  static copyRows(where: string, columns: readonly Column[], from: number, to: number): DataSet {
    const set = new DataSet();
    try {
      for (const column of columns) {
        const storage = set.#allocate(column, to - from);
        for (const { byteOffset, values } of chunks(where, column, from, to)) storage.write(byteOffset, values);
      }
      return set;
    } catch (error) {
      set.dispose();
      throw error;
    }
  }

  dispose(): void {
    for (const [i, { storage }] of this.#feeds.entries()) {
      const kept = this.#kept.get(i);
      if (kept === undefined) storage.dispose();
      else kept.release();
    }
  }

  /** Yields after each few megabytes. */
  *#take(where: string, column: Column, keeper: KeptColumns | undefined): Generator<void> {
    if (keeper !== undefined && (yield* this.#reuse(where, column, keeper))) return;
    const storage = this.#allocate(column, column.rows);
    const kept = keeper?.add(column, storage);
    if (kept !== undefined) this.#kept.set(this.#feeds.length - 1, kept);
    for (const { byteOffset, values } of chunks(where, column, 0, column.rows)) {
      storage.write(byteOffset, values);
      yield;
    }
    kept?.written();
  }

  /** Whether a kept column has the values, or could be given them as nobody else uses it. */
  *#reuse(where: string, column: Column, keeper: KeptColumns): Generator<void, boolean> {
    const kept = keeper.find(column);
    if (kept === undefined) return false;
    const { storage } = kept;
    this.#kept.set(this.#feeds.push({ storage, type: storageType(column), rows: column.rows }) - 1, kept);
    for (const { byteOffset, values } of chunks(where, column, 0, column.rows)) {
      if (!storage.equals(byteOffset, values)) {
        if (!kept.isWritten) {
          this.#feeds.pop();
          this.#kept.delete(this.#feeds.length);
          kept.release();
          return false;
        }
        storage.write(byteOffset, values);
      }
      yield;
    }
    kept.written();
    return true;
  }

  #allocate(column: Column, rows: number): NativeStorage {
    const storage = new (loadAddon().Storage)(rows * storedBytes(column));
    this.#feeds.push({ storage, type: storageType(column), rows });
    return storage;
  }
}

/** Rows `from` to `to` of a column as they are stored, a few megabytes each, and where they belong. */
function* chunks(
  where: string,
  column: Column,
  from: number,
  to: number,
): Generator<{ readonly byteOffset: number; readonly values: HostArray }> {
  const type = storageType(column);
  const perRow = sizeOf(column.shape);
  const [first, end] = [from * perRow, to * perRow];
  for (let at = first; at < end; at += chunkElements) {
    if (column.source.length !== column.rows * perRow) {
      throw new Error(`${where}: the buffer of ${column.label} was transferred or resized while it was copied`);
    }
    const values = convert(where, column, type, at, Math.min(end, at + chunkElements));
    yield { byteOffset: (at - first) * bytesOf(type), values };
  }
}

/** Rows of a batch step by step: full batches, then a short one. */
export function segmentRows(
  rows: number,
  batchSize: number,
): readonly { readonly rows: number; readonly steps: number }[] {
  const full = Math.floor(rows / batchSize);
  const rest = rows - full * batchSize;
  return [...(full > 0 ? [{ rows: batchSize, steps: full }] : []), ...(rest > 0 ? [{ rows: rest, steps: 1 }] : [])];
}
