import type { Adapter, Tensors } from '../adapter';
import { layers, losses, ops, type Tensor } from '../api';
import { type Loss, trajectory } from '../trajectory';
import { runLayer } from './normalizations';
import { channelsLast, transposedWindowFirst, windowFirst } from './spatial';

const crossentropy = losses.sparseCategoricalCrossentropy({ fromLogits: true });
const dense = (x: Tensor, kernel: Tensor, bias: Tensor): Tensor => ops.add(ops.matmul(x, kernel), bias);

const mlp: Loss = ({ w1, b1, w2, b2, w3, b3 }, { x, y }) => {
  const first = ops.relu(dense(x, w1, b1));
  const second = ops.tanh(dense(first, w2, b2));
  return { loss: ops.mean(crossentropy(y, dense(second, w3, b3))) };
};

const normalizedMlp: Loss = ({ w1, g, b, w2, b2 }, { x, y }, { mean, var: variance }) => {
  const weights = { gamma: g, beta: b, movingMean: mean, movingVariance: variance };
  const { y: normal, written } = runLayer(layers.batchNormalization(), [ops.matmul(x, w1)], weights, true);
  const error = ops.mean(ops.squaredDifference(dense(ops.relu(normal), w2, b2), y));
  const penalty = ops.add(ops.sum(ops.square(w1)), ops.sum(ops.square(w2)));
  return {
    loss: ops.add(error, ops.multiply(penalty, 0.001)),
    buffers: { mean: written.movingMean, var: written.movingVariance },
  };
};

const cnn: Loss = ({ k1, g, be, k2, c2, w, b }, { x, y }, { mean, var: variance }) => {
  const first = ops.conv(channelsLast(x), windowFirst(k1), { padding: 'same' });
  const weights = { gamma: g, beta: be, movingMean: mean, movingVariance: variance };
  const { y: normal, written } = runLayer(layers.batchNormalization(), [first], weights, true);
  const second = ops.add(ops.conv(ops.maxPool(ops.relu(normal), 2), windowFirst(k2), { strides: 2 }), c2);
  return {
    loss: ops.mean(crossentropy(y, dense(ops.mean(ops.relu(second), [1, 2]), w, b))),
    buffers: { mean: written.movingMean, var: written.movingVariance },
  };
};

const autoencoder: Loss = ({ k1, b1, k2, b2 }, batch) => {
  const x = channelsLast(batch.x);
  const padding = [
    [1, 1],
    [1, 1],
  ] as const;
  const code = ops.silu(ops.add(ops.conv(x, windowFirst(k1), { strides: 2, padding }), b1));
  const options = { strides: 2, padding, outputPadding: 1 };
  return {
    loss: ops.mean(ops.squaredDifference(ops.add(ops.convTranspose(code, transposedWindowFirst(k2), options), b2), x)),
  };
};

const [blocks, heads] = [2, 4];

const gpt: Loss = (w, { ids }) => {
  const time = ids.shape[1] - 1;
  const norm = (x: Tensor, name: string) =>
    ops.layerNormalization(x, -1, { scale: w[`${name}_g`], offset: w[`${name}_b`], epsilon: 1e-5 });
  let h = ops.add(ops.take(w.wte, ops.sliceAxis(ids, 1, 0, time)), w.wpe);
  for (let block = 0; block < blocks; block++) h = transformerBlock(h, block, w, norm);
  const logits = ops.matmul(norm(h, 'lnf'), ops.transpose(w.wte));
  return { loss: ops.mean(crossentropy(ops.sliceAxis(ids, 1, 1), logits)) };
};

function transformerBlock(x: Tensor, block: number, w: Tensors, norm: (x: Tensor, name: string) => Tensor): Tensor {
  const own = (name: string): Tensor => w[`l${block}.${name}`];
  const [batch, time, width] = x.shape;
  const split = (t: Tensor): Tensor => ops.transpose(ops.reshape(t, [batch, time, heads, -1]), [0, 2, 1, 3]);
  const [q, k, v] = ops.split(ops.matmul(norm(x, `l${block}.ln1`), own('wqkv')), 3).map(split);
  const joint = ops.transpose(ops.scaledDotProductAttention(q, k, v, { causal: true }), [0, 2, 1, 3]);
  const h = ops.add(x, dense(ops.reshape(joint, [batch, time, width]), own('wo'), own('bo')));
  const hidden = ops.gelu(dense(norm(h, `l${block}.ln2`), own('w1'), own('b1')), true);
  return ops.add(h, dense(hidden, own('w2'), own('b2')));
}

/** Warm-up over 5 steps, and a cosine over 30. */
const gptRate = (step: number): number =>
  0.003 * Math.min((step + 1) / 5, 1) * 0.5 * (1 + Math.cos((Math.PI * step) / 30));

export const training: Record<string, Adapter> = {
  'train/autoencoder': trajectory(autoencoder, {
    layers: ['conv3x3(1->6,stride2,pad1) silu convT3x3(6->1,stride2,pad1,outpad1), mse with the input'],
  }),
  'train/cnn': trajectory(cnn, {
    layers: [
      'conv3x3(1->8,same,no bias) batchnorm(Keras) relu maxpool2 conv3x3(8->16,stride2,valid) relu globalavgpool dense(16->10) softmax CE',
    ],
    axes: ['x NCHW, kernels OIHW'],
  }),
  'train/mlp': trajectory(mlp, { layers: ['dense(20->64) relu, dense(64->64) tanh, dense(64->10), softmax CE mean'] }),
  'train/mlp_bn_l2': trajectory(normalizedMlp, {
    layers: [
      'dense(8->32, no bias) batchnorm(eps 1e-3, momentum .99, Keras) relu dense(32->1), mse + 0.001*sum(w1^2)+0.001*sum(w2^2)',
    ],
  }),
  'train/gpt': trajectory(
    gpt,
    {
      layers: [
        'GPT-2 style, 2 blocks, width 32, 4 heads, vocab 48, T 16, tied head, no qkv bias, pre-LN eps 1e-5, gelu tanh, causal',
      ],
    },
    { '0.003*min((s+1)/5,1)*0.5*(1+cos(pi*s/30)), s from 0': gptRate },
  ),
};
