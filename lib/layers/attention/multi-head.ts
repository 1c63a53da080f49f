import type { ConstraintName } from '../../constraints/resolve.js';
import type { InitializerName } from '../../initializers/resolve.js';
import type { Tensor, TensorType } from '../../ir/graph.js';
import { scaledDotProductAttention } from '../../ir/ops/attention.js';
import { add } from '../../ir/ops/elementwise.js';
import { rotaryEmbedding } from '../../ir/ops/position.js';
import { expandDims, reshape, transpose } from '../../ir/ops/shape.js';
import type { RegularizerName } from '../../regularizers/resolve.js';
import { boolean, checkOptions, integer, numberIn, positiveInteger } from '../arguments.js';
import type { MatrixKernel } from '../kernel.js';
import {
  type CallContext,
  type ConstraintFn,
  type InitializerFn,
  Layer,
  type LayerOptions,
  layerOptionKeys,
  type RegularizerFn,
  type Weight,
} from '../layer.js';
import { withSeed } from '../random.js';
import { checkWeightOptions, weightOptionKeys, weightTreatment } from '../weight-options.js';
import { asMatrix, attentionInputs, maskOfScores, withMaskOf } from './heads.js';

/** What both kinds of attention with heads take. */
interface HeadOptions extends LayerOptions {
  /** Probability that an attention weight is dropped in training. Default: 0. */
  readonly dropout?: number;
  /** Whether the projections have biases. Default: true. */
  readonly useBias?: boolean;
  /** Each query attends to keys at its own position and before only. Default: false. */
  readonly useCausalMask?: boolean;
  /**
   * Rotates queries and keys of each head by their positions (`ops.rotaryEmbedding`), so that scores depend on how far apart
   * they are. Their features must be even in number. Default: false.
   */
  readonly useRotary?: boolean;
  /** Wavelengths of that rotation grow from 2 pi to 2 pi * maxWavelength. Default: 10000. */
  readonly maxWavelength?: number;
  /** Default: 'glorotUniform', of the kernels as matrices. */
  readonly kernelInitializer?: InitializerName | InitializerFn;
  /** Default: 'zeros'. */
  readonly biasInitializer?: InitializerName | InitializerFn;
  readonly kernelRegularizer?: RegularizerName | RegularizerFn;
  readonly biasRegularizer?: RegularizerName | RegularizerFn;
  /** What each kernel is forced to be after each update. */
  readonly kernelConstraint?: ConstraintName | ConstraintFn;
  readonly biasConstraint?: ConstraintName | ConstraintFn;
  /** As in `dropout`. */
  readonly seed?: number;
}

export interface MultiHeadAttentionOptions extends HeadOptions {
  /** Number of heads. */
  readonly numHeads: number;
  /** Features of a query and key in each head. */
  readonly keyDim: number;
  /** Features of a value in each head. Default: `keyDim`. */
  readonly valueDim?: number;
  /** Features of the result. Default: those of the query. */
  readonly outputDim?: number;
}

export interface GroupQueryAttentionOptions extends HeadOptions {
  /** Features of a query, key and value in each head. */
  readonly headDim: number;
  /** Number of heads that ask. */
  readonly numQueryHeads: number;
  /** Number of heads of keys and values, each shared by a group of query heads. */
  readonly numKeyValueHeads: number;
}

/** Sizes that the two kinds differ in. */
interface Sizes {
  readonly heads: number;
  readonly keyHeads: number;
  readonly keyDim: number;
  readonly valueDim: number;
  readonly outputDim?: number;
}

/** x [batch, time, features] times a kernel [features, heads, dim] -> [batch, time, heads, dim]. */
interface Projection {
  readonly kernel: MatrixKernel;
  readonly bias: Weight | undefined;
}

const shared = [
  ...['dropout', 'useBias', 'useCausalMask', 'useRotary', 'maxWavelength', 'seed'],
  ...weightOptionKeys('kernel', 'bias'),
];

class MultiHeadAttention extends Layer {
  #query!: Projection;
  #key!: Projection;
  #value!: Projection;
  #output!: Projection;

  constructor(
    readonly kind: 'multiHeadAttention' | 'groupQueryAttention',
    readonly options: HeadOptions,
    readonly sizes: Sizes,
  ) {
    const where = `layers.${kind}`;
    super(options);
    if (options.dropout !== undefined) numberIn(where, 'dropout', options.dropout, { min: 0, max: 1 });
    if (options.seed !== undefined) integer(where, 'seed', options.seed);
    for (const key of ['useBias', 'useCausalMask', 'useRotary'] as const) {
      if (options[key] !== undefined) boolean(where, key, options[key]);
    }
    if (options.maxWavelength !== undefined) numberIn(where, 'maxWavelength', options.maxWavelength, { min: 1 });
    if (options.useRotary === true && sizes.keyDim % 2 !== 0) {
      throw new Error(`${where}: useRotary needs an even number of features in each head, got ${sizes.keyDim}`);
    }
    checkWeightOptions(where, options, ['kernel', 'bias']);
  }

  override build(inputs: readonly TensorType[]): void {
    const { query, key, value } = attentionInputs(this, inputs, [this.sizes.heads]);
    const { heads, keyHeads, keyDim, valueDim, outputDim } = this.sizes;
    const features = (t: TensorType): number => t.shape[2] as number;
    this.#query = this.#projection('query', [features(query)], [heads, keyDim]);
    this.#key = this.#projection('key', [features(key)], [keyHeads, keyDim]);
    this.#value = this.#projection('value', [features(value)], [keyHeads, valueDim]);
    this.#output = this.#projection('output', [heads, valueDim], [outputDim ?? features(query)]);
  }

  override call(inputs: readonly Tensor[], context: CallContext): Tensor {
    const { heads, keyHeads } = this.sizes;
    const sorted = attentionInputs(this, inputs, [heads]);
    const { query, key, value, mask } = sorted;
    const { dropout = 0, useCausalMask: causal = false, seed } = this.options;
    const grouped = keyHeads !== heads;

    // [batch, heads, time, dim], or with groups [batch, keyHeads, heads / keyHeads, time, dim]
    const split = (x: Tensor, projection: Projection, name: string): Tensor => {
      const y = transpose(this.#project(x, projection, name, context), [0, 2, 1, 3]);
      const [batch, n, ...rest] = y.shape as [number, number, number, number];
      if (!grouped) return y;
      return name === 'query' ? reshape(y, [batch, keyHeads, n / keyHeads, ...rest]) : expandDims(y, 2);
    };
    /** A mask that has heads, too: in groups as the queries. */
    const byHead = (m: Tensor): Tensor =>
      grouped ? reshape(m, [m.shape[0] as number, keyHeads, heads / keyHeads, ...m.shape.slice(2)]) : m;
    const q = this.#rotated(split(query, this.#query, 'query'));
    const k = this.#rotated(split(key, this.#key, 'key'));
    const v = split(value, this.#value, 'value');
    const joint = withSeed(seed, () =>
      scaledDotProductAttention(q, k, v, {
        mask: maskOfScores({ ...sorted, mask: mask?.rank === 4 ? byHead(mask) : mask }, grouped ? 2 : 1),
        causal,
        dropout: context.training ? dropout : 0,
      }),
    );

    const [batch, time] = query.shape as [number, number];
    const depth = this.sizes.valueDim;
    const rows = reshape(transpose(reshape(joint, [batch, heads, time, depth]), [0, 2, 1, 3]), [batch, time, -1]);
    const result = this.#output.kernel.product(rows, context);
    const { bias } = this.#output;
    return withMaskOf(query, bias === undefined ? result : add(result, context.read(bias)));
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }

  /** Queries or keys [..., time, dim], turned by their positions. */
  #rotated(x: Tensor): Tensor {
    const { useRotary = false, maxWavelength = 10000 } = this.options;
    return useRotary ? rotaryEmbedding(x, { base: maxWavelength }) : x;
  }

  #projection(name: string, from: readonly number[], to: readonly number[]): Projection {
    const { useBias = true, kernelInitializer = 'glorotUniform' } = this.options;
    const kernel = this.addMatrixKernel(
      {
        ...{ name: `${name}Kernel`, shape: [...from, ...to], ...weightTreatment(this.options, 'kernel') },
        initializer: asMatrix(this.label, 'kernelInitializer', kernelInitializer, from.length),
      },
      to.length,
    );
    const bias = useBias
      ? this.addWeight({ name: `${name}Bias`, shape: to, ...weightTreatment(this.options, 'bias', 'zeros') })
      : undefined;
    return { kernel, bias };
  }

  #project(x: Tensor, { kernel, bias }: Projection, name: string, context: CallContext): Tensor {
    const [features, heads, dim] = kernel.shape as [number, number, number];
    if (x.shape[2] !== features) {
      throw this.error(`expected ${name} with ${features} features, got shape [${x.shape.join(', ')}]`);
    }
    const product = kernel.product(x, context);
    const y = bias === undefined ? product : add(product, reshape(context.read(bias), [heads * dim]));
    return reshape(y, [x.shape[0] as number, x.shape[1] as number, heads, dim]);
  }
}

/**
 * Attention in several heads: each projects query, key and value, attends, and the results are joined and projected.
 *
 * - inputs: [query, value, key, mask]: query [batch, T, features], value (default: the query), key (default: the value)
 *   [batch, S, features], and last, if there is one, a mask [batch, S], [batch, T, S] or [batch, numHeads, T, S]: bool, true
 *   where to attend, or as the fourth input also float32, which is added to the scores (-Infinity where not to attend). Steps
 *   that a mask of value or key leaves out (see `masking`) are not attended to, those of the query attend to nothing
 * - output: float32 [batch, T, outputDim]
 * - weights: queryKernel, keyKernel [features, numHeads, keyDim], valueKernel [features, numHeads, valueDim],
 *   outputKernel [numHeads, valueDim, outputDim], and biases of the last axes; `model.quantize` makes the kernels int8, with a
 *   scale (queryKernelScale, ...) for each output
 *
 * @throws Error when an argument is not valid; when applied, if the shapes do not fit
 *
 * @example
 * const self = layers.multiHeadAttention({ numHeads: 4, keyDim: 16, useCausalMask: true });
 * self.apply(x);
 * layers.multiHeadAttention({ numHeads: 4, keyDim: 16 }).apply([decoder, encoder]); // cross attention
 * layers.multiHeadAttention({ numHeads: 4, keyDim: 16, useRotary: true, useCausalMask: true }).apply(x);
 *
 * Sources: Vaswani et al., "Attention is all you need", NeurIPS 2017; `useRotary`: Su et al., "RoFormer: enhanced transformer
 * with rotary position embedding", 2021.
 */
export function multiHeadAttention(options: MultiHeadAttentionOptions): Layer {
  const where = 'layers.multiHeadAttention';
  checkOptions(where, options, [...layerOptionKeys, ...shared, 'numHeads', 'keyDim', 'valueDim', 'outputDim']);
  const heads = positiveInteger(where, 'numHeads', options.numHeads);
  const keyDim = positiveInteger(where, 'keyDim', options.keyDim);
  const valueDim = positiveInteger(where, 'valueDim', options.valueDim ?? keyDim);
  const outputDim =
    options.outputDim === undefined ? undefined : positiveInteger(where, 'outputDim', options.outputDim);
  return new MultiHeadAttention('multiHeadAttention', options, { heads, keyHeads: heads, keyDim, valueDim, outputDim });
}

/**
 * Attention in which several query heads share one head of keys and values; with `numKeyValueHeads: 1` multi-query
 * attention. Inputs and output as `multiHeadAttention`.
 *
 * - weights: queryKernel [features, numQueryHeads, headDim], keyKernel, valueKernel [features, numKeyValueHeads, headDim],
 *   outputKernel [numQueryHeads, headDim, features], and biases
 *
 * @throws Error when an argument is not valid, or the query heads cannot be divided into groups
 *
 * @example
 * layers.groupQueryAttention({ headDim: 16, numQueryHeads: 8, numKeyValueHeads: 2 }).apply(x);
 *
 * Source: Ainslie et al., "GQA: training generalized multi-query transformer models", EMNLP 2023.
 */
export function groupQueryAttention(options: GroupQueryAttentionOptions): Layer {
  const where = 'layers.groupQueryAttention';
  checkOptions(where, options, [...layerOptionKeys, ...shared, 'headDim', 'numQueryHeads', 'numKeyValueHeads']);
  const keyDim = positiveInteger(where, 'headDim', options.headDim);
  const heads = positiveInteger(where, 'numQueryHeads', options.numQueryHeads);
  const keyHeads = positiveInteger(where, 'numKeyValueHeads', options.numKeyValueHeads);
  if (heads % keyHeads !== 0) {
    throw new Error(`${where}: numQueryHeads (${heads}) must be a multiple of numKeyValueHeads (${keyHeads})`);
  }
  return new MultiHeadAttention('groupQueryAttention', options, { heads, keyHeads, keyDim, valueDim: keyDim });
}
