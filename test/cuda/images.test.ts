// What is in the file of kernels: for each family machine code for the GPUs there are, and PTX for all others and for older drivers.
// Where nvcc has compiled them.
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { compiledKernels } from '../helpers/cubins';
import { type FatEntry, fatBinaries, textOf } from '../helpers/fatbin';
import { emulated } from './device';

const root = path.join(__dirname, '..', '..');
const file = path.join(root, 'build/Release/steepest-cuda.fatbin');
const sources = readdirSync(path.join(root, 'native/cuda/kernels')).filter((name) => name.endsWith('.cu'));
const ptxas = [...(process.env.PATH ?? '').split(':'), '/usr/local/cuda/bin']
  .map((folder) => path.join(folder, 'ptxas'))
  .find((program) => existsSync(program));

const assemble = async (text: string, architecture: string): Promise<void> => {
  const folder = mkdtempSync(path.join(tmpdir(), 'steepest-ptx-'));
  const from = path.join(folder, 'kernels.ptx');
  writeFileSync(from, text);
  try {
    await promisify(execFile)(ptxas ?? 'ptxas', ['-O0', '-arch', architecture, '-o', '/dev/null', from]);
  } finally {
    rmSync(folder, { recursive: true });
  }
};

const kernelsIn = (text: string): string[] =>
  [...text.matchAll(/\.visible \.entry (\w+)\(/g)].map(([, name]) => `${name}`);

(existsSync(file) ? describe : describe.skip)('images of kernels', () => {
  /** In the order of the file: machine code, PTX. */
  let families: (readonly [FatEntry[], FatEntry[]])[] = [];
  let ptx: FatEntry[] = [];
  beforeAll(() => {
    const all = fatBinaries(readFileSync(file));
    families = all.flatMap((code, i) => (i % 2 === 0 ? [[code, all[i + 1] ?? []] as const] : []));
    ptx = families.flatMap(([, text]) => text);
  });

  test('are machine code and then PTX for each source, with wgmma for 9.0', () => {
    const own = ['80 7.0'];
    const withWgmma = ['80 7.0', '90 8.0'];
    expect(families.length).toBe(sources.length);
    for (const [code, text] of families) {
      expect(code.map(({ isPtx, architecture }) => [isPtx, architecture]).sort()).toEqual([
        [false, 120],
        [false, 80],
        [false, 90],
      ]);
      expect(text.every(({ isPtx }) => isPtx)).toBe(true);
    }
    const versions = families.map(([, text]) => text.map((entry) => `${entry.architecture} ${entry.version}`));
    expect(versions.filter((words) => words.length === 1)).toEqual(
      sources.filter((name) => !name.includes('wgmma')).map(() => own),
    );
    expect(versions.filter((words) => words.length !== 1)).toEqual(
      sources.filter((name) => name.includes('wgmma')).map(() => withWgmma),
    );
  });

  test('are compressed as the oldest drivers can undo it', () => {
    for (const { compression } of families.flatMap(([code]) => code)) expect(compression).toBe('none');
    for (const { compression } of ptx) expect(compression).toBe('lz4');
  });

  test('say in the PTX what the file says of it', () => {
    for (const entry of ptx) {
      const [, version, target] = /^\.version (\S+)\n\.target (\S+)\n/m.exec(textOf(entry)) ?? [];
      expect([version, target]).toEqual([entry.version, entry.architecture === 80 ? 'sm_80' : 'sm_90a']);
    }
  });

  test('have the same kernels in PTX', () => {
    const names = (architecture: number): string[] =>
      families.flatMap(([, text]) => {
        const own = text.find((entry) => entry.architecture === architecture) ?? (text[0] as FatEntry);
        return kernelsIn(textOf(own));
      });
    const compiled = compiledKernels(readFileSync(file));
    for (const architecture of [80, 90]) {
      const expected = compiled.filter((kernel) => kernel.architecture === architecture).map(({ name }) => name);
      expect(expected.length).toBeGreaterThan(120);
      expect(names(architecture).sort()).toEqual(expected.sort());
    }
  });

  // that they are assembled for 8.0 is part of the build
  test('have PTX that ptxas assembles for a GPU that there is no machine code for', async () => {
    for (const entry of ptx.filter((e) => e.architecture === 80)) await assemble(textOf(entry), 'sm_100');
  }, 180_000);

  test('have PTX with wgmma that ptxas assembles, for 9.0 only', async () => {
    for (const entry of ptx.filter((e) => e.architecture === 90)) {
      await assemble(textOf(entry), 'sm_90a');
      await expect(assemble(textOf(entry), 'sm_100')).rejects.toThrow(/cannot be compiled for architecture 'sm_100'/);
    }
  }, 180_000);

  test('would not be assembled in a version without their instructions', async () => {
    const wgmma = ptx.find((entry) => entry.architecture === 90) as FatEntry;
    await expect(assemble(textOf(wgmma).replace('.version 8.0', '.version 7.8'), 'sm_90a')).rejects.toThrow(
      /requires PTX ISA \.version 8\.0 or later/,
    );
  });

  test('are loaded one by one, PTX where machine code is refused', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'steepest-images-'));
    const log = path.join(folder, 'loaded');
    const script = `
      const { sequential, layers, tensor } = require('steepest');
      const model = sequential([layers.dense({ units: 1, inputShape: [2], kernelInitializer: 'ones' })]);
      model.compile({ optimizer: 'sgd', loss: 'meanSquaredError', device: 'cuda:0' });
      console.log([...model.predictSync(tensor([1, 2, 3, 4], [2, 2])).data].join());`;
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], {
      cwd: root,
      encoding: 'utf8',
      env: {
        ...{ ...process.env, STEEPEST_CUDA_DRIVER: emulated, STEEPEST_CUDA_KERNELS: file },
        ...{ STEEPEST_EMULATED_LOADING: '209 0', STEEPEST_EMULATED_LOADED: log },
      },
    });
    expect(stdout + stderr).toBe('3,7\n');
    const loaded = readFileSync(log, 'utf8').trim().split('\n');
    rmSync(folder, { recursive: true });
    const words = loaded.map((line) => line.split(' '));
    expect(words.map(([what, , result]) => [what, result])).toEqual(
      families.flatMap(() => [
        ['code', '209'],
        ['ptx', '0'],
      ]),
    );
    expect(words.reduce((sum, [, bytes]) => sum + Number(bytes), 0)).toBe(readFileSync(file).length);
  });
});
