import { type Adapter, type Described, type Tensors, unsupported } from '../adapter';
import { ops, type Tensor } from '../api';
import type { Attributes } from '../set';

/** The axes of x in another order. */
export function arranged(x: Tensor, from: string, to: string): Tensor {
  const order = [...to].map((letter) => from.indexOf(letter));
  if (from.length !== to.length || order.includes(-1)) unsupported(`axes ${from}`);
  return ops.transpose(x, order);
}

const space = (x: Tensor): string => 'DHW'.slice(-(x.rank - 2)).replace(/^W$/, 'L');
export const channelsLast = (x: Tensor, axes = `NC${space(x)}`): Tensor => arranged(x, axes, `N${space(x)}C`);
export const channelsSecond = (y: Tensor, axes = `NC${space(y)}`): Tensor => arranged(y, `N${space(y)}C`, axes);
/** [out, in, ...window] -> [...window, in, out] */
export const windowFirst = (kernel: Tensor, axes = `OI${space(kernel)}`): Tensor =>
  arranged(kernel, axes, `${space(kernel)}IO`);
/** [in, out, ...window] -> [...window, out, in] */
export const transposedWindowFirst = (kernel: Tensor, axes = `IO${space(kernel)}`): Tensor =>
  arranged(kernel, axes, `${space(kernel)}OI`);

const biased = (y: Tensor, bias: Tensor | undefined): Tensor => (bias === undefined ? y : ops.add(y, bias));

/** What the shape of the kernel says, and paddings that have names. */
const implied = ['groups', 'use_bias', 'depth_multiplier', 'pads', 'from'];

const windowOptions = ({ strides, dilation, padding, pads }: Attributes) => ({
  strides,
  dilationRate: dilation,
  padding: padding === 'explicit' ? pads : (padding ?? pads),
});

const conv: Adapter = {
  traced: ({ x, kernel, bias }, attrs, _, { axes }) => {
    const y = ops.conv(channelsLast(x, axes.x), windowFirst(kernel, axes.kernel), windowOptions(attrs));
    return channelsSecond(biased(y, bias), axes.y);
  },
  implied,
  anyAxes: true,
};

/** [channels * multiplier, 1, ...window] -> [...window, channels, multiplier] */
function depthwiseKernel(kernel: Tensor, channels: number, axes?: string): Tensor {
  const last = windowFirst(kernel, axes);
  const [outputs] = last.shape.slice(-1);
  return ops.reshape(last, [...last.shape.slice(0, -2), channels, outputs / channels]);
}

const depthwise: Adapter = {
  traced: ({ x, kernel, bias }, attrs, _, { axes }) => {
    const images = channelsLast(x, axes.x);
    const filters = depthwiseKernel(kernel, images.shape.at(-1) as number, axes.kernel);
    return channelsSecond(biased(ops.depthwiseConv(images, filters, windowOptions(attrs)), bias), axes.y);
  },
  implied,
  anyAxes: true,
};

const separable: Adapter = {
  traced: ({ x, depthwise_kernel, pointwise_kernel, bias }, attrs, _, { axes }) => {
    const images = channelsLast(x, axes.x);
    const filters = depthwiseKernel(depthwise_kernel, images.shape.at(-1) as number, axes.depthwise_kernel);
    const mix = windowFirst(pointwise_kernel, axes.pointwise_kernel);
    return channelsSecond(biased(ops.separableConv(images, filters, mix, windowOptions(attrs)), bias), axes.y);
  },
  implied,
  anyAxes: true,
};

const convTranspose: Adapter = {
  traced: ({ x, kernel, bias }, attrs, _, { axes }) => {
    const { strides, dilation, padding, pad, output_padding, groups } = attrs;
    const explicit = padding === 'explicit';
    const pairs = [pad].flat();
    const options = {
      strides,
      dilationRate: dilation,
      groups,
      padding: explicit
        ? strides.map((_: number, i: number) => [pairs.at(i) ?? pairs[0], pairs.at(i) ?? pairs[0]])
        : padding,
      outputPadding: output_padding,
    };
    const y = ops.convTranspose(channelsLast(x, axes.x), transposedWindowFirst(kernel, axes.kernel), options);
    return channelsSecond(biased(y, bias), axes.y);
  },
  implied: ['use_bias'],
  anyAxes: true,
};

const pool = (f: (x: Tensor, attrs: Attributes) => Tensor): Adapter => ({
  traced: ({ x }: Tensors, attrs, _, { axes }: Described) => channelsSecond(f(channelsLast(x, axes.x), attrs), axes.y),
  implied: ['pads'],
  anyAxes: true,
});
const windows = ({ strides, padding, pads, ceil_mode }: Attributes) => ({
  strides,
  padding: padding === 'explicit' ? pads : (padding ?? pads ?? 'valid'),
  ceilMode: ceil_mode === true,
});
const maxPool = pool((x, attrs) => ops.maxPool(x, attrs.pool_size, windows(attrs)));
const averagePool = pool((x, attrs) =>
  ops.averagePool(x, attrs.pool_size, { ...windows(attrs), countPadding: attrs.count_include_pad === true }),
);
const adaptive = (f: typeof ops.adaptiveAveragePool): Adapter => pool((x, { output_size }) => f(x, output_size));
const upsample = pool((x, { size, interpolation = 'nearest' }) => ops.upSampling(x, size, interpolation));

const globalPool = (f: typeof ops.max): Adapter => ({
  traced: ({ x }, { keepdims }) =>
    f(
      x,
      x.shape.slice(2).map((_, i) => i + 2),
      { keepDims: keepdims },
    ),
});

/** Convolution, pooling and upsampling. */
export const spatial: Record<string, Adapter> = Object.fromEntries(
  [1, 2, 3].flatMap((rank): [string, Adapter][] => [
    [`conv${rank}d`, conv],
    [`depthwise_conv${rank}d`, depthwise],
    [`separable_conv${rank}d`, separable],
    [`conv${rank}d_transpose`, convTranspose],
    [`max_pool${rank}d`, maxPool],
    [`avg_pool${rank}d`, averagePool],
    [`global_max_pool${rank}d`, globalPool(ops.max)],
    [`global_avg_pool${rank}d`, globalPool(ops.mean)],
    [`adaptive_avg_pool${rank}d`, adaptive(ops.adaptiveAveragePool)],
    [`adaptive_max_pool${rank}d`, adaptive(ops.adaptiveMaxPool)],
    [`upsample${rank}d`, upsample],
  ]),
);
