import { fromBfloat16 } from '../ir/bfloat16.js';
import { fromHalf } from './half.js';
import { jsonArray, jsonInteger, jsonKeys, jsonObject, jsonString, parseJson } from './json.js';

/**
 * The safetensors format: 8 bytes with the length of a JSON header, the header, and the bytes of all tensors.
 * Everything is little-endian and row-major. Source: https://github.com/huggingface/safetensors#format
 */

/** Values of a tensor in a file. Half precision is widened to float32, I64 narrowed to int32 if every value fits. */
export type StoredValues = Float32Array | Float64Array | Int32Array | Uint8Array | Int8Array;

/** Bytes of one value in the file, and the array that it is read into. */
const types = {
  F64: { size: 8, array: Float64Array },
  F32: { size: 4, array: Float32Array },
  F16: { size: 2, array: Float32Array },
  BF16: { size: 2, array: Float32Array },
  I64: { size: 8, array: Int32Array },
  I32: { size: 4, array: Int32Array },
  I8: { size: 1, array: Int8Array },
  U8: { size: 1, array: Uint8Array },
  BOOL: { size: 1, array: Uint8Array },
} as const;

export type StoredType = keyof typeof types;

/** What the header says about a tensor, checked against the size of the file. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: StoredType;
  readonly shape: readonly number[];
  /** Position of its first byte in the file. */
  readonly begin: number;
  readonly bytes: number;
}

/** A tensor to write. */
export interface StoredTensor {
  /** Float32Array: F32, Int32Array: I32, Int8Array: I8, Uint8Array: U8 unless it is said to be BOOL, Uint16Array: bits of BF16. */
  readonly dtype?: 'BOOL';
  readonly shape: readonly number[];
  readonly values: StoredValues | Uint16Array;
}

const prefixBytes = 8;
const maxHeaderBytes = 100_000_000;
const maxTensors = 50_000;
const maxRank = 16;
/** A tensor is 6 to 8 values and its dimensions; metadata takes the rest. */
const limits = { depth: 4, values: 1_000_000 };

/**
 * The length of the header, from the first 8 bytes.
 *
 * @throws Error when it cannot be true for a file of this size
 */
export function headerBytes(where: string, prefix: Uint8Array, fileBytes: number): number {
  if (fileBytes < prefixBytes || prefix.length < prefixBytes) {
    throw new Error(`${where}: is not a safetensors file: it has ${fileBytes} bytes, fewer than ${prefixBytes}`);
  }
  const length = new DataView(prefix.buffer, prefix.byteOffset, prefixBytes).getBigUint64(0, true);
  if (length > maxHeaderBytes || length > fileBytes - prefixBytes) {
    throw new Error(
      `${where}: is not a safetensors file, or truncated: its header claims ${length} bytes in a file of ${fileBytes}`,
    );
  }
  return Number(length);
}

/**
 * Parses a header.
 *
 * @param json its bytes, without the 8 in front
 * @returns the tensors by name, in the order of the header
 * @throws Error when it is not JSON, a tensor's type, shape or place is not valid, or the tensors overlap or do not fill
 *     the rest of the file exactly
 */
export function parseHeader(where: string, json: Uint8Array, fileBytes: number): ReadonlyMap<string, TensorEntry> {
  if (json[0] !== 0x7b) throw new Error(`${where}: the header must begin with '{'`);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(json);
  } catch {
    throw new Error(`${where}: the header is not valid UTF-8`);
  }
  const header = jsonObject(where, 'the header', parseJson(where, text, limits));
  const begin = prefixBytes + json.length;
  const entries = new Map<string, TensorEntry>();
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') {
      for (const [key, item] of Object.entries(jsonObject(where, name, value)))
        jsonString(where, `${name}.${key}`, item);
    } else {
      if (entries.size === maxTensors) throw new Error(`${where}: has more than ${maxTensors} tensors`);
      entries.set(name, parseEntry(where, name, value, begin, fileBytes));
    }
  }
  checkLayout(where, [...entries.values()], begin, fileBytes);
  return entries;
}

function parseEntry(where: string, name: string, value: unknown, dataBegin: number, fileBytes: number): TensorEntry {
  const label = `tensor '${name.slice(0, 200)}'`;
  const entry = jsonObject(where, label, value);
  jsonKeys(where, label, entry, ['dtype', 'shape', 'data_offsets']);
  const dtype = jsonString(where, `dtype of ${label}`, entry.dtype);
  if (!Object.hasOwn(types, dtype)) {
    throw new Error(
      `${where}: ${label} has dtype ${dtype.slice(0, 20)}; readable are ${Object.keys(types).join(', ')}`,
    );
  }
  const dims = jsonArray(where, `shape of ${label}`, entry.shape);
  if (dims.length > maxRank) throw new Error(`${where}: ${label} has ${dims.length} dimensions, more than ${maxRank}`);
  const { size } = types[dtype as StoredType];
  let bytes: number = size;
  const shape = dims.map((n, axis) => {
    const dim = jsonInteger(where, `shape[${axis}] of ${label}`, n, 0, Number.MAX_SAFE_INTEGER);
    bytes *= dim;
    if (!Number.isSafeInteger(bytes))
      throw new Error(`${where}: the shape [${dims.join(', ')}] of ${label} is too large`);
    return dim;
  });
  const offsets = jsonArray(where, `data_offsets of ${label}`, entry.data_offsets);
  if (offsets.length !== 2) throw new Error(`${where}: data_offsets of ${label} must be two numbers`);
  const dataBytes = fileBytes - dataBegin;
  const [from, to] = offsets.map((n, i) => jsonInteger(where, `data_offsets[${i}] of ${label}`, n, 0, dataBytes)) as [
    number,
    number,
  ];
  if (to - from !== bytes) {
    throw new Error(
      `${where}: ${label} is ${dtype}[${shape.join(', ')}], which are ${bytes} bytes, but its data_offsets ` +
        `[${from}, ${to}] hold ${to - from}`,
    );
  }
  return { name, dtype: dtype as StoredType, shape, begin: dataBegin + from, bytes };
}

/** Every byte after the header belongs to exactly one tensor. */
function checkLayout(where: string, entries: TensorEntry[], dataBegin: number, fileBytes: number): void {
  let end = dataBegin;
  for (const { name, begin, bytes } of entries.sort((a, b) => a.begin - b.begin || a.bytes - b.bytes)) {
    if (begin !== end) {
      const fault = begin < end ? `overlaps another tensor` : `leaves a hole of ${begin - end} bytes in front`;
      throw new Error(`${where}: tensor '${name}' ${fault}`);
    }
    end = begin + bytes;
  }
  if (end !== fileBytes) throw new Error(`${where}: ${fileBytes - end} bytes after the last tensor belong to nothing`);
}

/** An array for the values of a tensor. */
export function emptyValues({ dtype, bytes }: TensorEntry): StoredValues {
  const { size, array } = types[dtype];
  return new array(bytes / size);
}

/** Whether the bytes of the file are those of the array, so that they can be read right into it. */
export const isVerbatim = ({ dtype }: TensorEntry): boolean =>
  types[dtype].size === types[dtype].array.BYTES_PER_ELEMENT;

/** Bytes of one value in the file. */
export const storedSize = ({ dtype }: TensorEntry): number => types[dtype].size;

/**
 * Converts some values from the bytes of the file.
 *
 * @param raw bytes of whole values
 * @param target receives them, from position `at`
 * @throws Error when an I64 does not fit into an int32
 */
export function convertValues(
  where: string,
  entry: TensorEntry,
  raw: Uint8Array,
  target: StoredValues,
  at: number,
): void {
  const { dtype, name } = entry;
  const { size } = types[dtype];
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  for (let i = 0; i * size < raw.length; i++) {
    if (dtype === 'F16') target[at + i] = fromHalf(view.getUint16(2 * i, true));
    else if (dtype === 'BF16') target[at + i] = fromBfloat16(view.getUint16(2 * i, true));
    else if (dtype === 'I64') {
      const wide = view.getBigInt64(8 * i, true);
      if (BigInt.asIntN(32, wide) !== wide) {
        throw new Error(`${where}: value ${at + i} of tensor '${name}' is ${wide}, which does not fit into an int32`);
      }
      target[at + i] = Number(wide);
    } else throw new Error(`${where}: ${dtype} needs no conversion`);
  }
}

/** @throws Error when a BOOL is something else than 0 or 1 */
export function checkValues(where: string, { dtype, name }: TensorEntry, values: StoredValues): void {
  if (dtype !== 'BOOL') return;
  const wrong = (values as Uint8Array).findIndex((v) => v > 1);
  if (wrong >= 0) {
    throw new Error(`${where}: value ${wrong} of tensor '${name}' is ${values[wrong]}; expected a bool, 0 or 1`);
  }
}

/**
 * Reads a whole file that is in memory.
 *
 * @param where names the file in messages
 * @throws Error naming the file and the tensor when anything about it is not valid
 */
export function readSafetensors(where: string, file: Uint8Array): Map<string, TensorEntry & { values: StoredValues }> {
  const length = headerBytes(where, file, file.length);
  const entries = parseHeader(where, file.subarray(prefixBytes, prefixBytes + length), file.length);
  const tensors = new Map<string, TensorEntry & { values: StoredValues }>();
  for (const entry of entries.values()) {
    const raw = file.subarray(entry.begin, entry.begin + entry.bytes);
    const values = emptyValues(entry);
    if (isVerbatim(entry)) bytesOf(values).set(raw);
    else convertValues(where, entry, raw, values, 0);
    checkValues(where, entry, values);
    tensors.set(entry.name, { ...entry, values });
  }
  return tensors;
}

/** The bytes of a typed array. */
export const bytesOf = (values: ArrayBufferView): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

function storedType({ dtype, values }: StoredTensor): StoredType {
  if (dtype !== undefined) return dtype;
  if (values instanceof Float64Array) return 'F64';
  if (values instanceof Float32Array) return 'F32';
  if (values instanceof Int32Array) return 'I32';
  if (values instanceof Uint16Array) return 'BF16';
  return values instanceof Int8Array ? 'I8' : 'U8';
}

/**
 * The parts of a file one after another: the header, then the tensors' own memory, which is not copied.
 *
 * @throws Error when a shape does not fit the number of values
 */
export function* safetensorsParts(tensors: ReadonlyMap<string, StoredTensor>): Generator<Uint8Array> {
  const header: Record<string, unknown> = {};
  // larger values first, so that each tensor is aligned for whoever maps the file
  const ordered = [...tensors].sort(([, a], [, b]) => b.values.BYTES_PER_ELEMENT - a.values.BYTES_PER_ELEMENT);
  let offset = 0;
  for (const [name, tensor] of ordered) {
    const { shape, values } = tensor;
    if (shape.reduce((n, d) => n * d, 1) !== values.length) {
      throw new Error(`safetensors: tensor '${name}' of shape [${shape.join(', ')}] has ${values.length} values`);
    }
    const end = offset + values.byteLength;
    header[name] = { dtype: storedType(tensor), shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const padded = Math.ceil(json.length / 8) * 8;
  const head = new Uint8Array(prefixBytes + padded).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(padded), true);
  head.set(json, prefixBytes);
  yield head;
  for (const [, { values }] of ordered) yield bytesOf(values);
}
