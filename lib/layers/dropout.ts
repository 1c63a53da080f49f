import type { Tensor } from '../ir/graph.js';
import { dropout as drop } from '../ir/ops/random.js';
import { argumentError, checkOptions, integer, numberIn } from './arguments.js';
import { type CallContext, Layer, type LayerOptions, layerOptionKeys } from './layer.js';
import { withSeed } from './random.js';

export interface DropoutOptions extends LayerOptions {
  /** Probability that a value is dropped, 0 .. 1. */
  readonly rate: number;
  /** Shape of the mask with the batch dimension first; 1 shares the decision along an axis, null takes the input's size. */
  readonly noiseShape?: readonly (number | null)[];
  /** Masks depend on this instead of the seed of the training run. They still differ from step to step. */
  readonly seed?: number;
}

const where = 'layers.dropout';

class Dropout extends Layer {
  readonly kind = 'dropout';
  protected override readonly passesMask = true;

  constructor(readonly options: DropoutOptions) {
    checkOptions(where, options, [...layerOptionKeys, 'rate', 'noiseShape', 'seed']);
    super(options);
    const { rate, noiseShape, seed } = options;
    numberIn(where, 'rate', rate, { min: 0, max: 1 });
    if (seed !== undefined) integer(where, 'seed', seed);
    if (noiseShape !== undefined) {
      const valid = (n: unknown): boolean => n === null || (Number.isSafeInteger(n) && (n as number) >= 1);
      if (!Array.isArray(noiseShape) || !noiseShape.every(valid)) {
        throw argumentError(where, 'noiseShape', 'an array of positive integers and nulls', noiseShape);
      }
    }
  }

  override call(inputs: readonly Tensor[], context: CallContext): Tensor {
    const x = this.single(inputs);
    const noiseShape = this.#noiseShape(x);
    if (!context.training) return x;
    return withSeed(this.options.seed, () => drop(x, this.options.rate, { noiseShape }));
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }

  #noiseShape(x: Tensor): readonly number[] | undefined {
    const { noiseShape } = this.options;
    if (noiseShape === undefined) return undefined;
    const resolved = noiseShape.map((n, i) => n ?? x.shape[i] ?? -1);
    if (resolved.length !== x.rank || resolved.some((n, i) => n !== 1 && n !== x.shape[i])) {
      throw this.error(
        `noiseShape [${noiseShape.map(String).join(', ')}] must have, for each dimension of the input ` +
          `[${x.shape.join(', ')}], its size, 1 or null`,
      );
    }
    return resolved;
  }
}

/**
 * In training, sets values to 0 with probability `rate` and scales the others by 1 / (1 - rate), so that the expected sum
 * stays. In inference the input passes unchanged.
 *
 * - input and output: float32 [batch, ...], same shape
 *
 * @throws Error when `rate` is not in 0 .. 1; when applied, if `noiseShape` does not fit the input
 *
 * @example
 * layers.dropout({ rate: 0.5 });
 * layers.dropout({ rate: 0.2, noiseShape: [null, 1, null] }); // the same mask at every time step
 *
 * Source: Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 2014.
 */
export const dropout = (options: DropoutOptions): Layer => new Dropout(options);
