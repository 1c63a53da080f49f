import { deepest } from '../ir/build.js';
import { type DType, type NestedArray, type Shape, sameShape, sizeOf, Tensor } from '../ir/graph.js';
import { show } from '../layers/arguments.js';
import type { HostArray, HostType } from '../runtime/addon.js';

/** Arrays of numbers that data may come in. Float32Array, Int32Array and Uint8Array are copied as they are. */
export type NumberArray =
  | Float32Array
  | Float64Array
  | Int32Array
  | Uint8Array
  | Uint8ClampedArray
  | Int8Array
  | Int16Array
  | Uint16Array
  | Uint32Array;

/** Values of one input or target: a flat typed array of whole samples, nested arrays, or a tensor. */
export type ArrayData = NumberArray | NestedArray | readonly NestedArray[] | readonly NumberArray[] | Tensor;

/** Data of a model: one array, or for several inputs (outputs) a list in their order or a record by their names. */
export type ModelData = ArrayData | readonly ArrayData[] | Readonly<Record<string, ArrayData>>;

/** What the model wants of one input or target. */
export interface ColumnType {
  /** For messages: "x", "input 'image'". */
  readonly label: string;
  readonly dtype: DType;
  /** Of one sample. */
  readonly shape: Shape;
  /** Values are class numbers under this. */
  readonly classes?: number;
}

/** One input or target of a data set, not copied yet. */
export interface Column extends ColumnType {
  readonly rows: number;
  readonly source: NumberArray;
  /** The source was made for this column: nobody can bring it again. */
  readonly isOwn?: boolean;
}

const isNumberArray = (value: unknown): value is NumberArray =>
  ArrayBuffer.isView(value) &&
  !(value instanceof DataView || value instanceof BigInt64Array || value instanceof BigUint64Array);

const formatShape = (shape: readonly (number | string)[]): string => `[${shape.join(', ')}]`;

/** @throws Error when the values do not fit `type`, naming what was expected and what came */
export function readColumn(where: string, type: ColumnType, value: ArrayData): Column {
  if (isNumberArray(value)) return flatColumn(where, type, value);
  if (value instanceof Tensor) {
    const data = value.data;
    return { ...type, rows: checkShape(where, type, value.shape), source: data };
  }
  if (Array.isArray(value)) {
    const shape = nestedShape(value);
    const rows = checkShape(where, type, shape);
    return { ...type, rows, source: flatten(where, type, value, shape), isOwn: true };
  }
  throw new Error(
    `${where}: ${type.label} must be a typed array of numbers, nested arrays or a tensor, got ${show(value)}`,
  );
}

function flatColumn(where: string, type: ColumnType, source: NumberArray): Column {
  if (isDetached(source)) {
    throw new Error(`${where}: the buffer of ${type.label} is detached (it has been transferred)`);
  }
  const perSample = sizeOf(type.shape);
  if (source.length === 0) throw new Error(`${where}: ${type.label} is empty`);
  if (perSample === 0 || source.length % perSample !== 0) {
    throw new Error(
      `${where}: ${type.label} has ${source.length} values, which is not a multiple of the ${perSample} values of a ` +
        `sample of shape ${formatShape(type.shape)}`,
    );
  }
  return { ...type, rows: source.length / perSample, source };
}

/** Number of rows, when data of this shape fits. A last axis of size 1 may be missing or too many. */
function checkShape(where: string, type: ColumnType, shape: Shape): number {
  const [rows, ...sample] = shape;
  const expected = type.shape;
  const bare = sameShape(expected, [1]) && sample.length === 0;
  const extra = expected.length === 0 && sameShape(sample, [1]) && type.classes !== undefined;
  if (rows === undefined || !(sameShape(sample, expected) || bare || extra)) {
    throw new Error(
      `${where}: ${type.label} must have shape ${formatShape(['rows', ...expected])}, got ${formatShape(shape)}`,
    );
  }
  if (rows === 0) throw new Error(`${where}: ${type.label} is empty`);
  return rows;
}

/** A buffer that was transferred away has no bytes, and its views no elements. */
const isDetached = (source: NumberArray): boolean =>
  source.buffer instanceof ArrayBuffer && (source.buffer as { detached?: boolean }).detached === true;

/** Sizes along the first path down, as far as tensors go. Rows may be typed arrays. */
export function nestedShape(value: unknown): number[] {
  const shape: number[] = [];
  let at = value;
  while ((Array.isArray(at) || isNumberArray(at)) && shape.length < deepest) {
    shape.push(at.length);
    if (at.length === 0) break;
    at = at[0];
  }
  return shape;
}

function flatten(where: string, type: ColumnType, value: readonly unknown[], shape: Shape): NumberArray {
  const data = new Float64Array(sizeOf(shape));
  let next = 0;
  const visit = (v: unknown, depth: number, row: number): void => {
    if (Array.isArray(v) || isNumberArray(v)) {
      const check = () => {
        if (depth < shape.length && v.length === shape[depth]) return;
        const wanted = depth < shape.length ? `${shape[depth]} values at depth ${depth}` : `a number at depth ${depth}`;
        throw new Error(
          `${where}: ${type.label} is ragged: row ${row} has ${v.length} values where others have ${wanted}`,
        );
      };
      check();
      for (let i = 0; i < v.length; i++) visit(v[i], depth + 1, depth === 0 ? i : row);
      check(); // reading an element may have changed the array
    } else if (typeof v !== 'number' && typeof v !== 'boolean') {
      throw new Error(`${where}: row ${row} of ${type.label} must hold numbers, got ${show(v)}`);
    } else if (depth !== shape.length) {
      throw new Error(`${where}: ${type.label} is ragged: row ${row} has a number where others have an array`);
    } else {
      data[next++] = Number(v);
    }
  };
  visit(value, 0, 0);
  return data;
}

/** How a column is kept in native memory: bytes stay bytes, the feed of the step converts them. */
export function storageType(column: Column): HostType {
  const bytes = column.source instanceof Uint8Array || column.source instanceof Uint8ClampedArray;
  if (column.dtype === 'bool' || column.dtype === 'int8') return column.dtype;
  return bytes ? 'uint8' : column.dtype;
}

export const bytesOf = (type: HostType): number => (type === 'float32' || type === 'int32' ? 4 : 1);

/**
 * Values `from` to `to` of a column as they are stored.
 *
 * @throws Error naming row and value, where an integer is expected and something else comes, or a class is out of range
 */
export function convert(where: string, column: Column, type: HostType, from: number, to: number): HostArray {
  const part = column.source.subarray(from, to);
  // other threads may change shared memory: what is checked must be what is used
  const source = part.buffer instanceof ArrayBuffer ? part : part.slice();
  if (column.dtype === 'int32' || column.dtype === 'int8') checkIntegers(where, column, source, from);
  switch (type) {
    case 'float32':
      return source instanceof Float32Array ? source : new Float32Array(source);
    case 'int32':
      return source instanceof Int32Array ? source : new Int32Array(source);
    case 'int8':
      return source instanceof Int8Array ? source : new Int8Array(source);
    case 'uint8':
      return source instanceof Uint8Array ? source : new Uint8Array(source.buffer, source.byteOffset, source.length);
    case 'bool':
      return Uint8Array.from(source, (v) => (v !== 0 ? 1 : 0));
    case 'bfloat16':
      throw new Error(`internal: ${column.label} is bfloat16, which no data is`);
  }
}

function checkIntegers(where: string, column: Column, values: NumberArray, from: number): void {
  const { classes } = column;
  const [least, most, name] =
    column.dtype === 'int8' ? [-128, 127, 'an 8-bit integer'] : [-0x80000000, 0x7fffffff, 'a 32-bit integer'];
  const [low, high] = classes === undefined ? [least, most] : [0, classes - 1];
  for (let i = 0; i < values.length; i++) {
    const v = values[i] as number;
    if (v >= low && v <= high && Number.isInteger(v)) continue;
    const row = Math.floor((from + i) / Math.max(1, sizeOf(column.shape)));
    const expected = classes === undefined ? name : `a class from 0 to ${classes - 1} (${classes} classes)`;
    throw new Error(`${where}: row ${row} of ${column.label} is ${v}; expected ${expected}`);
  }
}

/** The whole column in the array type of its dtype, for a step on the calling thread. */
export function exactArray(where: string, column: Column): HostArray {
  return exactRows(where, column, 0, column.rows);
}

/** As `exactArray`, rows `from` to `to` only. */
export function exactRows(where: string, column: Column, from: number, to: number): HostArray {
  const perRow = sizeOf(column.shape);
  return convert(where, column, column.dtype, from * perRow, to * perRow);
}

/**
 * The parts of data for several inputs or targets, in order.
 *
 * @param names of the inputs or outputs, for records
 */
export function splitData(where: string, argument: string, names: readonly string[], data: ModelData): ArrayData[] {
  if (data === undefined || data === null) throw new Error(`${where}: ${argument} is missing, got ${show(data)}`);
  const single = ArrayBuffer.isView(data) || data instanceof Tensor;
  if (!single && !Array.isArray(data) && typeof data === 'object') {
    return namedParts(where, argument, names, data as Readonly<Record<string, ArrayData>>);
  }
  if (names.length === 1) {
    const list = data as readonly unknown[];
    const wrapped = Array.isArray(data) && list.length === 1 && (isNumberArray(list[0]) || list[0] instanceof Tensor);
    return [(wrapped ? list[0] : data) as ArrayData];
  }
  if (!Array.isArray(data) || data.length !== names.length) {
    const got = Array.isArray(data) ? `${data.length} arrays` : 'one array';
    throw new Error(
      `${where}: ${argument} must be a list of ${names.length} arrays (${names.join(', ')}) or a record by these names, got ${got}`,
    );
  }
  return data as ArrayData[];
}

function namedParts(
  where: string,
  argument: string,
  names: readonly string[],
  record: Readonly<Record<string, ArrayData>>,
): ArrayData[] {
  for (const key of Object.keys(record)) {
    if (!names.includes(key)) throw new Error(`${where}: ${argument} has '${key}'; expected ${names.join(', ')}`);
  }
  return names.map((name) => {
    const part = Object.hasOwn(record, name) ? record[name] : undefined;
    if (part === undefined) throw new Error(`${where}: ${argument} has no '${name}'`);
    return part;
  });
}

/** @throws Error naming the first column whose number of rows differs from that of the first one */
export function commonRows(where: string, columns: readonly Column[]): number {
  const first = columns[0] as Column;
  for (const column of columns) {
    if (column.rows !== first.rows) {
      throw new Error(`${where}: ${first.label} has ${first.rows} rows, ${column.label} has ${column.rows}`);
    }
  }
  return first.rows;
}
