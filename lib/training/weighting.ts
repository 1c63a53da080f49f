import type { Column, NumberArray } from './columns.js';
import { readColumn } from './columns.js';

/** Weight of each class, by number. Classes that are not named have weight 1. */
export type ClassWeight = Readonly<Record<number, number>>;

/**
 * The weight of each sample: its own times that of its class.
 *
 * @param target of the only output, needed for class weights
 * @param trainingRows class weights count for the first rows only, not for those that validate
 * @returns undefined when nothing is weighted
 * @throws Error when a weight is negative or not finite, or the lengths differ
 */
export function weightColumn(
  where: string,
  rows: number,
  sampleWeight: NumberArray | readonly number[] | undefined,
  classWeight: ClassWeight | undefined,
  targets: readonly Column[],
  trainingRows = rows,
): Column | undefined {
  if (sampleWeight === undefined && classWeight === undefined) return undefined;
  const weights = new Float32Array(rows).fill(1);
  if (sampleWeight !== undefined) {
    const type = { label: 'sampleWeight', dtype: 'float32', shape: [] } as const;
    const column = readColumn(where, type, sampleWeight as NumberArray);
    if (column.rows !== rows) throw new Error(`${where}: sampleWeight has ${column.rows} values for ${rows} samples`);
    checkWeights(where, column.source);
    weights.set(column.source);
  }
  if (classWeight !== undefined) applyClassWeights(where, weights.subarray(0, trainingRows), classWeight, targets);
  return { label: 'sampleWeight', dtype: 'float32', shape: [], rows, source: weights };
}

function checkWeights(where: string, weights: NumberArray): void {
  for (let i = 0; i < weights.length; i++) {
    const w = weights[i] as number;
    if (!(w >= 0 && w < Number.POSITIVE_INFINITY)) {
      throw new Error(`${where}: sampleWeight of row ${i} is ${w}; expected a number that is not negative`);
    }
  }
}

function applyClassWeights(
  where: string,
  weights: Float32Array,
  classWeight: ClassWeight,
  targets: readonly Column[],
): void {
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
  const width = source.length / rows; // 1: class numbers; more: one-hot
  if (target.shape.length > 1 || (target.classes !== undefined && width !== 1)) {
    throw new Error(
      `${where}: classWeight needs one class per sample, targets have shape [rows, ${target.shape.join(', ')}]`,
    );
  }
  for (let row = 0; row < weights.length; row++) {
    weights[row] = (weights[row] as number) * (byClass.get(classOf(source, row, width)) ?? 1);
  }
}

function classOf(source: NumberArray, row: number, width: number): number {
  if (width === 1) return source[row] as number;
  let best = 0;
  for (let c = 1; c < width; c++) {
    if ((source[row * width + c] as number) > (source[row * width + best] as number)) best = c;
  }
  return best;
}
