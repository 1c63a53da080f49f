import type { Adapter } from '../adapter';
import { layers, ops } from '../api';
import { runLayer } from './normalizations';

export const attention: Record<string, Adapter> = {
  scaled_dot_product_attention: {
    traced: ({ q, k, v, mask }, { causal, scale }) =>
      ops.scaledDotProductAttention(q, k, v, { mask, causal, scale: scale ?? undefined }),
  },
  multi_head_attention: {
    traced: ({ query, value, mask, ...w }, { num_heads, key_dim, value_dim, causal }) => {
      const layer = layers.multiHeadAttention({
        ...{ numHeads: num_heads, keyDim: key_dim, valueDim: value_dim, useCausalMask: causal },
      });
      const inputs = mask === undefined ? [query, value] : [query, value, mask];
      return runLayer(layer, inputs, {
        ...{ queryKernel: w.wq, queryBias: w.bq, keyKernel: w.wk, keyBias: w.bk },
        ...{ valueKernel: w.wv, valueBias: w.bv, outputKernel: w.wo, outputBias: w.bo },
      }).y;
    },
  },
  rope: { traced: ({ x }, { base }) => ops.rotaryEmbedding(x, { base }), only: { layout: ['half'] } },
};
