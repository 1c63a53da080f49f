import type { Tensor } from '../ir/graph.js';
import * as elementwise from '../ir/ops/elementwise.js';
import { full } from '../ir/ops/random.js';
import { concatenate as concat } from '../ir/ops/shape.js';
import { checkOptions, integer } from './arguments.js';
import { Layer, type LayerOptions, layerOptionKeys } from './layer.js';
import { maskOf, stepMaskOf, withMask } from './mask.js';
import { overPrefix } from './prefix.js';

/** What each kind of merge does with two operands; more are folded from the left. */
const merges = {
  add: elementwise.add,
  subtract: elementwise.subtract,
  multiply: elementwise.multiply,
  average: elementwise.add,
  maximum: elementwise.maximum,
  minimum: elementwise.minimum,
} as const;

/** Kinds in which a step that does not count must not decide the result; the zeros of padding are no harm to a sum. */
const replaced: readonly string[] = ['multiply', 'maximum', 'minimum'];

/** One of the inputs, and which of its values count: of the input's rank, undefined for all. */
interface Operand {
  readonly value: Tensor;
  readonly mask: Tensor | undefined;
}

class Merge extends Layer {
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
    const merged = this.#merge([first, ...others]);
    const result = this.kind === 'average' ? elementwise.multiply(merged, 1 / inputs.length) : merged;
    const mask = anyMask(inputs);
    return mask === undefined ? result : withMask(result, mask);
  }

  #merge(inputs: readonly Tensor[]): Tensor {
    const merge = merges[this.kind];
    if (!replaced.includes(this.kind)) return inputs.reduce((a, b) => merge(a, b));
    const operands = inputs.map((value): Operand => {
      const mask = maskOf(value);
      return { value, mask: mask && overPrefix(mask, value.shape) };
    });
    const either = ({ mask: a }: Operand, { mask: b }: Operand) => a && b && elementwise.logicalOr(a, b);
    const instead = ({ value, mask }: Operand, other: Operand): Tensor =>
      mask === undefined ? value : elementwise.where(mask, value, this.kind === 'multiply' ? 1 : other.value);
    return operands.reduce((a, b) => ({ value: merge(instead(a, b), instead(b, a)), mask: either(a, b) })).value;
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }
}

/** A step counts if it does in any input; where all steps of an input count, all do. */
function anyMask(inputs: readonly Tensor[]): Tensor | undefined {
  const ranks = new Set(inputs.map((t) => maskOf(t)?.rank));
  if (ranks.has(undefined)) return undefined;
  const masks = new Set(inputs.map((t) => (ranks.size > 1 ? stepMaskOf(t) : maskOf(t)) as Tensor));
  return [...masks].reduce((a, b) => elementwise.logicalOr(a, b));
}

/**
 * Sum of two or more inputs of one shape (dimensions of size 1 broadcast).
 *
 * - inputs: numbers [batch, ...], of one shape, or of size 1 where the others are longer
 * - output: their common shape
 *
 * All merging layers pass masks on (see `masking`): a time step of the result counts if it does in any of the inputs.
 * `multiply`, `maximum` and `minimum` do not look at an input's values where its mask leaves them out.
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
    const result = concat(inputs, axis);
    const mask = this.#mask(inputs, axis);
    return mask === undefined ? result : withMask(result, mask);
  }

  /** Joined along the axes that masks have; further ones join features of the same steps. */
  #mask(inputs: readonly Tensor[], axis: number): Tensor | undefined {
    const masks = inputs.map(maskOf);
    const rank = Math.min(...masks.map((mask) => mask?.rank ?? Number.POSITIVE_INFINITY));
    if (!Number.isFinite(rank) || axis >= rank) return anyMask(inputs);
    const ofSteps = inputs.map((t, i) => masks[i] ?? full(t.shape.slice(0, rank), 1, 'bool'));
    return ofSteps.some((mask) => mask.rank !== rank) ? undefined : concat(ofSteps, axis);
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
