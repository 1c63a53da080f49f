import { type Shape, sizeOf, type Tensor } from '../ir/graph.js';
import * as ops from '../ir/ops/shape.js';
import { argumentError, checkOptions, positiveInteger } from './arguments.js';
import { Layer, type LayerOptions, layerOptionKeys } from './layer.js';

class Flatten extends Layer {
  readonly kind = 'flatten';

  constructor(readonly options: LayerOptions) {
    checkOptions('layers.flatten', options, layerOptionKeys);
    super(options);
  }

  override call(inputs: readonly Tensor[]): Tensor {
    const x = this.single(inputs);
    return ops.reshape(x, [x.shape[0] as number, sizeOf(x.shape.slice(1))]);
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }
}

/**
 * All values of a sample in one row: [batch, ...] -> [batch, n]; [batch] -> [batch, 1]. No data moves.
 *
 * @throws Error when an option is not known
 *
 * @example
 * sequential([layers.flatten({ inputShape: [28, 28] }), layers.dense({ units: 10 })]);
 */
export const flatten = (options: LayerOptions = {}): Layer => new Flatten(options);

export interface ReshapeOptions extends LayerOptions {
  /** Shape of one sample; one dimension may be -1: whatever is left. */
  readonly targetShape: Shape;
}

class Reshape extends Layer {
  readonly kind = 'reshape';

  constructor(readonly options: ReshapeOptions) {
    const where = 'layers.reshape';
    checkOptions(where, options, [...layerOptionKeys, 'targetShape']);
    super(options);
    const target: unknown = options.targetShape;
    const valid = (n: unknown): boolean => Number.isSafeInteger(n) && ((n as number) >= 1 || n === -1);
    if (!Array.isArray(target) || !target.every(valid) || target.filter((n) => n === -1).length > 1) {
      throw argumentError(where, 'targetShape', 'an array of positive integers, at most one of them -1', target);
    }
  }

  override call(inputs: readonly Tensor[]): Tensor {
    const x = this.single(inputs);
    const { targetShape } = this.options;
    const sample = x.shape.slice(1);
    const known = targetShape.reduce((p, n) => (n === -1 ? p : p * n), 1);
    const rest = sizeOf(sample) / known;
    if (targetShape.includes(-1) ? !Number.isInteger(rest) : rest !== 1) {
      throw this.error(
        `cannot reshape samples of shape [${sample.join(', ')}] (${sizeOf(sample)} values) to [${targetShape.join(', ')}]`,
      );
    }
    return ops.reshape(x, [x.shape[0] as number, ...targetShape.map((n) => (n === -1 ? rest : n))]);
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }
}

/**
 * The values of each sample in row-major order under another shape: [batch, ...] -> [batch, ...targetShape].
 *
 * @throws Error when `targetShape` is not valid; when applied, if the sizes differ
 *
 * @example
 * layers.reshape({ targetShape: [28, -1] });
 */
export const reshape = (options: ReshapeOptions): Layer => new Reshape(options);

export interface PermuteOptions extends LayerOptions {
  /** The dimensions of a sample in their new order, counted from 1 (0 is the batch). */
  readonly dims: readonly number[];
}

class Permute extends Layer {
  readonly kind = 'permute';

  constructor(readonly options: PermuteOptions) {
    const where = 'layers.permute';
    checkOptions(where, options, [...layerOptionKeys, 'dims']);
    super(options);
    const dims: unknown = options.dims;
    if (!Array.isArray(dims) || [...dims].sort((a, b) => a - b).some((d, i) => d !== i + 1)) {
      throw argumentError(where, 'dims', 'an array with each of 1 .. n once', dims);
    }
  }

  override call(inputs: readonly Tensor[]): Tensor {
    const x = this.single(inputs);
    const { dims } = this.options;
    if (dims.length !== x.rank - 1) {
      throw this.error(
        `dims [${dims.join(', ')}] must name the ${x.rank - 1} dimensions of samples in [${x.shape.join(', ')}]`,
      );
    }
    return ops.transpose(x, [0, ...dims]);
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }
}

/**
 * The dimensions of each sample in another order: dimension i of the output is dimension dims[i] of the input, both counted
 * from 1. No data moves.
 *
 * - input: [batch, ...]
 * - output: the sizes in the new order
 *
 * @throws Error when `dims` is not an order; when applied, if it has the wrong length
 *
 * @example
 * layers.permute({ dims: [2, 1] }); // [batch, a, b] -> [batch, b, a]
 */
export const permute = (options: PermuteOptions): Layer => new Permute(options);

export interface RepeatVectorOptions extends LayerOptions {
  /** How many times. */
  readonly n: number;
}

class RepeatVector extends Layer {
  readonly kind = 'repeatVector';

  constructor(readonly options: RepeatVectorOptions) {
    checkOptions('layers.repeatVector', options, [...layerOptionKeys, 'n']);
    super(options);
    positiveInteger('layers.repeatVector', 'n', options.n);
  }

  override call(inputs: readonly Tensor[]): Tensor {
    const x = this.single(inputs);
    if (x.rank !== 2) throw this.error(`expected input [batch, features], got shape [${x.shape.join(', ')}]`);
    const [batch, features] = x.shape as [number, number];
    return ops.broadcastTo(ops.expandDims(x, 1), [batch, this.options.n, features]);
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }
}

/**
 * Each sample `n` times, as a sequence: [batch, features] -> [batch, n, features].
 *
 * @throws Error when `n` is not a positive integer; when applied to another rank
 *
 * @example
 * layers.repeatVector({ n: 10 });
 */
export const repeatVector = (options: RepeatVectorOptions): Layer => new RepeatVector(options);
