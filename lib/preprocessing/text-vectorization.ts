import type { Json } from '../io/json.js';
import { tensor } from '../ir/build.js';
import type { Tensor } from '../ir/graph.js';
import { argumentError, checkOptions, named, positiveInteger, show } from '../layers/arguments.js';
import { Lookup, type LookupOptions } from '../layers/preprocessing/lookup.js';
import { nameOfFunction } from '../layers/registry.js';
import { Preprocessor } from './preprocessor.js';
import { type Strings, stringKind } from './strings.js';
import {
  joinRuns,
  type SplitFn,
  type SplitName,
  type StandardizeFn,
  type StandardizeName,
  splitters,
  standardizers,
} from './tokenize.js';
import { encodeRows } from './vectors.js';

type VocabularyOptions = Pick<LookupOptions<string>, 'maxTokens' | 'vocabulary' | 'idfWeights' | 'padToMaxTokens'>;

export interface TextVectorizationOptions extends VocabularyOptions {
  /** What happens to a text first; null for nothing. 'lower' knows the letters A to Z. Default: 'lowerAndStripPunctuation'. */
  readonly standardize?: StandardizeName | StandardizeFn | null;
  /** How a text becomes tokens; with null it is one, and arrays are texts that are split already. Default: 'whitespace'. */
  readonly split?: SplitName | SplitFn | null;
  /** Join runs of tokens: of 1 to this many, or of these lengths, in their order. Default: null, single tokens. */
  readonly ngrams?: number | readonly number[] | null;
  /**
   * 'int' gives indices of the tokens in order; 'multiHot', 'count' and 'tfIdf' a vector over the vocabulary for each text: which
   * tokens occur in it, how often, and the same times log(1 + texts / (1 + texts with the token)). Default: 'int'.
   */
  readonly outputMode?: 'int' | 'multiHot' | 'count' | 'tfIdf';
  /** In mode 'int': cut or fill each text to this many tokens. Default: the longest text's number. */
  readonly outputSequenceLength?: number;
}

const where = 'textVectorization';
const optionKeys = [
  ...['maxTokens', 'vocabulary', 'idfWeights', 'padToMaxTokens', 'standardize', 'split', 'ngrams', 'outputMode'],
  'outputSequenceLength',
];

/** What goes into a model, as one text or several. */
export type Texts = string | readonly string[] | readonly (readonly string[])[];

/** See `textVectorization`. */
export class TextVectorization extends Preprocessor {
  readonly kind = 'textVectorization';
  protected readonly lookup: Lookup<string>;
  readonly #standardize: StandardizeFn;
  readonly #split: SplitFn | null;
  readonly #ngrams: readonly number[] | undefined;

  constructor(readonly options: TextVectorizationOptions) {
    super();
    checkOptions(where, options, optionKeys);
    const { standardize = 'lowerAndStripPunctuation', split = 'whitespace', ngrams = null } = options;
    const { outputSequenceLength, maxTokens, vocabulary, idfWeights, padToMaxTokens, outputMode } = options;
    if ((outputMode as string) === 'oneHot') {
      throw argumentError(where, 'outputMode', `one of 'int', 'multiHot', 'count', 'tfIdf'`, outputMode);
    }
    const same: StandardizeFn = (text) => text;
    this.#standardize = standardize === null ? same : functionOf('standardize', standardize, standardizers);
    this.#split = split === null ? null : functionOf('split', split, splitters);
    this.#ngrams = ngrams === null ? undefined : widths(ngrams);
    this.lookup = new Lookup(
      where,
      { maxTokens, vocabulary, idfWeights, padToMaxTokens, outputMode, maskToken: '' },
      stringKind,
      '[UNK]',
    );
    if (outputSequenceLength === undefined) return;
    positiveInteger(where, 'outputSequenceLength', outputSequenceLength);
    if (this.lookup.mode !== 'int') throw new Error(`${where}: outputSequenceLength is for outputMode 'int'`);
  }

  /**
   * Texts as numbers.
   *
   * @param texts [texts], also [texts, 1]; with `split: null` also lists of tokens, which need not be of one length
   * @returns in mode 'int' int32 [texts, tokens], filled with 0 at the end; otherwise float32 [texts, depth], where depth is the
   *     vocabulary's size or `maxTokens`. For a single string without the first dimension.
   * @throws Error when there is no vocabulary yet, or the input holds anything but strings
   */
  apply(texts: Texts): Tensor {
    const { mode, depth } = this.lookup;
    const rows = this.documents(`${where}: apply`, texts).map((tokens) => tokens.map((token) => this.indexOf(token)));
    const outer = typeof texts === 'string' ? [] : [rows.length];
    if (mode !== 'int') return tensor(encodeRows(this.lookup, rows), [...outer, depth]);
    const longest = rows.reduce((most, row) => Math.max(most, row.length), 0);
    const { outputSequenceLength: length = longest } = this.options;
    const indices = new Int32Array(rows.length * length);
    rows.forEach((row, r) => {
      indices.set(row.slice(0, length), r * length);
    });
    return tensor(indices, [...outer, length]);
  }

  protected override documents(at: string, batch: Strings): string[][] {
    const list: readonly unknown[] = Array.isArray(batch) ? batch : [batch];
    return list.map((text) => this.#tokens(at, text));
  }

  protected override config(): Record<string, Json | undefined> {
    const { standardize, split } = this.options;
    return {
      ...this.options,
      standardize: nameOf('standardize', standardize),
      split: nameOf('split', split),
      ...this.lookup.learned,
    };
  }

  #tokens(at: string, text: unknown): string[] {
    const words: readonly unknown[] = Array.isArray(text) ? text : [text];
    for (const word of words) if (typeof word !== 'string') throw argumentError(at, 'a text', 'a string', word);
    if (this.#split !== null && words.length !== 1) {
      throw new Error(`${at}: a text must be one string, got ${show(text)}; lists of tokens need split: null`);
    }
    const standard = words.map((word) => stringFrom('standardize', this.#standardize(word as string)));
    const tokens = this.#split === null ? standard : stringsFrom('split', this.#split(standard[0] as string));
    return this.#ngrams === undefined ? [...tokens] : joinRuns(tokens, this.#ngrams);
  }
}

function functionOf<F, N extends string>(name: string, value: F | N, table: Readonly<Record<N, F>>): F {
  return typeof value === 'function' ? (value as F) : named<F>(where, name, value, table);
}

function widths(ngrams: unknown): readonly number[] {
  if (!Array.isArray(ngrams)) {
    return Array.from({ length: positiveInteger(where, 'ngrams', ngrams) }, (_, i) => i + 1);
  }
  if (ngrams.length === 0) throw argumentError(where, 'ngrams', 'a positive integer, or some of them', ngrams);
  return ngrams.map((width, i) => positiveInteger(where, `ngrams[${i}]`, width));
}

function stringFrom(name: string, value: unknown): string {
  if (typeof value === 'string') return value;
  throw new Error(`${where}: the function ${name} must return a string, returned ${show(value)}`);
}

function stringsFrom(name: string, value: unknown): readonly string[] {
  if (Array.isArray(value) && value.every((token) => typeof token === 'string')) return value;
  throw new Error(`${where}: the function ${name} must return an array of strings, returned ${show(value)}`);
}

/** A function in JSON: its name, as in saved models. */
function nameOf(name: string, value: string | StandardizeFn | SplitFn | null | undefined): Json | undefined {
  if (typeof value !== 'function') return value;
  const registered = nameOfFunction(value);
  if (registered !== undefined) return { kind: `functions.${registered}` };
  throw new Error(
    `${where}: ${name} is a function of your own; to save it, give it a name with registerFunction(name, fn)`,
  );
}

/**
 * Texts as indices of their words, or as vectors over the vocabulary. Works outside of models: its results are what a model is
 * fed. A text is standardized, split into tokens, tokens are joined if `ngrams` says so, and looked up.
 *
 * In mode 'int' index 0 fills up ('' in the vocabulary; `maskZero` of an embedding leaves it out), 1 stands for unknown tokens
 * ('[UNK]'). In other modes 0 stands for unknown tokens. `adapt` orders tokens by frequency; of equally frequent ones the
 * greater (by code points) comes first; with `maxTokens` the rarest are left out.
 *
 * @throws Error when an option is not valid
 *
 * @example
 * const vectorize = preprocessing.textVectorization({ maxTokens: 5000, outputSequenceLength: 4 });
 * vectorize.adapt(['foo bar', 'bar baz', 'baz bada boom']);
 * vectorize.apply(['foo qux bar', 'qux baz']); // [[4, 1, 3, 0], [1, 2, 0, 0]]
 */
export const textVectorization = (options: TextVectorizationOptions = {}): TextVectorization =>
  new TextVectorization(options);
