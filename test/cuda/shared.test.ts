// Shared memory beyond what any kernel has: the library asks the driver for it, and the emulated one refuses launches without.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { emulated, onDevice } from './device';

const native = path.join(__dirname, '..', '..', 'native');

onDevice('shared memory of a kernel', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'steepest-shared-'));
  const program = path.join(folder, 'check');
  beforeAll(() => {
    const own = path.join(__dirname, 'emulated/check_shared.cc');
    const cuda = ['device', 'driver', 'emit/text', 'kernel_file', 'modules'].map((name) => `cuda/${name}`);
    const library = [...cuda, 'runtime/allocator', 'runtime/storage'];
    const sources = library.map((name) => path.join(native, `${name}.cc`));
    execFileSync('g++', ['-std=c++20', '-w', own, ...sources, '-o', program, '-ldl', '-lpthread']);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const invalid = 'CUDA_ERROR_INVALID_VALUE: emulated';
  const refused = `cuda:0: asking for shared memory: ${invalid}`;
  test.each([
    ['nothing', [invalid]],
    ['less, then more', ['allowed', 'allowed', 'launched']],
    // whoever asked for more may launch the kernel still
    ['more, then less', ['allowed', 'allowed', 'launched']],
    // of a thread that has not used the device before
    ['on another thread', ['allowed', 'launched']],
    // what was refused is not taken for granted
    ['too much, twice', [refused, refused]],
  ])('that is asked for: %s', (what, expected) => {
    const env = { ...process.env, STEEPEST_CUDA_DRIVER: emulated, STEEPEST_CUDA_KERNELS: emulated };
    const { stdout, status } = spawnSync(program, [what], { encoding: 'utf8', env });
    expect([stdout.trim().split('\n'), status]).toEqual([expected, 0]);
  });
});
