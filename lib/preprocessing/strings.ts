import { argumentError, show } from '../layers/arguments.js';
import type { TokenKind } from '../layers/preprocessing/lookup.js';

/** A string, or arrays of strings as deep as one likes. */
export type Strings = string | readonly Strings[];

/** The strings in order, and the sizes of the arrays. */
export interface StringArray {
  readonly shape: readonly number[];
  readonly values: readonly string[];
}

/** @throws Error when something else than strings is in it, or arrays of one level differ in length */
export function readStrings(where: string, value: unknown): StringArray {
  const shape: number[] = [];
  for (let at = value; Array.isArray(at); at = at[0]) shape.push(at.length);
  const values: string[] = [];
  const visit = (v: unknown, depth: number): void => {
    if (Array.isArray(v) && depth < shape.length) {
      if (v.length !== shape[depth]) {
        throw new Error(`${where}: arrays of ${shape[depth]} and of ${v.length} strings stand side by side`);
      }
      for (const item of v) visit(item, depth + 1);
    } else if (typeof v === 'string' && depth === shape.length) {
      values.push(v);
    } else {
      throw argumentError(where, 'the input', 'a string, or arrays of strings of one depth', v);
    }
  };
  visit(value, 0);
  return { shape, values };
}

/** Whether `adapt` got a batch of strings rather than batches. */
export const isStrings = (value: unknown): value is Strings => typeof value === 'string' || Array.isArray(value);

export const stringKind: TokenKind<string> = {
  name: 'a string',
  is: (value): value is string => typeof value === 'string',
  compare: compareStrings,
};

/** By code points, which is the order of the bytes in UTF-8; `<` compares UTF-16 units. */
export function compareStrings(a: string, b: string): number {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    const [p, q] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (p === q) continue;
    // halves of characters beyond 16 bits come after all others
    const [high, low] = [p >= 0xd800 && p < 0xe000, q >= 0xd800 && q < 0xe000];
    return high === low ? p - q : high ? 1 : -1;
  }
  return a.length - b.length;
}

/** Numbers in nested arrays, or flat. */
export type Indices = number | readonly Indices[];

/** The value of each number, in arrays of the same structure. */
export function mapIndices(where: string, value: unknown, f: (index: number) => string): Strings {
  if (Array.isArray(value)) return value.map((item) => mapIndices(where, item, f));
  if (typeof value === 'number' && Number.isInteger(value)) return f(value);
  throw new Error(`${where}: the input must be whole numbers, or arrays of them, got ${show(value)}`);
}
