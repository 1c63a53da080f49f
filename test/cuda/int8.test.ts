// int8 products on the emulated CUDA device through each of its kernels, around the edges of their tiles. The case list has small
// ones only; results are those of the reference to the bit (see helpers/cases/int8.ts).
import * as ops from '../../lib/ir/ops/index';
import type { Instance } from '../helpers/cases';
import { float, int8 } from '../helpers/cases/inputs';
import { checkOnDevice, problem } from '../helpers/native';
import { Random } from '../helpers/random';
import { onDevice } from './device';
import { launched } from './launched';

function product([m, k, n]: readonly [number, number, number], transposed: boolean): Instance {
  const random = new Random(m + k + n);
  return {
    inputs: [float(random, [m, k]), int8(random, transposed ? [n, k] : [k, n]), float(random, [n])],
    run: (a, b, bias) => ops.relu(ops.add(ops.matmulInt8(a, transposed ? ops.transpose(b) : b), bias)),
  };
}

const run = (instances: readonly Instance[]) => () => {
  for (const instance of instances) checkOnDevice(problem(instance, false, 1), 'cuda:0');
};

onDevice('int8 products', () => {
  test.each([
    ['int8128x128', 128],
    ['int864x64', 64],
  ] as const)('%s around its edges', async (kernel, tile) => {
    for (const transposed of [false, true]) {
      const names = await launched(
        kernel,
        run([
          product([tile + 1, 65, tile - 1], transposed), // words of B that do not lie at multiples of four bytes
          product([tile - 3, 128, tile + 4], transposed),
          product([5, 80, 2 * tile], transposed),
        ]),
      );
      expect(names).toContain(`${kernel}${transposed ? 'T' : 'N'}`);
      expect(names).not.toContain('int8Parts');
    }
  });

  test('parts of a long sum are added up as whole numbers', async () => {
    const names = await launched('', run([product([3, 4999, 37], false), product([70, 2048, 66], true)]));
    expect(names).toContain('int8Parts');
  });
});
