import type { Adapter, Tensors } from '../adapter';
import { ops, type Tensor } from '../api';
import type { Attributes } from '../set';

/** The reference keeps channels second; the library keeps them last. */
export const channelsLast = (x: Tensor): Tensor => ops.transpose(x, [0, ...x.shape.slice(2).map((_, i) => i + 2), 1]);
export const channelsSecond = (y: Tensor): Tensor =>
  ops.transpose(y, [0, y.shape.length - 1, ...y.shape.slice(2).map((_, i) => i + 1)]);
/** [out, in, ...window] -> [...window, in, out]; [in, out, ...window] -> [...window, out, in]. */
export const windowFirst = (kernel: Tensor): Tensor =>
  ops.transpose(kernel, [...kernel.shape.slice(2).map((_, i) => i + 2), 1, 0]);

const biased = (y: Tensor, bias: Tensor | undefined): Tensor => (bias === undefined ? y : ops.add(y, bias));

const conv: Adapter = {
  traced: ({ x, kernel, bias }, { strides, dilation, padding, pads }) => {
    const options = { strides, dilationRate: dilation, padding: padding === 'explicit' ? pads : (padding ?? pads) };
    return channelsSecond(biased(ops.conv(channelsLast(x), windowFirst(kernel), options), bias));
  },
};

const convTranspose: Adapter = {
  traced: ({ x, kernel, bias }, { strides, dilation, padding, pad, output_padding, groups }) => {
    const explicit = padding === 'explicit';
    const options = {
      strides,
      dilationRate: dilation,
      groups,
      padding: explicit ? strides.map(() => [pad, pad]) : padding,
      outputPadding: explicit ? output_padding : undefined,
    };
    return channelsSecond(biased(ops.convTranspose(channelsLast(x), windowFirst(kernel), options), bias));
  },
};

const pool = (f: (x: Tensor, attrs: Attributes) => Tensor): Adapter => ({
  traced: ({ x }: Tensors, attrs) => channelsSecond(f(channelsLast(x), attrs)),
});
const windows = ({ strides, padding, pads, ceil_mode, count_include_pad }: Attributes) => ({
  strides,
  padding: padding === 'explicit' ? pads : (padding ?? 'valid'),
  ceilMode: ceil_mode === true,
  countPadding: count_include_pad === true,
});
const maxPool = pool((x, attrs) => ops.maxPool(x, attrs.pool_size, windows(attrs)));
const averagePool = pool((x, attrs) => ops.averagePool(x, attrs.pool_size, windows(attrs)));

const globalPool = (f: typeof ops.max): Adapter => ({
  traced: ({ x }, { keepdims }) =>
    f(
      x,
      x.shape.slice(2).map((_, i) => i + 2),
      { keepDims: keepdims },
    ),
});

/** Convolution, pooling and upsampling. */
export const spatial: Record<string, Adapter> = {
  conv1d: conv,
  conv2d: conv,
  conv3d: conv,
  separable_conv2d: {
    traced: ({ x, depthwise_kernel, pointwise_kernel, bias }, { strides, padding, depth_multiplier }) => {
      const [channels, ...window] = [x.shape[1], ...depthwise_kernel.shape.slice(2)];
      const depthwise = ops.reshape(windowFirst(depthwise_kernel), [...window, channels, depth_multiplier]);
      const y = ops.separableConv(channelsLast(x), depthwise, windowFirst(pointwise_kernel), { strides, padding });
      return channelsSecond(biased(y, bias));
    },
  },
  conv1d_transpose: convTranspose,
  conv2d_transpose: convTranspose,
  max_pool1d: maxPool,
  max_pool2d: maxPool,
  avg_pool1d: averagePool,
  avg_pool2d: averagePool,
  global_max_pool1d: globalPool(ops.max),
  global_max_pool2d: globalPool(ops.max),
  global_avg_pool1d: globalPool(ops.mean),
  global_avg_pool2d: globalPool(ops.mean),
  adaptive_avg_pool2d: pool((x, { output_size }) => ops.adaptiveAveragePool(x, output_size)),
  upsample2d: pool((x, { size, interpolation }) => ops.upSampling(x, size, interpolation)),
};
