import { argumentError, boolean, integer, numberIn, oneOf, show } from '../arguments.js';
import type { Accumulator } from './adapt.js';
import type { EncodingMode } from './encode.js';

export type LookupMode = 'int' | EncodingMode | 'tfIdf';

export interface LookupOptions<T extends string | number> {
  /** Largest size of the vocabulary, special tokens included: at least 2. Rarer tokens are left out. Default: no limit. */
  readonly maxTokens?: number;
  /**
   * Number of indices for tokens that are not in the vocabulary. With 0 such a token is an error, with 2 or more a hash of the
   * token chooses. At most 2^24. Default: 1.
   */
  readonly numOovIndices?: number;
  /** Stands for nothing: index 0 in mode 'int', left out in the others. Default: null, there is none. */
  readonly maskToken?: T | null;
  /** What an index for unknown tokens is turned back into, and stands for in the vocabulary. */
  readonly oovToken?: T;
  /** Instead of `adapt`: the tokens in the order of their indices, with or without the special ones in front. */
  readonly vocabulary?: readonly T[];
  /** With `vocabulary` in mode 'tfIdf': the weight of each token. */
  readonly idfWeights?: readonly number[];
  /**
   * 'int' gives indices; 'oneHot' a vector for each of them; 'multiHot', 'count' and 'tfIdf' one for a sample (what lies along the
   * last axis): which tokens occur in it, how often, and the same times log(1 + documents / (1 + documents with the token)).
   * Default: 'int'.
   */
  readonly outputMode?: LookupMode;
  /** Make vectors as long as `maxTokens`, however many tokens there are. Default: false. */
  readonly padToMaxTokens?: boolean;
}

export const lookupOptionKeys = [
  ...['maxTokens', 'numOovIndices', 'maskToken', 'oovToken', 'vocabulary', 'idfWeights'],
  ...['outputMode', 'padToMaxTokens'],
];

/** Lists of tokens hold the one for unknown tokens this often. */
const mostOov = 2 ** 24;

/** What kind of tokens there are. */
export interface TokenKind<T> {
  /** For messages: 'a string'. */
  readonly name: string;
  is(value: unknown): value is T;
  /** Ascending order. */
  compare(a: T, b: T): number;
}

/** Tokens and their indices: the mask token, the indices for unknown tokens, then the vocabulary. */
export class Lookup<T extends string | number> {
  readonly mode: LookupMode;
  readonly oovToken: T;
  readonly maskToken: T | null;
  readonly numOov: number;
  /** Without special tokens; undefined before there is a vocabulary. */
  #tokens: readonly T[] | undefined;
  #indices: ReadonlyMap<T, number> = new Map();
  #idf: Float32Array | undefined;

  /** @throws Error when an option is not valid */
  constructor(
    readonly where: string,
    readonly options: LookupOptions<T>,
    readonly kind: TokenKind<T>,
    oovToken: T,
  ) {
    const { maxTokens, numOovIndices = 1, maskToken = null, vocabulary, idfWeights } = options;
    const modes: readonly LookupMode[] = ['int', 'oneHot', 'multiHot', 'count', 'tfIdf'];
    this.mode = oneOf(where, 'outputMode', options.outputMode ?? 'int', modes);
    this.oovToken = options.oovToken === undefined ? oovToken : this.#token('oovToken', options.oovToken);
    this.maskToken = maskToken === null ? null : this.#token('maskToken', maskToken);
    if (maxTokens !== undefined && integer(where, 'maxTokens', maxTokens) < 2) {
      throw argumentError(where, 'maxTokens', 'at least 2', maxTokens);
    }
    if (integer(where, 'numOovIndices', numOovIndices) < 0) {
      throw argumentError(where, 'numOovIndices', 'at least 0', numOovIndices);
    }
    if (numOovIndices > mostOov) throw argumentError(where, 'numOovIndices', 'at most 2^24', numOovIndices);
    this.numOov = numOovIndices;
    const pad = boolean(where, 'padToMaxTokens', options.padToMaxTokens ?? false);
    if (pad && maxTokens === undefined) throw new Error(`${where}: padToMaxTokens needs maxTokens`);
    if (pad && this.mode === 'int') throw new Error(`${where}: padToMaxTokens is for other modes than 'int'`);
    if (maxTokens !== undefined && maxTokens <= this.#tokenStart) {
      throw argumentError(where, 'maxTokens', `more than the ${this.#tokenStart} special tokens`, maxTokens);
    }
    if (vocabulary !== undefined) this.#set(vocabulary, idfWeights);
    else if (idfWeights !== undefined) throw new Error(`${where}: idfWeights need a vocabulary`);
  }

  get ready(): boolean {
    return this.#tokens !== undefined;
  }

  /** @throws Error when there is no vocabulary yet */
  get tokens(): readonly T[] {
    if (this.#tokens !== undefined) return this.#tokens;
    throw new Error(`${this.where}: there is no vocabulary yet; call adapt, or give one`);
  }

  /** The first index for unknown tokens. */
  get oovStart(): number {
    return this.maskToken !== null && this.mode === 'int' ? 1 : 0;
  }

  /** Number of indices. */
  get size(): number {
    return this.#tokenStart + this.tokens.length;
  }

  /** Length of vectors. */
  get depth(): number {
    const { padToMaxTokens, maxTokens } = this.options;
    return padToMaxTokens === true && this.ready ? (maxTokens as number) : this.size;
  }

  /** The weight of each index in mode 'tfIdf', `depth` of them. */
  get idf(): Float32Array {
    const weights = new Float32Array(this.depth);
    weights.set(this.#idf as Float32Array);
    return weights;
  }

  /** The index of a token, -1 when it is not in the vocabulary. */
  indexOf(token: T): number {
    return this.#indices.get(token) ?? -1;
  }

  /** The token at an index, also where there is none: then the one for unknown tokens. */
  tokenAt(index: number): T {
    if (index === 0 && this.oovStart === 1) return this.maskToken as T;
    return this.tokens[index - this.#tokenStart] ?? this.oovToken;
  }

  /** What the layer's `getVocabulary` returns. */
  vocabulary(includeSpecialTokens: boolean): T[] {
    return includeSpecialTokens ? [...this.#special, ...this.tokens] : [...this.tokens];
  }

  /** The arguments that `adapt` stands for. */
  get learned(): Pick<LookupOptions<T>, 'vocabulary' | 'idfWeights'> {
    if (this.options.vocabulary !== undefined || this.#tokens === undefined) return {};
    const vocabulary = this.vocabulary(true);
    return this.#idf === undefined ? { vocabulary } : { vocabulary, idfWeights: [...this.#idf] };
  }

  /**
   * Counts tokens and documents; documents are lists of tokens.
   *
   * @throws Error when the vocabulary was given as an argument
   */
  counter(where: string): Accumulator<Iterable<Iterable<T>>> {
    if (this.options.vocabulary !== undefined) throw new Error(`${where}: the vocabulary was given as an argument`);
    const counts = new Map<T, number>();
    const documentCounts = new Map<T, number>();
    let documents = 0;
    return {
      update: (batch) => {
        for (const document of batch) {
          documents++;
          for (const token of document) counts.set(token, (counts.get(token) ?? 0) + 1);
          if (this.mode !== 'tfIdf') continue;
          for (const token of new Set(document)) documentCounts.set(token, (documentCounts.get(token) ?? 0) + 1);
        }
      },
      finish: () => {
        if (this.maskToken !== null) counts.delete(this.maskToken);
        counts.delete(this.oovToken);
        if (counts.size === 0) throw new Error(`${where}: the data hold no tokens`);
        const tokens = this.#mostFrequent(counts);
        const weight = (token: T): number => Math.log(1 + documents / (1 + (documentCounts.get(token) as number)));
        this.#accept(tokens, this.mode === 'tfIdf' ? this.#withSpecial(tokens.map(weight)) : undefined);
      },
    };
  }

  get #tokenStart(): number {
    return this.oovStart + this.numOov;
  }

  get #special(): T[] {
    const mask = this.oovStart === 1 ? [this.maskToken as T] : [];
    return [...mask, ...Array<T>(this.numOov).fill(this.oovToken)];
  }

  /** By frequency; of equally frequent ones the greater token comes first, as in Keras. */
  #mostFrequent(counts: ReadonlyMap<T, number>): T[] {
    const { maxTokens = Number.POSITIVE_INFINITY } = this.options;
    const order = ([a, n]: [T, number], [b, m]: [T, number]): number => m - n || this.kind.compare(b, a);
    return [...counts]
      .sort(order)
      .slice(0, maxTokens - this.#tokenStart)
      .map(([token]) => token);
  }

  #set(vocabulary: unknown, idfWeights: unknown): void {
    const { where, mode } = this;
    if (!Array.isArray(vocabulary)) throw argumentError(where, 'vocabulary', 'an array of tokens', vocabulary);
    vocabulary.forEach((token, i) => {
      this.#token(`vocabulary[${i}]`, token);
    });
    const special = this.#special;
    const complete = special.every((token, i) => vocabulary[i] === token);
    const tokens: readonly T[] = complete ? vocabulary.slice(special.length) : vocabulary;
    if (tokens.length === 0) throw argumentError(where, 'vocabulary', 'at least one token', vocabulary);
    const seen = new Set<T>();
    for (const token of tokens) {
      if (seen.has(token)) throw new Error(`${where}: vocabulary holds ${show(token)} twice`);
      seen.add(token);
    }
    if (this.maskToken !== null && seen.has(this.maskToken)) {
      throw new Error(
        `${where}: vocabulary holds the mask token ${show(this.maskToken)}: leave special tokens out, or begin with all of ` +
          `them: ${show(special)}`,
      );
    }
    const { maxTokens = Number.POSITIVE_INFINITY } = this.options;
    if (special.length + tokens.length > maxTokens) {
      throw new Error(
        `${where}: vocabulary has ${tokens.length} tokens and ${special.length} special ones; maxTokens is ${maxTokens}`,
      );
    }
    if (mode !== 'tfIdf') {
      if (idfWeights !== undefined) throw new Error(`${where}: idfWeights are for outputMode 'tfIdf'`);
      this.#accept(tokens, undefined);
      return;
    }
    if (idfWeights === undefined) throw new Error(`${where}: a vocabulary needs idfWeights in outputMode 'tfIdf'`);
    if (!Array.isArray(idfWeights) || idfWeights.length !== vocabulary.length) {
      const expected = `an array of ${vocabulary.length} numbers, one for each token of the vocabulary`;
      throw argumentError(where, 'idfWeights', expected, idfWeights);
    }
    idfWeights.forEach((weight, i) => {
      numberIn(where, `idfWeights[${i}]`, weight);
    });
    this.#accept(tokens, complete ? Float32Array.from(idfWeights) : this.#withSpecial(idfWeights));
  }

  /** Weights with that of unknown tokens in front: nothing is known of it, so the mean stands for it. */
  #withSpecial(weights: readonly number[]): Float32Array {
    const mean = weights.reduce((sum, w) => sum + w, 0) / weights.length;
    return Float32Array.from([...Array<number>(this.#tokenStart).fill(mean), ...weights]);
  }

  #accept(tokens: readonly T[], idf: Float32Array | undefined): void {
    this.#tokens = [...tokens];
    this.#indices = new Map(tokens.map((token, i) => [token, this.#tokenStart + i]));
    this.#idf = idf;
  }

  #token(name: string, value: unknown): T {
    if (this.kind.is(value)) return value;
    throw argumentError(this.where, name, this.kind.name, value);
  }
}
