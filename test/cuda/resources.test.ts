// What the compiled kernels ask of a multiprocessor: one that asks for too much cannot be launched, which no emulator notices.
// Where nvcc has compiled them.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type CompiledKernel, compiledKernels } from '../helpers/cubins';

const root = path.join(__dirname, '..', '..');
const file = path.join(root, 'build/Release/steepest-cuda.fatbin');
const folder = path.join(root, 'native/cuda/kernels');

// Of a multiprocessor and of a block, the same for all architectures that there are.
const registersOfAll = 65_536;
const registersOfThread = 255;
const sharedWithoutAsking = 48 << 10;

/** Registers are given to warps by 256: to threads by 8. */
const registersOf = ({ registers, threads }: CompiledKernel): number =>
  Math.ceil(registers / 8) * 8 * Math.ceil(threads / 32) * 32;

/** Bytes of a thread's own memory: an interpreter's registers, for programs of so many; others have none but a few spills. */
const stackOf = (name: string): number => {
  const interpreted = /^(?:map|reduceBy(?:Thread|Block))(\d+)$/.exec(name);
  return interpreted === null ? 32 : 4 * Number(interpreted[1]) + 512;
};

(existsSync(file) ? describe : describe.skip)('compiled kernels', () => {
  let kernels: CompiledKernel[] = [];
  beforeAll(() => {
    kernels = compiledKernels(readFileSync(file));
  });

  test('are there for every architecture', () => {
    // those that a source spells out: others are named by macros
    const spelled = readdirSync(folder)
      .filter((source) => source.endsWith('.cu'))
      .flatMap((source) => readFileSync(path.join(folder, source), 'utf8').split('\n'))
      .map((line) => /^STEEPEST_(?:TILED_)?KERNEL\((?:[^#]*, )?(\w+), \w+ \w+\)/.exec(line)?.[1])
      .filter((name) => name !== undefined);
    expect(spelled.length).toBeGreaterThan(40);
    for (const architecture of [80, 90, 120]) {
      const names = kernels.filter((kernel) => kernel.architecture === architecture).map(({ name }) => name);
      expect(new Set(names).size).toBe(names.length);
      expect(names).toEqual(expect.arrayContaining(spelled));
      expect(names.length).toBeGreaterThan(120);
    }
  });

  test('can be launched with as many threads as they are bounded to', () => {
    for (const kernel of kernels) {
      expect(kernel.threads).toBeLessThanOrEqual(1024);
      expect(kernel.registers).toBeLessThanOrEqual(registersOfThread);
      if (registersOf(kernel) > registersOfAll) throw new Error(`too many registers: ${JSON.stringify(kernel)}`);
    }
  });

  // Their warp groups give each other registers (kernels/warp_groups.h): who asks for more than there are waits for ever.
  test('begin with as many registers as their warp groups divide', () => {
    const divided = kernels.filter(({ name, architecture }) => /wgmma/i.test(name) && architecture === 90);
    expect(divided.length).toBeGreaterThan(20);
    for (const kernel of divided) expect(kernel).toMatchObject({ threads: 384, registers: 168 });
  });

  test('declare no more shared memory than any block may have', () => {
    for (const kernel of kernels) {
      if (kernel.shared > sharedWithoutAsking) throw new Error(`too much shared memory: ${JSON.stringify(kernel)}`);
    }
  });

  // so that the emulated driver, whose build fuses nothing, rounds as a device does
  test('round products before they are added to something, unless the source says otherwise', () => {
    const normalize = kernels.filter(({ name }) => name === 'normalizeStream');
    expect(normalize.length).toBe(3);
    for (const { fused } of normalize) expect(fused).toBeLessThan(8); // those of its division; 26 if the compiler may
    const product = kernels.filter(({ name }) => name === 'gemm64x64NN');
    for (const { fused } of product) expect(fused).toBeGreaterThanOrEqual(256);
  });

  test('keep their numbers in registers', () => {
    for (const kernel of kernels) {
      if (kernel.stack > stackOf(kernel.name)) throw new Error(`local memory: ${JSON.stringify(kernel)}`);
    }
  });
});
