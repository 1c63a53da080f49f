import type { Json } from '../io/json.js';
import { tensor } from '../ir/build.js';
import { sizeOf, Tensor } from '../ir/graph.js';
import { argumentError, boolean, checkOptions } from '../layers/arguments.js';
import { Lookup, type LookupOptions, lookupOptionKeys } from '../layers/preprocessing/lookup.js';
import { Preprocessor } from './preprocessor.js';
import { type Indices, mapIndices, readStrings, type Strings, stringKind } from './strings.js';
import { encodeRows } from './vectors.js';

export interface StringLookupOptions extends LookupOptions<string> {
  /** Turn indices back into strings: mode 'int' only. Default: false. */
  readonly invert?: boolean;
}

const where = 'stringLookup';

abstract class StringTable extends Preprocessor {
  readonly kind = 'stringLookup';
  protected readonly lookup: Lookup<string>;

  constructor(readonly options: StringLookupOptions) {
    super();
    this.lookup = new Lookup(where, options, stringKind, '[UNK]');
  }

  protected override *documents(at: string, batch: Strings): Iterable<string[]> {
    const { shape, values } = readStrings(at, batch);
    const length = shape.length < 2 ? 1 : (shape.at(-1) as number);
    for (let from = 0; from < values.length; from += length) yield values.slice(from, from + length);
  }

  protected override config(): Record<string, Json | undefined> {
    return { ...this.options, ...this.lookup.learned };
  }
}

/** See `stringLookup`. */
export class StringLookup extends StringTable {
  /**
   * The indices of strings, or vectors over the vocabulary.
   *
   * @returns in mode 'int' int32 of the shape of the input; otherwise float32: for 'oneHot' [..., n] -> [..., n, depth] and
   *     [..., 1] -> [..., depth], for the others [..., n] -> [..., depth], where depth is the vocabulary's size or `maxTokens`
   * @throws Error when there is no vocabulary yet, the input holds anything but strings or is ragged, or a string is unknown
   *     and `numOovIndices` is 0
   */
  apply(strings: Strings): Tensor {
    const { mode, depth } = this.lookup;
    const { shape, values } = readStrings(`${where}: apply`, strings);
    const indices = Int32Array.from(values, (token) => this.indexOf(token));
    if (mode === 'int') return tensor(indices, shape);
    const single = shape.length > 1 && shape.at(-1) === 1;
    const outer = mode !== 'oneHot' || single ? shape.slice(0, -1) : shape;
    const rows = sizeOf(outer);
    const length = rows === 0 ? 0 : indices.length / rows;
    const samples = Array.from({ length: rows }, (_, r) => indices.subarray(r * length, (r + 1) * length));
    return tensor(encodeRows(this.lookup, samples), [...outer, depth]);
  }
}

/** See `stringLookup`, `invert`. */
export class InverseStringLookup extends StringTable {
  /**
   * The strings at indices: a flat list for a typed array, else arrays of the structure of the input. Where there is none, the
   * token for unknown ones.
   *
   * @throws Error when there is no vocabulary yet, or the input holds anything but whole numbers
   */
  apply(indices: Tensor | Int32Array | Indices): Strings {
    const at = `${where}: apply`;
    this.lookup.tokens; // throws where there are none
    const nested = indices instanceof Tensor ? indices.toArray() : indices;
    const list = ArrayBuffer.isView(nested) ? Array.from(nested as Int32Array) : nested;
    return mapIndices(at, list, (index) => this.lookup.tokenAt(index));
  }
}

/**
 * Strings, like the names of categories, as indices 0, 1, 2, ... of a vocabulary, or as vectors over it. Works outside of models:
 * its results are what a model is fed.
 *
 * `adapt` orders strings by frequency; of equally frequent ones the greater (by code points) comes first. In mode 'tfIdf' the
 * strings along the last axis are a document, in a plain list each string. With two and more `numOovIndices` the FarmHash64
 * fingerprint of an unknown string, modulo their number, chooses one, as in Keras.
 *
 * @throws Error when an option is not valid
 *
 * @example
 * const lookup = preprocessing.stringLookup({ vocabulary: ['a', 'b', 'c', 'd'] });
 * lookup.apply([['a', 'c', 'd'], ['d', 'z', 'b']]); // [[1, 3, 4], [4, 0, 2]]
 */
export function stringLookup(options: StringLookupOptions & { readonly invert: true }): InverseStringLookup;
export function stringLookup(options?: StringLookupOptions & { readonly invert?: false }): StringLookup;
export function stringLookup(options?: StringLookupOptions): StringLookup | InverseStringLookup;
export function stringLookup(options: StringLookupOptions = {}): StringLookup | InverseStringLookup {
  checkOptions(where, options, [...lookupOptionKeys, 'invert']);
  if (!boolean(where, 'invert', options.invert ?? false)) return new StringLookup(options);
  if ((options.outputMode ?? 'int') === 'int') return new InverseStringLookup(options);
  throw argumentError(where, 'outputMode', `'int' with invert`, options.outputMode);
}
