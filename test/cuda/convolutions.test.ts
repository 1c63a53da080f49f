// Convolutions on the emulated CUDA device through each of its kernels: forward and both gradients, around the edges of tiles.
import type { Tensor } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import { withProductPrecision } from '../../lib/ir/precision';
import { cases, type Instance } from '../helpers/cases';
import { float } from '../helpers/cases/inputs';
import { awayFrom } from '../helpers/domains';
import { checkOnDevice, problem } from '../helpers/native';
import { Random } from '../helpers/random';
import { onDevice } from './device';
import { launched } from './launched';

const kinds = ['conv', 'convInputGrad', 'convKernelGrad'] as const;

const precisions = { '': 'float32', Mma: 'bfloat16', Tf32Mma: 'tf32' } as const;

interface Geometry {
  x: number[];
  window: number[];
  filters: number;
  groups?: number;
  strides?: number[];
  dilationRate?: number[];
  padding?: ops.Padding;
}

function convolution(geometry: Geometry, finish: (y: Tensor, bias: Tensor) => Tensor = (y) => y): Instance {
  const { x, window, filters, groups = 1, ...options } = geometry;
  const random = new Random(9);
  const channels = x[x.length - 1];
  return {
    inputs: [
      float(random, x),
      float(random, [...window, channels / groups, filters]),
      float(random, [filters], awayFrom(0)),
    ],
    run: (a, kernel, bias) => finish(ops.conv(a, kernel, options), bias),
  };
}

const check = (instance: Instance, differentiate = true) =>
  checkOnDevice(problem(instance, differentiate, 3), 'cuda:0');

/** Positions, filters and depths around the edges of tiles; odd sizes too where a kernel takes any number of channels. */
function checkEdges(columns: number, whole: boolean) {
  const few = (y: Tensor, bias: Tensor) => ops.relu(ops.add(ops.multiply(y, 0.5), bias));
  check(convolution({ x: [1, 9, 15, 12], window: [3, 1], filters: columns + 4, padding: 'same' }, few));
  check(
    convolution({
      x: [1, 10, 11, 8],
      window: [3, 2],
      filters: 24,
      groups: 2,
      strides: [2, 3],
      dilationRate: [1, 2],
      padding: [
        [2, 0],
        [1, 3],
      ],
    }),
  );
  if (whole) return;
  check(convolution({ x: [2, 7, 7, 3], window: [3, 2], filters: columns + 1, strides: [2, 1] }, few));
  check(convolution({ x: [1, 3, 4, 7, 10], window: [2, 2, 2], filters: 6, groups: 2, dilationRate: [1, 2, 1] }));
  check(convolution({ x: [2, 75, 5], window: [4], filters: 7, strides: [3], dilationRate: [2], padding: 'same' }));
}

onDevice('convolutions', () => {
  const list = cases.filter(({ family, large }) => family === 'conv' && !large);
  const checkList = () => {
    for (const { build, differentiable } of list) check(build(new Random(3)), differentiable);
  };

  test.each([
    ['', '128x128', 128, true],
    ['', '64x64', 64, false],
    ['', '128x32', 32, false],
    ['Mma', '128x128', 128, true],
    ['Mma', '128x64', 64, true],
    ['Mma', '64x64', 64, false],
    ['Mma', '128x32', 32, false],
    ['Tf32Mma', '128x128', 128, true],
    ['Tf32Mma', '128x64', 64, true],
    ['Tf32Mma', '64x64', 64, false],
    ['Tf32Mma', '128x32', 32, false],
  ] as const)('%s%s', async (precision, tile, columns, whole) => {
    const names = await launched(precision + tile, () =>
      withProductPrecision(precisions[precision], () => checkEdges(columns, whole)),
    );
    expect(kinds.map((kind) => names.has(kind + precision + tile))).toEqual([true, true, true]);
  });

  test('by element', async () => {
    const names = await launched('convByElement', checkList);
    expect(kinds.map((kind) => names.has(`${kind}ByElement`))).toEqual([true, true, true]);
  });

  test('few tiles with a long depth are cut into parts', async () => {
    const long: Geometry = { x: [1, 2, 3, 256], window: [2, 2], filters: 20, groups: 2, padding: 'same' };
    const many: Geometry = { x: [2, 33, 16, 4], window: [3, 2], filters: 8, strides: [1, 2], padding: 'same' };
    for (const precision of ['float32', 'bfloat16'] as const) {
      const names = await launched('', () =>
        withProductPrecision(precision, () => {
          for (const geometry of [long, many]) {
            check(convolution(geometry, (y, bias) => ops.relu(ops.add(y, bias))));
          }
        }),
      );
      expect(names).toContain('gemmParts');
    }
  });

  test('more residues of the strides than a launch has phases', async () => {
    const names = await launched('', () =>
      check(convolution({ x: [1, 6, 9, 4], window: [4, 2], filters: 8, strides: [6, 5], padding: 'same' })),
    );
    expect(names).toContain('convInputGrad128x32');
  });

  test('a group for each channel', async () => {
    const geometry: Geometry = { x: [2, 9, 19, 36], window: [3, 3], filters: 36, groups: 36, padding: 'same' };
    const few = (y: Tensor, bias: Tensor) => ops.relu(ops.add(ops.multiply(y, 0.5), bias));
    const wide = await launched('', () => {
      check(convolution(geometry, few));
      check(convolution({ ...geometry, strides: [2, 3], x: [1, 6, 11, 132], filters: 132, groups: 132 }));
      check(convolution({ ...geometry, dilationRate: [1, 2], window: [4, 5], x: [1, 4, 9, 4], filters: 4, groups: 4 }));
    });
    const kernels = ['depthwise', 'depthwiseInputGrad', 'depthwiseKernelGrad'];
    expect(kernels.map((name) => wide.has(`${name}4`))).toEqual([true, true, true]);
    const narrow = await launched('', () => {
      check(convolution({ x: [3, 33, 5], window: [4], filters: 15, groups: 5, strides: [2], padding: 'same' }, few));
      check(convolution({ x: [1, 3, 7, 9, 3], window: [2, 3, 2], filters: 3, groups: 3, strides: [1, 2, 1] }));
      withProductPrecision('bfloat16', () => check(convolution({ x: [1, 20, 3], window: [3], filters: 6, groups: 3 })));
    });
    expect(kernels.map((name) => narrow.has(`${name}1`))).toEqual([true, true, true]);
  });

  test('windows of one cell, and of all cells, are products of matrices', async () => {
    const names = await launched('', () => {
      check(convolution({ x: [2, 5, 4, 12], window: [1, 1], filters: 20 }, (y, bias) => ops.relu(ops.add(y, bias))));
      check(convolution({ x: [5, 3, 2, 4], window: [3, 2], filters: 20 }));
    });
    expect([...names].filter((name) => name.startsWith('conv'))).toEqual([]);
    expect([...names].filter((name) => name.startsWith('gemm')).length).toBeGreaterThan(2);
  });
});
