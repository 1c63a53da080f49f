import type { TensorType } from '../../ir/graph.js';
import type { PerAxis } from '../../ir/ops/windows.js';
import { argumentError } from '../arguments.js';
import type { Layer } from '../layer.js';

/** Number of spatial axes. */
export type Rank = 1 | 2 | 3;

/** One whole number for all spatial axes, or one for each. */
export function sizes(where: string, name: string, value: unknown, rank: Rank, least = 1): number[] {
  const list: unknown = typeof value === 'number' ? new Array(rank).fill(value) : value;
  const valid = (n: unknown): boolean => Number.isSafeInteger(n) && (n as number) >= least;
  if (!Array.isArray(list) || list.length !== rank || !list.every(valid)) {
    const what = least > 0 ? 'positive integer' : 'integer >= 0';
    throw argumentError(where, name, rank === 1 ? `a ${what}` : `a ${what} or an array of ${rank}`, value);
  }
  return [...list];
}

/** One of a few names. */
export function choice<T extends string>(where: string, name: string, value: unknown, names: readonly T[]): T {
  const found = names.find((n) => n === value);
  if (found === undefined) throw argumentError(where, name, names.map((n) => `'${n}'`).join(' or '), value);
  return found;
}

export const paddingName = <T extends string>(where: string, value: unknown, names: readonly T[]): T =>
  choice(where, 'padding', value, names);

export type Sides = number | readonly (number | readonly [number, number])[];

/** Cells before and after each spatial axis: one number for all, or for each axis a number or [before, after]. */
export function sides(where: string, name: string, value: unknown, rank: Rank): [number, number][] {
  const valid = (n: unknown): boolean => Number.isSafeInteger(n) && (n as number) >= 0;
  const pair = (v: unknown): unknown => (typeof v === 'number' ? [v, v] : v);
  // along one axis [before, after] may stand without a list around it
  const alone = rank === 1 && Array.isArray(value) && value.length === 2 && value.every(valid);
  const list: unknown = alone ? [value] : typeof value === 'number' ? new Array(rank).fill(value) : value;
  const pairs: unknown[] = Array.isArray(list) ? list.map(pair) : [];
  if (pairs.length !== rank || !pairs.every((p) => Array.isArray(p) && p.length === 2 && p.every(valid))) {
    throw argumentError(where, name, `an integer >= 0, or ${rank} times an integer or [before, after]`, value);
  }
  return pairs as [number, number][];
}

const letters: Readonly<Record<Rank, string>> = { 1: 'length', 2: 'height, width', 3: 'depth, height, width' };

/** The channels of [batch, ...spatial, channels]. */
export function channelsOf(layer: Layer, x: TensorType, rank: Rank): number {
  if (x.shape.length !== rank + 2) {
    throw layer.error(`expected input [batch, ${letters[rank]}, channels], got shape [${x.shape.join(', ')}]`);
  }
  return x.shape.at(-1) as number;
}

export type { PerAxis };
