import { type InitializerName, resolveInitializer } from '../../initializers/resolve.js';
import { formatType, type Tensor, type TensorType } from '../../ir/graph.js';
import { add } from '../../ir/ops/elementwise.js';
import { type Activation, resolveActivation } from '../activations.js';
import { boolean, checkOptions, numberIn, positiveInteger } from '../arguments.js';
import { dense } from '../dense.js';
import { dropout as dropoutLayer } from '../dropout.js';
import { type CallContext, type InitializerFn, Layer, type LayerOptions, layerOptionKeys } from '../layer.js';
import { stepMaskOf } from '../mask.js';
import { layerNormalization } from '../normalization.js';
import { attentionInputs, withMaskOf } from './heads.js';
import { multiHeadAttention } from './multi-head.js';

export interface TransformerOptions extends LayerOptions {
  /** Units of the hidden layer of the feedforward network. */
  readonly intermediateDim: number;
  /** Number of attention heads; the features must be a multiple of it. */
  readonly numHeads: number;
  /** Probability that values are dropped in training, in the attention weights and after each part. Default: 0. */
  readonly dropout?: number;
  /** Of the hidden layer. Default: 'relu'. */
  readonly activation?: Activation;
  /** Epsilon of the layer normalizations. Default: 1e-5. */
  readonly layerNormEpsilon?: number;
  /** Normalize before each part instead of after the sum (pre-LN, as in GPT-2). Default: false. */
  readonly normalizeFirst?: boolean;
  /** Of all kernels. Default: 'glorotUniform'. */
  readonly kernelInitializer?: InitializerName | InitializerFn;
}

export interface TransformerEncoderOptions extends TransformerOptions {
  /** Each position attends to itself and those before only. Default: false. */
  readonly useCausalMask?: boolean;
}

const shared = [
  ...['intermediateDim', 'numHeads', 'dropout', 'activation', 'layerNormEpsilon', 'normalizeFirst'],
  'kernelInitializer',
];

/** What follows each part of a block: dropout, the sum with what came in, and a normalization. */
interface Residual {
  readonly norm: Layer;
  readonly drop: Layer;
}

/** Applies a part with one output. */
const run = (part: Layer, inputs: readonly Tensor[], context: CallContext): Tensor =>
  part.trace(inputs, context)[0] as Tensor;

/** What encoder and decoder have in common: attention and a feedforward network, each around a residual connection. */
abstract class Transformer extends Layer {
  #hidden!: Layer;
  #output!: Layer;
  #feedforward!: Residual;

  constructor(
    where: string,
    readonly options: TransformerOptions,
    own: readonly string[] = [],
  ) {
    checkOptions(where, options, [...layerOptionKeys, ...shared, ...own]);
    super(options);
    const { intermediateDim, numHeads, dropout, activation, layerNormEpsilon, normalizeFirst } = options;
    positiveInteger(where, 'intermediateDim', intermediateDim);
    positiveInteger(where, 'numHeads', numHeads);
    if (dropout !== undefined) numberIn(where, 'dropout', dropout, { min: 0, max: 1 });
    if (activation !== undefined) resolveActivation(where, activation);
    if (layerNormEpsilon !== undefined) {
      numberIn(where, 'layerNormEpsilon', layerNormEpsilon, { min: 0, minOpen: true });
    }
    if (normalizeFirst !== undefined) boolean(where, 'normalizeFirst', normalizeFirst);
    if (options.kernelInitializer !== undefined) {
      resolveInitializer(where, 'kernelInitializer', options.kernelInitializer);
    }
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }

  protected buildResidual(name: string, x: TensorType): Residual {
    const { layerNormEpsilon: epsilon = 1e-5, dropout: rate = 0 } = this.options;
    const norm = this.own(layerNormalization({ epsilon }), `${name}Norm`);
    norm.ensureBuilt([x]);
    return { norm, drop: this.own(dropoutLayer({ rate }), `${name}Dropout`) };
  }

  protected buildAttention(name: string, useCausalMask: boolean, inputs: readonly TensorType[]): Layer {
    const { numHeads, dropout, kernelInitializer } = this.options;
    const features = inputs[0]?.shape[2] as number;
    if (features % numHeads !== 0) {
      throw this.error(`the number of features must be a multiple of numHeads (${numHeads}), got ${features}`);
    }
    const layer = multiHeadAttention({
      ...{ numHeads, keyDim: features / numHeads, useCausalMask },
      ...(dropout === undefined ? {} : { dropout }),
      ...(kernelInitializer === undefined ? {} : { kernelInitializer }),
    });
    this.own(layer, name).ensureBuilt(inputs);
    return layer;
  }

  protected buildFeedforward(x: TensorType): void {
    const { intermediateDim, activation = 'relu', kernelInitializer = 'glorotUniform' } = this.options;
    const features = x.shape[2] as number;
    this.#hidden = this.own(dense({ units: intermediateDim, activation, kernelInitializer }), 'hidden');
    this.#hidden.ensureBuilt([x]);
    this.#output = this.own(dense({ units: features, kernelInitializer }), 'output');
    this.#output.ensureBuilt([{ ...x, shape: [...x.shape.slice(0, -1), intermediateDim] }]);
    this.#feedforward = this.buildResidual('feedforward', x);
  }

  protected feedforward(x: Tensor, context: CallContext): Tensor {
    return this.around(this.#feedforward, x, context, (y) =>
      run(this.#output, [run(this.#hidden, [y], context)], context),
    );
  }

  /** x + branch(x), normalized before the branch or after the sum. */
  protected around({ norm, drop }: Residual, x: Tensor, context: CallContext, branch: (x: Tensor) => Tensor): Tensor {
    const first = this.options.normalizeFirst === true;
    const change = branch(first ? run(norm, [x], context) : x);
    const sum = add(x, run(drop, [change], context));
    return first ? sum : run(norm, [sum], context);
  }
}

class TransformerEncoder extends Transformer {
  readonly kind = 'transformerEncoder';
  readonly #causal: boolean;
  #attention!: Layer;
  #residual!: Residual;

  constructor(options: TransformerEncoderOptions) {
    const where = 'layers.transformerEncoder';
    super(where, options, ['useCausalMask']);
    this.#causal = boolean(where, 'useCausalMask', options.useCausalMask ?? false);
  }

  override build(inputs: readonly TensorType[]): void {
    const { query } = this.#inputs(inputs);
    this.#attention = this.buildAttention('attention', this.#causal, [query]);
    this.#residual = this.buildResidual('attention', query);
    this.buildFeedforward(query);
  }

  override call(inputs: readonly Tensor[], context: CallContext): Tensor {
    const { query, mask = stepMaskOf(query) } = this.#inputs(inputs);
    const masks = mask === undefined ? [] : [mask];
    const attended = this.around(this.#residual, query, context, (x) => run(this.#attention, [x, ...masks], context));
    return withMaskOf(query, this.feedforward(attended, context));
  }

  #inputs<T extends TensorType>(inputs: readonly T[]) {
    if (inputs.length > 2 || (inputs.length === 2 && inputs[1]?.dtype !== 'bool')) {
      throw this.error(`takes a sequence and perhaps a bool mask, got ${inputs.map(formatType).join(', ')}`);
    }
    return attentionInputs(this, inputs);
  }
}

/**
 * A block of a transformer encoder: self-attention and a feedforward network, each with dropout, a residual connection and
 * layer normalization. With `useCausalMask` it is a block of a decoder-only model (GPT).
 *
 * - inputs: a sequence [batch, time, features], and perhaps a bool mask [batch, time] or [batch, time, time], true where to
 *   attend
 * - output: float32 [batch, time, features]
 *
 * @throws Error when an argument is not valid; when applied, if the features are no multiple of `numHeads`
 *
 * @example
 * layers.transformerEncoder({ intermediateDim: 256, numHeads: 4, activation: 'gelu', normalizeFirst: true });
 *
 * Source: Vaswani et al., "Attention is all you need", NeurIPS 2017.
 */
export const transformerEncoder = (options: TransformerEncoderOptions): Layer => new TransformerEncoder(options);

class TransformerDecoder extends Transformer {
  readonly kind = 'transformerDecoder';
  #self!: Layer;
  #selfResidual!: Residual;
  #cross: Layer | undefined;
  #crossResidual!: Residual;

  constructor(options: TransformerOptions) {
    super('layers.transformerDecoder', options);
  }

  override build(inputs: readonly TensorType[]): void {
    const { x, encoded } = this.#inputs(inputs);
    this.#self = this.buildAttention('selfAttention', true, [x]);
    this.#selfResidual = this.buildResidual('selfAttention', x);
    if (encoded !== undefined) {
      this.#cross = this.buildAttention('crossAttention', false, [x, encoded]);
      this.#crossResidual = this.buildResidual('crossAttention', x);
    }
    this.buildFeedforward(x);
  }

  override call(inputs: readonly Tensor[], context: CallContext): Tensor {
    const { x, encoded, ...given } = this.#inputs(inputs);
    const mask = given.mask ?? stepMaskOf(x);
    const encodedMask = given.encodedMask ?? (encoded && stepMaskOf(encoded));
    const cross = this.#cross;
    if ((encoded === undefined) !== (cross === undefined)) {
      throw this.error(`was built ${cross === undefined ? 'without' : 'with'} an encoder's sequence as second input`);
    }
    const list = (...tensors: (Tensor | undefined)[]): Tensor[] => tensors.filter((t) => t !== undefined);
    let y = this.around(this.#selfResidual, x, context, (z) => run(this.#self, list(z, mask), context));
    if (cross !== undefined) {
      y = this.around(this.#crossResidual, y, context, (z) => run(cross, list(z, encoded, encodedMask), context));
    }
    return withMaskOf(x, this.feedforward(y, context));
  }

  /** Sequences first, then masks: of two sequences the last mask belongs to the second. */
  #inputs<T extends TensorType>(inputs: readonly T[]) {
    const sequences = inputs.filter((t) => t.dtype !== 'bool');
    const masks = inputs.slice(sequences.length);
    const [x, encoded] = sequences;
    const inOrder = masks.every((t) => t.dtype === 'bool') && masks.length <= sequences.length;
    if (x === undefined || sequences.length > 2 || !inOrder) {
      throw this.error(
        `takes a sequence, perhaps an encoder's sequence, then bool masks, got ${inputs.map(formatType).join(', ')}`,
      );
    }
    if (encoded === undefined) {
      return { ...attentionInputs(this, inputs), x, encoded, encodedMask: undefined };
    }
    const [mask, encodedMask] = masks.length === 2 ? masks : [undefined, masks[0]];
    attentionInputs(this, mask === undefined ? [x] : [x, mask]);
    attentionInputs(this, encodedMask === undefined ? [x, encoded] : [x, encoded, encodedMask]);
    return { x, encoded, mask, encodedMask };
  }
}

/**
 * A block of a transformer decoder: causal self-attention, attention to an encoder's result, and a feedforward network,
 * each with dropout, a residual connection and layer normalization. Without an encoder, the second part is left out.
 *
 * - inputs: a sequence [batch, T, features]; perhaps the encoder's [batch, S, features]; then bool masks [batch, T] or
 *   [batch, T, T] of the first (with an encoder only together with the second) and [batch, S] or [batch, T, S] of the second
 * - output: float32 [batch, T, features]
 *
 * @throws Error when an argument is not valid; when applied, if the features are no multiple of `numHeads`
 *
 * @example
 * layers.transformerDecoder({ intermediateDim: 256, numHeads: 4 }).apply([target, encoded, sourceMask]);
 *
 * Source: Vaswani et al., "Attention is all you need", NeurIPS 2017.
 */
export const transformerDecoder = (options: TransformerOptions): Layer => new TransformerDecoder(options);
