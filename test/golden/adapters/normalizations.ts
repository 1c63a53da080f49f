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

export const normalizations: Record<string, Adapter> = {
  batch_norm_train: {
    traced: ({ x, running_mean, running_var, gamma, beta }, attrs) => {
      const { epsilon, affine } = attrs;
      // PyTorch's momentum is that of the new value, and its moving variance unbiased
      const isTorch = attrs.momentum === 0.1;
      const momentum = isTorch ? 1 - attrs.momentum : attrs.momentum;
      const layer = layers.batchNormalization({ axis: 1, epsilon, momentum, center: affine, scale: affine });
      const weights = { gamma, beta, movingMean: running_mean, movingVariance: running_var };
      const { y, written } = runLayer(layer, [x], weights, true);
      const unbiased = ops.multiply(ops.variance(x, others(x), { correction: 1 }), 1 - momentum);
      const variance = isTorch ? ops.add(ops.multiply(running_var, momentum), unbiased) : written.movingVariance;
      return { y, new_running_mean: written.movingMean, new_running_var: variance };
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
