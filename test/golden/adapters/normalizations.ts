import type { Adapter, Tensors } from '../adapter';
import { layers, ops, type Tensor } from '../api';

/** The set has the channels on axis 1; axes of the batch are all others. */
const others = (x: Tensor): number[] => [...x.shape.keys()].filter((i) => i !== 1);

/** Runs a layer on given values of its weights, by the names that they have in the layer; collects what it writes. */
export function runLayer(layer: layers.Layer, inputs: readonly Tensor[], weights: Tensors, training = false) {
  layer.ensureBuilt(inputs);
  const named = new Map(layer.weights.map((w) => [w, weights[w.name.slice(w.name.indexOf('/') + 1)]]));
  const written: Record<string, Tensor> = {};
  const outputs = layer.trace(inputs, {
    training,
    read: (variable) => named.get(variable as layers.Weight) as Tensor,
    write: (variable, value) => {
      written[variable.name.slice(variable.name.indexOf('/') + 1)] = value;
    },
    addLoss: () => {},
  });
  return { y: outputs[0], outputs, written };
}

/** The moving averages of PyTorch: momentum of the new value, and an unbiased variance. */
function torchBatchNorm(x: Tensor, running: Tensors, options: { scale?: Tensor; offset?: Tensor }, attrs: never) {
  const { epsilon, momentum } = attrs as { epsilon: number; momentum: number };
  const { mean, variance } = ops.moments(x, others(x));
  const unbiased = ops.variance(x, others(x), { correction: 1 });
  const moved = (old: Tensor, value: Tensor) => ops.add(ops.multiply(old, 1 - momentum), ops.multiply(value, momentum));
  return {
    y: ops.batchNormalization(x, mean, variance, { axis: 1, epsilon, ...options }),
    new_running_mean: moved(running.mean, mean),
    new_running_var: moved(running.variance, unbiased),
  };
}

export const normalizations: Record<string, Adapter> = {
  batch_norm_train: {
    traced: ({ x, running_mean, running_var, gamma, beta }, attrs) => {
      const { epsilon, momentum, affine } = attrs;
      if (momentum === 0.1) {
        const running = { mean: running_mean, variance: running_var };
        return torchBatchNorm(x, running, affine ? { scale: gamma, offset: beta } : {}, attrs as never);
      }
      const layer = layers.batchNormalization({ axis: 1, epsilon, momentum, center: affine, scale: affine });
      const weights = { gamma, beta, movingMean: running_mean, movingVariance: running_var };
      const { y, written } = runLayer(layer, [x], weights, true);
      return { y, new_running_mean: written.movingMean, new_running_var: written.movingVariance };
    },
  },
  batch_norm_eval: {
    traced: ({ x, running_mean, running_var, gamma, beta }, { epsilon }) => {
      const weights = { gamma, beta, movingMean: running_mean, movingVariance: running_var };
      return runLayer(layers.batchNormalization({ axis: 1, epsilon }), [x], weights).y;
    },
  },
  layer_norm: {
    traced: ({ x, gamma, beta }, { epsilon, axis = [-1] }) =>
      ops.layerNormalization(x, axis, { scale: gamma, offset: beta, epsilon }),
  },
  rms_norm: { traced: ({ x, gamma }, { epsilon }) => ops.rmsNormalization(x, -1, { scale: gamma, epsilon }) },
  group_norm: {
    traced: ({ x, gamma, beta }, { groups, epsilon }) =>
      ops.groupNormalization(x, groups, { axis: 1, scale: gamma, offset: beta, epsilon }),
  },
};
