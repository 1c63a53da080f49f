import { promises as fs } from 'node:fs';
import { promisify } from 'node:util';

/** Unsigned bytes with a shape, as an IDX file holds them. */
export interface IdxArray {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/**
 * Reads an IDX file of unsigned bytes (the format of MNIST), plain or gzipped.
 *
 * Layout: 0, 0, type 0x08, rank, then rank big-endian 32-bit sizes, then the values.
 *
 * @throws Error when the path is no string or empty, or naming the file when it is not IDX, of another type, or not as long as its header says
 *
 * @example
 * const { shape, data } = await readIdx('train-images-idx3-ubyte.gz'); // shape [60000, 28, 28]
 */
export async function readIdx(path: string): Promise<IdxArray> {
  if (typeof path !== 'string' || path === '') {
    throw new Error(`readIdx: path must be the path of a file, got ${path === '' ? 'an empty string' : typeof path}`);
  }
  const bytes = await unzipped(path, await fs.readFile(path));
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0) throw new Error(`${path}: not an IDX file`);
  const type = bytes[2] as number;
  if (type !== 8) {
    throw new Error(`${path}: expected IDX type 0x08 (unsigned bytes), got 0x${type.toString(16).padStart(2, '0')}`);
  }
  const rank = bytes[3] as number;
  const header = 4 + 4 * rank;
  if (rank < 1 || rank > 8) throw new Error(`${path}: expected an IDX rank from 1 to 8, got ${rank}`);
  if (bytes.length < header) throw new Error(`${path}: the IDX header is cut off`);
  const shape = Array.from({ length: rank }, (_, i) => bytes.readUInt32BE(4 + 4 * i));
  const size = shape.reduce((p, n) => p * n, 1);
  if (bytes.length !== header + size) {
    throw new Error(`${path}: shape [${shape.join(', ')}] needs ${size} bytes of data, got ${bytes.length - header}`);
  }
  return { shape, data: new Uint8Array(bytes.buffer, bytes.byteOffset + header, size) };
}

/** The contents of a gzip file; any other file as it is. */
async function unzipped(path: string, bytes: Buffer): Promise<Buffer> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    const { gunzip } = require('node:zlib') as typeof import('node:zlib'); // loaded when it is needed
    return await promisify(gunzip)(bytes);
  } catch (cause) {
    throw new Error(`${path}: the gzip data is damaged: ${(cause as Error).message}`, { cause });
  }
}
