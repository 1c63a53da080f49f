import { tensor } from '../../ir/build.js';
import type { Tensor, TensorType } from '../../ir/graph.js';
import { cast, isNaN as isNotANumber, where as select } from '../../ir/ops/elementwise.js';
import { searchSorted } from '../../ir/ops/order.js';
import { argumentError, checkOptions, integer, numberIn, oneOf } from '../arguments.js';
import { type LayerOptions, layerOptionKeys } from '../layer.js';
import { type Accumulator, AdaptableLayer, checkFinite, type Samples } from './adapt.js';
import { type EncodingMode, encodeCategories } from './encode.js';
import { Quantiles } from './quantiles.js';

export interface DiscretizationOptions extends LayerOptions {
  /** Where one bin ends and the next begins, in ascending order; the outer bins have no end. Or `numBins`. */
  readonly binBoundaries?: readonly number[];
  /** Number of bins, at least 2, whose boundaries `adapt` finds so that each holds about as many values. */
  readonly numBins?: number;
  /** With `numBins`: about which share of the values a boundary may be off. Larger is faster on long data. Default: 0.01. */
  readonly epsilon?: number;
  /**
   * 'int' gives the number of the bin; 'oneHot', 'multiHot' and 'count' encode it as `categoryEncoding` does. Default: 'int'.
   */
  readonly outputMode?: 'int' | EncodingMode;
}

const where = 'layers.discretization';

/** See `discretization`. */
export class Discretization extends AdaptableLayer {
  readonly kind = 'discretization';
  #learned: readonly number[] | undefined;

  constructor(readonly options: DiscretizationOptions) {
    checkOptions(where, options, [...layerOptionKeys, 'binBoundaries', 'numBins', 'epsilon', 'outputMode']);
    super(options);
    const { binBoundaries, numBins, epsilon, outputMode } = options;
    if ((binBoundaries === undefined) === (numBins === undefined)) {
      throw new Error(`${where}: give either binBoundaries or numBins`);
    }
    if (binBoundaries !== undefined) checkBoundaries(binBoundaries);
    if (numBins !== undefined && integer(where, 'numBins', numBins) < 2) {
      throw argumentError(where, 'numBins', 'at least 2', numBins);
    }
    if (epsilon !== undefined) {
      numberIn(where, 'epsilon', epsilon, { min: 0, minOpen: true, max: 1, maxOpen: true });
      if (numBins === undefined) throw new Error(`${where}: epsilon needs numBins`);
    }
    if (outputMode !== undefined) {
      oneOf(where, 'outputMode', outputMode, ['int', 'oneHot', 'multiHot', 'count']);
    }
  }

  /** Given, or learned by `adapt`; undefined before. */
  get binBoundaries(): readonly number[] | undefined {
    return this.options.binBoundaries ?? this.#learned;
  }

  override build(inputs: readonly TensorType[]): void {
    this.single(inputs);
    if (this.binBoundaries !== undefined) return;
    throw this.error('call adapt before the layer becomes part of a model, or give binBoundaries');
  }

  override call(inputs: readonly Tensor[]): Tensor {
    const x = cast(this.single(inputs), 'float32');
    const boundaries = this.binBoundaries as readonly number[];
    const inBins = searchSorted(tensor(Float32Array.from(boundaries)), x, 'right');
    const bin = select(isNotANumber(x), boundaries.length, inBins); // sorted, NaN is beyond every number
    const { outputMode = 'int' } = this.options;
    return outputMode === 'int' ? bin : encodeCategories(bin, outputMode, boundaries.length + 1);
  }

  override getConfig(): Record<string, unknown> {
    if (this.#learned === undefined) return { ...this.options };
    const { numBins: _numBins, epsilon: _epsilon, ...others } = this.options;
    return { ...others, binBoundaries: this.#learned };
  }

  protected override accumulator(at: string): Accumulator<Samples> {
    const { numBins, epsilon = 0.01 } = this.options;
    if (numBins === undefined) throw new Error(`${at}: binBoundaries were given as an argument`);
    const quantiles = new Quantiles(epsilon);
    return {
      update: (samples) => {
        checkFinite(at, samples);
        quantiles.add(samples.values);
      },
      finish: () => {
        this.#learned = [...quantiles.boundaries(numBins)];
      },
    };
  }
}

function checkBoundaries(values: unknown): void {
  const fine = Array.isArray(values) && values.length > 0 && values.every(Number.isFinite);
  if (fine && values.every((v, i) => i === 0 || v >= values[i - 1])) return;
  throw argumentError(where, 'binBoundaries', 'an array of finite numbers in ascending order', values);
}

/**
 * The bin that each value lies in: a value is in bin i when binBoundaries[i - 1] <= x < binBoundaries[i]; NaN is in the last one.
 *
 * `adapt` finds boundaries at the quantiles of data. Of long data it keeps about 1 / epsilon values; then each boundary is off
 * by about that share of the values at most. A saved model has the boundaries in its configuration. No gradient flows back to
 * the input.
 *
 * - input: [batch, ..., n]; other dtypes than float32 are converted
 * - output: for 'int' int32 of the same shape; for other modes float32, as `categoryEncoding`
 *
 * @throws Error when an argument is not valid; when applied, if there are no boundaries yet
 *
 * @example
 * layers.discretization({ binBoundaries: [0, 1, 2] }); // [[-1.5, 1, 3.4, 0.5]] -> [[0, 2, 3, 1]]
 *
 * const quarters = layers.discretization({ numBins: 4, outputMode: 'oneHot' });
 * quarters.adapt(rows);
 */
export const discretization = (options: DiscretizationOptions): Discretization => new Discretization(options);
