/** What a JSON text may hold. Depth and number of values are bounded before anything is built from them. */
export interface JsonLimits {
  readonly depth: number;
  /** Of values: numbers, strings, arrays, objects, ... */
  readonly values: number;
}

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

const space = /\s/;

/**
 * Parses JSON that nobody vouches for. `JSON.parse` checks the grammar; what it lets through is refused before it runs:
 * a million levels, keys that occur twice (it would keep the last), `__proto__`, and more values than are allowed.
 *
 * @param where names the file in messages
 * @throws Error naming the file, and the key or what is wrong
 */
export function parseJson(where: string, text: string, limits: JsonLimits): Json {
  scan(where, text, limits);
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw new Error(`${where}: not valid JSON: ${(error as Error).message}`);
  }
}

/** Walks over the text without checking its grammar: brackets, commas and strings are enough to count and to find keys. */
function scan(where: string, text: string, { depth, values }: JsonLimits): void {
  /** One element per open bracket: the keys of an object so far, or undefined for an array. */
  const open: (Set<string> | undefined)[] = [];
  let keyNext = false;
  let count = 1;
  for (let i = 0; i < text.length; i++) {
    const c = text[i] as string;
    if (c === '"') {
      const end = endOfString(where, text, i);
      if (keyNext) addKey(where, open.at(-1) as Set<string>, text.slice(i, end + 1));
      keyNext = false;
      i = end;
    } else if (c === '{' || c === '[') {
      if (open.length === depth) throw new Error(`${where}: nested deeper than ${depth} levels`);
      open.push(c === '{' ? new Set() : undefined);
      keyNext = c === '{';
      count++;
    } else if (c === '}' || c === ']') {
      open.pop();
      keyNext = false;
    } else if (c === ',') {
      keyNext = open.at(-1) !== undefined;
      count++;
    } else if (!space.test(c)) {
      keyNext = false;
    }
    if (count > values) throw new Error(`${where}: holds more than ${values} values`);
  }
}

/** Position of the quote that ends the string that begins at `begin`. */
function endOfString(where: string, text: string, begin: number): number {
  for (let end = text.indexOf('"', begin + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text[end - 1 - backslashes] === '\\') backslashes++;
    if (backslashes % 2 === 0) return end;
  }
  throw new Error(`${where}: not valid JSON: a string has no end`);
}

function addKey(where: string, keys: Set<string>, quoted: string): void {
  let key: unknown;
  try {
    key = JSON.parse(quoted); // two spellings of one key are the same key
  } catch {
    throw new Error(`${where}: not valid JSON: ${quoted.slice(0, 60)} is not a string`);
  }
  if (key === '__proto__') throw new Error(`${where}: the key '__proto__' is not allowed`);
  if (keys.has(key as string)) throw new Error(`${where}: the key '${String(key).slice(0, 200)}' occurs twice`);
  keys.add(key as string);
}

/** A value of a parsed file that has to be an object. */
export function jsonObject(where: string, name: string, value: unknown): { readonly [key: string]: Json } {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as { [key: string]: Json };
  throw new Error(`${where}: ${name} must be an object, got ${describe(value)}`);
}

export function jsonArray(where: string, name: string, value: unknown): readonly Json[] {
  if (Array.isArray(value)) return value as readonly Json[];
  throw new Error(`${where}: ${name} must be an array, got ${describe(value)}`);
}

export function jsonString(where: string, name: string, value: unknown): string {
  if (typeof value === 'string') return value;
  throw new Error(`${where}: ${name} must be a string, got ${describe(value)}`);
}

/** A whole number in min .. max. */
export function jsonInteger(where: string, name: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw new Error(`${where}: ${name} must be a whole number from ${min} to ${max}, got ${describe(value)}`);
}

/** @throws Error when the object has a key that is not in `known` */
export function jsonKeys(where: string, name: string, value: object, known: readonly string[]): void {
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) {
      throw new Error(`${where}: ${name} has an unknown key '${key.slice(0, 200)}'; known are ${known.join(', ')}`);
    }
  }
}

function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  return typeof value === 'string' ? `'${value.slice(0, 100)}'` : String(value);
}
