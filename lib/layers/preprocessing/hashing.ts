import { formatType, sameShape, type Tensor } from '../../ir/graph.js';
import { add, cast, equal, where as select } from '../../ir/ops/elementwise.js';
import { argumentError, checkOptions, integer, oneOf, positiveInteger } from '../arguments.js';
import { Layer, type LayerOptions, layerOptionKeys } from '../layer.js';
import { type EncodingMode, encodeCategories } from './encode.js';
import { binOf, murmur3 } from './murmur.js';

export interface HashedCrossingOptions extends LayerOptions {
  /** Number of different results. */
  readonly numBins: number;
  /** 'int' gives the number of the bin; the others encode it as `categoryEncoding` does. Default: 'int'. */
  readonly outputMode?: 'int' | EncodingMode;
  /** Another one gives another hash: where it starts, any int32. Default: 0. */
  readonly salt?: number;
}

export interface HashingOptions extends HashedCrossingOptions {
  /** This number alone is in bin 0; all others are in 1 .. numBins - 1. */
  readonly maskValue?: number;
}

const modes = ['int', 'oneHot', 'multiHot', 'count'] as const;
const ownKeys = ['numBins', 'outputMode', 'salt'] as const;

/** Bins of whole numbers. */
abstract class Hashed<O extends HashedCrossingOptions> extends Layer {
  constructor(
    readonly kind: string,
    readonly options: O,
    keys: readonly string[] = [],
  ) {
    const where = `layers.${kind}`;
    checkOptions(where, options, [...layerOptionKeys, ...ownKeys, ...keys]);
    super({ inputDType: 'int32', ...options });
    const { numBins, outputMode, salt } = options;
    if (positiveInteger(where, 'numBins', numBins) > 0x7fffffff) {
      throw argumentError(where, 'numBins', 'below 2^31', numBins);
    }
    if (outputMode !== undefined) oneOf(where, 'outputMode', outputMode, modes);
    if (salt !== undefined && (typeof salt !== 'number' || salt !== (salt | 0)))
      throw argumentError(where, 'salt', 'a 32-bit integer', salt);
  }

  protected hash(words: readonly Tensor[], bins: number): Tensor {
    const whole = words.map((t) => cast(t, 'int32'));
    return binOf(murmur3(whole, this.options.salt ?? 0), bins);
  }

  protected encode(bins: Tensor): Tensor {
    const { outputMode = 'int', numBins } = this.options;
    return outputMode === 'int' ? bins : encodeCategories(bins, outputMode, numBins);
  }

  override getConfig(): Record<string, unknown> {
    return { ...(this.options as HashedCrossingOptions) };
  }
}

class Hashing extends Hashed<HashingOptions> {
  constructor(options: HashingOptions) {
    super('hashing', options, ['maskValue']);
    const { maskValue, numBins } = options;
    if (maskValue === undefined) return;
    integer('layers.hashing', 'maskValue', maskValue);
    if (numBins < 2) throw argumentError('layers.hashing', 'numBins', 'at least 2 with maskValue', numBins);
  }

  override call(inputs: readonly Tensor[]): Tensor {
    const x = cast(this.single(inputs), 'int32');
    const { maskValue, numBins } = this.options;
    if (maskValue === undefined) return this.encode(this.hash([x], numBins));
    return this.encode(select(equal(x, maskValue), 0, add(this.hash([x], numBins - 1), 1)));
  }
}

class HashedCrossing extends Hashed<HashedCrossingOptions> {
  override call(inputs: readonly Tensor[]): Tensor {
    const [first, ...others] = inputs as readonly [Tensor, ...Tensor[]];
    if (others.length === 0 || others.some((t) => !sameShape(t.shape, first.shape))) {
      throw this.error(`takes two or more inputs of one shape, got ${inputs.map(formatType).join(', ')}`);
    }
    return this.encode(this.hash(inputs, this.options.numBins));
  }
}

/**
 * Whole numbers of any size in a fixed number of bins, without a vocabulary: different numbers may share a bin. The bin is
 * the lower 31 bits of MurmurHash3_x86_32, of the four bytes of the number and with `salt` as its seed, modulo the number of
 * bins:
 *
 *     y = (murmur3(x, salt) mod 2^31) mod numBins;  with maskValue  1 + (murmur3(x, salt) mod 2^31) mod (numBins - 1)
 *
 * Keras hashes the digits of the number as a string, so its bins are others. Strings are hashed by the lookups of
 * `preprocessing`.
 *
 * - input: int32 [batch, ..., n]; other dtypes are converted
 * - output: for 'int' int32 of the same shape; for other modes float32, as `categoryEncoding`
 *
 * @throws Error when an argument is not valid
 *
 * @example
 * layers.hashing({ numBins: 1000, salt: 1, inputShape: [1] });
 *
 * Source: Weinberger et al., "Feature hashing for large scale multitask learning", ICML 2009.
 */
export const hashing = (options: HashingOptions): Layer => new Hashing(options);

/**
 * Combinations of categories in a fixed number of bins, for instance of hour and weekday: the hash of all numbers that stand
 * in one place, otherwise as `hashing`.
 *
 *     y = (murmur3([a, b, ...], salt) mod 2^31) mod numBins
 *
 * - inputs: two or more, int32 [batch, ..., n] of one shape; other dtypes are converted
 * - output: for 'int' int32 of the same shape; for other modes float32, as `categoryEncoding`
 *
 * @throws Error when an argument is not valid; when applied, if there is one input only, or the shapes differ
 *
 * @example
 * layers.hashedCrossing({ numBins: 64, outputMode: 'oneHot' }).apply([left, right]); // [batch, 1] twice -> [batch, 64]
 *
 * Source: Weinberger et al., "Feature hashing for large scale multitask learning", ICML 2009.
 */
export const hashedCrossing = (options: HashedCrossingOptions): Layer => new HashedCrossing('hashedCrossing', options);
