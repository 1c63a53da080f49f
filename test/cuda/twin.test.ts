// The twin of ptx.h has to notice mistakes in a pipeline of copies and products that a GPU would answer with wrong numbers now
// and then, or with a hang: each is put into a copy of the kernel's source.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { onDevice } from './device';
import {
  attentionKeyGradient,
  compile,
  int8Product,
  type Mistake,
  mmaVariant,
  tf32Product,
  variant,
  wgmmaProduct,
} from './planted';

const mistakes: Mistake[] = [
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
    'ptx::describeMatrix(b + k * 2, 16, kWgmmaEight)',
    'ptx::describeMatrix(b + k * 2, 16, kWgmmaEight / 2)',
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
    'kWgmmaBytesA + Stages<Source::kColumns>::kBytesB);',
    'kWgmmaBytesA);',
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
    'b() const { return memory + 2 * kWgmmaStages * kWgmmaBytesA +',
    /^719 .*outside of the dynamic shared memory of the block/,
  ],
];

/** The same for the copies of a convolution, which gather patches. */
const convolutionMistakes: Mistake[] = [
  ['none', '', '', /^\d(\.\d+)?e-0[78]$/],
  ['offsets of the other axes', 'offset[d] = tap.at[axis]', 'offset[d] = tap.at[d + 1 & 3]', /^[01]\.\d+$/],
  ['offsets that are negative', 'offset[d] = tap', 'offset[d] = -tap', /^719 .*an offset of too many bits/],
  ['other axes than those of the map', 'copyPatches<2>', 'copyPatches<3>', /^719 .*other axes than its map/],
  ['positions without their step', '* arguments.conv.step[axis]', '', /^[01]\.\d+$/],
  [
    'positions without the padding',
    '+ phase.first[axis]',
    '+ phase.first[axis] - 1',
    /^719 .*from outside of the map's box/,
  ],
  ['the first channels again', 'copyPatches<2>(to, map, tap.channel', 'copyPatches<2>(to, map, 0', /^[01]\.\d+$/],
  ['another image', 'const auto image =', 'const auto image = 1 +', /^[01]\.\d+$/],
  ['another tap of the kernel', 'tap.inKernel, full', '0, full', /^[01]\.\d+$/],
  [
    'boxes instead of patches',
    'arguments.source + tile.batch',
    '&arguments.other',
    /^719 .*a tensor map of the other kind/,
  ],
];

/** Of the forward kernel. */
const attentionMistakes: Mistake[] = [
  ['none', '', '', /^0\.00[0-3]\d*$/],
  [
    'a phase that never comes is waited for',
    'ptx::awaitPhase(memory.empty(which, stage.stage), stage.phase ^ 1u);',
    'ptx::awaitPhase(memory.empty(which, stage.stage), stage.phase);',
    /^719 .*threads that wait for what does not come/,
  ],
  [
    'both groups wait for their turn',
    'turnPhase = group == 0 ? 1 : 0;',
    'turnPhase = 0;',
    /^719 .*threads that wait for what does not come/,
  ],
  [
    'values that nobody waits for',
    'ptx::awaitPhase(memory.full(kE, values.stage), values.phase);\n        ptx::awaitPhase(memory.turn',
    'ptx::awaitPhase(memory.turn',
    /^719 .*more arrivals at an mbarrier than it counts/,
  ],
  ['rows that are replaced while they are in use', 'ptx::awaitPhase(memory.rowsEmpty(), phase ^ 1u);', '', /^nan$/],
  [
    'values that are given back before the products are done with them',
    `ptx::awaitProducts<0>();
        ptx::readProducts(results[0]);
        if (arrives) ptx::arrive(memory.empty(kE, values.stage));`,
    `if (arrives) ptx::arrive(memory.empty(kE, values.stage));
        ptx::awaitProducts<0>();
        ptx::readProducts(results[0]);`,
    /^nan$/,
  ],
  [
    'scores that are read before they are there',
    'ptx::awaitProducts<1>();',
    'ptx::awaitProducts<2>();',
    /^719 .*sums of wgmma that are read before they have been waited for/,
  ],
  [
    'weights that change while they are multiplied',
    'weighTile(tile);\n        ptx::awaitProducts<0>();',
    'weighTile(tile);\n        packWeights();\n        ptx::awaitProducts<0>();',
    /^719 .*registers of an operand that change before wgmma is done with them/,
  ],
  [
    'products without a fence',
    'ptx::fenceProducts();\n        multiplyWeights',
    'multiplyWeights',
    /^719 .*wgmma without a fence before it/,
  ],
  [
    'a wrong stride in a descriptor',
    'kColumns * kSwizzledRun, kSwizzledEight)',
    'kColumns * kSwizzledRun, kSwizzledEight / 2)',
    /^[01]\.\d+$/,
  ],
  ['weights in a wrong order', 'weights[j / 4][j % 4] =', 'weights[j / 4][j % 4 ^ 1] =', /^[0-3]\.\d+$/],
  ['tiles of a head that nobody takes', 'heads - section()', 'together', /^\d(\.\d+)?e\+\d+$/],
];

/** Of the gradients of keys and values. */
const attentionGradMistakes: Mistake[] = [
  ['none', '', '', /^0\.00[0-3]\d*$/],
  [
    'statistics that are not announced',
    'Memory::kColumnBytes + (which == kD ? kStatisticBytes : 0)',
    'Memory::kColumnBytes',
    /^719 .*threads that wait for what does not come/,
  ],
  [
    'the phase before is waited for',
    'ptx::awaitPhase(memory.full(kD, stage.stage), stage.phase);',
    'ptx::awaitPhase(memory.full(kD, stage.stage), stage.phase ^ 1u);',
    /^719 .*threads that wait for what does not come/,
  ],
  [
    'columns that are given back at once, and the last ones twice',
    'item > 0 && arrives) ptx::arrive(memory.empty(kD, stage.before()));',
    'arrives) ptx::arrive(memory.empty(kD, stage.stage));',
    /^719 .*threads that wait for what does not come/,
  ],
  [
    'columns that are never given back',
    'if (kGoesOn && item > 0 && arrives) ptx::arrive(memory.empty(kD, stage.before()));',
    '',
    /^719 .*threads that wait for what does not come/,
  ],
  [
    'gradients that are read before they are there',
    'ptx::awaitProducts<kKeysDown ? 1 : 0>();',
    'ptx::awaitProducts<2>();',
    /^719 .*sums of wgmma that are read before they have been waited for/,
  ],
  [
    'results that are read before they are there',
    `      ptx::awaitProducts<0>();
      ptx::readProducts(resultsD[0]);
      if`,
    `      ptx::readProducts(resultsD[0]);
      if`,
    /^719 .*sums of wgmma that are read before they have been waited for/,
  ],
];

/** The same for products by mma.sync: of tf32, where fragments come by ldmatrix or number by number, */
const tf32Mistakes: Mistake[] = [
  ['none', '', '', /^\d(\.\d+)?e-0[78]$/],
  [
    'operands that are not rounded',
    'ptx::toTf32(quad.x[0])',
    'scalar::sameBits<uint32_t>(quad.x[0])',
    /^719 .*has not been rounded/,
  ],
  [
    'a tile that is multiplied before all is there',
    'tile.store(0, a, b);\n  __syncthreads();',
    'tile.store(0, a, b);',
    /^719 .*has not been rounded/,
  ],
  ['the next tile over this one', 'tile.store(now ^ 1, a, b)', 'tile.store(now, a, b)', /^719 .*has not been rounded/],
  ['the same tile again', 'tile.multiply(now)', 'tile.multiply(0)', /^(nan|[01]\.\d+)$/],
  ['halves of k exchanged in one operand', 'i % 2 : i / 2) * kHalf)]', 'i / 2 : i % 2) * kHalf)]', /^[01]\.\d+$/],
  [
    'fragments of another lane',
    'at(row + lane / 4, depth + lane % 4)',
    'at(row + lane / 4, depth + lane / 8)',
    /^[01]\.\d+$/,
  ],
  ['rows that do not begin at 16 bytes', 'kDepth + kHalf :', 'kDepth + 1 :', /^719 .*multiple of 16/],
  [
    'sums of other columns',
    'firstColumn + WarpStrip::column()',
    'firstColumn + (WarpStrip::column() ^ 4)',
    /^[01]\.\d+$/,
  ],
];

/** and of int8, whose sums are exact. */
const int8Mistakes: Mistake[] = [
  ['none', '', '', /^0$/],
  [
    'rows for halves of k',
    'which % 2 * 8 + line) * kRun + which / 2 * 16',
    'which / 2 * 8 + line) * kRun + which % 2 * 16',
    /^[01]\.\d+$/,
  ],
  ['bytes that are not turned', '>> 8 * c & 0xffu) << 8 * j', '>> 8 * j & 0xffu) << 8 * j', /^[01]\.\d+$/],
  ['the first half of k again', 'b + j * 8 * kRun + k)', 'b + j * 8 * kRun)', /^[01]\.\d+$/],
  ['the first tile of a again', 'tilesA + (from * kRows', 'tilesA + (0 * kRows', /^[01]\.\d+$/],
  ['a tile over the other one', 'b.store(tilesB + to * kColumns * kRun)', 'b.store(tilesB)', /^[01]\.\d+$/],
];

onDevice('the twin of the instructions', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'steepest-twin-'));
  const program = path.join(folder, 'check');

  const mma = path.join(folder, 'check-mma');

  beforeAll(() => {
    const convolution = `STEEPEST_TILED_KERNEL(kWgmmaThreads, 1, NAME, ConvWgmmaArguments arguments) {
      STEEPEST_CONV_WGMMA_TILES(PatchSource<128, kWgmmaDepth>)
    }`;
    const attention = `STEEPEST_TILED_KERNEL(kAttentionWgmmaThreads, 1, NAME, AttentionWgmmaArguments arguments) {
      STEEPEST_ATTEND(0)
    }`;
    const variants = [
      ...mistakes.map((mistake, i) => variant('gemm_wgmma.cu', wgmmaProduct, mistake, `product${i}`)),
      ...convolutionMistakes.map((mistake, i) => variant('conv_wgmma.cu', convolution, mistake, `convolution${i}`)),
      ...attentionMistakes.map((mistake, i) => variant('attention_wgmma.cu', attention, mistake, `attention${i}`)),
      ...attentionGradMistakes.map((mistake, i) =>
        variant('attention_wgmma_grad.cu', attentionKeyGradient, mistake, `attentionGrad${i}`),
      ),
    ];
    const file = path.join(folder, 'kernels.cu');
    writeFileSync(file, variants.join('\n'));
    compile(
      program,
      ['check_attention', 'check_convolutions', 'check_products'],
      [`-DSTEEPEST_CHECKED_KERNELS="${file}"`],
    );
  });
  beforeAll(() => {
    const file = path.join(folder, 'mma.cu');
    const variants = [
      ...tf32Mistakes.map((mistake, i) => mmaVariant('gemm_mma.cu', tf32Product, mistake, `tf32of${i}`)),
      ...int8Mistakes.map((mistake, i) => mmaVariant('int8.cu', int8Product, mistake, `int8of${i}`)),
    ];
    writeFileSync(file, `#include "scalar.h"\n${variants.join('\n')}`);
    compile(mma, ['check_mma'], [`-DSTEEPEST_CHECKED_MMA="${file}"`]);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const check = (kernel: string, result: RegExp, words: string[] = [], by = program) => {
    const { stdout, stderr } = spawnSync(by, [kernel, ...words], { encoding: 'utf8' });
    expect(`${stdout.trim()} ${stderr.trim()}`.trim()).toMatch(result);
  };
  // As the PTX manual has it under "im2col mode"; worked out by hand.
  test.each([
    ['an image', [16, 1, 4, 4], [0, 0, 0, 0], [1, 1], [0, 0], 0, '1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16'],
    ['beyond its edges', [16, 1, 4, 4], [-1, -1, -1, -1], [1, 1], [-1, -1], 0, '0 0 0 0 0 1 2 3 0 5 6 7 0 9 10 11'],
    ['another tap', [16, 1, 4, 4], [-1, -1, -1, -1], [1, 1], [-1, -1], 22, '6 7 8 0 10 11 12 0 14 15 16 0 0 0 0 0'],
    ['a tap along x', [4, 1, 4, 4], [0, 0, -2, -2], [1, 1], [0, 0], 2, '3 4 7 8'],
    ['from inside of a row on', [6, 2, 2, 3], [0, 0, 0, 0], [1, 1], [2, 0], 0, '3 4 5 6 7 8'],
    ['behind the last image', [4, 1, 2, 2], [0, 0, 0, 0], [1, 1], [1, 1], 0, '4 0 0 0'],
    ['with steps', [8, 2, 4, 4], [0, 0, 0, 0], [2, 2], [0, 0], 0, '1 3 9 11 17 19 25 27'],
    ['with other steps', [6, 1, 4, 5], [-1, 0, 0, 0], [3, 2], [-1, 0], 0, '0 3 0 13 0 0'],
  ] as const)('patches: %s', (_, sizes, corners, steps, at, offset, result) => {
    const words = [...sizes, ...corners, ...steps, ...at, offset].map(String);
    check('seePatches', new RegExp(`^${result}$`), words);
  });
  test('patches of convolutions as large as 32 bits can name are where 64 bits say', () => check('wrongPlaces', /^0$/));
  test.each(mistakes.map(([what, , , result], i) => [what, result, i] as const))('notices: %s', (_, result, i) =>
    check(`product${i}`, result),
  );
  test.each(convolutionMistakes.map(([what, , , result], i) => [what, result, i] as const))(
    'notices in a convolution: %s',
    (_, result, i) => check(`convolution${i}`, result),
  );
  test.each(attentionMistakes.map(([what, , , result], i) => [what, result, i] as const))(
    'notices in attention: %s',
    (_, result, i) => check(`attention${i}`, result),
  );
  test.each(attentionGradMistakes.map(([what, , , result], i) => [what, result, i] as const))(
    'notices in gradients of attention: %s',
    (_, result, i) => check(`attentionGrad${i}`, result),
  );
  test.each(tf32Mistakes.map(([what, , , result], i) => [what, result, i] as const))(
    'notices in a product of tf32: %s',
    (_, result, i) => check(`tf32of${i}`, result, [], mma),
  );
  test.each(int8Mistakes.map(([what, , , result], i) => [what, result, i] as const))(
    'notices in a product of int8: %s',
    (_, result, i) => check(`int8of${i}`, result, [], mma),
  );
});
