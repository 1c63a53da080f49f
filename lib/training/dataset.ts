import { sizeOf } from '../ir/graph.js';
import type { Job, NativeStorage } from '../runtime/addon.js';
import { loadAddon } from '../runtime/native.js';
import { bytesOf, type Column, convert, storageType } from './columns.js';

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

/** Columns in native memory: what jobs feed steps from. */
export class DataSet {
  private constructor(readonly feeds: Job['feeds']) {}

  /**
   * Copies columns into native memory. Small data is copied before this returns its promise; a large copy yields to the
   * event loop every few megabytes.
   *
   * @throws Error when a buffer is transferred or resized meanwhile, or a value is not valid
   */
  static async copy(where: string, columns: readonly Column[], signal?: AbortSignal): Promise<DataSet> {
    const set = DataSet.#allocate(columns, (column) => column.rows);
    const yielding = isLong(columns);
    try {
      for (const [i, column] of columns.entries()) {
        const { storage } = set.feeds[i] as Job['feeds'][number];
        const length = column.rows * sizeOf(column.shape); // that of a transferred source is 0
        for (let at = 0; at < length; ) {
          at = copyChunk(where, column, storage, at, length, 0);
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
    const set = DataSet.#allocate(columns, () => to - from);
    try {
      for (const [i, column] of columns.entries()) {
        const { storage } = set.feeds[i] as Job['feeds'][number];
        const perRow = sizeOf(column.shape);
        for (let at = from * perRow; at < to * perRow; ) {
          at = copyChunk(where, column, storage, at, to * perRow, from * perRow);
        }
      }
      return set;
    } catch (error) {
      set.dispose();
      throw error;
    }
  }

  static #allocate(columns: readonly Column[], rowsOf: (column: Column) => number): DataSet {
    const feeds: Job['feeds'][number][] = [];
    try {
      for (const column of columns) {
        const rows = rowsOf(column);
        const storage = new (loadAddon().Storage)(rows * storedBytes(column));
        feeds.push({ storage, type: storageType(column), rows });
      }
      return new DataSet(feeds);
    } catch (error) {
      for (const { storage } of feeds) storage.dispose();
      throw error;
    }
  }

  dispose(): void {
    for (const { storage } of this.feeds) storage.dispose();
  }
}

/** Copies values from `at` on, at most up to `end`, to a storage that begins with value `first`. @returns where it ended */
function copyChunk(
  where: string,
  column: Column,
  storage: NativeStorage,
  at: number,
  end: number,
  first: number,
): number {
  if (column.source.length !== column.rows * sizeOf(column.shape)) {
    throw new Error(`${where}: the buffer of ${column.label} was transferred or resized while it was copied`);
  }
  const type = storageType(column);
  const to = Math.min(end, at + chunkElements);
  storage.write((at - first) * bytesOf(type), convert(where, column, type, at, to));
  return to;
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
