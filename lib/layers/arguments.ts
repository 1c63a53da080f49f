/** Checks of arguments. `where` is what the user called ("layers.dense"), `name` the argument. */

import { show } from '../ir/show.js';

export { show } from '../ir/show.js';

export function argumentError(where: string, name: string, expected: string, got: unknown): Error {
  return new Error(`${where}: ${name} must be ${expected}, got ${show(got)}`);
}

/** @throws Error when `options` is not an object, or has a key that is not in `known` (a typo would be ignored silently) */
export function checkOptions(where: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw argumentError(where, 'the options', 'an object', options);
  }
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue;
    throw new Error(
      `${where}: unknown option '${key}'; ${known.length === 0 ? 'there are none' : `known are ${known.join(', ')}`}`,
    );
  }
}

/** Gives a factory without options that refuses those it is called with, instead of ignoring them silently. */
export function withoutOptions<T>(where: string, make: () => T): () => T {
  const factory = (...given: unknown[]): T => {
    if (given[0] !== undefined) checkOptions(where, given[0], []);
    return make();
  };
  return Object.defineProperty(factory, 'name', { value: where.slice(where.indexOf('.') + 1) });
}

export function positiveInteger(where: string, name: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1) {
    throw argumentError(where, name, 'a positive integer', value);
  }
  return value;
}

export function integer(where: string, name: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw argumentError(where, name, 'an integer', value);
  return value;
}

export interface Range {
  readonly min?: number;
  readonly max?: number;
  /** The bounds themselves are not allowed. */
  readonly minOpen?: boolean;
  readonly maxOpen?: boolean;
}

/** A finite number in a range. */
export function numberIn(where: string, name: string, value: unknown, range: Range = {}): number {
  const { min, max, minOpen = false, maxOpen = false } = range;
  const inside =
    typeof value === 'number' &&
    Number.isFinite(value) &&
    (min === undefined || (minOpen ? value > min : value >= min)) &&
    (max === undefined || (maxOpen ? value < max : value <= max));
  if (inside) return value;
  const bounds = [
    ...(min === undefined ? [] : [`${minOpen ? '>' : '>='} ${min}`]),
    ...(max === undefined ? [] : [`${maxOpen ? '<' : '<='} ${max}`]),
  ];
  throw argumentError(where, name, ['a finite number', bounds.join(' and ')].join(' ').trim(), value);
}

export function boolean(where: string, name: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw argumentError(where, name, 'true or false', value);
  return value;
}

/** One of a few words. */
export function oneOf<T extends string>(where: string, name: string, value: unknown, known: readonly T[]): T {
  if (known.includes(value as T)) return value as T;
  throw argumentError(where, name, `one of ${known.map((k) => `'${k}'`).join(', ')}`, value);
}

/** Sizes that are all positive integers. */
export function dimensions(where: string, name: string, value: unknown): readonly number[] {
  if (!Array.isArray(value) || value.some((n) => !Number.isSafeInteger(n) || n < 1)) {
    throw argumentError(where, name, 'an array of positive integers (without the batch dimension)', value);
  }
  return [...value];
}

/**
 * @param family name of `factories` in the library's exports
 * @throws Error when a value is one of the factories, not what it returns
 */
export function refuseFactory(where: string, name: string, value: unknown, family: string, factories: object): void {
  const found = Object.entries(factories).find(([, factory]) => factory === value);
  if (found === undefined) return;
  const factory = `${family}.${found[0]}`;
  throw new Error(`${where}: ${name} must be what ${factory}(...) returns, got the function ${factory} itself`);
}

/**
 * Looks `value` up by name in a table.
 *
 * @throws Error that lists the valid names
 */
export function named<T>(where: string, name: string, value: unknown, table: Readonly<Record<string, T>>): T {
  if (typeof value === 'string' && Object.hasOwn(table, value)) return table[value] as T;
  const names = Object.keys(table).map((key) => `'${key}'`);
  throw argumentError(where, name, `a function or one of ${names.join(', ')}`, value);
}
