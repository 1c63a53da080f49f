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

const affine = (gamma?: Tensor, beta?: Tensor) => ({ axis: 1, scale: gamma !== undefined, center: beta !== undefined });
/** Whether there are a scale and an offset, the inputs say. */
const channelAxis = { only: { axis: [1] }, implied: ['affine'] };

/** What has the sizes of some axes of x, as broadcasting needs it. */
function along(x: Tensor, axes: readonly number[], t: Tensor | undefined): Tensor | undefined {
  const own = axes.map((a) => (a < 0 ? x.rank + a : a));
  return (
    t &&
    ops.reshape(
      t,
      x.shape.map((n, a) => (own.includes(a) ? n : 1)),
    )
  );
}

export const normalizations: Record<string, Adapter> = {
  batch_norm_train: {
    traced: ({ x, running_mean, running_var, gamma, beta }, { epsilon, momentum: given }, _, { tags }) => {
      // PyTorch's momentum is that of the new value, and its moving variance unbiased
      const isTorch = tags.includes('torch');
      const momentum = isTorch ? 1 - given : given;
      const layer = layers.batchNormalization({ ...affine(gamma, beta), epsilon, momentum });
      const weights = { gamma, beta, movingMean: running_mean, movingVariance: running_var };
      const { y, written } = runLayer(layer, [x], weights, true);
      const unbiased = ops.multiply(ops.variance(x, others(x), { correction: 1 }), 1 - momentum);
      const variance = isTorch ? ops.add(ops.multiply(running_var, momentum), unbiased) : written.movingVariance;
      return { y, new_running_mean: written.movingMean, new_running_var: variance };
    },
    ...channelAxis,
  },
  batch_norm_eval: {
    traced: ({ x, running_mean, running_var, gamma, beta }, { epsilon }) => {
      const weights = { gamma, beta, movingMean: running_mean, movingVariance: running_var };
      return runLayer(layers.batchNormalization({ ...affine(gamma, beta), epsilon }), [x], weights).y;
    },
    ...channelAxis,
  },
  layer_norm: {
    traced: ({ x, gamma, beta }, { epsilon, axis = [-1] }) =>
      ops.layerNormalization(x, axis, { scale: along(x, axis, gamma), offset: along(x, axis, beta), epsilon }),
  },
  rms_norm: {
    traced: ({ x, gamma }, { epsilon, axis = [-1] }) =>
      ops.rmsNormalization(x, axis, { scale: along(x, axis, gamma), epsilon }),
  },
  group_norm: {
    traced: ({ x, gamma, beta }, { groups, epsilon }) =>
      ops.groupNormalization(x, groups, { axis: 1, scale: gamma, offset: beta, epsilon }),
    only: { axis: [1] },
  },
};
