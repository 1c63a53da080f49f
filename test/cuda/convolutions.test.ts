// Convolutions on the emulated CUDA device through each of its kernels: forward and both gradients, around the edges of tiles.
import { spawnSync } from 'node:child_process';
import path from 'node:path';

import type { Tensor } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import { withProductPrecision } from '../../lib/ir/precision';
import { cases, type Instance } from '../helpers/cases';
import { float } from '../helpers/cases/inputs';
import { awayFrom } from '../helpers/domains';
import { checkOnDevice, problem } from '../helpers/native';
import { Random } from '../helpers/random';
import { onDevice } from './device';
import { launched, resultBoxes, trace } from './launched';

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

/** The same for kernels whose copies gather patches: channels around groups of 64, and corners of boxes on all sides. */
function checkPatches(columns: number) {
  const few = (y: Tensor, bias: Tensor) => ops.relu(ops.add(ops.multiply(y, 0.5), bias));
  check(convolution({ x: [2, 9, 8, 67], window: [2, 3], filters: columns - 3, strides: [2, 1] }, few));
  if (columns === 256) return; // what follows is the same for all tiles
  check(convolution({ x: [3, 7, 9, 12], window: [3, 3], filters: columns + 4, padding: 'same' }, few));
  check(convolution({ x: [1, 12, 11, 8], window: [3, 2], filters: 20, strides: [2, 3], padding: 'same' }));
  check(convolution({ x: [1, 9, 8, 4], window: [1, 1], filters: 68, strides: [2, 2] }, few));
  check(
    convolution({
      x: [2, 6, 7, 8],
      window: [3, 2],
      filters: 12,
      dilationRate: [2, 3],
      padding: [
        [3, 0],
        [1, 4],
      ],
    }),
  );
  check(convolution({ x: [2, 150, 5], window: [4], filters: 7, strides: [3], dilationRate: [2], padding: 'same' }));
  check(convolution({ x: [1, 300, 4], window: [2], filters: 5, dilationRate: [270] }));
  check(convolution({ x: [2, 4, 5, 6, 6], window: [3, 1, 2], filters: 7, strides: [2, 1, 3], padding: 'same' }, few));
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

  test.each([
    ['Wgmma', 256],
    ['Wgmma', 128],
    ['Wgmma', 64],
    ['Tf32Wgmma', 256],
  ] as const)('%s128x%i', async (kind, columns) => {
    const precision = kind === 'Wgmma' ? 'bfloat16' : 'tf32';
    const names = await launched(`${kind}128x${columns}`, () =>
      withProductPrecision(precision, () => checkPatches(columns)),
    );
    const others = [...names].filter((name) => /^conv.*mma\d/i.test(name) && !name.includes(`${kind}128x${columns}`));
    expect(names).toContain(`conv${kind}128x${columns}`);
    // What cannot transpose, or has no kernel of that width, leaves the gradient of the kernel to another one.
    expect(others.every((name) => name.startsWith('convKernelGrad'))).toBe(true);
    expect(names.has(`convKernelGradWgmma128x${columns}`)).toBe(precision === 'bfloat16' && columns <= 128);
  });

  test.each([
    ['pairConvWgmma128x', 256],
    ['pairConvWgmma128x', 128],
    ['pairConvWgmma128x', 64],
    ['pairConvTf32Wgmma128x', 256],
  ] as const)('%s%i, for two tiles of positions', async (kernel, columns) => {
    const precision = kernel.includes('Tf32') ? 'tf32' : 'bfloat16';
    const few = (y: Tensor, bias: Tensor) => ops.relu(ops.add(ops.multiply(y, 0.5), bias));
    const names = await launched(kernel + columns, () =>
      withProductPrecision(precision, () => {
        check(convolution({ x: [3, 7, 9, 12], window: [3, 3], filters: columns + 4, padding: 'same' }, few));
        check(convolution({ x: [2, 20, 12, 67], window: [2, 3], filters: columns - 3, strides: [2, 1] }, few), false);
        // of the gradient with phases there are none
        check(convolution({ x: [2, 19, 14, 4], window: [3, 3], filters: 8, strides: [1, 2], padding: 'same' }));
      }),
    );
    expect(names).toContain(kernel + columns);
    expect([...names].filter((name) => /^convInputGrad|^convWgmma/.test(name))).not.toEqual([]);
  });

  // Where they are matrices: all positions of one phase, or rows of the kernel without channels that fill groups up.
  test.each([
    ['forward and both gradients', { x: [1, 9, 15, 64], window: [3, 3], filters: 64, padding: 'same' }, 3],
    ['not that of 48 channels', { x: [1, 9, 15, 48], window: [3, 3], filters: 64, padding: 'same' }, 2],
    ['not that of the source, with strides', { x: [1, 9, 15, 64], window: [3, 3], filters: 64, strides: [2, 2] }, 2],
    ['none of 66 filters but that of the source', { x: [1, 9, 15, 64], window: [3, 3], filters: 66 }, 1],
  ] as [string, Geometry, number][])('results go to memory in boxes: %s', async (_, geometry, count) => {
    const run = () => checkOnDevice(problem(convolution(geometry), true, 3), 'cuda:0', [true]);
    const boxes = await resultBoxes(() => launched('Wgmma128x64', () => withProductPrecision('bfloat16', run)));
    expect(boxes).toEqual(Array(count).fill('4 32'));
  });

  // A number is rounded for so many products: 9 x 64 in the first one, a quarter of that with strides of two.
  test.each([
    ['forward', { x: [8, 32, 32, 64], window: [3, 3], filters: 64 }, 'convWgmma128x64'],
    ['forward', { x: [32, 32, 32, 64], window: [3, 3], filters: 64, strides: [2, 2] }, 'convMma'],
    ['forward', { x: [8, 32, 32, 48], window: [3, 3], filters: 64 }, 'convWgmma128x64'],
    ['forward', { x: [8, 32, 32, 64], window: [4, 4], filters: 320 }, 'pairConvWgmma128x256'],
    ['forward', { x: [8, 32, 32, 64], window: [4, 4], filters: 40 }, 'convMma'],
    ['forward', { x: [8, 32, 32, 40], window: [3, 3], filters: 64 }, 'convMma'],
    ['forward', { x: [1, 32, 32, 128], window: [3, 3], filters: 128 }, 'convWgmma128x128'],
    ['forward', { x: [16, 32, 32, 64], window: [3, 3], filters: 256 }, 'pairConvWgmma128x256'],
    ['forward', { x: [1, 32, 32, 256], window: [1, 1], filters: 512 }, 'wgmma128x128NN'],
    ['kernel gradient', { x: [4, 32, 32, 64], window: [3, 3], filters: 64 }, 'convKernelGradMma'],
    ['kernel gradient', { x: [1, 32, 32, 128], window: [3, 3], filters: 128 }, 'convKernelGradWgmma128x128'],
    ['input gradient', { x: [8, 32, 32, 128], window: [3, 3], filters: 128, strides: [2, 2] }, 'convWgmma128x128'],
    ['input gradient', { x: [1, 32, 32, 128], window: [3, 3], filters: 128, groups: 2 }, 'convInputGradMma'],
    [
      'forward',
      { x: [2, 8, 8, 8, 128], window: [3, 3, 3], filters: 128, dilationRate: [15, 1, 1] },
      'convWgmma128x128',
    ],
    ['forward', { x: [2, 8, 8, 8, 128], window: [3, 3, 3], filters: 128, dilationRate: [16, 1, 1] }, 'convMma'],
    ['forward', { x: [2, 8192, 128], window: [16], filters: 512, strides: [8] }, 'convWgmma128x128'],
    ['forward', { x: [2, 8192, 128], window: [16], filters: 512, strides: [9] }, 'convMma'],
    ['forward', { x: [2, 32, 32, 128], window: [3, 3], filters: 128, dilationRate: [127, 1] }, 'convWgmma128x128'],
    ['forward', { x: [2, 32, 32, 128], window: [3, 3], filters: 128, dilationRate: [128, 1] }, 'convMma'],
    ['forward', { x: [2, 1024, 128], window: [9], filters: 128, dilationRate: [128] }, 'convWgmma128x128'],
  ] as [string, Geometry, string][])('%s of %j takes %s', async (what, geometry, kernel) => {
    // The first launch faults: what would be launched is in the trace, and nothing is computed.
    trace.clear();
    const { x, window, filters, groups = 1, ...options } = geometry;
    const k = [...window, x[x.length - 1] / groups, filters];
    const script = `
      const { grad, jit, ops, tensor } = require('steepest');
      const zeros = (shape) => tensor(new Float32Array(shape.reduce((a, b) => a * b)), shape);
      const run = (x, k) => ops.conv(x, k, ${JSON.stringify({ padding: 'same', ...options })});
      const f = {
        forward: run,
        'input gradient': (x, k) => grad((x) => ops.sum(run(x, k)))(x),
        'kernel gradient': (x, k) => grad((k) => ops.sum(run(x, k)))(k),
      }[${JSON.stringify(what)}];
      jit(f, { precision: 'mixedBfloat16' })(zeros(${JSON.stringify(x)}), zeros(${JSON.stringify(k)})).data;`;
    const { stderr } = spawnSync(process.execPath, ['-e', script], {
      cwd: path.join(__dirname, '..', '..'),
      encoding: 'utf8',
      env: {
        ...process.env,
        STEEPEST_DEVICE: 'cuda:0',
        STEEPEST_CUDA_PRODUCTS: '',
        STEEPEST_EMULATED_FAULT: '1',
        STEEPEST_EMULATED_TRACE: trace.file,
      },
    });
    expect(stderr).toContain('CUDA_ERROR_ILLEGAL_ADDRESS');
    expect(trace.names().filter((name) => /^(pair|conv|wgmma|mma|gemm(?!Parts))/.test(name))).toEqual([
      expect.stringMatching(new RegExp(`^${kernel}`)),
    ]);
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
      check(convolution({ x: [1, 6, 9, 4], window: [7, 6], filters: 8, strides: [6, 5], padding: 'same' })),
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
    // positions beyond the input see zeros
    const behind: ops.Padding = [
      [0, 0],
      [0, 2],
    ];
    check(convolution({ x: [2, 5, 4, 12], window: [1, 1], filters: 20, padding: behind }));
    expect([...names].filter((name) => name.startsWith('gemm')).length).toBeGreaterThan(2);
  });
});
