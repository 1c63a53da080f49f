import type { Tensor, TensorType } from '../../ir/graph.js';
import { attentionWeights } from '../../ir/ops/attention.js';
import { add, cast, multiply, tanh } from '../../ir/ops/elementwise.js';
import { matmul } from '../../ir/ops/linalg.js';
import { sum } from '../../ir/ops/reduce.js';
import { expandDims, swapLastAxes } from '../../ir/ops/shape.js';
import { boolean, checkOptions, integer, numberIn } from '../arguments.js';
import { type CallContext, Layer, type LayerOptions, layerOptionKeys, type Weight } from '../layer.js';
import { withSeed } from '../random.js';
import { attentionInputs, maskOfScores, withMaskOf } from './heads.js';

export interface AttentionOptions extends LayerOptions {
  /** Whether the scores have a learned factor. Default: false (additiveAttention: true). */
  readonly useScale?: boolean;
  /** Probability that an attention weight is dropped in training. Default: 0. */
  readonly dropout?: number;
  /** Each query attends to keys at its own position and before only. Default: false. */
  readonly useCausalMask?: boolean;
  /** As in `dropout`. */
  readonly seed?: number;
}

type Kind = 'attention' | 'additiveAttention';

class Attention extends Layer {
  #scale: Weight | undefined;

  constructor(
    readonly kind: Kind,
    readonly options: AttentionOptions,
  ) {
    const where = `layers.${kind}`;
    checkOptions(where, options, [...layerOptionKeys, 'useScale', 'dropout', 'useCausalMask', 'seed']);
    super(options);
    const { useScale, dropout, useCausalMask, seed } = options;
    if (useScale !== undefined) boolean(where, 'useScale', useScale);
    if (dropout !== undefined) numberIn(where, 'dropout', dropout, { min: 0, max: 1 });
    if (useCausalMask !== undefined) boolean(where, 'useCausalMask', useCausalMask);
    if (seed !== undefined) integer(where, 'seed', seed);
  }

  override build(inputs: readonly TensorType[]): void {
    const { query } = attentionInputs(this, inputs);
    const additive = this.kind === 'additiveAttention';
    if (!(this.options.useScale ?? additive)) return;
    this.#scale = this.addWeight(
      additive
        ? { name: 'scale', shape: [query.shape[2] as number] }
        : { name: 'scale', shape: [], initializer: 'ones' },
    );
  }

  override call(inputs: readonly Tensor[], context: CallContext): Tensor {
    const sorted = attentionInputs(this, inputs);
    const { query, value, key } = sorted;
    if (query.shape[2] !== key.shape[2]) {
      throw this.error(
        `query and key must have the same number of features, got ${query.shape[2]} and ${key.shape[2]}`,
      );
    }
    const { dropout = 0, useCausalMask: causal = false, seed } = this.options;
    const scale = this.#scale && context.read(this.#scale);
    const scores = this.kind === 'attention' ? dot(query, key, scale) : additive(query, key, scale);
    const weights = withSeed(seed, () =>
      attentionWeights(scores, { mask: maskOfScores(sorted, 0), causal, dropout: context.training ? dropout : 0 }),
    );
    return withMaskOf(query, matmul(weights, value));
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }
}

const dot = (query: Tensor, key: Tensor, scale: Tensor | undefined): Tensor =>
  matmul(scale === undefined ? query : multiply(query, scale), swapLastAxes(cast(key, 'float32')));

function additive(query: Tensor, key: Tensor, scale: Tensor | undefined): Tensor {
  const mixed = tanh(add(expandDims(query, 2), expandDims(key, 1)));
  return sum(scale === undefined ? mixed : multiply(mixed, scale), -1);
}

/**
 * Dot-product attention without projections: softmax(scale · query · key^T) · value.
 *
 * - inputs: [query, value, key, mask]: query [batch, T, D], value [batch, S, E] (default: the query), key [batch, S, D]
 *   (default: the value), and last, if there is one, a mask [batch, S] or [batch, T, S]: bool, true where to attend, or as the
 *   fourth input also float32, which is added to the scores (-Infinity where not to attend). Steps that a mask of value or key leaves out (see `masking`) are not attended to, those of the query become 0
 * - output: float32 [batch, T, E]
 * - weights: scale [] with `useScale`
 *
 * @throws Error when an argument is not valid; when applied, if the shapes do not fit
 *
 * @example
 * layers.attention().apply([decoder, encoder]);
 *
 * Source: Luong et al., "Effective approaches to attention-based neural machine translation", EMNLP 2015.
 */
export const attention = (options: AttentionOptions = {}): Layer => new Attention('attention', options);

/**
 * Additive attention: the score of a query and a key is sum(scale * tanh(query + key)). Otherwise as `attention`.
 *
 * - weights: scale [D], unless `useScale` is false
 *
 * @throws Error when an argument is not valid; when applied, if the shapes do not fit
 *
 * @example
 * layers.additiveAttention().apply([decoder, encoder]);
 *
 * Source: Bahdanau et al., "Neural machine translation by jointly learning to align and translate", ICLR 2015.
 */
export const additiveAttention = (options: AttentionOptions = {}): Layer => new Attention('additiveAttention', options);
