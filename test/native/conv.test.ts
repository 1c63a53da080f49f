// The ways that convolutions are computed, each with a shape that takes it: against plain loops, with one and two threads.
import { tensor } from '../../lib/index';
import * as ops from '../../lib/ir/ops/index';
import { cpuInfo, setThreads } from '../../lib/runtime/native';
import { type ConvShape, checkConv } from './conv-loops';

const { threads: threadsBefore } = cpuInfo();
afterAll(() => setThreads(threadsBefore));

type Change = Partial<ConvShape>;
const usual: ConvShape = {
  ...{ images: 3, size: [12, 13], groups: 1, width: 16, columns: 24 },
  ...{ window: [5, 5], stride: 1, dilation: 1 },
};

function check(change: Change, factor?: number): void {
  const shape = { ...usual, ...change };
  const { width, groups, columns, window, stride, dilation } = shape;
  checkConv(
    shape,
    (x, k) => {
      const kernel = tensor(k, [...window, width, groups * columns]);
      return [ops.conv(x, kernel, { strides: stride, padding: 'same', dilationRate: dilation }), kernel];
    },
    factor,
  );
}

describe('lines of the source as they lie, or with borders', () => {
  test.each<[string, Change]>([
    ['5 x 5', {}],
    ['5 x 5, columns that fill no vector', { columns: 21 }],
    ['stride 2', { stride: 2, size: [15, 14] }],
    ['dilation 3', { dilation: 3, window: [3, 3] }],
    ['stride 2, dilation 2', { stride: 2, dilation: 2, window: [3, 3], size: [17, 18] }],
    ['1 x 1, stride 2', { window: [1, 1], stride: 2 }],
    ['a few channels', { width: 3, columns: 8, images: 6 }],
    ['long lines, in parts', { images: 1, size: [1, 1201], window: [1, 4], width: 8, columns: 10 }],
    ['very long chains', { images: 2, size: [2, 1700], window: [1, 9], width: 24, columns: 40 }],
    ['a large kernel, by rows of taps', { images: 2, size: [6, 7], width: 96, columns: 64, window: [4, 4] }],
    ['a window larger than the image', { size: [4, 7], window: [9, 9], width: 6 }],
  ])('%s', (_, change) => check({ images: 1, ...change })); // too few results for minimal filtering
});

describe('groups', () => {
  test.each<[string, Change]>([
    ['two channels each', { groups: 12, width: 2, columns: 2 }],
    ['more filters than channels', { groups: 6, width: 2, columns: 5 }],
    ['more channels than filters', { groups: 6, width: 5, columns: 1 }],
    ['one channel with several filters', { groups: 20, width: 1, columns: 3 }],
    ['a number without divisors', { groups: 7, width: 3, columns: 4 }],
    ['wide ones', { groups: 2, width: 20, columns: 18 }],
    ['stride 2', { groups: 8, width: 4, columns: 4, stride: 2, window: [3, 3] }],
    ['1 x 1', { groups: 8, width: 4, columns: 4, window: [1, 1] }],
    ['1 x 1, wide', { groups: 3, width: 32, columns: 16, window: [1, 1] }],
    ['1 x 1, wide, stride 2', { groups: 3, width: 32, columns: 16, window: [1, 1], stride: 2 }],
    ['4 x 1, wide', { groups: 3, width: 32, columns: 16, window: [4, 1] }],
  ])('%s', (_, change) => check(change));

  const filtered: Change = { images: 4, size: [18, 19], window: [3, 3] };
  test.each<[string, Change]>([
    ['two channels each', { groups: 16, width: 2, columns: 2 }],
    ['two merged groups', { groups: 16, width: 8, columns: 8 }],
    ['wide ones', { groups: 3, width: 16, columns: 20 }],
    ['parts of many', { groups: 6, width: 64, columns: 64, images: 2, size: [13, 14] }],
    ['one, parts of its channels', { groups: 1, width: 160, columns: 96, images: 2, size: [13, 14] }],
  ])('by minimal filtering: %s', (_, change) => check({ ...filtered, ...change }, 4));

  test.each<[string, Change]>([
    ['5 x 5', {}],
    ['4 x 4', { window: [4, 4] }],
    ['7 x 7', { window: [7, 7] }],
    ['6 x 3', { window: [6, 3] }],
    ['3 x 5, one image', { window: [3, 5], images: 1, size: [37, 41] }],
    ['small tiles', { images: 2, size: [20, 20] }],
    ['channels and columns that fill no vector', { width: 37, columns: 21 }],
    ['parts of the channels', { width: 160, columns: 40, window: [4, 4], images: 1, size: [33, 34] }],
    ['a window larger than the image', { window: [9, 7], images: 70, size: [5, 4] }],
    ['4 x 4, stride 2', { window: [4, 4], stride: 2, size: [36, 38] }],
    ['5 x 5, stride 2, odd sizes', { stride: 2, size: [35, 37] }],
    ['7 x 7, stride 2', { window: [7, 7], stride: 2, size: [40, 39] }],
    ['7 x 5, stride 3', { window: [7, 5], stride: 3, size: [50, 55] }],
    ['3 x 3, dilation 2', { window: [3, 3], dilation: 2, size: [36, 35] }],
    ['3 x 4, dilation 3', { window: [3, 4], dilation: 3, size: [31, 38] }],
    ['5 x 5, dilation 2, groups', { dilation: 2, groups: 2, size: [29, 30] }],
    [
      'dilation with more phases than are taken',
      { window: [3, 3], dilation: 33, images: 1, size: [70, 67], width: 12, columns: 12 },
    ],
    ['dilation of padding alone', { window: [3, 3], dilation: 20, images: 8, size: [20, 20] }],
    ['stride 2 of groups', { groups: 3, width: 16, columns: 16, stride: 2, size: [36, 37] }],
    ['groups', { groups: 4, width: 16, columns: 16 }],
    ['merged groups', { groups: 8, width: 4, columns: 8 }],
    ['wide groups', { groups: 2, width: 48, columns: 33 }],
  ])('by minimal filtering in several windows: %s', (_, change) =>
    check({ ...usual, images: 4, size: [18, 19], ...change }, 4),
  );
});

describe('lines and volumes by minimal filtering', () => {
  const lines: Change = { images: 8, size: [150], window: [3], width: 24, columns: 28 };
  test.each<[string, Change]>([
    ['3', {}],
    ['9', { window: [9] }],
    ['small tiles', { images: 2, size: [170] }],
    ['6, stride 2', { window: [6], stride: 2, size: [301] }],
    ['7, stride 2', { window: [7], stride: 2, size: [301] }],
    ['3, dilation 4', { dilation: 4 }],
    ['5, groups', { window: [5], groups: 3, width: 24, columns: 24 }],
    ['columns that fill no vector', { width: 29, columns: 37 }],
    ['one long line, in parts', { images: 1, size: [2311] }],
    ['one long line, in parts, dilation 3', { images: 1, size: [4211], dilation: 3, window: [5] }],
    ['9, of which one task sums all windows', { window: [9], size: [1100] }],
    ['many wide lines', { images: 18, size: [1043], width: 100, columns: 100 }],
    ['images, along rows', { size: [11, 32], window: [1, 7] }],
    ['images, along columns', { size: [24, 13], window: [7, 1] }],
    ['images, along columns, stride 3', { size: [70, 31], window: [9, 2], stride: 3 }],
    ['images, along columns, a window larger than the image', { images: 10, size: [4, 40], window: [9, 1] }],
    ['images, along rows of 2 taps', { size: [12, 29], window: [2, 3] }],
  ])('%s', (_, change) => check({ ...usual, ...lines, ...change }, 4));

  const volumes: Change = { images: 2, size: [5, 11, 13], window: [3, 3, 3], width: 16, columns: 20 };
  test.each<[string, Change]>([
    ['3 x 3 x 3', {}],
    ['small tiles', { images: 1, size: [3, 12, 14] }],
    ['1 x 3 x 3', { window: [1, 3, 3] }],
    ['3 x 1 x 5', { size: [5, 11, 16], window: [3, 1, 5], width: 24, columns: 25 }],
    ['more taps than planes', { size: [2, 17, 18], window: [5, 3, 3] }],
    ['stride 2', { size: [7, 24, 24], window: [4, 4, 4], stride: 2 }],
    ['dilation 2', { size: [7, 13, 14], dilation: 2 }],
    ['groups', { groups: 2 }],
    ['parts of rows', { images: 1, size: [2, 4, 470], width: 40, columns: 36 }],
    ['parts of the channels', { images: 1, size: [3, 20, 21], width: 80, columns: 40 }],
    ['two of three windows in a task', { images: 4, size: [4, 23, 23], width: 40, columns: 40 }],
  ])('%s', (_, change) => check({ ...usual, ...volumes, ...change }, 4));
});

describe('a large kernel at few positions', () => {
  const large: Change = { images: 2, size: [5, 4], window: [3, 3], width: 192, columns: 320 };
  test.each<[string, Change]>([
    ['as it lies', {}],
    ['stride 2', { stride: 2, size: [7, 6] }],
    ['dilation 2', { dilation: 2, size: [6, 5] }],
    ['columns that fill no panel', { columns: 307 }],
    ['one position', { images: 1, size: [1, 1] }],
    ['one axis', { size: [1, 9], window: [1, 9] }],
    ['1 x 1, stride 2', { window: [1, 1], stride: 2, width: 768, columns: 700 }],
    ['of which only the gradient is one product', { width: 64, columns: 256 }],
  ])('%s', (_, change) => check({ ...large, ...change }));
});

describe('a few filters', () => {
  test.each<[string, Change]>([
    ['one', { columns: 1 }],
    ['three', { columns: 3 }],
    ['four of few channels', { width: 3, columns: 4 }],
    ['lines of three pixels', { columns: 3, size: [40, 3] }],
    ['one pixel in a line', { columns: 2, size: [60, 1] }],
    ['channels that fill no vector', { columns: 3, width: 37, size: [9, 11] }],
    ['dilation 2', { columns: 3, dilation: 2 }],
    ['lines', { columns: 3, size: [61], window: [5] }],
    ['volumes', { columns: 3, size: [3, 6, 7], window: [3, 3, 3] }],
    ['1 x 1', { columns: 2, window: [1, 1] }],
    ['stride 2', { columns: 3, stride: 2, window: [7, 7], size: [16, 17] }],
    ['a stride larger than the window', { columns: 1, stride: 3, window: [2, 2] }],
  ])('%s', (_, change) => check(change));

  test.each<[string, Change]>([
    ['to one channel', { width: 1 }],
    ['to three channels, stride 2', { width: 3, stride: 2, window: [7, 7] }],
  ])('and in the gradient: %s', (_, change) => check(change));
});
