import { InputFile } from '../io/files.js';
import { type Json, jsonKeys, jsonObject, jsonString, parseJson } from '../io/json.js';
import { registeredFunction } from '../layers/registry.js';
import { format, jsonLimits, type PreprocessorJson, version } from './preprocessor.js';
import { type InverseStringLookup, type StringLookup, stringLookup } from './string-lookup.js';
import { type TextVectorization, textVectorization } from './text-vectorization.js';

/** Every kind that a file may name. A new one is a line here. */
const factories = { stringLookup, textVectorization } as const;

export type AnyPreprocessor = StringLookup | InverseStringLookup | TextVectorization;

const maxBytes = 1 << 28;

/**
 * A preprocessor from what `toJSON` returned, or the text of it. The JSON need not be trusted: everything is checked, and
 * nothing in it is run.
 *
 * @throws Error naming the place in the JSON that is not valid, or the function that is not registered
 *
 * @example
 * const lookup = preprocessing.stringLookup({ vocabulary: ['a', 'b'] });
 * const same = preprocessing.fromJSON(JSON.stringify(lookup));
 */
export function fromJSON(json: PreprocessorJson | string): AnyPreprocessor {
  return decode('preprocessing.fromJSON', typeof json === 'string' ? json : (JSON.stringify(json) ?? ''));
}

/**
 * Reads a preprocessor from a file that its `save` wrote.
 *
 * @throws Error (as a rejection) naming the file and what is wrong with it
 *
 * @example
 * const vectorize = await preprocessing.load('models/vectorizer.json');
 */
export async function load(file: string): Promise<AnyPreprocessor> {
  const input = await InputFile.open(file);
  try {
    if (input.bytes > maxBytes) throw new Error(`${file}: has ${input.bytes} bytes, more than ${maxBytes}`);
    const bytes = new Uint8Array(input.bytes);
    await input.read(bytes, 0);
    return decode(file, new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw error instanceof TypeError ? new Error(`${file}: is not valid UTF-8`) : error;
  } finally {
    await input.close();
  }
}

function decode(where: string, text: string): AnyPreprocessor {
  const json = jsonObject(where, 'the content', parseJson(where, text, jsonLimits));
  jsonKeys(where, 'the content', json, ['format', 'version', 'preprocessor']);
  if (json.format !== format) throw new Error(`${where}: is not a saved preprocessor: format must be '${format}'`);
  if (json.version !== version) {
    throw new Error(`${where}: has version ${String(json.version)} of the format; this library reads ${version}`);
  }
  const entry = jsonObject(where, 'preprocessor', json.preprocessor);
  jsonKeys(where, 'preprocessor', entry, ['kind', 'config']);
  const kind = jsonString(where, 'kind', entry.kind);
  if (!Object.hasOwn(factories, kind)) {
    throw new Error(
      `${where}: unknown kind of preprocessor '${kind.slice(0, 100)}'; known are ${Object.keys(factories).join(', ')}`,
    );
  }
  const config = Object.entries(jsonObject(where, 'config', entry.config));
  const options = Object.fromEntries(config.map(([key, value]) => [key, decodeOption(`${where}: ${key}`, value)]));
  const factory = factories[kind as keyof typeof factories] as (options: object) => AnyPreprocessor;
  try {
    return factory(options);
  } catch (error) {
    throw new Error(`${where}: ${(error as Error).message}`);
  }
}

/** JSON stands for itself, but an object for a registered function. */
function decodeOption(where: string, value: Json): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const entry = jsonObject(where, 'the value', value);
  jsonKeys(where, 'a function', entry, ['kind']);
  const [, name = ''] = /^functions\.(.+)$/.exec(jsonString(where, 'kind', entry.kind)) ?? [];
  const fn = registeredFunction(name);
  if (fn !== undefined) return fn;
  throw new Error(
    `${where}: the function '${name.slice(0, 100)}' is not registered; call registerFunction before loading`,
  );
}
