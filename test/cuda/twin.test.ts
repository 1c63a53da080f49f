// The twin of ptx.h has to notice mistakes in a pipeline of copies and products that a GPU would answer with wrong numbers now
// and then, or with a hang: each is put into a copy of the kernel's source.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { onDevice } from './device';
import type { Mistake as Planted } from './planted';
import {
  attention,
  attentionGrad,
  compile,
  int8Product,
  type Kernel,
  pairProduct,
  tf32Product,
  variant,
  wgmmaProduct,
} from './planted';

/** What comes of it are numbers that are wrong, or none, or the message of a launch that fails. */
type Mistake = Planted<string>;

const unread = 'a copy over what a thread has read without a fence after that';
const stuck = 'threads that wait for what does not come';
const tooMany = 'more arrivals at an mbarrier than it counts';
const early = 'sums of wgmma that are read before they have been waited for';
const unfenced = 'wgmma without a fence before it';
const ended = 'what is asked of a block of the cluster that has ended';
const unfencedBox = 'a copy to memory of what a thread has written without a fence after that';
const unrounded = 'has not been rounded';

const waitFull = 'ptx::awaitPhase(stages.full(stages.stage), stages.phase);';
const waitEmpty = 'ptx::awaitPhase(stages.empty(stages.stage), stages.phase ^ 1u);';
const nextStage = 'depth < tile.lastDepth; depth += Source::kDepth, stages.next()) {\n      uint64_t';
const readSums = 'ptx::awaitProducts<0>();\n    ptx::readProducts(sums);';
const mistakes: Mistake[] = [
  ['data that nobody waits for', waitFull, '', tooMany],
  ['the phase before is waited for', waitFull, waitFull.replace('phase)', 'phase ^ 1u)'), stuck],
  ['a phase that never comes is waited for', waitEmpty, waitEmpty.replace(' ^ 1u', ''), stuck],
  ['a wrong stride in a descriptor', 'b + k * 2, 16, kWgmmaEight', 'b + k * 2, 16, kWgmmaEight / 2', 'wrong'],
  [
    'a stride that is too long',
    'b + k * 2, 16, kWgmmaEight',
    'b + k * 2, 16, 1 << 18',
    'a stride that no descriptor has',
  ],
  ['rows from the second one on', '(a + k * 2', '(a + 128 + k * 2', 'does not begin in the first run of a pattern'],
  ['rows of the other group for some warps', '() + group *', '() + thread / 64 *', 'ask for different products'],
  ['a stage that is given back too early', 'ptx::awaitProducts<1>();', 'ptx::awaitProducts<2>();', 'nan'],
  ['sums that are read too early', readSums, 'ptx::readProducts(sums);', early],
  ['sums that nobody waits for', readSums, '', 'a thread that ends while its products go on'],
  ['more bytes than are announced', 'kWgmmaBytesA + Stages<Source::kColumns>::kBytesB);', 'kWgmmaBytesA);', stuck],
  ['more bytes than can be', 'kWgmmaBytesA + Stages', '(1 << 20) + Stages', 'more bytes than an mbarrier can count'],
  ['a stage too many', nextStage, nextStage.replace('<', '<='), 'while copies to it go on'],
  ['barriers without a fence', 'ptx::fenceBarriers();', '', 'a copy to a new mbarrier without a fence'],
  ['products without a fence', 'ptx::fenceProducts();', '', unfenced],
  [
    'an address that is not aligned',
    'b() const { return memory +',
    'b() const { return memory + 128 +',
    'not at a multiple of 1024 bytes',
  ],
  [
    'stages beyond the shared memory of the block',
    'b() const { return memory +',
    'b() const { return memory + 2 * kWgmmaStages * kWgmmaBytesA +',
    'outside of the dynamic shared memory of the block',
  ],
];

/** Of pairs of blocks that bring an operand for each other. */
const giveAll = 'ptx::arriveAt(empty, static_cast<uint32_t>(thread) % 32);';
const meetFirst = 'if constexpr (kMembers > 1) {\n    ptx::meetCluster();\n  } else {\n    __syncthreads();\n  }';
const apart = 'a barrier that not all threads of the cluster reach';
const pairMistakes: Mistake[] = [
  ['stages that are given back to their own block', giveAll, 'if (thread % 32 == 0) ptx::arrive(empty);', apart],
  ['stages that are given back to the other block twice', giveAll, 'ptx::arriveAt(empty, 1);', apart],
  ['barriers that count a block of them', 'Source::kMembers * 2 * kGroupWarps', '2 * kGroupWarps', tooMany],
  ['a cluster that does not meet first', meetFirst, '__syncthreads();', 'an mbarrier that nobody has made'],
  ['a cluster that does not meet at last', 'if constexpr (kMembers > 1) ptx::meetCluster();\n}', '}', ended],
  ['the same share from both', 'static_cast<int>(ptx::memberOfCluster()) * kShare', '0', 'nan'],
  ['shares for their own block only', 'ptx::copyBoxToAll<kMembers>', 'ptx::copyBox', apart],
  ['shares exchanged in memory', 'to + (first + at)', 'to + (kShare - first + at)', 'wrong'],
  [
    'bytes of a share',
    'kWgmmaBytesA + Stages<Source::kColumns>::kBytesB)',
    'kWgmmaBytesA + Stages<Source::kColumns>::kBytesB / 2)',
    apart,
  ],
  ['blocks that the cluster has not', 'copyBoxToAll<kMembers>', 'copyBoxToAll<kMembers + 1>', 'its cluster has not'],
];

/** Of results that go to memory in boxes. */
const meet = 'ptx::fenceCopies();\n    __syncwarp();';
const boxMistakes: Mistake[] = [
  ['a box without a fence', meet, '__syncwarp();', unfencedBox],
  ['a fence by who asks only', meet, '__syncwarp();\n    if (lane() == 0) ptx::fenceCopies();', unfencedBox],
  ['a box that is filled before it has been read', 'ptx::awaitStores<1>();', 'ptx::awaitStores<2>();', 'wrong'],
  [
    'boxes that nobody waits for',
    'if (lane() == 0) ptx::finishStores();',
    '',
    'while boxes go from its block to memory',
  ],
  ['a group that nobody closes', 'ptx::closeStores();', '', 'while boxes go from its block to memory'],
  ['the same box again', 'number_ ^= 1;', '', 'wrong'],
  ['boxes where no pattern begins', 'memory_(shared + warp', 'memory_(shared + 128 + warp', 'a multiple of 1024 bytes'],
  ['rows of another warp', 'tile.row + firstRow, tile.part', 'tile.row + (firstRow ^ 16), tile.part', 'wrong'],
  ['another batch', 'tile.part * g.batch.size + tile.batch);', 'tile.part * g.batch.size + tile.batch + 1);', 'wrong'],
];
/** Of float32 numbers, */
const wideMistakes: Mistake[] = [
  ['a row without the swizzle', '/ 2 ^ row ^ odd', '/ 2 ^ odd', 'wrong'],
  ['columns of odd rows in their order', 'odd ? runs[other][0]', 'false ? runs[other][0]', 'wrong'],
];
/** and bfloat16 ones, by stmatrix. */
const narrowMistakes: Mistake[] = [
  ['a row without the swizzle', '(piece ^ row % 8)', '(piece)', 'wrong'],
  ['halves exchanged', 'half * 4 + i / 2', '(half ^ 1) * 4 + i / 2', 'wrong'],
  ['rows of the other matrices', 'lane() % 16', '(lane() % 16 ^ 8)', 'wrong'],
  ['rows that do not begin at 16 bytes', '* kRowBytes + (piece', '* kRowBytes + 8 + (piece', 'multiple of 16'],
];

/** Of the copies of a convolution, which gather patches. */
const convolutionMistakes: Mistake[] = [
  ['offsets of the other axes', 'offset[d] = tap.at[axis]', 'offset[d] = tap.at[d + 1 & 3]', 'wrong'],
  ['offsets that are negative', 'offset[d] = tap', 'offset[d] = -tap', 'an offset of too many bits'],
  ['other axes than those of the map', 'copyPatches<2>', 'copyPatches<3>', 'other axes than its map'],
  ['positions without their step', '* arguments.conv.step[axis]', '', 'wrong'],
  ['positions without the padding', '+ phase.first[axis]', '+ phase.first[axis] - 1', "outside of the map's box"],
  ['the first channels again', 'copyPatches<2>(to, map, tap.channel', 'copyPatches<2>(to, map, 0', 'wrong'],
  ['another image', 'const auto image =', 'const auto image = 1 +', 'wrong'],
  ['another tap of the kernel', 'tap.inKernel, full', '0, full', 'wrong'],
  ['boxes instead of patches', 'arguments.source + tile.batch', '&arguments.other', 'a tensor map of the other kind'],
];

/** Of the forward kernel. */
const waitValues = 'ptx::awaitPhase(memory.full(kE, values.stage), values.phase);\n        ';
const readResults = 'ptx::awaitProducts<0>();\n        ptx::readProducts(results[0]);\n        ';
const giveValues = 'if (arrives) ptx::arrive(memory.empty(kE, values.stage));';
const giveColumns = 'ptx::awaitPhase(memory.empty(which, stage.stage), stage.phase ^ 1u);';
const attentionMistakes: Mistake[] = [
  ['a phase that never comes is waited for', giveColumns, giveColumns.replace(' ^ 1u', ''), stuck],
  ['both groups wait for their turn', 'turnPhase = group == 0 ? 1 : 0;', 'turnPhase = 0;', stuck],
  ['values that nobody waits for', `${waitValues}ptx::awaitPhase(memory.turn`, 'ptx::awaitPhase(memory.turn', tooMany],
  ['rows that are replaced in use', 'ptx::awaitPhase(memory.rowsEmpty(), phase ^ 1u);', '', 'nan'],
  ['values that are given back too early', readResults + giveValues, `${giveValues}\n        ${readResults}`, 'nan'],
  ['scores that are read too early', 'ptx::awaitProducts<1>();', 'ptx::awaitProducts<2>();', early],
  [
    'weights that change while they are multiplied',
    'weighTile(tile);\n        ptx::awaitProducts<0>();',
    'weighTile(tile);\n        packWeights();\n        ptx::awaitProducts<0>();',
    'registers of an operand that change before wgmma is done with them',
  ],
  ['products without a fence', 'ptx::fenceProducts();\n        multiplyWeights', 'multiplyWeights', unfenced],
  ['a wrong stride in a descriptor', 'kSwizzledRun, kSwizzledEight)', 'kSwizzledRun, kSwizzledEight / 2)', 'wrong'],
  ['weights in a wrong order', 'weights[j / 4][j % 4] =', 'weights[j / 4][j % 4 ^ 1] =', 'wrong'],
  ['tiles of a head that nobody takes', 'heads - section()', 'together', 'wrong'],
];

/** Of the gradients of keys and values. */
const waitColumns = 'ptx::awaitPhase(memory.full(kD, stage.stage), stage.phase);';
const giveBefore = 'if (kGoesOn && item > 0 && arrives) ptx::arrive(memory.empty(kD, stage.before()));';
const attentionGradMistakes: Mistake[] = [
  ['statistics that are not announced', 'kColumnBytes + (which == kD ? kStatisticBytes : 0)', 'kColumnBytes', stuck],
  ['statistics without a fence', 'ptx::fenceCopies();', '', unread],
  ['the phase before is waited for', waitColumns, waitColumns.replace('phase)', 'phase ^ 1u)'), stuck],
  ['columns that are given back twice', giveBefore, 'if (arrives) ptx::arrive(memory.empty(kD, stage.stage));', unread],
  ['columns that are never given back', giveBefore, '', stuck],
  ['gradients that are read too early', 'awaitProducts<kKeysDown ? 1 : 0>', 'awaitProducts<2>', early],
  [
    'results that are read too early',
    'ptx::awaitProducts<0>();\n      ptx::readProducts(resultsD[0]);\n      if',
    'ptx::readProducts(resultsD[0]);\n      if',
    early,
  ],
];

/** Of products by mma.sync: in tf32, where fragments come by ldmatrix or number by number, */
const tf32Mistakes: Mistake[] = [
  ['operands that are not rounded', 'ptx::toTf32(quad.x[0])', 'scalar::sameBits<uint32_t>(quad.x[0])', unrounded],
  ['a tile before all is there', 'tile.store(0, a, b);\n  __syncthreads();', 'tile.store(0, a, b);', unrounded],
  ['the next tile over this one', 'tile.store(now ^ 1, a, b)', 'tile.store(now, a, b)', unrounded],
  ['the same tile again', 'tile.multiply(now)', 'tile.multiply(0)', 'wrong'],
  ['halves of k exchanged in one operand', 'i % 2 : i / 2) * kHalf)]', 'i / 2 : i % 2) * kHalf)]', 'wrong'],
  ['fragments of another lane', '(row + lane / 4, depth + lane % 4)', '(row + lane / 4, depth + lane / 8)', 'wrong'],
  ['rows that do not begin at 16 bytes', 'kDepth + kHalf :', 'kDepth + 1 :', 'multiple of 16'],
  ['sums of other columns', 'firstColumn + WarpStrip::column()', 'firstColumn + (WarpStrip::column() ^ 4)', 'wrong'],
];

/** and of int8, whose sums are exact. */
const halves = 'which % 2 * 8 + line) * kRun + which / 2 * 16';
const int8Mistakes: Mistake[] = [
  ['rows for halves of k', halves, 'which / 2 * 8 + line) * kRun + which % 2 * 16', 'wrong'],
  ['bytes that are not turned', '>> 8 * c & 0xffu) << 8 * j', '>> 8 * j & 0xffu) << 8 * j', 'wrong'],
  ['the first half of k again', 'b + j * 8 * kRun + k)', 'b + j * 8 * kRun)', 'wrong'],
  ['the first tile of a again', 'tilesA + (from * kRows', 'tilesA + (0 * kRows', 'wrong'],
  ['a tile over the other one', 'b.store(tilesB + to * kColumns * kRun)', 'b.store(tilesB)', 'wrong'],
];

interface Family {
  /** How the names of its kernels begin, by which check_products.cc and check_mma.cc know what they compute. */
  readonly name: string;
  readonly kernel: Kernel;
  /** The largest error without a mistake. */
  readonly error: number;
  readonly mistakes: readonly Mistake[];
}

const convolution: Kernel = {
  file: 'conv_wgmma.cu',
  parameter: 'ConvWgmmaArguments arguments',
  body: 'STEEPEST_CONV_WGMMA_TILES(PatchSource<128, kWgmmaDepth>)',
};

const wgmma: Family[] = [
  { name: 'product', kernel: wgmmaProduct, error: 1e-6, mistakes },
  { name: 'pair', kernel: pairProduct, error: 1e-6, mistakes: pairMistakes },
  { name: 'sent', kernel: wgmmaProduct, error: 1e-6, mistakes: [...boxMistakes, ...wideMistakes] },
  { name: 'sentNarrow', kernel: wgmmaProduct, error: 0.004, mistakes: [...boxMistakes, ...narrowMistakes] },
  { name: 'convolution', kernel: convolution, error: 1e-6, mistakes: convolutionMistakes },
  { name: 'attention', kernel: attention, error: 0.004, mistakes: attentionMistakes },
  { name: 'attentionGrad', kernel: attentionGrad, error: 0.004, mistakes: attentionGradMistakes },
];
const mma: Family[] = [
  { name: 'tf32of', kernel: tf32Product, error: 1e-6, mistakes: tf32Mistakes },
  { name: 'int8of', kernel: int8Product, error: 0, mistakes: int8Mistakes },
];
const none: Mistake = ['none', '', '', 'right'];
const withNone = (family: Family) => [none, ...family.mistakes];

onDevice('the twin of the instructions', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'steepest-twin-'));
  const [wgmmaProgram, mmaProgram] = [path.join(folder, 'wgmma'), path.join(folder, 'mma')];

  /** A program that runs the kernel that its argument names. */
  function build(program: string, families: Family[], macro: string, checks: string[]): void {
    const file = `${program}.cu`;
    const variants = families.flatMap((family) =>
      withNone(family).map((mistake, i) => variant(family.kernel, mistake, family.name + i)),
    );
    writeFileSync(file, `#include "scalar.h"\n${variants.join('\n')}`);
    compile(program, checks, [`-D${macro}="${file}"`]);
  }
  beforeAll(() => {
    const checks = ['check_attention', 'check_convolutions', 'check_products'];
    build(wgmmaProgram, wgmma, 'STEEPEST_CHECKED_KERNELS', checks);
  });
  beforeAll(() => build(mmaProgram, mma, 'STEEPEST_CHECKED_MMA', ['check_mma']));
  afterAll(() => rmSync(folder, { recursive: true }));

  const run = (program: string, words: string[]): string => {
    const { stdout, stderr } = spawnSync(program, words, { encoding: 'utf8' });
    return `${stdout.trim()} ${stderr.trim()}`.trim();
  };
  describe.each([...wgmma, ...mma])('of $name', (family) => {
    test.each(withNone(family).map(([what, , , result], i) => [what, result, i] as const))(
      'notices: %s',
      (_, result, i) => {
        const output = run(mma.includes(family) ? mmaProgram : wgmmaProgram, [family.name + i]);
        if (result === 'right') expect(Number(output)).toBeLessThanOrEqual(family.error);
        else if (result === 'wrong') expect(output).toMatch(/^(nan|0\.0?[1-9]\d*|[1-9]\d*(\.\d+)?(e\+\d+)?)$/);
        else expect(output).toContain(result);
        expect(output.startsWith('719 ')).toBe(!/^(right|wrong|nan)$/.test(result));
      },
    );
  });

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
    expect(run(wgmmaProgram, ['seePatches', ...words])).toBe(result);
  });
  test('patches of convolutions as large as 32 bits can name are where 64 bits say', () =>
    expect(run(wgmmaProgram, ['wrongPlaces'])).toBe('0'));
});
