import type { Tensor } from '../ir/graph.js';
import * as elementwise from '../ir/ops/elementwise.js';
import { concatenate as concat } from '../ir/ops/shape.js';
import { checkOptions, integer } from './arguments.js';
import { Layer, type LayerOptions, layerOptionKeys } from './layer.js';

/** What each kind of merge does with two operands; more are folded from the left. */
const merges = {
  add: elementwise.add,
  subtract: elementwise.subtract,
  multiply: elementwise.multiply,
  average: elementwise.add,
  maximum: elementwise.maximum,
  minimum: elementwise.minimum,
} as const;

class Merge extends Layer {
  protected override readonly passesMask = true;

  constructor(
    readonly kind: keyof typeof merges,
    readonly options: LayerOptions,
  ) {
    checkOptions(`layers.${kind}`, options, layerOptionKeys);
    super(options);
  }

  override call(inputs: readonly Tensor[]): Tensor {
    if (this.kind === 'subtract' ? inputs.length !== 2 : inputs.length < 2) {
      const expected = this.kind === 'subtract' ? 'exactly 2' : 'at least 2';
      throw this.error(`takes a list of ${expected} inputs, got ${inputs.length}`);
    }
    const [first, ...others] = inputs as [Tensor, ...Tensor[]];
    for (const t of others) {
      // NumPy's broadcasting would pair the batch of one with another dimension of the other
      const fits =
        t.rank === first.rank && t.shape.every((n, i) => n === first.shape[i] || n === 1 || first.shape[i] === 1);
      if (!fits || t.shape[0] !== first.shape[0]) {
        throw this.error(
          `inputs must have the same shape, got ${inputs.map((x) => `[${x.shape.join(', ')}]`).join(' and ')}`,
        );
      }
    }
    const merged = others.reduce<Tensor>((a, b) => merges[this.kind](a, b), first);
    return this.kind === 'average' ? elementwise.multiply(merged, 1 / inputs.length) : merged;
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }
}

/**
 * Sum of two or more inputs of one shape (dimensions of size 1 broadcast).
 *
 * - inputs: numbers [batch, ...], of one shape, or of size 1 where the others are longer
 * - output: their common shape
 *
 * @throws Error when applied to fewer than two inputs or to shapes that do not fit
 *
 * @example
 * layers.add().apply([x, layers.dense({ units: 64 }).apply(x)]); // a residual connection
 */
export const add = (options: LayerOptions = {}): Layer => new Merge('add', options);
/**
 * Difference of exactly two inputs of one shape: first - second. Shapes as in `add`.
 *
 * @throws Error when applied to another number of inputs or to shapes that do not fit
 *
 * @example
 * layers.subtract().apply([layers.dense({ units: 8 }).apply(left), layers.dense({ units: 8 }).apply(right)]);
 */
export const subtract = (options: LayerOptions = {}): Layer => new Merge('subtract', options);
/**
 * Elementwise product of two or more inputs of one shape. Shapes as in `add`.
 *
 * @throws Error when applied to fewer than two inputs or to shapes that do not fit
 *
 * @example
 * layers.multiply().apply([left, layers.dense({ units: 64, activation: 'sigmoid' }).apply(right)]);
 */
export const multiply = (options: LayerOptions = {}): Layer => new Merge('multiply', options);
/**
 * Elementwise mean of two or more inputs of one shape. Shapes as in `add`.
 *
 * @throws Error when applied to fewer than two inputs or to shapes that do not fit
 *
 * @example
 * layers.average().apply([left, right]);
 */
export const average = (options: LayerOptions = {}): Layer => new Merge('average', options);
/**
 * Elementwise largest of two or more inputs of one shape. Shapes as in `add`.
 *
 * @throws Error when applied to fewer than two inputs or to shapes that do not fit
 *
 * @example
 * layers.maximum().apply([left, right]);
 */
export const maximum = (options: LayerOptions = {}): Layer => new Merge('maximum', options);
/**
 * Elementwise smallest of two or more inputs of one shape. Shapes as in `add`.
 *
 * @throws Error when applied to fewer than two inputs or to shapes that do not fit
 *
 * @example
 * layers.minimum().apply([left, right]);
 */
export const minimum = (options: LayerOptions = {}): Layer => new Merge('minimum', options);

export interface ConcatenateOptions extends LayerOptions {
  /** Axis to join along, the batch dimension being 0. Negative numbers count from the end. Default: -1. */
  readonly axis?: number;
}

class Concatenate extends Layer {
  readonly kind = 'concatenate';
  readonly #axis: number;

  constructor(readonly options: ConcatenateOptions) {
    const where = 'layers.concatenate';
    checkOptions(where, options, [...layerOptionKeys, 'axis']);
    super(options);
    this.#axis = integer(where, 'axis', options.axis ?? -1);
    if (this.#axis === 0) throw new Error(`${where}: axis 0 is the batch dimension; samples cannot be joined`);
  }

  override call(inputs: readonly Tensor[]): Tensor {
    const [first] = inputs;
    if (first === undefined || inputs.length < 2)
      throw this.error(`takes a list of at least 2 inputs, got ${inputs.length}`);
    const axis = this.#axis < 0 ? this.#axis + first.rank : this.#axis;
    if (axis < 1 || axis >= first.rank) {
      throw this.error(
        `axis ${this.#axis} is not a dimension of samples in inputs of shape [${first.shape.join(', ')}]`,
      );
    }
    for (const t of inputs) {
      if (t.rank !== first.rank || t.shape.some((n, i) => i !== axis && n !== first.shape[i])) {
        const shapes = inputs.map((x) => `[${x.shape.join(', ')}]`).join(' and ');
        throw this.error(`inputs must agree in all dimensions except axis ${axis}, got ${shapes}`);
      }
    }
    return concat(inputs, axis);
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }
}

/**
 * Joins inputs along an axis of the samples. All other dimensions must agree.
 *
 * - inputs: [batch, ...], of one shape but for `axis`
 * - output: the same shape, with the sum of the sizes along `axis`
 *
 * @throws Error when `axis` is 0; when applied, if the shapes do not fit
 *
 * @example
 * layers.concatenate({ axis: -1 }).apply([left, right]); // [batch, a] and [batch, b] -> [batch, a + b]
 */
export const concatenate = (options: ConcatenateOptions = {}): Layer => new Concatenate(options);
