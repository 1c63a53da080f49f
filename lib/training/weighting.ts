import { type Shape, sizeOf, Tensor } from '../ir/graph.js';
import { argumentError } from '../layers/arguments.js';
import { isPrefix } from '../layers/prefix.js';
import { type ArrayData, type Column, type ModelData, type NumberArray, nestedShape, readColumn } from './columns.js';

/** Weight of each class, by number. Classes that are not named have weight 1. */
export type ClassWeight = Readonly<Record<number, number>>;

/**
 * One weight for each sample, or [samples, time] with one for each time step. With several outputs one such array for all
 * of them, or a list of them, or a record by the outputs' names, in which those that are not named weigh 1.
 */
export type SampleWeight = ModelData;

/** What weights are about: the outputs of a model. */
export interface WeightedOutputs {
  readonly names: readonly string[];
  /** Of a sample of each output. */
  readonly shapes: readonly Shape[];
  readonly targets: readonly Column[];
}

export interface WeightOptions {
  readonly sampleWeight?: SampleWeight | undefined;
  readonly classWeight?: ClassWeight | undefined;
}

/**
 * The weights of samples or of their time steps: their own times that of the sample's class.
 *
 * @param trainingRows class weights count for the first rows only, not for those that validate
 * @returns nothing when nothing is weighted, one column for all outputs, or one for each
 * @throws Error when a weight is negative or not finite, or the shapes do not fit
 */
export function weightColumns(
  where: string,
  rows: number,
  outputs: WeightedOutputs,
  { sampleWeight, classWeight }: WeightOptions,
  trainingRows = rows,
): readonly Column[] {
  const columns = sampleWeight === undefined ? [] : sampleWeights(where, rows, outputs, sampleWeight);
  if (classWeight === undefined) return columns;
  // a Map, which has no entries for `Object.entries`, would weigh nothing
  if (typeof classWeight !== 'object' || classWeight === null || Symbol.iterator in classWeight) {
    throw argumentError(where, 'classWeight', 'a record of weights by class numbers', classWeight);
  }
  const [column = allOnes(rows)] = columns;
  return [withClassWeights(where, column, classWeight, outputs.targets, trainingRows)];
}

const weightType = { dtype: 'float32', shape: [] as Shape } as const;

const allOnes = (rows: number): Column => ({
  ...weightType,
  ...{ label: 'sampleWeight', rows, source: new Float32Array(rows).fill(1), isOwn: true },
});

function sampleWeights(
  where: string,
  rows: number,
  { names, shapes }: WeightedOutputs,
  given: SampleWeight,
): readonly Column[] {
  if (typeof given !== 'object' || given === null) {
    throw argumentError(where, 'sampleWeight', 'a typed array of numbers, nested arrays or a tensor', given);
  }
  const entries = shapes.map((shape): Shape => shape.slice(0, -1));
  if (isOneArray(given, names.length)) {
    return [readWeights(where, 'sampleWeight', rows, entries.reduce(commonPrefix), given)];
  }
  const record = Array.isArray(given) ? Object.fromEntries(names.map((name, i) => [name, given[i]])) : given;
  for (const key of Object.keys(record)) {
    if (!names.includes(key)) throw new Error(`${where}: sampleWeight has '${key}'; expected ${names.join(', ')}`);
  }
  return names.map((name, i) => {
    const part = Object.hasOwn(record, name) ? (record as Readonly<Record<string, ArrayData>>)[name] : undefined;
    return part === undefined
      ? allOnes(rows)
      : readWeights(where, `sampleWeight['${name}']`, rows, entries[i] as Shape, part);
  });
}

const commonPrefix = (a: Shape, b: Shape): Shape => {
  const end = a.findIndex((n, i) => n !== b[i]);
  return end < 0 ? a : a.slice(0, end);
};

/** Whether weights are one array, not one for each output. */
function isOneArray(given: SampleWeight, outputs: number): given is ArrayData {
  if (ArrayBuffer.isView(given) || given instanceof Tensor) return true;
  if (!Array.isArray(given)) return false;
  return outputs === 1 || given.length !== outputs || given.some((part) => typeof part !== 'object');
}

/** @param entries of a sample: its time steps, what can have a weight of its own */
function readWeights(where: string, label: string, rows: number, entries: Shape, data: ArrayData): Column {
  const column = readColumn(where, { label, dtype: 'float32', shape: shapeOf(rows, entries, data) }, data);
  if (column.rows !== rows || !isPrefix({ ...weightType, shape: column.shape }, entries)) {
    const steps = entries.length === 0 ? '' : ` (or for [${[rows, ...entries].join(', ')}] time steps)`;
    const got = [column.rows, ...column.shape];
    const values = got.length === 1 ? `${column.rows} values` : `shape [${got.join(', ')}]`;
    throw new Error(`${where}: ${label} has ${values} for ${rows} samples${steps}`);
  }
  checkWeights(where, label, column);
  return column;
}

/** Of the weights of one sample. A flat array has one weight per sample if that fits, else as many axes as it takes. */
function shapeOf(rows: number, entries: Shape, data: ArrayData): Shape {
  if (data instanceof Tensor) return data.shape.slice(1);
  if (Array.isArray(data)) return nestedShape(data).slice(1);
  const { length } = data as NumberArray;
  const axes = [...entries.keys(), entries.length].find((n) => length === rows * sizeOf(entries.slice(0, n)));
  return entries.slice(0, axes ?? 0);
}

function checkWeights(where: string, label: string, { source, shape }: Column): void {
  const width = sizeOf(shape);
  for (let i = 0; i < source.length; i++) {
    const w = source[i] as number;
    if (!(w >= 0 && w < Number.POSITIVE_INFINITY)) {
      throw new Error(
        `${where}: ${label} of row ${Math.floor(i / width)} is ${w}; expected a number that is not negative`,
      );
    }
  }
}

function withClassWeights(
  where: string,
  column: Column,
  classWeight: ClassWeight,
  targets: readonly Column[],
  trainingRows: number,
): Column {
  const [target] = targets;
  if (target === undefined || targets.length !== 1) {
    throw new Error(`${where}: classWeight works with one output, the model has ${targets.length}`);
  }
  const byClass = new Map<number, number>();
  for (const [key, weight] of Object.entries(classWeight)) {
    const label = Number(key);
    if (!Number.isInteger(label) || !(weight >= 0 && weight < Number.POSITIVE_INFINITY)) {
      throw new Error(
        `${where}: classWeight must map class numbers to numbers that are not negative, got ${key}: ${weight}`,
      );
    }
    byClass.set(label, weight);
  }
  const { source, rows } = target;
  const classes = source.length / rows; // 1: class numbers; more: one-hot
  const known = target.classes ?? (classes > 1 ? classes : undefined);
  if (target.shape.length > 1 || (target.classes !== undefined && classes !== 1)) {
    throw new Error(
      `${where}: classWeight needs one class per sample, targets have shape [rows, ${target.shape.join(', ')}]`,
    );
  }
  const missing = [...byClass.keys()].find((label) => known !== undefined && (label < 0 || label >= known));
  if (missing !== undefined) {
    throw new Error(
      `${where}: classWeight names class ${missing}; there are ${known} classes, 0 to ${(known as number) - 1}`,
    );
  }
  const weights = Float32Array.from(column.source);
  const width = sizeOf(column.shape);
  for (let row = 0; row < trainingRows; row++) {
    const factor = byClass.get(classOf(source, row, classes)) ?? 1;
    for (let i = row * width; i < (row + 1) * width; i++) weights[i] = (weights[i] as number) * factor;
  }
  return { ...column, source: weights, isOwn: true };
}

function classOf(source: NumberArray, row: number, width: number): number {
  if (width === 1) return source[row] as number;
  let best = 0;
  for (let c = 1; c < width; c++) {
    if ((source[row * width + c] as number) > (source[row * width + best] as number)) best = c;
  }
  return best;
}
