import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

export type Values = Float32Array | Float64Array | Int32Array | Uint8Array;

const types = { F32: Float32Array, F64: Float64Array, I32: Int32Array, U8: Uint8Array } as const;

interface Entry {
  readonly dtype: keyof typeof types;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

/** The tensors of a safetensors file (also of one that is gzipped), by name. */
export function readSafetensors(file: string): (name: string) => Values {
  const raw = readFileSync(file);
  const bytes = file.endsWith('.gz') ? gunzipSync(raw) : raw;
  const headerBytes = Number(bytes.readBigUInt64LE(0));
  const begin = 8 + headerBytes;
  const header = JSON.parse(bytes.toString('utf8', 8, begin)) as Record<string, Entry>;
  return (name) => {
    const entry = header[name];
    if (entry === undefined) throw new Error(`${file} has no tensor ${name}`);
    const [from, to] = entry.data_offsets;
    const copy = new Uint8Array(bytes.subarray(begin + from, begin + to)).buffer;
    return new types[entry.dtype](copy);
  };
}

/** The bytes of a safetensors file. */
export function writeSafetensors(
  tensors: Readonly<Record<string, { shape: readonly number[]; values: Values }>>,
): Buffer {
  const header: Record<string, Entry> = {};
  const parts: Buffer[] = [];
  let offset = 0;
  for (const [name, { shape, values }] of Object.entries(tensors)) {
    const dtype = (Object.keys(types) as (keyof typeof types)[]).find((key) => values instanceof types[key]);
    const end = offset + values.byteLength;
    header[name] = { dtype: dtype as keyof typeof types, shape, data_offsets: [offset, end] };
    parts.push(Buffer.from(values.buffer, values.byteOffset, values.byteLength));
    offset = end;
  }
  const json = Buffer.from(JSON.stringify(header));
  const text = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, ' ')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, ...parts]);
}
