import type { Tensor } from '../ir/graph.js';
import { matmul } from '../ir/ops/linalg.js';
import { normalize } from '../ir/ops/normalization.js';
import { reshape, transpose } from '../ir/ops/shape.js';
import { argumentError, boolean, checkOptions } from './arguments.js';
import { Layer, type LayerOptions, layerOptionKeys } from './layer.js';

export interface DotOptions extends LayerOptions {
  /** Axis that is summed over: one for both inputs, or one for each. The batch dimension is 0. */
  readonly axes: number | readonly [number, number];
  /** Whether to bring the vectors to length 1 first: then the result is the cosine of their angle. Default: false. */
  readonly normalize?: boolean;
}

const where = 'layers.dot';

class Dot extends Layer {
  readonly kind = 'dot';
  readonly #axes: readonly [number, number];

  constructor(readonly options: DotOptions) {
    checkOptions(where, options, [...layerOptionKeys, 'axes', 'normalize']);
    super(options);
    const axes: unknown = typeof options.axes === 'number' ? [options.axes, options.axes] : options.axes;
    if (!Array.isArray(axes) || axes.length !== 2 || axes.some((a) => !Number.isInteger(a) || a === 0)) {
      throw argumentError(where, 'axes', 'an axis other than 0 (the batch), or two of them', options.axes);
    }
    this.#axes = axes as [number, number];
    if (options.normalize !== undefined) boolean(where, 'normalize', options.normalize);
  }

  override call(inputs: readonly Tensor[]): Tensor {
    const [a, b] = inputs;
    if (a === undefined || b === undefined || inputs.length !== 2) {
      throw this.error(`takes a list of exactly 2 inputs, got ${inputs.length}`);
    }
    const [left, right] = [this.#summedLast(a, this.#axes[0]), this.#summedLast(b, this.#axes[1])];
    const shapes = `[${a.shape.join(', ')}] and [${b.shape.join(', ')}]`;
    if (left.shape[0] !== right.shape[0] || left.shape.at(-1) !== right.shape.at(-1)) {
      throw this.error(`axes ${this.#axes.join(' and ')} must have one size and the batches too, got inputs ${shapes}`);
    }
    const [batch, k] = [left.shape[0] as number, left.shape.at(-1) as number];
    const [m, n] = [left.shape.slice(1, -1), right.shape.slice(1, -1)];
    const rows = (t: Tensor, outer: readonly number[]) => reshape(t, [batch, outer.reduce((p, s) => p * s, 1), k]);
    const product = matmul(rows(left, m), transpose(rows(right, n), [0, 2, 1]));
    // two vectors give one number, as a row of length 1
    return reshape(product, m.length + n.length === 0 ? [batch, 1] : [batch, ...m, ...n]);
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }

  #summedLast(x: Tensor, axis: number): Tensor {
    const a = axis < 0 ? axis + x.rank : axis;
    if (a < 1 || a >= x.rank) {
      throw this.error(`axis ${axis} is not a dimension of samples in input of shape [${x.shape.join(', ')}]`);
    }
    const last = transpose(x, [...[...x.shape.keys()].filter((i) => i !== a), a]);
    return this.options.normalize === true ? normalize(last) : last;
  }
}

/**
 * Sum of products of two inputs over one axis of each, for each sample: [batch, ...m] and [batch, ...n] without those axes,
 * joined to [batch, ...m, ...n]; two vectors give [batch, 1].
 *
 * @throws Error when `axes` is not valid; when applied, if the sizes of the axes differ
 *
 * @example
 * layers.dot({ axes: 1, normalize: true }).apply([left, right]); // cosine similarity of [batch, n] and [batch, n]
 * layers.dot({ axes: [2, 2] }).apply([query, key]); // [batch, T, D] and [batch, S, D] -> [batch, T, S]
 */
export const dot = (options: DotOptions): Layer => new Dot(options);
