import { tensor } from '../../ir/build.js';
import { sizeOf, type Tensor, type TensorType } from '../../ir/graph.js';
import {
  add,
  cast,
  clip,
  equal,
  greaterEqual,
  less,
  logicalAnd,
  mod,
  multiply,
  where as select,
  subtract,
} from '../../ir/ops/elementwise.js';
import { gather } from '../../ir/ops/gather.js';
import { iota } from '../../ir/ops/random.js';
import { sum } from '../../ir/ops/reduce.js';
import { expandDims } from '../../ir/ops/shape.js';
import { boolean, checkOptions, show } from '../arguments.js';
import { type LayerOptions, layerOptionKeys } from '../layer.js';
import { type Accumulator, AdaptableLayer, type Samples } from './adapt.js';
import { encodeCategories } from './encode.js';
import { Lookup, type LookupOptions, lookupOptionKeys, type TokenKind } from './lookup.js';

export interface IntegerLookupOptions extends LayerOptions, LookupOptions<number> {
  /** Turn indices back into tokens: mode 'int' only. Default: false. */
  readonly invert?: boolean;
}

const where = 'layers.integerLookup';

const int32: TokenKind<number> = {
  name: 'a 32-bit integer',
  is: (value): value is number => typeof value === 'number' && (value | 0) === value,
  compare: (a, b) => a - b,
};

/** See `integerLookup`. */
export class IntegerLookup extends AdaptableLayer {
  readonly kind = 'integerLookup';
  readonly #lookup: Lookup<number>;

  constructor(readonly options: IntegerLookupOptions) {
    checkOptions(where, options, [...layerOptionKeys, ...lookupOptionKeys, 'invert']);
    super({ inputDType: 'int32', ...options });
    this.#lookup = new Lookup(where, options, int32, -1);
    const { invert } = options;
    if (invert !== undefined && boolean(where, 'invert', invert) && this.#lookup.mode !== 'int') {
      throw new Error(`${where}: invert is for outputMode 'int'`);
    }
  }

  /**
   * The tokens in the order of their indices.
   *
   * @param includeSpecialTokens whether the mask token and that for unknown ones are among them. Default: true
   * @throws Error when there is no vocabulary yet
   */
  getVocabulary(includeSpecialTokens = true): number[] {
    return this.#lookup.vocabulary(includeSpecialTokens);
  }

  /** Number of indices, those of special tokens included. */
  vocabularySize(): number {
    return this.#lookup.size;
  }

  override build(inputs: readonly TensorType[]): void {
    this.single(inputs);
    if (!this.#lookup.ready) {
      throw this.error('call adapt before the layer becomes part of a model, or give a vocabulary');
    }
  }

  override call(inputs: readonly Tensor[]): Tensor {
    const x = cast(this.single(inputs), 'int32');
    if (this.options.invert === true) return this.#invert(x);
    const indices = this.#indices(x);
    const { mode, depth, idf } = this.#encoding;
    if (mode === 'int') return indices;
    const encoded = encodeCategories(indices, mode === 'tfIdf' ? 'count' : mode, depth);
    return idf === undefined ? encoded : multiply(encoded, tensor(idf));
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options, ...this.#lookup.learned };
  }

  protected override accumulator(at: string): Accumulator<Samples> {
    const { update, finish } = this.#lookup.counter(at);
    return { update: (samples) => update(documentsOf(at, samples)), finish };
  }

  get #encoding() {
    const { mode, depth } = this.#lookup;
    return { mode, depth, idf: mode === 'tfIdf' ? this.#lookup.idf : undefined };
  }

  #indices(x: Tensor): Tensor {
    const { maskToken, numOov, oovStart, tokens } = this.#lookup;
    const first = oovStart + numOov;
    // one more than the position among the tokens, 0 for none of them
    const position = iota([tokens.length], 0);
    const matches = equal(expandDims(x, -1), tensor(Int32Array.from(tokens)));
    const found = sum(select(matches, add(position, 1), 0), -1);
    const known = add(found, first - 1);
    let indices: Tensor;
    if (numOov === 0) {
      // -1 for an unknown token makes the step fail, mask tokens aside
      const masked = maskToken === null ? found : select(equal(x, maskToken), 1, found);
      indices = add(gather(position, subtract(masked, 1)), first);
    } else {
      const unknown = numOov === 1 ? oovStart : add(mod(x, numOov), oovStart);
      indices = select(equal(found, 0), unknown, known);
    }
    if (maskToken === null) return indices;
    return select(equal(x, maskToken), oovStart === 1 ? 0 : -1, indices);
  }

  #invert(indices: Tensor): Tensor {
    const { oovToken, oovStart, numOov, maskToken, tokens } = this.#lookup;
    const position = subtract(indices, oovStart + numOov);
    const inside = logicalAnd(greaterEqual(position, 0), less(position, tokens.length));
    const token = gather(tensor(Int32Array.from(tokens)), clip(position, 0, tokens.length - 1));
    const known = select(inside, token, oovToken);
    return oovStart === 1 ? select(equal(indices, 0), maskToken as number, known) : known;
  }
}

/** One document for each sample. */
function* documentsOf(at: string, { shape, values }: Samples): Iterable<number[]> {
  const size = sizeOf(shape.slice(1));
  for (let from = 0; from < values.length; from += size) {
    yield Array.from({ length: size }, (_, i) => {
      const value = values[from + i];
      if (int32.is(value)) return value | 0; // -0 is 0
      throw new Error(`${at}: sample ${from / size} holds ${show(value)}; expected 32-bit integers`);
    });
  }
}

/**
 * Whole numbers of any size, like product numbers, as indices 0, 1, 2, ... of a vocabulary, or as vectors over it. Each value is
 * compared with each token: for vocabularies of thousands, not millions. A saved model has the vocabulary in its configuration.
 *
 * `adapt` orders tokens by frequency; of equally frequent ones the greater comes first. In mode 'tfIdf' a sample is a document.
 * With two and more `numOovIndices` an unknown number n has index n mod numOovIndices of them.
 *
 * - input: int32 [batch, ..., n]; other dtypes are converted
 * - output: for 'int' int32 of the same shape; for other modes float32, as `categoryEncoding`
 *
 * @throws Error when an argument is not valid; when applied, if there is no vocabulary yet. With `numOovIndices: 0` an unknown
 *     number stops training, evaluation or prediction with an error.
 *
 * @example
 * layers.integerLookup({ vocabulary: [12, 36, 1138, 42] }); // [[12, 1138, 42], [42, 1000, 36]] -> [[1, 3, 4], [4, 0, 2]]
 */
export const integerLookup = (options: IntegerLookupOptions = {}): IntegerLookup => new IntegerLookup(options);
