// Emitted PTX beside the interpreter's kernels and the CPU: the same plans, bit by bit where the order of operations is the same.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { opInfo } from '../../lib/ir/optable';
import { Random } from '../helpers/random';
import { onDevice } from './device';
import { type DType, feedsOf, mapPlan, randomProgram, reducePlan, scalarOps, singleProgram } from './random-plans';
import { results } from './run-plans';

const folder = mkdtempSync(path.join(tmpdir(), 'steepest-emit-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Equal numbers, NaN among them, and with `tolerance` 0 equal signs of zeros. */
function expectSame(what: string, got: ArrayLike<number>, wanted: ArrayLike<number>, tolerance = 0): void {
  for (let i = 0; i < wanted.length; i++) {
    if (Object.is(got[i], wanted[i])) continue;
    const within = Math.abs(got[i] - wanted[i]) <= tolerance * Math.abs(wanted[i]) + (tolerance > 0 ? 1.5e-45 : -1);
    if (!within) throw new Error(`${what}, element ${i}: got ${got[i]}, expected ${wanted[i]}`);
  }
}

const random = new Random(11);
const wild = feedsOf(random, false);
const tame = feedsOf(random, true);

const singles = scalarOps.flatMap((op) =>
  [...(opInfo(op).lanes ?? 'f')].map((lanes) => ({
    name: `${op}, lanes ${lanes}`,
    op,
    plan: mapPlan(random, singleProgram(op, lanes as 'f' | 'i'), [[3000]], wild, true),
  })),
);

const shapes = [
  [],
  [1],
  [7],
  [128],
  [33001],
  [40000],
  [5, 12],
  [12, 5],
  [3, 4, 8],
  [2, 3, 5, 4],
  [1, 9, 1, 16],
  [64, 64],
];
const mapOps = scalarOps.filter((op) => op !== 'mod');
const maps = Array.from({ length: 90 }, (_, i) => {
  const inputs = Array.from({ length: random.int(1, 4) }, () =>
    random.pick<DType>(['float32', 'float32', 'int32', 'bool', 'int8', 'bfloat16']),
  );
  const segments = Array.from({ length: random.pick([1, 1, 1, 2, 5]) }, () =>
    random.pick(i % 8 === 0 ? shapes : shapes.filter((s) => s.reduce((a, b) => a * b, 1) < 5000)),
  );
  return mapPlan(random, randomProgram(random, inputs, random.int(1, 8), mapOps), segments, wild);
});

// Sums of these are exact in any order.
const exact = ['neg', 'abs', 'max', 'min', 'select', 'lt', 'sign', 'iota', 'random', 'castInt', 'castFloat'] as const;
const reduceShapes = [
  [5],
  [1500],
  [70000],
  [6, 300],
  [300, 6],
  [3, 9000],
  [2000, 40],
  [900, 3, 5],
  [4, 5, 6],
  [2, 64, 33],
  [7, 8],
  [1, 1],
];
const reductions = Array.from({ length: 90 }, () => {
  const shape = random.pick(reduceShapes);
  const mask = random.int(1, (1 << shape.length) - 1);
  const terms = shape.filter((_, axis) => (mask >> axis) & 1).reduce((a, b) => a * b, 1);
  const kind = random.pick(['sum', 'max', 'min', ...(terms < 20 ? (['prod'] as const) : [])] as const);
  const among = kind === 'prod' ? exact.filter((op) => op !== 'random') : exact;
  const {
    outputs: [{ register }],
    ...program
  } = randomProgram(
    random,
    [random.pick<DType>(['float32', 'float32', 'int32', 'bool', 'bfloat16'])],
    random.int(1, 3),
    among,
  );
  const { op, lanes } = program.steps[register - program.inputs.length - program.constants.length];
  const whole = op === 'iota' || op === 'castInt' || (lanes === 'i' && !['lt', 'castFloat', 'random'].includes(op));
  const one = { ...program, outputs: [{ register, dtype: whole ? ('int32' as const) : ('float32' as const) }] };
  return reducePlan(random, one, kind, shape, mask, tame, random.uniform() < 0.5);
});

onDevice('emitted PTX', () => {
  const all = [...singles.map(({ plan }) => plan), ...maps, ...reductions];
  const emitted = path.join(folder, 'emitted');
  let [cpu, interpreted, ptx]: ReturnType<typeof results>[] = [[], [], []];
  beforeAll(() => {
    execFileSync('mkdir', ['-p', emitted]);
    cpu = results(all, 'cpu');
    interpreted = results(all, 'cuda:0', { STEEPEST_CUDA_INTERPRET: '1' });
    ptx = results(all, 'cuda:0', { STEEPEST_EMULATED_PTX: emitted });
  });

  test.each(singles.map(({ name, op }, i) => [name, op, i] as const))('%s', (name, op, i) => {
    expectSame(`${name}, interpreted`, ptx[i][0], interpreted[i][0], ['sin', 'cos'].includes(op) ? 1.2e-7 : 0);
    expectSame(`${name}, CPU`, ptx[i][0], cpu[i][0], 5e-7);
  });

  test('maps of random programs, shapes and strides have the bits of the interpreter', () => {
    maps.forEach((_, m) => {
      const i = singles.length + m;
      ptx[i].forEach((values, k) => {
        expectSame(`map ${m}, output ${k}`, values, interpreted[i][k]);
      });
    });
  });

  test('reductions of random programs, shapes and strides have the results of the CPU', () => {
    reductions.forEach((_, r) => {
      const i = singles.length + maps.length + r;
      expectSame(`reduction ${r}, interpreted`, ptx[i][0], interpreted[i][0]);
      expectSame(`reduction ${r}, CPU`, ptx[i][0], cpu[i][0], 3e-7);
    });
  });

  const ptxas = spawnSync('ptxas', ['--version']).status === 0;
  (ptxas ? test : test.skip)('is what ptxas assembles', () => {
    const texts = readdirSync(emitted).map((name) => path.join(emitted, name));
    expect(texts.length).toBeGreaterThan(150);
    // the simple ones are alike
    const some = texts.filter((_, i) => i % Math.ceil(texts.length / 60) === 0);
    for (const arch of ['sm_80', 'sm_90a']) {
      for (const text of some) execFileSync('ptxas', [`-arch=${arch}`, text, '-o', '/dev/null'], { stdio: 'pipe' });
    }
  });
});
