import type { Adapter } from '../../adapter';
import { ops, type Tensor } from '../../api';
import type { Attributes } from '../../set';
import { channelsLast, channelsSecond, transposedWindowFirst, windowFirst } from '../spatial';

/** Padding comes as all cells before, then all cells after. */
function padding({ auto_pad, pads }: Attributes, rank: number): 'same' | 'valid' | [number, number][] {
  if (auto_pad.startsWith('SAME')) return 'same';
  if (pads === undefined) return 'valid';
  return Array.from({ length: rank }, (_, a): [number, number] => [pads[a], pads[a + rank]]);
}

const spatialRank = (x: Tensor): number => x.rank - 2;

const pool = (f: typeof ops.averagePool | typeof ops.maxPool): Adapter => ({
  only: { storage_order: [0] },
  traced: ({ X }, attrs) => {
    const y = f(channelsLast(X), attrs.kernel_shape, {
      strides: attrs.strides ?? 1,
      padding: padding(attrs, spatialRank(X)),
      ceilMode: attrs.ceil_mode === 1,
      countPadding: attrs.count_include_pad === 1,
    });
    return channelsSecond(y);
  },
});

const globally = (f: typeof ops.max): Adapter => ({
  traced: ({ X }) => f(X, [...X.shape.keys()].slice(2), { keepDims: true }),
});

/** Whole factors of the spatial axes. */
const resize: Adapter = {
  only: {
    mode: ['nearest', 'linear'],
    coordinate_transformation_mode: ['half_pixel'],
    nearest_mode: ['round_prefer_floor'],
    ...{ antialias: [0], exclude_outside: [0], keep_aspect_ratio_policy: ['stretch'] },
  },
  // of other modes
  implied: ['cubic_coeff_a', 'extrapolation_value'],
  traced: ({ X }, { scales, axes = [...X.shape.keys()], mode }) => {
    const factors = X.shape.map(() => 1);
    axes.forEach((axis: number, i: number) => {
      factors[axis] = scales[i];
    });
    const interpolation = mode === 'linear' ? 'bilinear' : 'nearest';
    return channelsSecond(ops.upSampling(channelsLast(X), factors.slice(2), interpolation));
  },
};

/** Convolution, pooling and resizing: ONNX keeps channels second. */
export const spatial: Record<string, Adapter> = {
  AveragePool: pool(ops.averagePool),
  MaxPool: pool(ops.maxPool),
  GlobalAveragePool: globally(ops.mean),
  GlobalMaxPool: globally(ops.max),
  Conv: {
    implied: ['group', 'kernel_shape'],
    traced: ({ X, W }, attrs) => {
      const { strides = 1, dilations = 1 } = attrs;
      const options = { strides, dilationRate: dilations, padding: padding(attrs, spatialRank(X)) };
      return channelsSecond(ops.conv(channelsLast(X), windowFirst(W), options));
    },
  },
  ConvTranspose: {
    traced: ({ X, W }, attrs) => {
      const { strides = 1, dilations = 1, group, output_padding: longer } = attrs;
      const same = attrs.auto_pad.startsWith('SAME');
      const options = {
        strides,
        dilationRate: dilations,
        groups: group,
        padding: padding(attrs, spatialRank(X)),
        // without it 'valid' is as long as the stride at least
        outputPadding: same ? undefined : (longer ?? 0),
      };
      return channelsSecond(ops.convTranspose(channelsLast(X), transposedWindowFirst(W), options));
    },
  },
  Resize: resize,
  Upsample: resize,
};
