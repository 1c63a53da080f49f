// Attention and its gradients on the emulated CUDA device, around the edges of the tiles of its kernels.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { gradients } from '../../lib/compile/autodiff';
import { make } from '../../lib/ir/build';
import type { Tensor } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import { type ProductPrecision, withProductPrecision } from '../../lib/ir/precision';
import { Executable } from '../../lib/transforms/executable';
import type { Instance } from '../helpers/cases';
import { bool, float } from '../helpers/cases/inputs';
import { checkOnDevice, problem } from '../helpers/native';
import { Random } from '../helpers/random';
import { onDevice, setEnvironment } from './device';

const folder = mkdtempSync(path.join(tmpdir(), 'steepest-attention-'));
const trace = path.join(folder, 'kernels');
afterAll(async () => {
  await setEnvironment({ STEEPEST_CUDA_PRODUCTS: '', STEEPEST_EMULATED_TRACE: '', STEEPEST_EMULATED_CAPABILITY: '' });
  rmSync(folder, { recursive: true, force: true });
});

interface Sizes {
  readonly n?: number;
  /** Heads of keys, and queries' heads for each of them. */
  readonly heads?: readonly [own: number, group: number];
  readonly t: number;
  readonly s: number;
  readonly d: number;
  readonly e: number;
  readonly causal?: boolean;
  readonly scale?: number;
  /** Shape of a mask, which broadcasts. */
  readonly mask?: readonly number[];
}

function attention(random: Random, sizes: Sizes, precision: ProductPrecision = 'float32'): Instance {
  const { n = 1, heads: [own, group] = [1, 1], t, s, d, e, causal = false, scale, mask: shape } = sizes;
  const inputs = [
    float(random, [n, own, group, t, d]),
    float(random, [n, own, 1, s, d]),
    float(random, [n, own, 1, s, e]),
  ];
  if (shape !== undefined) inputs.push(bool(random, shape));
  return {
    inputs,
    run: (q, k, v, mask) =>
      withProductPrecision(precision, () => ops.scaledDotProductAttention(q, k, v, { mask, causal, scale })),
  };
}

async function launched(body: () => void, kernel = ''): Promise<string[]> {
  rmSync(trace, { force: true });
  await setEnvironment({ STEEPEST_CUDA_PRODUCTS: kernel, STEEPEST_EMULATED_TRACE: trace });
  body();
  return [...new Set(readFileSync(trace, 'utf8').split('\n'))].filter((name) => name.startsWith('attention')).sort();
}

const check = (instance: Instance) => checkOnDevice(problem(instance, true, 1), 'cuda:0');

onDevice('attention', () => {
  const around: [string, number, Sizes][] = [
    ['queries and keys beyond a tile', 64, { t: 65, s: 67, d: 5, e: 3 }],
    ['a mask', 64, { t: 9, s: 130, d: 3, e: 2, mask: [9, 130] }],
    ['causal', 64, { t: 66, s: 66, d: 8, e: 4, causal: true }],
    ['causal with keys that nobody sees', 64, { t: 3, s: 129, d: 4, e: 8, causal: true }],
    ['causal with a mask, few keys', 64, { t: 130, s: 3, d: 4, e: 4, causal: true, mask: [130, 1] }],
    ['heads that share keys', 64, { n: 2, heads: [2, 2], t: 3, s: 65, d: 4, e: 8, mask: [2, 1, 1, 1, 65] }],
    ['heads that share keys, causal', 64, { heads: [1, 2], t: 65, s: 9, d: 2, e: 2, causal: true }],
    ['heads as wide as a tile', 64, { t: 5, s: 6, d: 64, e: 64 }],
    ['wider heads', 128, { t: 33, s: 35, d: 72, e: 68 }],
    ['wider heads, causal', 128, { t: 65, s: 34, d: 67, e: 5, causal: true }],
    ['wide values', 128, { t: 3, s: 33, d: 3, e: 130, mask: [3, 1] }],
    ['wide keys', 128, { t: 33, s: 34, d: 132, e: 4, causal: true }],
    ['both wider than two tiles', 128, { heads: [1, 2], t: 2, s: 3, d: 257, e: 260 }],
  ];
  test.each(around)('%s', async (_, width, sizes) => {
    const names = await launched(() => check(attention(new Random(5), sizes)));
    expect(names).toEqual([`attention${width}`, `attentionKeyGrad${width}`, `attentionQueryGrad${width}`]);
  });

  const onTensorCores: typeof around = [
    ['queries and keys beyond a tile', 64, { t: 129, s: 33, d: 5, e: 3 }],
    ['a mask', 64, { t: 9, s: 130, d: 3, e: 2, mask: [9, 130] }],
    ['causal', 64, { t: 131, s: 66, d: 8, e: 4, causal: true }],
    ['causal with keys that nobody sees', 64, { t: 3, s: 129, d: 4, e: 8, causal: true }],
    ['few keys', 64, { t: 130, s: 3, d: 4, e: 4, causal: true, mask: [130, 1] }],
    ['heads that share keys', 64, { n: 2, heads: [2, 2], t: 3, s: 65, d: 4, e: 8, mask: [2, 1, 1, 1, 65] }],
    ['heads as wide as a tile', 64, { t: 17, s: 34, d: 64, e: 64, causal: true }],
    ['wider heads', 128, { t: 65, s: 9, d: 72, e: 68 }],
    ['wider heads, causal', 128, { heads: [1, 2], t: 66, s: 33, d: 17, e: 128, causal: true }],
  ];
  test.each(onTensorCores)('in bfloat16, %s', async (_, width, sizes) => {
    const names = await launched(() => check(attention(new Random(5), sizes, 'bfloat16')));
    expect(names).toEqual([
      ...[`attentionMma${width}`, `attentionMmaKeyGrad${width}`, `attentionMmaQueryGrad${width}`],
      'attentionPack',
    ]);
  });

  // tiles of 128 queries and 128 keys, of which three are ahead, or two of wide heads
  const byWarpGroups: typeof around = [
    ['queries and keys beyond a tile', 64, { t: 129, s: 130, d: 5, e: 3 }],
    ['a mask', 64, { t: 9, s: 258, d: 3, e: 2, mask: [9, 258] }],
    ['causal', 64, { t: 260, s: 258, d: 8, e: 4, causal: true }],
    ['causal with keys that nobody sees', 64, { t: 3, s: 129, d: 4, e: 8, causal: true }],
    ['few keys', 64, { t: 130, s: 3, d: 4, e: 4, causal: true, mask: [130, 1] }],
    ['heads that share keys', 64, { n: 2, heads: [2, 2], t: 3, s: 129, d: 4, e: 8, mask: [2, 1, 1, 1, 129] }],
    ['more keys than are ahead', 64, { t: 5, s: 641, d: 64, e: 64 }],
    ['wider heads', 128, { t: 65, s: 9, d: 72, e: 68 }],
    ['wider heads, more keys than are ahead', 128, { t: 17, s: 390, d: 128, e: 128 }],
    ['wider heads, causal', 128, { heads: [1, 2], t: 66, s: 33, d: 17, e: 128, causal: true }],
  ];
  test.each(byWarpGroups)('in bfloat16 by wgmma, %s', async (_, width, sizes) => {
    const names = await launched(() => check(attention(new Random(5), sizes, 'bfloat16')), 'attentionWgmma');
    expect(names).toEqual([
      'attentionPack',
      ...[`attentionWgmma${width}`, `attentionWgmmaKeyGrad${width}`, `attentionWgmmaQueryGrad${width}`],
    ]);
  });

  test.each([
    ['long sequences', { t: 128, s: 128 }, '90', 'attentionWgmma64'],
    ['too few queries', { t: 127, s: 128 }, '90', 'attentionMma64'],
    ['too few keys', { t: 128, s: 127 }, '90', 'attentionMma64'],
    ['a negative scale', { t: 128, s: 128, scale: -0.5 }, '90', 'attentionMma64'],
    ['devices without the instruction', { t: 128, s: 128 }, '80', 'attentionMma64'],
  ])('in bfloat16, what %s take', async (_, sizes, capability, kernel) => {
    await setEnvironment({ STEEPEST_EMULATED_CAPABILITY: capability });
    const instance = attention(new Random(5), { ...sizes, d: 4, e: 4 }, 'bfloat16');
    expect(await launched(() => checkOnDevice(problem(instance, false, 1), 'cuda:0'))).toEqual(
      [kernel, 'attentionPack'].sort(),
    );
  });
  test.each(['float32', 'bfloat16'] as const)(
    'what all values share leaves no gradient of scores, in %s',
    (precision) => {
      // one tile of keys, where the mean of all gradients is known to more than its rounding
      const [s, d] = [24, 8];
      const q = float(new Random(1), [1, 1, 1, 1, d]);
      const k = float(new Random(2), [1, 1, 1, s, d]);
      const v = { ...float(new Random(3), [1, 1, 1, s, d]), values: Array.from({ length: s * d }, () => 1000) };
      const feeds = [q, k, v].map(({ values }) => Float32Array.from(values));
      const inputs = [q, k, v].map(({ shape }, slot) => make('input', [], { slot }, shape, 'float32'));
      const y = withProductPrecision(precision, () =>
        ops.scaledDotProductAttention(inputs[0] as Tensor, inputs[1] as Tensor, inputs[2] as Tensor),
      );
      const outputs = gradients(y, inputs.slice(0, 2), ops.full(y.shape, 1));
      const results = new Executable({ inputs, outputs, writes: [] }, { device: 'cuda:0' }).run(feeds);
      for (const gradient of results) expect(Math.max(...Array.from(gradient, Math.abs))).toBeLessThan(1e-5);
    },
  );

  test('in bfloat16, heads wider than a tile', async () => {
    const sizes = { heads: [1, 2], t: 2, s: 3, d: 129, e: 5 } as const;
    const names = await launched(() => check(attention(new Random(5), sizes, 'bfloat16')));
    expect(names).toEqual(['attention128', 'attentionKeyGrad128', 'attentionQueryGrad128', 'attentionRound']);
  });

  test('operands are read where they lie', async () => {
    // [N, T, 3, H, D], as one product of all three makes them
    const random = new Random(6);
    const [n, t, h, d] = [2, 5, 3, 4];
    const instance: Instance = {
      inputs: [float(random, [n, t, 3, h, d])],
      run: (joint) => {
        const part = (i: number) => ops.squeeze(ops.slice(joint, [0, 0, i, 0, 0], [n, t, 1, h, d]), 2);
        const [q, k, v] = [0, 1, 2].map((i) => ops.transpose(part(i), [0, 2, 1, 3]));
        return ops.transpose(ops.scaledDotProductAttention(q, k, v, { causal: true }), [0, 2, 1, 3]);
      },
    };
    const names = await launched(() => checkOnDevice(problem(instance, false, 1), 'cuda:0'));
    expect(names).toEqual(['attention64']);
    expect(readFileSync(trace, 'utf8')).not.toContain('copyElements');
  });
});
