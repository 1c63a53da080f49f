import type { Job, NativeStorage } from '../runtime/addon.js';
import { loadAddon } from '../runtime/native.js';
import { bytesOf, type Column, convert, storageType } from './columns.js';

/** Above this a copy gives the event loop a turn now and then. */
const longCopy = 16 << 20;
const chunkBytes = 4 << 20;
/** Converted values pass through an array of this many elements. */
const chunkElements = chunkBytes / 4;

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
    const storages: NativeStorage[] = [];
    const total = columns.reduce((bytes, c) => bytes + c.source.length * bytesOf(storageType(c)), 0);
    try {
      for (const column of columns) {
        const storage = new (loadAddon().Storage)(column.source.length * bytesOf(storageType(column)));
        storages.push(storage);
        // no turn of the event loop for small data: the caller may change its arrays right after the call
        const copying = copyColumn(where, column, storage, total > longCopy, signal);
        if (copying !== undefined) await copying;
      }
      const feeds = columns.map((column, i) => ({
        storage: storages[i] as NativeStorage,
        type: storageType(column),
        rows: column.rows,
      }));
      return new DataSet(feeds);
    } catch (error) {
      for (const storage of storages) storage.dispose();
      throw error;
    }
  }

  dispose(): void {
    for (const { storage } of this.feeds) storage.dispose();
  }
}

function copyColumn(
  where: string,
  column: Column,
  storage: NativeStorage,
  yielding: boolean,
  signal: AbortSignal | undefined,
): Promise<void> | undefined {
  const type = storageType(column);
  const { source, label } = column;
  const { length } = source;
  const copyChunk = (from: number): number => {
    if (source.length !== length) {
      throw new Error(`${where}: the buffer of ${label} was transferred or resized while it was copied`);
    }
    const to = Math.min(length, from + chunkElements);
    storage.write(from * bytesOf(type), convert(where, column, type, from, to));
    return to;
  };
  if (!yielding) {
    for (let at = 0; at < length; ) at = copyChunk(at);
    return undefined;
  }
  return (async () => {
    for (let at = 0; at < length; ) {
      at = copyChunk(at);
      await new Promise((resolve) => setImmediate(resolve));
      signal?.throwIfAborted();
    }
  })();
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
