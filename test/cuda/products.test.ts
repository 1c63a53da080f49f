// Matrix products on the emulated CUDA device through each of its kernels, around the edges of their tiles.
import { spawnSync } from 'node:child_process';
import path from 'node:path';

import { toBfloat16 } from '../../lib/ir/bfloat16';
import type { Tensor } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import { withProductPrecision } from '../../lib/ir/precision';
import { Executable } from '../../lib/transforms/executable';
import { cases, type Instance } from '../helpers/cases';
import { bfloat16, float } from '../helpers/cases/inputs';
import { checkOnDevice, problem } from '../helpers/native';
import { Random } from '../helpers/random';
import { onDevice, setEnvironment } from './device';
import { launched, resultBoxes, trace } from './launched';

type Form = 'NN' | 'NT' | 'TN' | 'TT';
type Sizes = readonly [m: number, n: number, k: number];

/** relu(product + bias) through a gate, or the product alone. */
function product(random: Random, form: Form, [m, n, k]: Sizes, batch: number[], finished: boolean): Instance {
  const left = form[0] === 'T' ? [k, m] : [m, k];
  const right = form[1] === 'T' ? [n, k] : [k, n];
  const transposed = (t: Parameters<typeof ops.swapAxes>[0]) => ops.swapAxes(t, -2, -1);
  const inputs = [float(random, [...batch, ...left]), float(random, right)];
  if (finished) inputs.push(float(random, [n]), float(random, [...batch, m, n]));
  return {
    inputs,
    run: (a, b, bias, gate) => {
      const y = ops.matmul(form[0] === 'T' ? transposed(a) : a, form[1] === 'T' ? transposed(b) : b);
      if (!finished) return y;
      return ops.where(ops.greater(gate, 0), ops.relu(ops.add(y, bias)), 0);
    },
  };
}

/** Sizes around those of a kernel's tiles: without quads of neighbours, with nothing else, and with some beyond the edge. */
function checkEdges(random: Random, form: Form, [rows, columns, depth]: Sizes, as = (x: Instance) => x) {
  check(as(product(random, form, [rows + 1, columns - 1, depth + 1], [], false)));
  check(as(product(random, form, [rows - 4, 12, depth - 4], [2], false)));
  check(as(product(random, form, [3, columns + 1, depth + 3], [], true)));
  if (form !== 'NN') return;
  check(as(product(random, form, [rows, 4, 2 * depth], [], false)));
  check(as(product(random, form, [4, columns - 4, depth], [2], true)));
}

/** The same for pairs of tiles above each other: without quads, in several batches, with one pair below the other, and finished. */
function checkPairs(random: Random, form: Form, depth: number, as = (x: Instance) => x) {
  check(as(product(random, form, [129, 255, depth + 1], [], false)));
  check(as(product(random, form, [252, 12, 2 * depth - 4], [3], false)));
  check(as(product(random, form, [388, 136, depth], [], true)));
}

/** The same of operands that are bfloat16 numbers in memory: the left one, the right one, or both. */
const narrow =
  (which: 'left' | 'right' | 'both') =>
  ({ inputs, run }: Instance): Instance => ({
    inputs: inputs.map((input, i) =>
      (i === 0 && which !== 'right') || (i === 1 && which !== 'left')
        ? { ...input, dtype: 'bfloat16', values: input.values.map(toBfloat16) }
        : input,
    ),
    run,
  });

/** Products of a batch with one matrix, the right one or the left one, which lies along either of its axes. */
function sharedMatrices([m, n, k]: Sizes): Instance[] {
  const random = new Random(8);
  // Rows of two matrices by turns, as those that follow each other would be one matrix; and that of all has a batch of its own, as
  // it would meet rows that have been copied.
  const apart = (rows: number, columns: number) => float(random, [rows, 2, columns]);
  const one = (rows: number, columns: number) => float(random, [1, rows, columns]);
  const split = (t: Tensor) => ops.swapAxes(t, 0, 1);
  const across = (t: Tensor) => ops.swapAxes(t, -2, -1);
  return [
    { inputs: [apart(m, k), one(k, n)], run: (a, b) => ops.matmul(split(a), b) },
    { inputs: [apart(m, k), one(n, k)], run: (a, b) => ops.matmul(split(a), across(b)) },
    { inputs: [float(random, [2, k, m]), one(k, n)], run: (a, b) => ops.matmul(across(a), b) },
    { inputs: [one(m, k), apart(k, n)], run: (a, b) => ops.matmul(a, split(b)) },
    { inputs: [one(k, m), apart(k, n)], run: (a, b) => ops.matmul(across(a), split(b)) },
  ];
}

const check = (instance: Instance) => checkOnDevice(problem(instance, false, 1), 'cuda:0');
const checkGradients = (instance: Instance) => checkOnDevice(problem(instance, true, 1), 'cuda:0');

onDevice('float32 products', () => {
  test.each([
    ['gemm128x128', 128, 128, 8],
    ['gemm64x64', 64, 64, 16],
    ['gemm32x128', 32, 128, 16],
    ['gemm128x32', 128, 32, 16],
  ] as const)('%s around its edges', async (kernel, rows, columns, depth) => {
    for (const form of ['NN', 'NT', 'TN'] as const) {
      const names = await launched(kernel, () => {
        const random = new Random(5);
        checkEdges(random, form, [rows, columns, depth]);
      });
      expect(names).toContain(kernel + form);
    }
  });

  test('both transposed', async () => {
    const names = await launched('', () => check(product(new Random(5), 'TT', [65, 67, 33], [], false)));
    expect(names).toContain('gemm64x64TT');
  });

  test.each(['', 'gemm64x64'])('a product with few tiles and a long k is cut into parts (%s)', async (kernel) => {
    for (const [form, m] of [
      ['TN', 20],
      ['NN', 1],
      ['NT', 1],
    ] as const) {
      const names = await launched(kernel, () => {
        check(product(new Random(6), form, [m, 36, 600], [], true));
        check(product(new Random(6), form, [m, 36, 700], [], false));
      });
      expect(names.has('gemmParts')).toBe(true);
      expect(names).toContain(
        m === 1 ? (form === 'NN' ? 'gemmRowN' : 'gemmRowT') : `gemm${kernel === '' ? '32x128' : '64x64'}TN`,
      );
    }
  });

  test('strides that are odd in both directions are for the simple kernel', async () => {
    const names = await launched('', () => {
      const random = new Random(7);
      check({
        inputs: [float(random, [20, 24]), float(random, [12, 10])],
        run: (a, b) => ops.matmul(ops.slice(a, [0, 0], [10, 12], [2, 2]), b),
      });
    });
    expect(names).toContain('matmul');
  });

  const list = cases.filter(({ family, large }) => family === 'matmul' && !large);
  test.each(['matmul', 'gemm128x128', 'gemm64x64', 'gemm32x128', 'gemm128x32'])(
    'the case list through %s',
    async (kernel) => {
      const names = await launched(kernel, () => {
        for (const { build, differentiable } of list) {
          checkOnDevice(problem(build(new Random(3)), differentiable, 3), 'cuda:0');
        }
      });
      expect([...names].some((name) => name.startsWith(kernel))).toBe(true);
    },
  );
});

onDevice('bfloat16 products', () => {
  const rounded = (body: () => void) => () => withProductPrecision('bfloat16', body);

  test.each([
    ['mma128x128', 128, 128, 32],
    ['mma64x64', 64, 64, 32],
    ['wgmma128x256', 128, 256, 64],
    ['wgmma128x128', 128, 128, 64],
  ] as const)('%s around its edges', async (kernel, rows, columns, depth) => {
    for (const form of ['NN', 'NT', 'TN'] as const) {
      const names = await launched(
        kernel,
        rounded(() => checkEdges(new Random(5), form, [rows, columns, depth])),
      );
      expect(names).toContain(kernel + form);
    }
  });

  test.each([
    ['mma128x128', 128, 128, 32],
    ['mma64x64', 64, 64, 32],
    ['wgmma128x128', 128, 128, 64],
    ['matmul', 8, 8, 8],
  ] as const)('%s of numbers of two bytes, around its edges', async (kernel, rows, columns, depth) => {
    for (const form of ['NN', 'NT', 'TN', 'TT'] as const) {
      for (const which of ['left', 'right', 'both'] as const) {
        const names = await launched(
          kernel,
          rounded(() => checkEdges(new Random(5), form, [rows, columns, depth], narrow(which))),
        );
        const able = form === 'TT' ? (kernel === 'matmul' ? kernel : 'mma64x64TT') : kernel + form;
        expect(names).toContain(kernel === 'matmul' ? kernel : able);
      }
    }
  });

  test('a row of two bytes times a matrix', async () => {
    for (const [form, kernel] of [
      ['NN', 'gemmRowN'],
      ['NT', 'gemmRowT'],
    ] as const) {
      for (const which of ['left', 'right', 'both'] as const) {
        const run = () => check(narrow(which)(product(new Random(4), form, [1, 67, 301], [], true)));
        expect(await launched('', rounded(run))).toContain(kernel);
      }
    }
  });

  // wgmma has operands copied to shared memory from where they are, if rows begin at multiples of 16 bytes
  test.each(['NN', 'NT', 'TN'] as const)('numbers of two bytes are read where they lie: %s', async (form) => {
    const copies = async (sizes: Sizes, batch: number[], which: 'left' | 'both') => {
      const [m, n, k] = sizes;
      const random = new Random(4);
      const run = () =>
        check(
          narrow(which)({
            ...product(random, form, sizes, batch, false),
            inputs: [
              float(random, [...batch, ...(form[0] === 'T' ? [k, m] : [m, k])]),
              float(random, [...batch, ...(form[1] === 'T' ? [n, k] : [k, n])]),
            ],
          }),
        );
      const names = await launched('wgmma128x128', rounded(run));
      expect(names).toContain(`wgmma128x128${form}`);
      return [...names].filter((name) => name.startsWith('round'));
    };
    expect(await copies([136, 72, 200], [], 'both')).toEqual([]);
    expect(await copies([136, 72, 200], [3], 'both')).toEqual([]);
    expect(await copies([136, 72, 200], [], 'left')).toEqual(['roundOperand']);
    expect(await copies([133, 75, 203], [], 'both')).toEqual(['roundOperand']);
  });

  // Results go to memory by TMA where rows begin at multiples of 16 bytes: by maps of boxes of 16 rows.
  test.each([
    [[136, 72, 72], true, true],
    [[132, 76, 72], true, false],
    [[132, 75, 72], false, false],
    [[20, 36, 600], true, true],
  ] as const)('boxes of results, %j', async (sizes, float32, narrow) => {
    const { inputs, run } = product(new Random(4), 'NT', sizes, [], false);
    const boxes = (kernel: string, as: (t: Tensor) => Tensor) => {
      const check = () => checkOnDevice(problem({ inputs, run: (a, b) => as(run(a, b)) }, false, 1), 'cuda:0', [true]);
      return resultBoxes(() => launched(kernel, rounded(check)));
    };
    for (const kernel of ['wgmma128x256', 'wgmma128x128']) {
      expect(await boxes(kernel, (t) => t)).toEqual(float32 ? ['4 32'] : []);
      // sums of parts are float32 numbers
      const parts = sizes[2] === 600;
      const two = parts ? '4 32' : '2 64';
      expect(await boxes(kernel, (t) => ops.cast(t, 'bfloat16'))).toEqual(narrow ? [two] : []);
    }
  });

  test('results that move on with the steps of a loop do not go in boxes, as maps stay', async () => {
    const random = new Random(6);
    const run = (h0: Tensor, kernel: Tensor, x: Tensor) =>
      ops.scan(
        (h: Tensor, of: Tensor) => {
          const next = ops.relu(ops.add(ops.matmul(h, kernel), of));
          return { carry: next, output: next };
        },
        h0,
        x,
      ).output;
    const inputs = [float(random, [20, 16]), float(random, [16, 16]), float(random, [5, 20, 16])];
    await setEnvironment({ STEEPEST_CUDA_LOOPS: '0' });
    let names = new Set<string>();
    const boxes = await resultBoxes(async () => {
      const check = () => checkOnDevice(problem({ inputs, run }, false, 1), 'cuda:0', [true]);
      names = await launched('wgmma128x128', rounded(check));
    });
    await setEnvironment({ STEEPEST_CUDA_LOOPS: '' });
    expect([names.has('wgmma128x128NN'), boxes]).toEqual([true, []]);
  });

  // rounded by the product itself: no map follows
  test.each([
    ['mma128x128', [130, 132, 40]],
    ['mma64x64', [67, 61, 600]],
    ['wgmma128x128', [130, 136, 72]],
    ['gemmRow', [1, 67, 301]],
  ] as const)('%s: results, and what they are added to or gated by, of two bytes', async (kernel, sizes) => {
    const [m, n] = sizes;
    const random = new Random(6);
    const { inputs, run } = narrow('both')(product(random, 'NN', sizes, [], false));
    // half of it, so that the result cannot take its place
    const whole = bfloat16(random, [2 * m, n]);
    const half = (t: Tensor) => ops.slice(t, [m, 0], [m, n]);
    const bias = float(random, [n]);
    const kept = (t: Tensor) => ops.cast(t, 'bfloat16');
    const wide = (t: Tensor) => ops.cast(t, 'float32');
    const instances: Instance[] = [
      { inputs: [...inputs, bias], run: (a, b, c) => kept(ops.relu(ops.add(run(a, b), c))) },
      {
        inputs: [...inputs, whole],
        run: (a, b, y) => kept(ops.where(ops.greater(half(y), 0), wide(kept(run(a, b))), 0)),
      },
      { inputs: [...inputs, whole], run: (a, b, y) => kept(ops.add(run(a, b), half(y))) },
      { inputs: [...inputs, whole], run: (a, b, y) => ops.add(run(a, b), half(y)) },
    ];
    for (const instance of instances) {
      const names = await launched(
        kernel,
        rounded(() => checkOnDevice(problem(instance, false, 1), 'cuda:0', [true])),
      );
      expect([...names].some((name) => name.startsWith(kernel))).toBe(true);
      expect(names).not.toContain('map');
    }
  });

  test.each(['mma64x64', 'wgmma128x128', 'wgmma128x256', 'pairWgmma128x256', 'matmul'])(
    'a matrix that all of a batch share, and its gradients: %s',
    async (kernel) => {
      const names = await launched(
        kernel,
        rounded(() => sharedMatrices([130, 12, 68]).forEach(checkGradients)),
      );
      expect([...names].some((name) => name.startsWith(kernel))).toBe(true);
    },
  );

  test.each(['NN', 'NT', 'TN'] as const)('pairs of blocks, for tiles above each other: %s', async (form) => {
    const names = await launched(
      'pairWgmma128x256',
      rounded(() => checkPairs(new Random(5), form, 64)),
    );
    expect([...names].filter((name) => name.endsWith(form))).toEqual([`pairWgmma128x256${form}`]);
  });

  test('pairs of blocks, for numbers of two bytes', async () => {
    const one = () => check(narrow('both')(product(new Random(5), 'NT', [252, 264, 72], [], true)));
    expect(await launched('pairWgmma128x256', rounded(one))).toContain('pairWgmma128x256NT');
  });

  test('pairs of parts of k, with few tiles', async () => {
    const run = () => check(product(new Random(6), 'TN', [140, 36, 600], [], true));
    const names = await launched('pairWgmma', rounded(run));
    expect([names.has('pairWgmma128x256TN'), names.has('gemmParts')]).toEqual([true, true]);
  });

  test('there are no pairs where rows of tiles are odd, or clusters have no room', async () => {
    const kernelOf = async (m: number, room: string) => {
      await setEnvironment({ STEEPEST_EMULATED_CLUSTER: room });
      const run = () => check(product(new Random(6), 'NN', [m, 36, 40], [], false));
      const names = [...(await launched('pairWgmma', rounded(run)))];
      await setEnvironment({ STEEPEST_EMULATED_CLUSTER: '' });
      return names.find((name) => /NN$/.test(name));
    };
    expect(await kernelOf(129, '')).toBe('pairWgmma128x256NN');
    expect(await kernelOf(128, '')).toBe('mma64x64NN');
    expect(await kernelOf(257, '')).toBe('mma64x64NN');
    expect(await kernelOf(129, '1')).toBe('mma64x64NN');
  });

  test('both transposed', async () => {
    const run = () => check(product(new Random(5), 'TT', [65, 67, 33], [], false));
    expect(await launched('', rounded(run))).toContain('mma64x64TT');
  });

  test('a product with few tiles and a long k is cut into parts', async () => {
    const names = await launched(
      'mma',
      rounded(() => check(product(new Random(6), 'TN', [20, 36, 600], [], true))),
    );
    expect([names.has('mma64x64TN'), names.has('gemmParts')]).toEqual([true, true]);
    const wgmma = await launched(
      'wgmma',
      rounded(() => check(product(new Random(6), 'NN', [20, 36, 600], [], true))),
    );
    expect([wgmma.has('wgmma128x128NN'), wgmma.has('gemmParts')]).toEqual([true, true]);
  });

  test('wgmma is for compute capability 9.0', async () => {
    const run = () => check(product(new Random(5), 'NT', [20, 36, 40], [], false));
    const names = async (capability: string) => {
      await setEnvironment({ STEEPEST_EMULATED_CAPABILITY: capability });
      return [...(await launched('wgmma', rounded(run)))].filter((name) => /NT$/.test(name));
    };
    expect(await names('80')).toEqual(['mma64x64NT']);
    expect(await names('120')).toEqual(['mma64x64NT']);
    expect(await names('90')).toEqual(['wgmma128x128NT']);
  });

  // 512 x 512 x 512 products are what makes up for rounding the operands first.
  test.each([
    [[512, 512, 512], '90', 'wgmma128x128NN'],
    [[512, 512, 508], '90', 'mma'],
    [[128, 8192, 128], '90', 'wgmma128x128NN'],
    [[124, 8192, 256], '90', 'mma'],
    [[8192, 124, 256], '90', 'mma'],
    [[2048, 2048, 124], '90', 'mma'],
    [[2048, 2048, 128], '90', 'pairWgmma128x256NN'],
    [[1920, 2304, 128], '90', 'wgmma128x256NN'],
    [[2048, 2048, 128], '80', 'mma'],
    [[2048, 2048, 128], '120', 'mma'],
  ] as const)('%j on compute capability %s take %s', ([m, n, k], capability, kernel) => {
    // The first launch faults: what would be launched is in the trace, and nothing is computed.
    trace.clear();
    const script = `
      const { jit, ops, tensor } = require('steepest');
      const zeros = (rows, columns) => tensor(new Float32Array(rows * columns), [rows, columns]);
      jit(ops.matmul, { precision: 'mixedBfloat16' })(zeros(${m}, ${k}), zeros(${k}, ${n})).data;`;
    const { stderr } = spawnSync(process.execPath, ['-e', script], {
      cwd: path.join(__dirname, '..', '..'),
      encoding: 'utf8',
      env: {
        ...process.env,
        STEEPEST_DEVICE: 'cuda:0',
        STEEPEST_EMULATED_CAPABILITY: capability,
        STEEPEST_EMULATED_FAULT: '1',
        STEEPEST_EMULATED_TRACE: trace.file,
      },
    });
    expect(stderr).toContain('CUDA_ERROR_ILLEGAL_ADDRESS');
    const names = trace.names();
    expect(names.filter((name) => /^(wg)?mma|^pair|^gemm(?!Parts)|^matmul/.test(name))).toEqual([
      expect.stringMatching(new RegExp(`^${kernel}`)),
    ]);
  });

  const list = cases.filter(({ family, large }) => family === 'bfloat16' && !large);
  test.each(['matmul', 'mma128x128', 'mma64x64', 'wgmma128x256', 'wgmma128x128'])(
    'the case list through %s',
    async (kernel) => {
      const names = await launched(kernel, () => {
        for (const { build, differentiable } of list) {
          checkOnDevice(problem(build(new Random(3)), differentiable, 3), 'cuda:0');
        }
      });
      expect([...names].some((name) => name.startsWith(kernel))).toBe(true);
    },
  );
});

onDevice('tf32 products', () => {
  const rounded = (body: () => void) => () => withProductPrecision('tf32', body);

  test.each([
    ['tf32Mma128x128', 128, 128, 16],
    ['tf32Mma64x64', 64, 64, 16],
  ] as const)('%s around its edges', async (kernel, rows, columns, depth) => {
    for (const form of ['NN', 'NT', 'TN'] as const) {
      const names = await launched(
        kernel,
        rounded(() => checkEdges(new Random(5), form, [rows, columns, depth])),
      );
      expect(names).toContain(kernel + form);
    }
  });

  test('both transposed', async () => {
    const names = await launched(
      '',
      rounded(() => check(product(new Random(5), 'TT', [65, 67, 33], [], false))),
    );
    expect(names).toContain('tf32Mma64x64TT');
  });

  test('operands are rounded to the nearest number of 11 bits, ties away from zero; a row is not', async () => {
    const tie = 2 ** -11;
    const numbers = [1 + tie, 1 + tie - 2 ** -23, -1 - tie, 1 + 3 * tie, 3.14159, Number.POSITIVE_INFINITY, 1e-30];
    const nearest = [1 + 2 * tie, 1, -1 - 2 * tie, 1 + 4 * tie, 3.140625, Number.POSITIVE_INFINITY, 1e-30];
    const whole = (shape: number[], values: number[]) => ({
      shape,
      dtype: 'float32' as const,
      values: Float64Array.from(values),
    });
    const products = (rows: number): ArrayLike<number> => {
      const inputs = [whole([rows, 1], Array(rows).fill(1)), whole([1, numbers.length], numbers)];
      const { graph, feeds } = problem({ inputs, run: ops.matmul }, false, 1);
      return new Executable(graph, { device: 'cuda:0' }).run(feeds)[0];
    };
    const relative = (values: ArrayLike<number>, to: number[]) =>
      to.map((x, i) => (values[i] === x ? 0 : Math.abs(values[i] / x - 1)));
    let [two, one]: ArrayLike<number>[] = [];
    await launched(
      '',
      rounded(() => {
        [two, one] = [products(2), products(1)];
      }),
    );
    expect(relative(two, nearest).slice(0, 6)).toEqual([0, 0, 0, 0, 0, 0]);
    expect(relative(two, nearest)[6]).toBeLessThan(tie);
    expect(relative(one, numbers.map(Math.fround))).toEqual(numbers.map(() => 0));
  });

  test.each([
    ['tf32Wgmma128x256', 128, 256, 32],
    ['tf32Wgmma128x128', 128, 128, 32],
  ] as const)(
    '%s around its edges, operands that do not lie along k transposed',
    async (kernel, rows, columns, depth) => {
      for (const form of ['NN', 'NT', 'TN'] as const) {
        const names = await launched(
          kernel,
          rounded(() => checkEdges(new Random(5), form, [rows, columns, depth])),
        );
        expect(names).toContain(kernel);
        expect(names.has('roundTransposed')).toBe(form !== 'NT');
      }
    },
  );

  test('pairs of blocks, for tiles above each other', async () => {
    const names = await launched(
      'pairTf32Wgmma128x256',
      rounded(() => checkPairs(new Random(5), 'NT', 32)),
    );
    expect([...names].filter((name) => /mma/i.test(name))).toEqual(['pairTf32Wgmma128x256']);
  });

  test('a matrix that all of a batch share, and its gradients', async () => {
    const names = await launched(
      'tf32Wgmma128x128',
      rounded(() => sharedMatrices([130, 12, 36]).forEach(checkGradients)),
    );
    expect(names).toContain('tf32Wgmma128x128');
  });

  const list = cases.filter(({ family, large }) => family === 'tf32' && !large);
  test.each(['matmul', 'tf32Mma128x128', 'tf32Mma64x64', 'tf32Wgmma128x128'])(
    'the case list through %s',
    async (kernel) => {
      const names = await launched(kernel, () => {
        for (const { build, differentiable } of list) {
          checkOnDevice(problem(build(new Random(3)), differentiable, 3), 'cuda:0');
        }
      });
      expect([...names].some((name) => name.startsWith(kernel))).toBe(true);
    },
  );
});
