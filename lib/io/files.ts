import { constants, promises as fs } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';

// Node takes 2.6 ms for this module, a tenth of what `require('steepest')` takes, and many programs save nothing.
const crypto = () => require('node:crypto') as typeof import('node:crypto');

/** What a file holds, to recognize it by. */
export interface Digest {
  readonly bytes: number;
  readonly sha256: string;
}

/** A name for a file next to others that nobody else uses. */
export const uniqueSuffix = (): string => crypto().randomBytes(8).toString('hex');

/**
 * Writes a new file and waits until it is on the disk.
 *
 * @throws Error when it exists already or cannot be written; it is removed again then
 */
export async function writeDurably(file: string, parts: Iterable<Uint8Array>): Promise<Digest> {
  const hash = crypto().createHash('sha256');
  let bytes = 0;
  const handle = await fs.open(file, 'wx');
  try {
    try {
      for (const part of parts) {
        hash.update(part);
        for (let done = 0; done < part.length; ) done += (await handle.write(part, done)).bytesWritten;
        bytes += part.length;
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    await fs.rm(file, { force: true });
    throw error;
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** Makes renames in a directory durable. Windows has nothing like it. */
export async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await fs.open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Gives a file new contents: at any moment, and after a crash at any moment, it has either the old ones or the new ones.
 *
 * @throws Error when it cannot be written; the old file is untouched then
 */
export async function replaceFile(file: string, parts: Iterable<Uint8Array>): Promise<Digest> {
  const temporary = `${file}.${uniqueSuffix()}`;
  const digest = await writeDurably(temporary, parts);
  try {
    await fs.rename(temporary, file);
  } catch (error) {
    await fs.rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(path.dirname(file));
  return digest;
}

/** A file that is open for reading, and its size. Not a device, a pipe or a directory. */
export class InputFile {
  private constructor(
    readonly path: string,
    readonly bytes: number,
    readonly handle: FileHandle,
  ) {}

  /** @throws Error naming the file when it does not exist or is not a regular file */
  static async open(file: string): Promise<InputFile> {
    // not blocking: opening a pipe would wait for whoever writes to it
    const handle = await fs.open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const status = await handle.stat();
    if (status.isFile()) return new InputFile(file, status.size, handle);
    await handle.close();
    throw new Error(`${file}: is not a file`);
  }

  /** Fills `target` from a position of the file. */
  async read(target: Uint8Array, from: number): Promise<void> {
    for (let done = 0; done < target.length; ) {
      const { bytesRead } = await this.handle.read(target, done, target.length - done, from + done);
      if (bytesRead === 0) throw new Error(`${this.path}: ends at byte ${from + done}, while it is being read`);
      done += bytesRead;
    }
  }

  /** Reads once through the file. */
  async digest(): Promise<Digest> {
    const hash = crypto().createHash('sha256');
    const chunk = new Uint8Array(1 << 20);
    for (let from = 0; from < this.bytes; from += chunk.length) {
      const part = chunk.subarray(0, Math.min(chunk.length, this.bytes - from));
      await this.read(part, from);
      hash.update(part);
    }
    return { bytes: this.bytes, sha256: hash.digest('hex') };
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}
