import { type Shape, sizeOf, type Tensor } from '../ir/graph.js';
import * as ops from '../ir/ops/shape.js';
import { argumentError, checkOptions } from './arguments.js';
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
