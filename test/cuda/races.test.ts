// What looks for races in kernels (test/cuda/emulated/races.h) has to see those that are put there, and no others: in kernels of
// the test's own, in PTX, and in copies of the library's kernels. scripts/sanitize.mjs --races runs all kernels so.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { onDevice } from './device';
import {
  attentionGrad,
  compile,
  int8Product,
  type Mistake,
  pairProduct,
  tf32Product,
  variant,
  wgmmaProduct,
} from './planted';

const productMistakes: Mistake[] = [
  ['none', '', '', /^\d(\.\d+)?e-0[78]$/],
  [
    'a stage that the first warp of a group gives back for all of them',
    'const bool arrives = thread % 32 < Source::kMembers;',
    'const bool arrives = thread < 4;',
    /^719 .*a race: a copy by TMA writes shared memory .* that a product of warp \d+ has read/,
  ],
  [
    'data that nobody waits for',
    'ptx::awaitPhase(stages.full(stages.stage), stages.phase);',
    '',
    /^719 .*a race: .*a copy by TMA .* a product of warp|a product of warp .* a copy by TMA/,
  ],
  [
    'a stage that is given back before the products are done with it',
    'ptx::awaitProducts<1>();',
    'ptx::awaitProducts<2>();',
    /^719 .*a race: .*a copy by TMA .* a product of warp|a product of warp .* a copy by TMA/,
  ],
  [
    'a strip that is read before all of the warp have written',
    '    __syncwarp();\n    strip.get(quads);',
    '    strip.get(quads);',
    /^719 .*a race: thread \d+ of block 0 \w+ shared memory at /,
  ],
];

const pairMistakes: Mistake[] = [
  ['none', '', '', /^\d(\.\d+)?e-0[78]$/],
  [
    'a stage that the other block gives back too early',
    'ptx::awaitProducts<1>();',
    'ptx::awaitProducts<2>();',
    /^719 .*a race: .*a copy by TMA .* a product of warp|a product of warp .* a copy by TMA/,
  ],
];

const sentMistakes: Mistake[] = [
  ['none', '', '', /^\d(\.\d+)?e-0[78]$/],
  [
    'a box that is written before it has been read',
    'if (lane() == 0) ptx::awaitStores<1>();\n    __syncwarp();',
    'if (lane() == 0) ptx::awaitStores<1>();',
    /^719 .*a race: thread \d+ of block 0 writes shared memory .* that a copy by TMA has read/,
  ],
  [
    'a box that is filled too early',
    'ptx::awaitStores<1>();',
    'ptx::awaitStores<2>();',
    /^719 .*a race: thread \d+ of block 0 writes shared memory .* that a copy by TMA has read/,
  ],
  [
    'a box that goes before all have written it',
    'ptx::fenceCopies();\n    __syncwarp();',
    'ptx::fenceCopies();',
    /^719 .*a race: a copy by TMA reads shared memory .* that thread \d+ of block 0 has written at/,
  ],
  [
    'a fence before what it is for',
    'if (half == 0) boxes.begin();',
    'if (half == 0) boxes.begin();\n    ptx::fenceCopies();',
    /^\d(\.\d+)?e-0[78]$/,
  ],
  [
    'a fence after the others have been met',
    'ptx::fenceCopies();\n    __syncwarp();',
    '__syncwarp();\n    ptx::fenceCopies();',
    /^719 .*a race: a copy by TMA reads .* that thread \d+ of block 0 has written without a fence after that/,
  ],
];

const attentionGradMistakes: Mistake[] = [
  [
    'statistics that one lane gives back for all of them',
    'ptx::fenceCopies();  // the statistics have been read\n          __syncwarp();',
    'ptx::fenceCopies();',
    /^719 .*a race: a copy by TMA writes shared memory .* that thread \d+ of block 0 has read/,
  ],
];

const mmaMistakes: Mistake[] = [
  ['none', '', '', /^\d(\.\d+)?e-0[78]$/],
  [
    'a tile that is multiplied before all is there',
    'tile.store(0, a, b);\n  __syncthreads();',
    'tile.store(0, a, b);',
    /^719 .*a race: thread \d+ of block 0 \w+ shared memory at .* has (read|written)/,
  ],
  [
    'a tile that is replaced before all have multiplied it',
    'if (more) tile.store(now ^ 1, a, b);\n    __syncthreads();',
    'if (more) tile.store(now ^ 1, a, b);',
    /^719 .*a race: thread \d+ of block 0 \w+ shared memory at .* has (read|written)/,
  ],
  [
    'a strip that is written before all of the warp have read',
    '    __syncwarp();\n#pragma unroll\n    for (int i = 0; i < kM; ++i) {\n      if (i == turn)',
    '#pragma unroll\n    for (int i = 0; i < kM; ++i) {\n      if (i == turn)',
    /^719 .*a race: thread \d+ of block 0 writes shared memory at .* has read/,
  ],
];

const int8Mistakes: Mistake[] = [
  ['none', '', '', /^0$/],
  ['a tile over the other one', 'b.store(tilesB + to * kColumns * kRun)', 'b.store(tilesB)', /^719 .*a race: /],
];

onDevice('races', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'steepest-races-'));
  const own = path.join(folder, 'own');
  const products = path.join(folder, 'products');
  const mma = path.join(folder, 'mma');

  beforeAll(() => {
    compile(own, ['check_races'], [], true);
    const file = path.join(folder, 'kernels.cu');
    const variants = productMistakes.map((mistake, i) => variant(wgmmaProduct, mistake, `product${i}`));
    const gradients = attentionGradMistakes.map((mistake, i) => variant(attentionGrad, mistake, `attentionGrad${i}`));
    const sent = sentMistakes.map((mistake, i) => variant(wgmmaProduct, mistake, `sent${i}`));
    const pairs = pairMistakes.map((mistake, i) => variant(pairProduct, mistake, `pair${i}`));
    writeFileSync(file, [...variants, ...pairs, ...sent, ...gradients].join('\n'));
    const checks = ['check_attention', 'check_convolutions', 'check_products'];
    compile(products, checks, [`-DSTEEPEST_CHECKED_KERNELS="${file}"`], true);
    const mmaFile = path.join(folder, 'mma.cu');
    const mmaVariants = [
      ...mmaMistakes.map((mistake, i) => variant(tf32Product, mistake, `tf32of${i}`)),
      ...int8Mistakes.map((mistake, i) => variant(int8Product, mistake, `int8of${i}`)),
    ];
    writeFileSync(mmaFile, `#include "scalar.h"\n${mmaVariants.join('\n')}`);
    compile(mma, ['check_mma'], [`-DSTEEPEST_CHECKED_MMA="${mmaFile}"`], true);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const check = (program: string, words: string[], result: RegExp, order = 'first') => {
    const env = { ...process.env, STEEPEST_EMULATED_THREADS: order };
    const { stdout, stderr } = spawnSync(program, words, { encoding: 'utf8', env });
    expect(`${stdout.trim()} ${stderr.trim()}`.trim()).toMatch(result);
  };

  /** Runs a text of PTX in which the waits in front of an instruction are left out. */
  const checkWithout = (ptx: string, waits: RegExp, name: string, result: RegExp) => {
    const file = path.join(folder, `${name}.ptx`);
    const text = ptx.replace(waits, (found) => found.slice(-3).trimStart());
    writeFileSync(file, text);
    check(own, [file, name], result);
  };

  describe.each(['first', 'last', 'mixed'])('whoever comes %s', (order) => {
    test.each([
      ...['barrier', 'warp', 'pairs', 'blocksOnlyRead', 'counted', 'bytes', 'copies', 'bulk', 'bulkForOneWhoTells'],
      'bothBlocks',
    ])('%s is none', (name) => check(own, [name], /^0$/, order));

    const one = 'thread \\d+ of block \\d';
    test.each([
      ['noBarrier', `${one} \\w+ shared memory at check_races.cc:\\d+ .*that ${one} has (read|written) at check_races`],
      ['warpOfBlock', `${one} \\w+ shared memory .*that ${one} has`],
      ['shuffle', `${one} \\w+ shared memory .*that ${one} has`],
      ['otherPairs', `${one} \\w+ shared memory .*that ${one} has`],
      ['overwritten', `${one} \\w+ shared memory .*that ${one} has`],
      ['blocks', `${one} writes global memory .*that ${one} has written`],
      ['blocksRead', `${one} \\w+ global memory .*that (${one}|block \\d) has`],
      ['readWhileCounted', `${one} (atomically changes|reads) shared memory .*that ${one} has`],
      ['bytesAndWords', `${one} \\w+ global memory .*that ${one} has`],
      ['otherBlock', `${one} \\w+ shared memory .*that ${one} has`],
      ['restOfOther', `${one} \\w+ global memory .*that ${one} has`],
      ['copiesTooEarly', `${one} \\w+ shared memory .*that ${one} has`],
      ['bulkForOne', `(${one} reads shared memory .*that a copy|a copy by TMA .*that ${one} has read)`],
    ])('%s', (name, what) => check(own, [name], new RegExp(`^719 .*${name}: a race: ${what}`), order));
  });

  /** Each thread of a cluster of two blocks writes its word, and adds that of the thread of the other block. */
  const cluster = `.version 7.8
.target sm_90
.address_size 64

.visible .entry map(.param .align 8 .b8 arguments[8])
.maxntid 64, 1, 1
.explicitcluster
.reqnctapercluster 2, 1, 1
{
	.reg .b32 %r<8>;
	.reg .b64 %q<3>;
	mov.u32 %r0, %tid.x;
	mov.u32 %r1, %ctaid.x;
	ld.param.b64 %q0, [arguments+0];
	mad.lo.s32 %r2, %r1, 64, %r0;
	mad.wide.s32 %q1, %r2, 4, %q0;
	xor.b32 %r3, %r2, 64;
	mad.wide.s32 %q2, %r3, 4, %q0;
	st.global.b32 [%q1+0], %r2;
	barrier.cluster.arrive;
	barrier.cluster.wait;
	ld.global.b32 %r4, [%q2+0];
	barrier.cluster.arrive;
	barrier.cluster.wait;
	st.global.b32 [%q1+0], %r4;
	ret;
}
`;
  test.each([
    ['a cluster that meets', /^$/, /^0$/],
    [
      'a cluster that does not wait for what is written',
      /\tbarrier.cluster.arrive;\n\tbarrier.cluster.wait;\n\tld/,
      /^719 .*map: a race: thread \d+ of block \d \w+ global memory at line (19|20) that thread \d+ of block \d has \w+ at line (19|20)/,
    ],
    [
      'a cluster that does not wait for who reads',
      /\tbarrier.cluster.arrive;\n\tbarrier.cluster.wait;\n\tst/,
      /^719 .*map: a race: thread \d+ of block \d \w+ global memory at line (22|23) that thread \d+ of block \d has \w+ at line (22|23)/,
    ],
  ])('%s', (_, wait, result) => checkWithout(cluster, wait, 'map', result));

  /** Each thread leaves its word in shared memory, adds up that of its neighbour to the right, and leaves the sum there again. */
  const block = `.version 7.0
.target sm_80
.address_size 64

.visible .entry reduce(.param .align 8 .b8 arguments[8])
.maxntid 64, 1, 1
{
	.reg .b32 %r<7>;
	.reg .b64 %q<4>;
	.shared .align 8 .b8 shared[256];
	mov.u32 %r0, %tid.x;
	mov.u32 %r1, %ctaid.x;
	ld.param.b64 %q0, [arguments+0];
	mad.lo.s32 %r2, %r1, 64, %r0;
	mad.wide.s32 %q1, %r2, 4, %q0;
	mov.u64 %q2, shared;
	xor.b32 %r3, %r0, 1;
	mad.wide.s32 %q3, %r3, 4, %q2;
	mad.wide.s32 %q2, %r0, 4, %q2;
	ld.global.b32 %r4, [%q1+0];
	st.shared.b32 [%q2+0], %r4;
	bar.sync 0;
	ld.shared.b32 %r5, [%q3+0];
	add.s32 %r4, %r4, %r5;
	bar.sync 0;
	st.shared.b32 [%q2+0], %r4;
	st.global.b32 [%q1+0], %r4;
	ret;
}
`;
  test.each([
    ['a block that meets', /^$/, /^0$/],
    [
      'a block that does not wait for what is written',
      /\tbar.sync 0;\n\tld/,
      /^719 .*reduce: a race: thread \d+ of block \d \w+ shared memory at line (21|22) that thread \d+ of block \d has \w+ at line (21|22)/,
    ],
    [
      'a block that does not wait for who reads',
      /\tbar.sync 0;\n\tst/,
      /^719 .*reduce: a race: thread \d+ of block \d \w+ shared memory at line (23|25) that thread \d+ of block \d has \w+ at line (23|25)/,
    ],
  ])('in PTX as it is emitted: %s', (_, wait, result) => checkWithout(block, wait, 'reduce', result));

  test.each(productMistakes.map(([what, , , result], i) => [what, result, i] as const))(
    'in a product by wgmma: %s',
    (_, result, i) => check(products, [`product${i}`], result),
  );
  test.each(pairMistakes.map(([what, , , result], i) => [what, result, i] as const))(
    'in a product by pairs of blocks: %s',
    (_, result, i) => check(products, [`pair${i}`], result),
  );
  test.each(sentMistakes.map(([what, , , result], i) => [what, result, i] as const))(
    'in a product whose results go by TMA: %s',
    // who asks for boxes comes last, when the others have fenced
    (_, result, i) => check(products, [`sent${i}`], result, 'last'),
  );
  test.each(attentionGradMistakes.map(([what, , , result], i) => [what, result, i] as const))(
    'in gradients of attention: %s',
    (_, result, i) => check(products, [`attentionGrad${i}`], result),
  );
  test.each(mmaMistakes.map(([what, , , result], i) => [what, result, i] as const))(
    'in a product by mma.sync: %s',
    (_, result, i) => check(mma, [`tf32of${i}`], result),
  );
  test.each(int8Mistakes.map(([what, , , result], i) => [what, result, i] as const))(
    'in a product of int8: %s',
    (_, result, i) => check(mma, [`int8of${i}`], result),
  );
});
