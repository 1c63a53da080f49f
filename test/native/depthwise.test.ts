// Depthwise convolutions, whose lines and parts are shared out, with windows of all widths: against plain loops, with one and two
// threads.
import { tensor } from '../../lib/index';
import * as ops from '../../lib/ir/ops/index';
import { cpuInfo, setThreads } from '../../lib/runtime/native';
import { type ConvShape, checkConv } from './conv-loops';

const { threads: threadsBefore } = cpuInfo();
afterAll(() => setThreads(threadsBefore));

const of = (channels: number, shape: Omit<ConvShape, 'groups' | 'width' | 'columns'>): ConvShape => ({
  ...shape,
  groups: channels,
  width: 1,
  columns: 1,
});

const shapes: [string, ConvShape][] = [
  ['3 x 3', of(32, { images: 8, size: [16, 16], window: [3, 3], stride: 1, dilation: 1 })],
  [
    '5 x 5, channels that fill no vector',
    of(21, { images: 4, size: [13, 17], window: [5, 5], stride: 1, dilation: 1 }),
  ],
  ['1 x 1', of(64, { images: 30, size: [12, 12], window: [1, 1], stride: 1, dilation: 1 })],
  ['2 x 4, stride 2', of(20, { images: 16, size: [15, 14], window: [2, 4], stride: 2, dilation: 1 })],
  ['3 x 7, dilation 2', of(24, { images: 8, size: [9, 20], window: [3, 7], stride: 1, dilation: 2 })],
  ['a window wider than the image', of(19, { images: 40, size: [6, 5], window: [4, 9], stride: 1, dilation: 1 })],
  ['stride 3', of(40, { images: 16, size: [20, 20], window: [3, 3], stride: 3, dilation: 1 })],
  ['a stride larger than the window', of(40, { images: 16, size: [20, 21], window: [2, 2], stride: 3, dilation: 1 })],
  ['lines in parts', of(24, { images: 2, size: [2, 1501], window: [1, 5], stride: 1, dilation: 1 })],
  ['lines in parts, stride 3', of(24, { images: 2, size: [3, 1501], window: [1, 5], stride: 3, dilation: 1 })],
];

test.each(shapes)('%s', (_, shape) => {
  const { groups, window, stride, dilation } = shape;
  checkConv(shape, (x, k) => {
    const kernel = tensor(k, [...window, groups, 1]);
    return [ops.depthwiseConv(x, kernel, { strides: stride, padding: 'same', dilationRate: dilation }), kernel];
  });
});
