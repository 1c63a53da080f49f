// The twin of ptx.h has to notice mistakes in a pipeline of copies and products that a GPU would answer with wrong numbers now
// and then, or with a hang: each is put into a copy of the kernel's source.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { onDevice } from './device';

const root = path.join(__dirname, '..', '..');
const kernels = path.join(root, 'native/cuda/kernels');
const emulated = path.join(root, 'test/cuda/emulated');

/** A mistake, the text that is replaced by another one, and what comes of it. */
const mistakes: [string, from: string, to: string, result: RegExp][] = [
  ['none', '', '', /^\d(\.\d+)?e-0[78]$/],
  [
    'data that nobody waits for',
    'ptx::awaitPhase(stages.full(stages.stage), stages.phase);',
    '',
    /^719 .*more arrivals at an mbarrier than it counts/,
  ],
  [
    'the phase before is waited for',
    'ptx::awaitPhase(stages.full(stages.stage), stages.phase);',
    'ptx::awaitPhase(stages.full(stages.stage), stages.phase ^ 1u);',
    /^719 .*threads that wait for what does not come/,
  ],
  [
    'a phase that never comes is waited for',
    'ptx::awaitPhase(stages.empty(stages.stage), stages.phase ^ 1u);',
    'ptx::awaitPhase(stages.empty(stages.stage), stages.phase);',
    /^719 .*threads that wait for what does not come/,
  ],
  [
    'a wrong stride in a descriptor',
    'ptx::describeMatrix(b + k * 2, 16, kEight)',
    'ptx::describeMatrix(b + k * 2, 16, kEight / 2)',
    /^[01]\.\d+$/,
  ],
  [
    'a stage that is given back before the products are done with it',
    'ptx::awaitProducts<1>();',
    'ptx::awaitProducts<2>();',
    /^nan$/,
  ],
  [
    'more bytes than are announced',
    'kBytesA + Stages<kColumns>::kBytesB);',
    'kBytesA);',
    /^719 .*threads that wait for what does not come/,
  ],
  ['products without a fence', 'ptx::fenceProducts();', '', /^719 .*wgmma without a fence before it/],
  [
    'a copy to an address that is not aligned',
    'b() const { return memory +',
    'b() const { return memory + 128 +',
    /^719 .*a copy of a box that is not at a multiple of 1024 bytes/,
  ],
  [
    'stages beyond the shared memory of the block',
    'b() const { return memory +',
    'b() const { return memory + kBytesA +',
    /^719 .*outside of the dynamic shared memory of the block/,
  ],
];

onDevice('the twin of the instructions', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'steepest-twin-'));
  const program = path.join(folder, 'check');

  /** The kernel with a mistake, in a namespace and under a name of its own. */
  function variant(source: string, [, from, to]: (typeof mistakes)[number], name: string): string {
    if (from !== '') expect(source.split(from)).toHaveLength(2); // it is there once
    return source
      .replace(from, to)
      .replace('namespace steepest::cuda {', `namespace steepest::cuda { namespace ${name}of {`)
      .replace(
        /#define STEEPEST_WGMMA\([\s\S]*/,
        `STEEPEST_TILED_KERNEL(kWgmmaThreads, 1, ${name}, WgmmaArguments arguments) {
        STEEPEST_WGMMA_TILES(128, kWgmmaDepth, false, false)
      }\n}}\n`,
      );
  }

  beforeAll(() => {
    const source = readFileSync(path.join(kernels, 'gemm_wgmma.cu'), 'utf8');
    const file = path.join(folder, 'kernels.cu');
    writeFileSync(file, mistakes.map((mistake, i) => variant(source, mistake, `variant${i}`)).join('\n'));
    const sources = [
      'check_products',
      'driver',
      'fiber',
      'launch',
      'memory',
      'ptx',
      'ptx_operations',
      'ptx_parse',
      'ptx_run',
    ];
    execFileSync('g++', [
      ...['-std=c++20', '-O1', '-w', `-DSTEEPEST_CHECKED_KERNELS="${file}"`, `-I${kernels}`],
      ...sources.map((name) => path.join(emulated, `${name}.cc`)),
      ...['-o', program],
    ]);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each(mistakes.map(([what, , , result], i) => [what, result, i] as const))('notices: %s', (_, result, i) => {
    const { stdout, stderr } = spawnSync(program, [`variant${i}`], { encoding: 'utf8' });
    expect(`${stdout.trim()} ${stderr.trim()}`.trim()).toMatch(result);
  });
});
