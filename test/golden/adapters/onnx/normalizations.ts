import type { Adapter } from '../../adapter';
import { layers, ops } from '../../api';
import { runLayer } from '../normalizations';
import { axesFrom } from './axes';

/** The type that statistics are computed in. */
const float32 = { stash_type: [1] };

export const normalizations: Record<string, Adapter> = {
  BatchNormalization: {
    traced: ({ X, scale, B, input_mean, input_var }, { epsilon, momentum, training_mode }) => {
      const layer = layers.batchNormalization({ axis: 1, epsilon, momentum });
      const weights = { gamma: scale, beta: B, movingMean: input_mean, movingVariance: input_var };
      const { y, written } = runLayer(layer, [X], weights, training_mode === 1);
      const { movingMean, movingVariance } = written;
      return { Y: y, ...(training_mode && { running_mean: movingMean, running_var: movingVariance }) };
    },
  },
  GroupNormalization: {
    only: float32,
    traced: ({ X, scale, bias }, { epsilon, num_groups }) =>
      ops.groupNormalization(X, num_groups, { axis: 1, scale, offset: bias, epsilon }),
  },
  InstanceNormalization: {
    traced: ({ input, scale, B }, { epsilon }) =>
      ops.groupNormalization(input, input.shape[1], { axis: 1, scale, offset: B, epsilon }),
  },
  LayerNormalization: {
    only: float32,
    traced: ({ X, Scale, B }, { axis, epsilon }) => ({
      Y: ops.layerNormalization(X, axesFrom(X, axis), { scale: Scale, offset: B, epsilon }),
    }),
  },
  RMSNormalization: {
    only: float32,
    traced: ({ X, scale }, { axis, epsilon }) => ops.rmsNormalization(X, axesFrom(X, axis), { scale, epsilon }),
  },
  LpNormalization: { traced: ({ input }, { axis, p }) => ops.normalize(input, axis, { order: p }) },
  MeanVarianceNormalization: { traced: ({ X }, { axes }) => ops.layerNormalization(X, axes, { epsilon: 1e-9 }) },
};
