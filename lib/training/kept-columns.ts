import { totalmem } from 'node:os';
import type { NativeStorage } from '../runtime/addon.js';
import { type Column, storageType } from './columns.js';

/** Columns that nobody uses at the moment: how many are kept, and of how many bytes. */
const mostColumns = 32;
const mostBytes = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY) / 8;

/** A column in native memory whose copy on a device is there for the next call that brings the same array. */
export class KeptColumn {
  readonly #source: WeakRef<ArrayBufferLike>;
  readonly #key: string;
  readonly keepers = new Set<KeptColumns>();
  /** Data sets that have it. */
  users = 1;
  /** Its first user may write to it: for others it is not there. */
  isWritten = true;

  constructor(
    column: Column,
    readonly storage: NativeStorage,
  ) {
    this.#source = new WeakRef(column.source.buffer);
    this.#key = keyOf(column);
  }

  isOf(column: Column): boolean {
    return this.#source.deref() === column.source.buffer && this.#key === keyOf(column);
  }

  /** It has the values of its column, and others may use it. */
  written(): void {
    this.isWritten = false;
  }

  /** A user is done with it. */
  release(): void {
    this.users--;
    if (this.users > 0) return;
    this.written();
    if (all.includes(this) && this.storage.copied) limit();
    else this.drop();
  }

  /** Nobody finds it any more, and its memory goes with its last user. */
  drop(): void {
    const index = all.indexOf(this);
    if (index >= 0) all.splice(index, 1);
    forgotten.unregister(this);
    if (this.users === 0) this.storage.dispose();
  }
}

/** How a source is read and stored, besides its buffer. */
const keyOf = (column: Column): string => {
  const { source } = column;
  return `${source.constructor.name} ${source.byteOffset} ${source.length} ${storageType(column)}`;
};

/** Of the thread, the one that was used longest ago first. */
const all: KeptColumn[] = [];
const seen = new WeakSet<ArrayBufferLike>();
const forgotten = new FinalizationRegistry<KeptColumn>((kept) => kept.drop());

function limit(): void {
  const idle = all.filter(({ users }) => users === 0);
  let bytes = idle.reduce((total, { storage }) => total + storage.byteLength, 0);
  for (let i = 0; i < idle.length && (idle.length - i > mostColumns || bytes > mostBytes); i++) {
    bytes -= (idle[i] as KeptColumn).storage.byteLength;
    (idle[i] as KeptColumn).drop();
  }
}

/**
 * What a model keeps of the data that it was given, so that another `fit`, `evaluate` or `predict` over the same arrays finds it on
 * its device. Models of a thread share what they keep. An array may have been changed in between, which nothing tells: its
 * values are compared with those in native memory, and that decides.
 */
export class KeptColumns {
  /** What is kept of a column, for another user. */
  find(column: Column): KeptColumn | undefined {
    const index = all.findIndex((kept) => kept.isOf(column));
    const kept = all[index];
    if (kept === undefined || kept.isWritten) return undefined;
    all.push(...all.splice(index, 1));
    kept.keepers.add(this);
    kept.isWritten = kept.users === 0;
    kept.users++;
    return kept;
  }

  /** Keeps a column whose values are being copied to `storage`, by its first user. Nothing when it is kept already. */
  add(column: Column, storage: NativeStorage): KeptColumn | undefined {
    if (column.isOwn === true || all.some((kept) => kept.isOf(column))) return undefined;
    const kept = new KeptColumn(column, storage);
    kept.keepers.add(this);
    all.push(kept);
    forgotten.register(column.source.buffer, kept, kept);
    return kept;
  }

  /** Whether the column is kept, or was asked for before: what comes once is not worth it. */
  knows(column: Column): boolean {
    if (column.isOwn === true) return false;
    const { buffer } = column.source;
    const known = seen.has(buffer) || all.some((kept) => kept.isOf(column));
    seen.add(buffer);
    return known;
  }

  /** What no other model keeps is freed. */
  dispose(): void {
    for (const kept of [...all]) if (kept.keepers.delete(this) && kept.keepers.size === 0) kept.drop();
  }
}
