// Small instructions that become one launch: that they do it where nothing forbids it, and that everything still sees what it would
// have seen one after the other.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { layers, sequential, tensor } from '../../lib/index';
import { opTable } from '../../lib/ir/optable.js';
import { Random } from '../helpers/random';
import { addon, job } from '../native/native.js';
import { addConstant, floatBits, PlanWords } from '../native/plan-words.js';
import { onDevice, setEnvironment } from './device';

const folder = mkdtempSync(path.join(tmpdir(), 'steepest-together-'));
const trace = path.join(folder, 'launches');
afterAll(async () => {
  await setEnvironment({ STEEPEST_EMULATED_TRACE: '' });
  rmSync(folder, { recursive: true, force: true });
});

async function launched(body: () => Promise<unknown>): Promise<string[]> {
  rmSync(trace, { force: true });
  await setEnvironment({ STEEPEST_EMULATED_TRACE: trace });
  await body();
  await setEnvironment({ STEEPEST_EMULATED_TRACE: '' });
  return readFileSync(trace, 'utf8').trim().split('\n');
}

const places = 6;
const width = 8;
const units = (width * 4) / 32;

/** The difference or the sum of two registers, between -9 and 9: everything is exact. */
const program = (op: 'add' | 'sub'): number[] => [
  ...[2, 1, 2, 7, 3],
  ...[6, floatBits(9), floatBits(-9)],
  ...[opTable[op].code, 4, 0 | (1 << 8), 0, 0],
  ...[opTable.min.code, 5, 4 | (2 << 8), 0, 0],
  ...[opTable.max.code, 6, 5 | (3 << 8), 0, 0],
];
const copied = [1, 1, 0, 1, 0, 0];

/** Instructions that read and write a few places in the state, in a random order and some of them in loops. */
function randomPlan(random: Random, length: number): Uint32Array {
  const plan = new PlanWords(0, places * units);
  const place = (size = width, offset = 0) =>
    ({ space: 'state', base: random.int(0, places - 1) * units, shape: size === 0 ? [] : [size], offset }) as const;
  const one = () => {
    const to = place();
    switch (random.int(0, 5)) {
      case 0: {
        // a sum of one place in another
        let from = place();
        while (from.base === to.base) from = place();
        plan.instruction('reduce', [plan.view(from)], [plan.view({ ...to, shape: [] })], [0, 1, ...copied]);
        break;
      }
      case 1: {
        let from = place();
        while (from.base === to.base) from = place();
        plan.instruction('cumsum', [plan.view(from)], [plan.view(to)], [0, 0]);
        break;
      }
      case 2: {
        // half of a place
        let from = place(width / 2, width / 2);
        while (from.base === to.base) from = place(width / 2, width / 2);
        plan.instruction('copy', [plan.view(from)], [plan.view({ ...to, shape: [width / 2] })]);
        break;
      }
      default: {
        const inputs = [place(), place()].map((view) => plan.view(view));
        plan.instruction('map', inputs, [plan.view(to)], [1, ...program(random.pick(['add', 'sub'] as const))]);
      }
    }
  };
  for (let i = 0; i < length; i++) {
    if (i % 9 === 8) {
      plan.loop(2, () => {
        for (let k = 0; k < 3; k++) one();
      });
    } else {
      one();
    }
  }
  return plan.words();
}

async function stateAfter(words: Uint32Array, device: string): Promise<number[]> {
  const bytes = places * units * 64;
  const session = new addon.Session(bytes, device);
  const plan = session.addPlan(words);
  session.writeState(
    0,
    Float32Array.from({ length: bytes / 4 }, (_, i) => ((i * 7) % 13) - 6),
  );
  await session.run(job({ segments: [{ plan, rows: 1, steps: 2 }], end: 2 }));
  const state = new Float32Array(bytes / 4);
  session.readState(0, state);
  session.dispose();
  return [...state];
}

onDevice('launches together', () => {
  test('of random instructions on few places give what one after the other gives', async () => {
    const random = new Random(3);
    let launches = 0;
    for (let i = 0; i < 25; i++) {
      const words = randomPlan(random, 16);
      const wanted = await stateAfter(words, 'cpu');
      const names = await launched(async () => expect(await stateAfter(words, 'cuda:0')).toEqual(wanted));
      launches += names.filter((name) => name === 'together').length;
    }
    expect(launches).toBeGreaterThan(12);
  });

  test.each([
    ['read', 1],
    ['read', -1],
    ['written', 1],
    ['written', -1],
  ] as const)(
    'what waits comes before rows that are %s, step by step, where it has touched a later one: way %d',
    async (how, way) => {
      const plan = new PlanWords(0, places * units);
      const view = (base: number, slides = false) =>
        plan.view({ space: 'state', base, shape: [width], ...(slides ? { slide: [3, way * 16] as const } : {}) });
      const [last, sum] = [view(1 + way), view(4)];
      const row = view(1 - way, true); // 0, 1 and 2, or 2, 1 and 0
      plan.loop(3, () => {
        if (how === 'read') {
          plan.instruction('map', [last], [last], [1, ...addConstant(1)]);
          plan.instruction('map', [row, sum], [sum], [1, ...program('add')]);
        } else {
          plan.instruction('map', [last], [sum], [1, ...addConstant(1)]);
          plan.instruction('map', [row, row], [row], [1, ...program('add')]);
        }
      });
      const words = plan.words();
      await setEnvironment({ STEEPEST_CUDA_LOOPS: '0' });
      const got = await stateAfter(words, 'cuda:0');
      await setEnvironment({ STEEPEST_CUDA_LOOPS: '' });
      expect(got).toEqual(await stateAfter(words, 'cpu'));
    },
  );

  test('a loss is made with its gradient, but not before what reads its place or changes the logits', async () => {
    const words = (between: 'nothing' | 'reads' | 'changes'): Uint32Array => {
      const plan = new PlanWords(0, 6);
      const view = (base: number, shape: readonly number[], dtype: 'float32' | 'int32' = 'float32') =>
        plan.view({ space: 'state', base, shape, dtype });
      const [logits, labels, dloss] = [view(0, [2, 4]), view(1, [2], 'int32'), view(2, [2])];
      const [loss, gradient, seen] = [view(3, [2]), view(4, [2, 4]), view(5, [2])];
      plan.instruction('softmaxCrossEntropyGrad', [logits, labels, dloss], [gradient]);
      if (between === 'reads') plan.instruction('copy', [loss], [seen]);
      if (between === 'changes') plan.instruction('map', [logits, gradient], [logits], [1, ...program('sub')]);
      return plan.instruction('softmaxCrossEntropy', [logits, labels], [loss]).words();
    };
    const after = async (plan: Uint32Array, device: string): Promise<Float32Array> => {
      const session = new addon.Session(6 * 64, device);
      const number = session.addPlan(plan);
      session.writeState(0, Float32Array.of(1, 2, 3, 4, 4, 3, 2, 1));
      session.writeState(64, Int32Array.of(1, 2));
      session.writeState(128, Float32Array.of(0.5, 2));
      session.writeState(192, Float32Array.of(5, 6));
      session.runSync(number, [], []);
      const state = new Float32Array(6 * 16);
      session.readState(0, state);
      session.dispose();
      return state;
    };
    for (const between of ['nothing', 'reads', 'changes'] as const) {
      const wanted = await after(words(between), 'cpu');
      let got: Float32Array = wanted;
      const names = await launched(async () => {
        got = await after(words(between), 'cuda:0');
      });
      wanted.forEach((value, i) => {
        expect([between, i, got[i]]).toEqual([between, i, expect.closeTo(value, 5)]);
      });
      expect(names.includes('crossEntropyWarp')).toBe(between !== 'nothing');
    }
  });

  test('the launches of a small network', async () => {
    const model = sequential([
      layers.dense({ units: 128, activation: 'relu', inputShape: [784] }),
      layers.dense({ units: 10, activation: 'softmax' }),
    ]);
    model.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy', device: 'cuda:0', seed: 1 });
    const [x, y] = [tensor(new Float32Array(128 * 784), [128, 784]), tensor(new Int32Array(128), [128])];
    const names = await launched(() => model.fit(x, y, { epochs: 1, batchSize: 128, verbose: 0 } as never));
    model.dispose();
    expect(names).toEqual([
      'feedRows',
      'gemm64x64NN',
      'gemmParts',
      'gemm128x32NN',
      'crossEntropyGradWarp',
      'gemm64x64NT',
      'gemm64x64TN',
      'gemm128x32TN',
      'together',
      'together',
      'advance',
    ]);
  });
});
