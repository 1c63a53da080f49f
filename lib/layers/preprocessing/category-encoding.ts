import { formatType, type Tensor } from '../../ir/graph.js';
import { cast } from '../../ir/ops/elementwise.js';
import { gather } from '../../ir/ops/gather.js';
import { iota } from '../../ir/ops/random.js';
import { checkOptions, oneOf, positiveInteger } from '../arguments.js';
import { Layer, type LayerOptions, layerOptionKeys } from '../layer.js';
import { type EncodingMode, encodeCategories } from './encode.js';

export interface CategoryEncodingOptions extends LayerOptions {
  /** Number of different categories: they are 0 .. numTokens - 1. */
  readonly numTokens: number;
  /**
   * 'oneHot' encodes each number; 'multiHot' the set of numbers of a sample (those along the last axis), 'count' how often each
   * occurs. Default: 'multiHot'.
   */
  readonly outputMode?: EncodingMode;
}

const where = 'layers.categoryEncoding';

class CategoryEncoding extends Layer {
  readonly kind = 'categoryEncoding';

  constructor(readonly options: CategoryEncodingOptions) {
    checkOptions(where, options, [...layerOptionKeys, 'numTokens', 'outputMode']);
    super({ inputDType: 'int32', ...options });
    positiveInteger(where, 'numTokens', options.numTokens);
    if (options.outputMode !== undefined) {
      oneOf(where, 'outputMode', options.outputMode, ['oneHot', 'multiHot', 'count']);
    }
  }

  override call(inputs: readonly Tensor[]): Tensor {
    const { numTokens, outputMode = 'multiHot' } = this.options;
    const weights = this.#weights(inputs, outputMode);
    // looking the number up among all numbers makes the step fail for one that is not there
    const indices = gather(iota([numTokens], 0), cast(inputs[0] as Tensor, 'int32'));
    return encodeCategories(indices, outputMode, numTokens, weights);
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }

  #weights(inputs: readonly Tensor[], mode: EncodingMode): Tensor | undefined {
    const [x, weights, ...others] = inputs as readonly [Tensor, ...Tensor[]];
    if (weights === undefined) return undefined;
    if (mode !== 'count' || others.length > 0) {
      throw this.error(`takes one input, or in mode 'count' two, got ${inputs.length} in mode '${mode}'`);
    }
    if (weights.shape.join() !== x.shape.join()) {
      throw this.error(
        `weights of counts must have the shape of the categories ${formatType(x)}, got ${formatType(weights)}`,
      );
    }
    return weights;
  }
}

/**
 * Whole numbers as vectors of zeros and ones, or of counts.
 *
 * - input: int32 [batch, ..., n], other dtypes are converted; in mode 'count' maybe a second one of the same shape: what each
 *   number adds to its count, instead of 1
 * - output: float32, [batch, ..., n, numTokens] for 'oneHot' (n = 1 is left out), [batch, ..., numTokens] otherwise
 *
 * A number outside 0 .. numTokens - 1 stops training, evaluation or prediction with an error.
 *
 * @throws Error when an argument is not valid; when applied, if there are weights in another mode than 'count', or of
 *     another shape
 *
 * @example
 * layers.categoryEncoding({ numTokens: 4, outputMode: 'multiHot' }); // [[0, 1], [3, 3]] -> [[1, 1, 0, 0], [0, 0, 0, 1]]
 */
export const categoryEncoding = (options: CategoryEncodingOptions): Layer => new CategoryEncoding(options);
