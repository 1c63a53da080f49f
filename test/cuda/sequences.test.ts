// Runs of small instructions that are one launch: whole steps of training as on the CPU and in the same bits however many blocks there
// are, what else a step has to do, and what is launched as before.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { type CompileOptions, type Layer, layers, optimizers, sequential, type Tensor, tensor } from '../../lib/index';
import { cases } from '../helpers/cases';
import { checkOnDevice, problem } from '../helpers/native';
import { Random } from '../helpers/random';
import { addon, job } from '../native/native.js';
import { PlanWords } from '../native/plan-words.js';
import { expectAssembled, hasPtxas } from './assembled';
import { onDevice, setEnvironment } from './device';
import { trace } from './launched';

const texts = mkdtempSync(path.join(tmpdir(), 'steepest-sequences-'));
const unset = Object.fromEntries(
  ['CAPABILITY', 'MULTIPROCESSORS', 'CLUSTER', 'COOPERATIVE', 'PTX', 'TRACE', 'UNMET'].map((name) => [
    `STEEPEST_EMULATED_${name}`,
    '',
  ]),
);
afterAll(async () => {
  await setEnvironment({ ...unset, STEEPEST_CUDA_SEQUENCES: '0', STEEPEST_CUDA_PRODUCTS: '' });
  rmSync(texts, { recursive: true, force: true });
});

/** One block, blocks of a cluster, 'grid' for five blocks everywhere, '' for what the estimate chooses, '0' for none. */
const withBlocks = (blocks: string, more: Record<string, string> = {}): Promise<void> =>
  setEnvironment({
    ...unset,
    STEEPEST_CUDA_SEQUENCES: blocks,
    STEEPEST_EMULATED_MULTIPROCESSORS: '5',
    STEEPEST_EMULATED_TRACE: trace.file,
    STEEPEST_EMULATED_PTX: texts,
    ...more,
  });
/** What was launched, without graphs. */
const names = (): string[] => trace.names().filter((name) => name !== '' && !name.startsWith('graph'));

interface Step {
  readonly make: () => Layer[];
  readonly options: Partial<CompileOptions>;
  readonly labels?: 'whole' | 'one-hot' | 'binary' | 'real';
  readonly inputs?: number;
  readonly outputs?: number;
  readonly batch?: number;
  readonly tolerance?: number;
}
const dense = (units: number, activation: string, rest: object = {}): Layer =>
  layers.dense({ units, activation: activation as never, ...rest });
const first = (units: number, activation: string, inputs = 12, rest: object = {}): Layer =>
  dense(units, activation, { inputShape: [inputs], ...rest });

const steps: Record<string, Step> = {
  'softmax of labels, Adam, accuracy': {
    make: () => [first(33, 'relu'), dense(5, 'softmax')],
    options: { loss: 'sparseCategoricalCrossentropy', optimizer: 'adam', metrics: ['accuracy'] },
  },
  'products whose operands go to shared memory in two pieces, and tiles of 32': {
    make: () => [first(100, 'relu', 1500), dense(5, 'softmax')],
    options: { loss: 'sparseCategoricalCrossentropy', optimizer: optimizers.adam({ learningRate: 1e-4 }) },
    inputs: 1500,
    tolerance: 1e-5,
  },
  'tiles of 64': {
    make: () => [first(512, 'relu', 512), dense(5, 'softmax')],
    options: { loss: 'sparseCategoricalCrossentropy', optimizer: optimizers.sgd({ learningRate: 1e-2 }) },
    inputs: 512,
    batch: 5,
    tolerance: 1e-5,
  },
  'a deep chain of activations, momentum': {
    make: () => [
      ...[first(16, 'tanh'), dense(15, 'sigmoid'), dense(14, 'gelu'), dense(13, 'elu'), dense(12, 'selu')],
      ...[dense(11, 'swish'), dense(10, 'softplus'), dense(9, 'leakyRelu'), dense(5, 'softmax')],
    ],
    options: {
      loss: 'categoricalCrossentropy',
      optimizer: optimizers.sgd({ learningRate: 0.05, momentum: 0.9, nesterov: true }),
    },
    labels: 'one-hot',
  },
  'a chain so deep that it is more than one launch': {
    make: () => [
      first(12, 'tanh'),
      ...Array.from({ length: 18 }, (_, i) => dense(8 + (i % 3), 'tanh')),
      dense(5, 'softmax'),
    ],
    options: { loss: 'sparseCategoricalCrossentropy', optimizer: 'adam' },
    tolerance: 2e-5,
  },
  'two classes, RMSprop, their accuracy': {
    make: () => [first(20, 'relu'), dense(1, 'sigmoid')],
    options: { loss: 'binaryCrossentropy', optimizer: 'rmsprop', metrics: ['binaryAccuracy'] },
    labels: 'binary',
    outputs: 1,
  },
  'squared errors, SGD, absolute errors': {
    make: () => [first(8, 'tanh'), dense(3, 'linear')],
    options: { loss: 'meanSquaredError', optimizer: 'sgd', metrics: ['meanAbsoluteError'] },
    labels: 'real',
    outputs: 3,
  },
  'dropout, regularizers, AdamW': {
    make: () => [
      first(24, 'relu', 12, { kernelRegularizer: 'l2', biasRegularizer: 'l1' }),
      layers.dropout({ rate: 0.3 }),
      dense(5, 'softmax', { kernelRegularizer: 'l1l2' }),
    ],
    options: { loss: 'sparseCategoricalCrossentropy', optimizer: 'adamw', metrics: ['accuracy'] },
  },
  'batches so large that sums over them are cut into parts': {
    make: () => [first(20, 'relu'), dense(5, 'softmax')],
    options: { loss: 'sparseCategoricalCrossentropy', optimizer: 'adam' },
    batch: 1100,
  },
  'products of operands that are rounded': {
    make: () => [first(32, 'relu'), dense(5, 'softmax')],
    options: { loss: 'sparseCategoricalCrossentropy', optimizer: 'adam', precision: 'mixedBfloat16' },
    tolerance: 1e-3,
  },
  'weights of two bytes': {
    make: () => [first(32, 'relu'), dense(5, 'softmax')],
    options: { loss: 'sparseCategoricalCrossentropy', optimizer: 'sgd', precision: 'bfloat16' },
    tolerance: 2e-2,
  },
};

function dataOf({ labels = 'whole', inputs = 12, outputs = 5, batch = 37 }: Step): [Tensor, Tensor] {
  const random = new Random(5);
  const rows = 2 * batch;
  const x = tensor(
    Float32Array.from({ length: rows * inputs }, () => random.normal()),
    [rows, inputs],
  );
  if (labels === 'whole')
    return [
      x,
      tensor(
        Int32Array.from({ length: rows }, (_, i) => (i * i) % outputs),
        [rows],
      ),
    ];
  const numbers = Float32Array.from({ length: rows * outputs }, (_, i) =>
    labels === 'real' ? Math.cos(i) : labels === 'binary' ? i % 2 : i % outputs === (i * 7) % 3 ? 1 : 0,
  );
  return [x, tensor(numbers, [rows, outputs])];
}

/** Losses, metrics, weights and predictions. */
async function train(step: Step, device: string): Promise<number[]> {
  const model = sequential(step.make());
  model.compile({ seed: 3, device, ...step.options } as CompileOptions);
  const [x, y] = dataOf(step);
  const { history } = await model.fit(x, y, { epochs: 3, batchSize: step.batch ?? 37 });
  const all = [...Object.values(history).flat(), ...model.getWeights().flatMap((weight) => [...weight.data])];
  model.dispose();
  return all;
}

function expectClose(got: readonly number[], wanted: readonly number[], tolerance: number): void {
  expect(got).toHaveLength(wanted.length);
  wanted.forEach((value, i) => {
    if (!(Math.abs((got[i] as number) - value) <= tolerance * Math.max(1, Math.abs(value)))) {
      throw new Error(`number ${i}: got ${got[i]}, expected ${value}`);
    }
  });
}

onDevice('a step in one launch', () => {
  test.each(Object.entries(steps))('%s', async (_, step) => {
    const wanted = await train(step, 'cpu');
    const all: number[][] = [];
    for (const blocks of ['1', '4', 'grid', 'grid:3']) {
      await withBlocks(blocks);
      trace.clear();
      const got = await train(step, 'cuda:0');
      expectClose(got, wanted, step.tolerance ?? 5e-6);
      expect([...new Set(names())]).toEqual(['sequence']);
      all.push(got);
    }
    // However many blocks there are.
    for (const other of all) expect(other).toEqual(all[0]);
  });
});

const small = steps['softmax of labels, Adam, accuracy'] as Step;

/** In a process of its own, which has a device of its own, a few steps of a model; its losses and weights, the names of its kernels, and the
 * PTX of sequences. */
function trainAlone(model: string, inputs: number, env: Record<string, string>) {
  const script = `
    const { layers, sequential, tensor } = require('steepest');
    const model = sequential([${model}]);
    model.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy', device: 'cuda:0', seed: 1 });
    const x = tensor(Float32Array.from({ length: 128 * ${inputs} }, (_, i) => Math.sin(i * i)), [128, ${inputs}]);
    const y = tensor(Int32Array.from({ length: 128 }, (_, i) => i % 10), [128]);
    model.fit(x, y, { epochs: 2, batchSize: 128 }).then(({ history }) =>
      console.log(JSON.stringify([history.loss, model.getWeights().map((weight) => [...weight.data])])));`;
  trace.clear();
  const folder = mkdtempSync(path.join(texts, 'of-'));
  const { stderr, stdout } = spawnSync(process.execPath, ['-e', script], {
    cwd: path.join(__dirname, '..', '..'),
    encoding: 'utf8',
    env: {
      ...{ ...process.env, ...unset, STEEPEST_EMULATED_TRACE: trace.file, STEEPEST_EMULATED_PTX: folder },
      ...{ STEEPEST_CUDA_SEQUENCES: '', STEEPEST_EMULATED_MULTIPROCESSORS: '132', ...env },
    },
  });
  const all = readdirSync(folder)
    .sort()
    .map((name) => readFileSync(path.join(folder, name), 'utf8'));
  rmSync(folder, { recursive: true });
  return { stderr, stdout, kernels: names(), texts: all.filter((text) => text.includes('.entry sequence(')) };
}
const chain = (inputs: number, units: number) =>
  `layers.dense({ units: ${units}, activation: 'relu', inputShape: [${inputs}] }), layers.dense({ units: 10, activation: 'softmax' })`;

onDevice('what is one launch', () => {
  test.each([
    ['MNIST by blocks everywhere', 784, 128, {}, /ld\.acquire/],
    ['a few units by a cluster', 16, 32, {}, /reqnctapercluster/],
    ['a few units by one block where there is room for none', 16, 32, { CLUSTER: '1' }, /target sm_80/],
    ['MNIST by blocks everywhere before 9.0', 784, 128, { CAPABILITY: '80' }, /ld\.acquire/],
  ] as const)('an estimate chooses %s', (_, inputs, units, device, text) => {
    const env = Object.fromEntries(Object.entries(device).map(([name, value]) => [`STEEPEST_EMULATED_${name}`, value]));
    const got = trainAlone(chain(inputs, units), inputs, env);
    expect([got.stderr, new Set(got.kernels)]).toEqual(['', new Set(['sequence'])]);
    expect(got.texts.at(-1)).toMatch(text);
  });

  test.each([
    ['large steps', 1024, 2048, {}],
    ['those of many sums, where blocks cannot all run at once,', 784, 128, { STEEPEST_EMULATED_COOPERATIVE: '0' }],
  ])('an estimate leaves %s as they are', (_, inputs, units, env) => {
    const got = trainAlone(chain(inputs, units), inputs, env as Record<string, string>);
    expect([got.stderr, got.texts]).toEqual(['', []]);
    expect(got.kernels).toContain('advance');
  });

  test('runs of instructions are, between others that cannot be', async () => {
    const step: Step = {
      make: () => [first(16, 'relu'), layers.layerNormalization(), dense(16, 'relu'), dense(5, 'softmax')],
      options: { loss: 'sparseCategoricalCrossentropy', optimizer: 'adam' },
    };
    const wanted = await train(step, 'cpu');
    await withBlocks('grid');
    trace.clear();
    expectClose(await train(step, 'cuda:0'), wanted, 2e-5);
    const kernels = new Set(names());
    expect(kernels).toContain('sequence');
    expect(kernels.size).toBeGreaterThan(1);
    expect([...kernels].filter((name) => /^(gemm|crossEntropy|feed)/.test(name))).toEqual([]);
  });

  test.each(['1', '4', 'grid'])('operations of the case list: %s', async (blocks) => {
    await withBlocks(blocks);
    trace.clear();
    const families = ['matmul', 'softmax', 'reduce', 'losses', 'activations', 'elementwise', 'linalg'];
    const some = cases.filter(
      ({ large }, i) => !large && (families.includes(cases[i]?.family as string) || i % 7 === 0),
    );
    for (const { build, differentiable } of some)
      checkOnDevice(problem(build(new Random(2)), differentiable, 2), 'cuda:0');
    expect(names().filter((name) => name === 'sequence').length).toBeGreaterThan(50);
  });
});

onDevice('in a step of one launch', () => {
  /** A job of so many steps with two rows each, of which one label may be too large. */
  const classify = async (steps: number, badRow = -1) => {
    const plan = new PlanWords(2, 1);
    const slots = [{ shape: [2, 4] }, { shape: [2], dtype: 'int32' }] as const;
    const [logits, labels] = slots.map((slot, i) => plan.view({ base: i, ...slot })) as [number, number];
    const loss = plan.view({ space: 'state', base: 0, shape: [2] });
    plan.feed(logits, slots[0]).feed(labels, slots[1]).instruction('softmaxCrossEntropy', [logits, labels], [loss]);
    const session = new addon.Session(64, 'cuda:0');
    const number = session.addPlan(plan.words());
    const rows = 2 * steps;
    const [numbers, classes] = [new addon.Storage(rows * 16), new addon.Storage(rows * 4)];
    classes.write(
      0,
      Int32Array.from({ length: rows }, (_, i) => (i === badRow ? 4 : i % 4)),
    );
    const feeds = [
      { storage: numbers, type: 'float32', rows },
      { storage: classes, type: 'int32', rows },
    ] as const;
    trace.clear();
    const { reason, next } = await session.run(
      job({ segments: [{ plan: number, rows: 2, steps }], feeds, end: steps }),
    );
    session.dispose();
    return { reason, next };
  };

  test.each(['1', '4', 'grid'])('a label that is out of range is reported with its step: %s', async (blocks) => {
    await withBlocks(blocks);
    expect(await classify(7, 9)).toEqual({ reason: 'label', next: 5 });
    expect(new Set(names())).toEqual(new Set(['sequence']));
  });

  test('graphs of 32 steps have 32 launches', async () => {
    await withBlocks('grid');
    expect(await classify(70)).toEqual({ reason: 'done', next: 70 });
    expect(trace.names().filter((name) => name.startsWith('graph'))).toEqual(
      [32, 32, ...Array(6).fill(1)].map((launches) => `graph of ${launches}`),
    );
  });

  test('feeds are rows of whatever the data are, in the order of the epoch', async () => {
    const rowsOf = (
      type: 'float32' | 'int32' | 'uint8' | 'bool',
      dtype: 'float32' | 'int32' | 'bool',
      width: number,
    ) => ({
      type,
      slot: { shape: [3, width], dtype },
    });
    const all = [
      ...[rowsOf('float32', 'float32', 8), rowsOf('float32', 'float32', 3), rowsOf('uint8', 'float32', 8)],
      ...[rowsOf('uint8', 'float32', 5), rowsOf('int32', 'int32', 4), rowsOf('uint8', 'int32', 3)],
      ...[rowsOf('bool', 'bool', 5), rowsOf('uint8', 'bool', 4)],
    ];
    const units = 2;
    const plan = new PlanWords(all.length * units, all.length * units);
    for (const [i, { slot }] of all.entries()) {
      const [from, to] = (['arena', 'state'] as const).map((space) => plan.view({ space, base: i * units, ...slot }));
      plan.feed(from as number, slot).instruction('copy', [from as number], [to as number]);
    }
    const words = plan.words();
    const random = new Random(8);
    const data = all.map(({ type, slot }) => {
      const values = Array.from({ length: 12 * (slot.shape[1] as number) }, () =>
        random.int(0, type === 'bool' ? 1 : 255),
      );
      const bytes = Uint8Array.from(values.map((value) => (slot.dtype === 'bool' ? value % 3 : value)));
      return type === 'float32' ? Float32Array.from(values) : type === 'int32' ? Int32Array.from(values) : bytes;
    });
    const stateOn = async (device: string): Promise<number[]> => {
      const session = new addon.Session(all.length * units * 64, device);
      const number = session.addPlan(words);
      const feeds = data.map((values, i) => {
        const storage = new addon.Storage(values.byteLength);
        storage.write(0, values);
        return { storage, type: all[i]?.type as 'float32', rows: 12 };
      });
      await session.run(job({ segments: [{ plan: number, rows: 3, steps: 4 }], feeds, end: 7, shuffle: { seed: 3 } }));
      const state = new Uint8Array(all.length * units * 64);
      session.readState(0, state);
      session.dispose();
      return [...state];
    };
    const wanted = await stateOn('cpu');
    await withBlocks('grid');
    trace.clear();
    expect(await stateOn('cuda:0')).toEqual(wanted);
    expect(names()).toContain('sequence');
  });

  test.each(['1', '4', 'grid'])('the first loss that is not finite is named: %s', async (blocks) => {
    await withBlocks(blocks);
    const model = sequential([first(4, 'linear'), dense(1, 'linear')]);
    model.compile({ loss: 'meanSquaredError', optimizer: 'sgd', seed: 3, device: 'cuda:0' });
    const [x] = dataOf(small);
    const y = Float32Array.from({ length: 74 }, (_, i) => (i === 33 ? Number.NaN : 1));
    const said = jest.spyOn(console, 'warn').mockImplementation(() => {});
    await model.fit(x, tensor(y, [74, 1]), { epochs: 1, batchSize: 10, shuffle: false });
    expect(said.mock.calls).toEqual([[expect.stringMatching(/not a finite number since epoch 1, batch 4:/)]]);
    said.mockRestore();
    model.dispose();
  });

  test.each([
    ['4', 'first'],
    ['4', 'last'],
    ['grid', 'first'],
    ['grid', 'last'],
  ])('whichever threads and blocks come first, results are the same bits: %s, %s', async (blocks, order) => {
    await withBlocks(blocks);
    const mixed = await train(small, 'cuda:0');
    await withBlocks(blocks, { STEEPEST_EMULATED_THREADS: order });
    const other = await train(small, 'cuda:0');
    await withBlocks(blocks, { STEEPEST_EMULATED_THREADS: 'mixed' });
    expect(other).toEqual(mixed);
  });

  test.each(['4', 'grid:3'])('a meeting that is missing is noticed, whichever it is: %s', (blocks) => {
    const wide = chain(12, 70);
    const right = trainAlone(wide, 12, { STEEPEST_CUDA_SEQUENCES: blocks });
    expect(JSON.parse(right.stdout)).toHaveLength(2);
    const meetings = (right.texts[0] as string).split(/atom\.release|barrier\.cluster\.wait/).length - 1;
    expect(meetings).toBeGreaterThan(4);
    // The last one of a cluster is before the end of the step, which is nobody's but the next step's.
    for (let meeting = 1; meeting <= meetings - (blocks === '4' ? 1 : 0); meeting++) {
      const got = trainAlone(wide, 12, { STEEPEST_CUDA_SEQUENCES: blocks, STEEPEST_EMULATED_UNMET: `${meeting}` });
      expect([meeting, got.stdout]).not.toEqual([meeting, right.stdout]);
    }
  });

  (hasPtxas ? test : test.skip)('all is text that ptxas assembles without memory for registers', () => {
    // by what they say and not by their names, which have numbers of processes: the same ones in every run
    const all = new Map<string, string>();
    for (const name of readdirSync(texts)) {
      const file = path.join(texts, name),
        text = readFileSync(file, 'utf8');
      if (text.includes('.entry sequence(')) all.set(text, file);
    }
    const some = [...all].sort(([a], [b]) => (a < b ? -1 : 1)).filter((_, i) => i % Math.ceil(all.size / 60) === 0);
    expect(some.length).toBeGreaterThan(30);
    for (const [text, file] of some) expectAssembled(file, text);
  });
});
