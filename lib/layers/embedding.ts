import type { ConstraintName } from '../constraints/resolve.js';
import { type InitializerName, resolveInitializer } from '../initializers/resolve.js';
import type { Tensor, TensorType } from '../ir/graph.js';
import { add, cast, notEqual } from '../ir/ops/elementwise.js';
import { rotaryEmbedding as rotary, sinusoidalPositions } from '../ir/ops/position.js';
import { sliceAxis } from '../ir/ops/shape.js';
import type { RegularizerName } from '../regularizers/resolve.js';
import { boolean, checkOptions, integer, numberIn, positiveInteger } from './arguments.js';
import type { TableKernel } from './kernel.js';
import {
  type CallContext,
  type ConstraintFn,
  type InitializerFn,
  Layer,
  type LayerOptions,
  layerOptionKeys,
  type RegularizerFn,
  type Weight,
} from './layer.js';
import { withMask } from './mask.js';
import { checkWeightOptions, weightOptionKeys, weightTreatment } from './weight-options.js';

export interface EmbeddingOptions extends LayerOptions {
  /** Number of different ids: they are 0 .. inputDim - 1. */
  readonly inputDim: number;
  /** Length of the vectors. */
  readonly outputDim: number;
  /** Default: 'randomUniform'. */
  readonly embeddingsInitializer?: InitializerName | InitializerFn;
  readonly embeddingsRegularizer?: RegularizerName | RegularizerFn;
  /** What the table is forced to be after each update. */
  readonly embeddingsConstraint?: ConstraintName | ConstraintFn;
  /** Id 0 stands for no step at all: the mask of the result leaves it out (see `masking`). Default: false. */
  readonly maskZero?: boolean;
}

class Embedding extends Layer {
  readonly kind = 'embedding';
  #embeddings!: TableKernel;

  constructor(readonly options: EmbeddingOptions) {
    const where = 'layers.embedding';
    checkOptions(where, options, [
      ...layerOptionKeys,
      ...['inputDim', 'outputDim', 'maskZero', ...weightOptionKeys('embeddings')],
    ]);
    super({ inputDType: 'int32', ...options });
    positiveInteger(where, 'inputDim', options.inputDim);
    positiveInteger(where, 'outputDim', options.outputDim);
    if (options.maskZero !== undefined) boolean(where, 'maskZero', options.maskZero);
    checkWeightOptions(where, options, ['embeddings']);
  }

  override build(inputs: readonly TensorType[]): void {
    this.single(inputs);
    const { inputDim, outputDim } = this.options;
    this.#embeddings = this.addTableKernel({
      name: 'embeddings',
      shape: [inputDim, outputDim],
      ...weightTreatment(this.options, 'embeddings', 'randomUniform'),
    });
  }

  override call(inputs: readonly Tensor[], context: CallContext): Tensor {
    const ids = cast(this.single(inputs), 'int32');
    const vectors = this.#embeddings.vectors(ids, context);
    if (this.options.maskZero !== true) return vectors;
    if (ids.rank < 2) throw this.error(`maskZero needs input [batch, time, ...], got shape [${ids.shape.join(', ')}]`);
    return withMask(vectors, notEqual(ids, 0));
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }
}

/**
 * A learned vector for each id.
 *
 * - input: int32 [batch, ...]; other dtypes are converted
 * - output: float32 [batch, ..., outputDim]
 * - weights: embeddings [inputDim, outputDim]; once quantized (`model.quantize`), they are int8, with embeddingsScale [inputDim]
 *
 * An id outside 0 .. inputDim - 1 stops training, evaluation or prediction with an error.
 *
 * @throws Error when an argument is not valid
 *
 * @example
 * layers.embedding({ inputDim: 10000, outputDim: 64, inputShape: [128] });
 */
export const embedding = (options: EmbeddingOptions): Layer => new Embedding(options);

export interface PositionEmbeddingOptions extends LayerOptions {
  /** Longest sequence. */
  readonly sequenceLength: number;
  /** Initial values of the embeddings. Default: 'glorotUniform'. */
  readonly initializer?: InitializerName | InitializerFn;
}

/** The dimensions of a sequence of vectors: [batch, time, features]. */
function sequence(layer: Layer, x: TensorType): readonly [number, number] {
  if (x.shape.length !== 3) {
    throw layer.error(`expected input [batch, time, features], got shape [${x.shape.join(', ')}]`);
  }
  return [x.shape[1] as number, x.shape[2] as number];
}

class PositionEmbedding extends Layer {
  readonly kind = 'positionEmbedding';
  protected override readonly passesMask = true;
  #embeddings!: Weight;

  constructor(readonly options: PositionEmbeddingOptions) {
    const where = 'layers.positionEmbedding';
    checkOptions(where, options, [...layerOptionKeys, 'sequenceLength', 'initializer']);
    super(options);
    positiveInteger(where, 'sequenceLength', options.sequenceLength);
    if (options.initializer !== undefined) resolveInitializer(where, 'initializer', options.initializer);
  }

  override build(inputs: readonly TensorType[]): void {
    const [, features] = sequence(this, this.single(inputs));
    const { sequenceLength, initializer } = this.options;
    this.#embeddings = this.addWeight({ name: 'embeddings', shape: [sequenceLength, features], initializer });
  }

  override call(inputs: readonly Tensor[], context: CallContext): Tensor {
    const x = this.single(inputs);
    const [time, features] = sequence(this, x);
    const [most, built] = this.#embeddings.shape as [number, number];
    if (time > most || features !== built) {
      throw this.error(`expected at most ${most} positions of ${built} features, got shape [${x.shape.join(', ')}]`);
    }
    return add(x, sliceAxis(context.read(this.#embeddings), 0, 0, time));
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }
}

/**
 * Adds a learned vector for each position of a sequence: x[b, t] + embeddings[t].
 *
 * - input and output: float32 [batch, time, features], time <= sequenceLength
 * - weights: embeddings [sequenceLength, features]
 *
 * @throws Error when an argument is not valid; when applied, if a sequence is too long
 *
 * @example
 * layers.positionEmbedding({ sequenceLength: 128 });
 */
export const positionEmbedding = (options: PositionEmbeddingOptions): Layer => new PositionEmbedding(options);

export interface RotaryEmbeddingOptions extends LayerOptions {
  /** Wavelengths grow from 2 pi to 2 pi * maxWavelength. Default: 10000. */
  readonly maxWavelength?: number;
  /** Axis of the positions, not the batch's and not the last. Default: 1. */
  readonly sequenceAxis?: number;
}

class RotaryEmbedding extends Layer {
  readonly kind = 'rotaryEmbedding';
  protected override readonly passesMask = true;

  constructor(readonly options: RotaryEmbeddingOptions) {
    const where = 'layers.rotaryEmbedding';
    checkOptions(where, options, [...layerOptionKeys, 'maxWavelength', 'sequenceAxis']);
    super(options);
    const { maxWavelength, sequenceAxis } = options;
    if (maxWavelength !== undefined) numberIn(where, 'maxWavelength', maxWavelength, { min: 1 });
    if (sequenceAxis !== undefined && integer(where, 'sequenceAxis', sequenceAxis) === 0) {
      throw new Error(`${where}: axis 0 is the batch dimension`);
    }
  }

  override call(inputs: readonly Tensor[]): Tensor {
    const x = this.single(inputs);
    const { maxWavelength: base = 10000, sequenceAxis = 1 } = this.options;
    const axis = sequenceAxis < 0 ? sequenceAxis + x.rank : sequenceAxis;
    if (axis < 1 || axis >= x.rank - 1) {
      throw this.error(
        `axis ${sequenceAxis} cannot be that of the positions in input of shape [${x.shape.join(', ')}]`,
      );
    }
    if ((x.shape.at(-1) as number) % 2 !== 0) {
      throw this.error(`expected an even number of features, got shape [${x.shape.join(', ')}]`);
    }
    return rotary(x, { base, axis });
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }
}

/**
 * Rotates pairs of features (i, i + D/2) by the angle t / maxWavelength^(2i/D): products of two rotated vectors depend on how
 * far apart they are, not on where. For queries and keys of one's own attention; `multiHeadAttention` has `useRotary`.
 *
 * - input and output: float32 [batch, ..., features], the same shape, with an even number of features
 *
 * @throws Error when an argument is not valid; when applied, if the number of features is odd or the axis does not fit
 *
 * @example
 * layers.rotaryEmbedding(); // [batch, time, features]
 * layers.rotaryEmbedding({ sequenceAxis: 2 }); // [batch, heads, time, features]
 *
 * Source: Su et al., "RoFormer: enhanced transformer with rotary position embedding", 2021.
 */
export const rotaryEmbedding = (options: RotaryEmbeddingOptions = {}): Layer => new RotaryEmbedding(options);

export interface SinePositionEncodingOptions extends LayerOptions {
  /** Wavelengths grow from 2 pi to 2 pi * maxWavelength. Default: 10000. */
  readonly maxWavelength?: number;
}

class SinePositionEncoding extends Layer {
  readonly kind = 'sinePositionEncoding';
  protected override readonly passesMask = true;

  constructor(readonly options: SinePositionEncodingOptions) {
    const where = 'layers.sinePositionEncoding';
    checkOptions(where, options, [...layerOptionKeys, 'maxWavelength']);
    super(options);
    if (options.maxWavelength !== undefined) numberIn(where, 'maxWavelength', options.maxWavelength, { min: 1 });
  }

  override call(inputs: readonly Tensor[]): Tensor {
    const x = this.single(inputs);
    const [time, features] = sequence(this, x);
    if (features % 2 !== 0) {
      throw this.error(`expected an even number of features, got shape [${x.shape.join(', ')}]`);
    }
    return add(x, sinusoidalPositions(time, features, this.options.maxWavelength ?? 10000));
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }
}

/**
 * Adds sines and cosines of the position to a sequence: sin(t / maxWavelength^(2i/D)) to feature 2i, the cosine to 2i + 1.
 *
 * - input and output: float32 [batch, time, features] with an even number of features
 *
 * @throws Error when applied to an odd number of features
 *
 * @example
 * layers.sinePositionEncoding();
 *
 * Source: Vaswani et al., "Attention is all you need", NeurIPS 2017.
 */
export const sinePositionEncoding = (options: SinePositionEncodingOptions = {}): Layer =>
  new SinePositionEncoding(options);
