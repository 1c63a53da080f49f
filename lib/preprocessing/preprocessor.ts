import { replaceFile } from '../io/files.js';
import { type Json, parseJson } from '../io/json.js';
import { show } from '../layers/arguments.js';
import { accumulate } from '../layers/preprocessing/adapt.js';
import type { Lookup } from '../layers/preprocessing/lookup.js';
import { fingerprint64 } from './farmhash.js';
import { isStrings, type Strings } from './strings.js';

export const format = 'steepest';
export const version = 1;

/** A preprocessor with what it has learned. */
export interface PreprocessorJson {
  readonly [key: string]: Json;
  readonly format: typeof format;
  readonly version: typeof version;
  readonly preprocessor: { readonly kind: string; readonly config: { readonly [key: string]: Json } };
}

/** Some million tokens with their weights. */
export const jsonLimits = { depth: 8, values: 1 << 24 };

/** What works on strings, and therefore outside of models: strings are no tensors. */
export abstract class Preprocessor {
  abstract readonly kind: string;
  protected abstract readonly lookup: Lookup<string>;

  /**
   * Learns the vocabulary from data, in one pass. What an earlier call learned is forgotten.
   *
   * @param data strings; or an iterable of strings or of arrays of them, like the lines of a file, which need not fit into
   *     memory together. An async iterable makes the call return a promise.
   * @throws Error when the vocabulary was given as an argument, or the data hold no tokens or anything but strings; what had
   *     been learned before is still there then
   */
  adapt(data: Strings | Iterable<Strings>): void;
  adapt(data: AsyncIterable<Strings>): Promise<void>;
  adapt(data: Strings | Iterable<Strings> | AsyncIterable<Strings>): void | Promise<void> {
    const where = `${this.kind}: adapt`;
    const counter = this.lookup.counter(where);
    return accumulate<Strings>(where, data, isStrings, {
      update: (batch) => counter.update(this.documents(where, batch)),
      finish: () => counter.finish(),
    });
  }

  /**
   * The tokens in the order of their indices.
   *
   * @param includeSpecialTokens whether the mask token and that for unknown ones are among them. Default: true
   * @throws Error when there is no vocabulary yet
   */
  getVocabulary(includeSpecialTokens = true): string[] {
    return this.lookup.vocabulary(includeSpecialTokens);
  }

  /**
   * Number of indices, those of special tokens included: `inputDim` of an embedding.
   *
   * @throws Error when there is no vocabulary yet
   */
  vocabularySize(): number {
    return this.lookup.size;
  }

  /**
   * The options and the vocabulary: what `preprocessing.fromJSON` takes. `JSON.stringify` uses it.
   *
   * @throws Error naming the option that is a function without a name: see `registerFunction`
   */
  toJSON(): PreprocessorJson {
    const config = Object.entries(this.config()).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]]));
    return { format, version, preprocessor: { kind: this.kind, config: Object.fromEntries(config) } };
  }

  /**
   * Writes `toJSON` into a file, for `preprocessing.load`. The old file stays if that fails.
   *
   * @throws Error (as a rejection) as `toJSON`, or when the file cannot be written
   */
  async save(file: string): Promise<void> {
    const text = `${JSON.stringify(this)}\n`;
    parseJson(`${this.kind}: save`, text, jsonLimits); // what could not be loaded again is not saved
    await replaceFile(file, [new TextEncoder().encode(text)]);
  }

  /** Lists of tokens. */
  protected abstract documents(where: string, batch: Strings): Iterable<Iterable<string>>;

  protected abstract config(): Record<string, Json | undefined>;

  /** -1 for a token that is to be left out. */
  protected indexOf(token: string): number {
    const { maskToken, oovStart, numOov } = this.lookup;
    if (token === maskToken) return oovStart - 1;
    const index = this.lookup.indexOf(token);
    if (index >= 0) return index;
    if (numOov === 0) {
      throw new Error(`${this.kind}: ${show(token)} is not in the vocabulary; numOovIndices is 0`);
    }
    return oovStart + (numOov === 1 ? 0 : Number(fingerprint64(token) % BigInt(numOov)));
  }
}
