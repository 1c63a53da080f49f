// The order of steps on a device: graphs, rows that are copied beside the steps before, several devices. Each way runs in a
// process of its own, as the emulated driver and the library read their variables.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { passThroughPlan } from '../native/plan-words.js';
import { emulated, onDevice } from './device';

const root = path.join(__dirname, '..', '..');

/** Runs the body of an async function with the library and a small model; what it returns. */
function run<T>(body: string, env: Record<string, string> = {}): T {
  const script = `
    const { sequential, layers, tensor } = require('steepest');
    const numbers = (n, f) => Float32Array.from({ length: n }, (_, i) => f(i));
    const x = tensor(numbers(1 << 18, (i) => Math.sin(i * i)), [4096, 64]);
    const y = tensor(numbers(4096, (i) => Math.sin(i * i * 64)), [4096, 1]);
    const make = (device) => {
      const model = sequential([layers.dense({ units: 8, activation: 'tanh', inputShape: [64] }), layers.dense({ units: 1 })]);
      model.compile({ optimizer: 'adam', loss: 'meanSquaredError', device, seed: 1 });
      return model;
    };
    const train = async (device) => (await make(device).fit(x, y, { epochs: 3, batchSize: 60 })).history.loss;
    (async () => { ${body} })().then((result) => console.log(JSON.stringify(result)));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, STEEPEST_CUDA_DRIVER: emulated, STEEPEST_CUDA_KERNELS: emulated, ...env },
  });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout);
}

const losses = (env: Record<string, string> = {}, device = 'cuda:0') => run<number[]>(`return train('${device}')`, env);

// x takes one megabyte, all the rest less than half of one
const staged = { STEEPEST_EMULATED_MEMORY: '1000000' };

onDevice('steps on a device', () => {
  const resident = losses();

  test('have the losses of the CPU', () => {
    const cpu = losses({}, 'cpu');
    expect(resident).toHaveLength(3);
    resident.forEach((loss, epoch) => {
      expect(loss).toBeCloseTo(cpu[epoch] as number, 5);
    });
  });

  test.each([
    ['without graphs', { STEEPEST_EMULATED_NO_GRAPHS: '1' }],
    ['one launch after the other', { STEEPEST_CUDA_SYNC: '1' }],
    ['with rows that are copied step by step, as late as events allow', staged],
    [
      'with rows that are copied step by step, as early as events allow',
      { ...staged, STEEPEST_EMULATED_ORDER: 'early' },
    ],
    ['with copied rows and without graphs', { ...staged, STEEPEST_EMULATED_NO_GRAPHS: '1' }],
  ])('have the same losses %s', (_, env) => {
    expect(losses(env as Record<string, string>)).toEqual(resident);
  });

  test('are launched as graphs: a kernel is handed over when it is captured, and then no more', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'steepest-steps-'));
    const launches = (env: Record<string, string>): number => {
      const file = path.join(folder, Object.keys(env).join() || 'graphs');
      losses({ ...env, STEEPEST_EMULATED_TRACE: file });
      return readFileSync(file, 'utf8').trim().split('\n').length;
    };
    const steps = 3 * 69;
    expect(launches({ STEEPEST_EMULATED_NO_GRAPHS: '1' })).toBeGreaterThan(8 * steps);
    expect(launches({})).toBeLessThan(3 * steps);
    rmSync(folder, { recursive: true });
  });

  // Streams of the process: 1 runs steps, 2 copies rows beside them.
  test.each([
    ['steps for the copy of their rows', '1', 'late'],
    ['the copy for the steps that read the rows before', '2', 'early'],
    ['the host for the copy out of the memory that it writes next', 'host', 'late'],
  ])('a wait of %s that is missing is noticed', (_, who, order) => {
    const env = { ...staged, STEEPEST_EMULATED_NO_WAITS: who, STEEPEST_EMULATED_ORDER: order };
    expect(losses(env)).not.toEqual(resident);
  });

  test('a job may begin with the short batch of an epoch, and copied rows of longer ones follow', () => {
    const perRow = 1024;
    const rows = run<number[]>(
      `const addon = require('node-gyp-build')(${JSON.stringify(root)});
      const session = new addon.Session(0, 'cuda:0');
      const [two, one] = ${JSON.stringify([passThroughPlan(2, perRow), passThroughPlan(1, perRow)].map((words) => [...words]))}
        .map((words) => session.addPlan(Uint32Array.from(words)));
      const from = new addon.Storage(1000 * ${perRow} * 4), got = new Float32Array(5 * ${perRow});
      from.write(0, numbers(1000 * ${perRow}, (i) => i));
      const segments = [{ plan: two, rows: 2, steps: 2 }, { plan: one, rows: 1, steps: 1 }];
      const feeds = [{ storage: from, type: 'float32', rows: 1000 }];
      await session.run({ segments, feeds, fetches: [{ array: got, rows: 5 }], begin: 1, end: 6, firstRow: 0 });
      return [...got];`,
      staged,
    );
    expect(rows).toEqual(Array.from({ length: 5 * perRow }, (_, i) => i));
  });

  test.each([
    ['resident data', {}],
    ['rows that are copied step by step', { STEEPEST_EMULATED_MEMORY: '1500000' }],
  ])('two models train at the same time on one device: %s', (_, env) => {
    const both = run<number[][]>(
      "return Promise.all([train('cuda:0'), train('cuda:0')])",
      env as Record<string, string>,
    );
    expect(both).toEqual([resident, resident]);
  });

  test('two devices train at the same time, each with rows that are copied', () => {
    const both = run<number[][]>("return Promise.all([train('cuda:0'), train('cuda:1')])", {
      ...staged,
      STEEPEST_EMULATED_DEVICES: '2',
    });
    expect(both).toEqual([resident, resident]);
  });

  test('two devices train at the same time', () => {
    const both = run<number[][]>("return Promise.all([train('cuda:0'), train('cuda:1')])", {
      STEEPEST_EMULATED_DEVICES: '2',
    });
    expect(both).toEqual([resident, resident]);
  });

  test('a fault of one device does not harm the other', () => {
    const [first, second] = run<[string, number[]]>(
      "return Promise.all([train('cuda:0').catch((e) => e.code), train('cuda:1')])",
      { STEEPEST_EMULATED_DEVICES: '2', STEEPEST_EMULATED_FAULT: '99' },
    );
    expect(first).toBe('ERR_DEVICE_LOST');
    expect(second).toEqual(resident);
  });

  test.each([
    ['resident', {}],
    ['copied step by step', { STEEPEST_EMULATED_MEMORY: '1000000' }],
  ])('an error in the data names its batch: %s', (_, env) => {
    const message = run<string>(
      `const model = sequential([layers.embedding({ inputDim: 5, outputDim: 4, inputShape: [64] }), layers.flatten(), layers.dense({ units: 1 })]);
      model.compile({ optimizer: 'sgd', loss: 'meanSquaredError', device: 'cuda:0', seed: 1 });
      const bad = tensor(Int32Array.from({ length: 1 << 18 }, (_, i) => (i === 43 * 3840 + 7 ? 5 : i % 5)), [4096, 64]);
      return model.fit(bad, y, { epochs: 2, batchSize: 60, shuffle: false }).then(() => 'none', (e) => e.message);`,
      env as Record<string, string>,
    );
    expect(message).toMatch(/^fit: epoch 1, batch 44: an index /);
  });

  // Step 5 of the first job cannot be launched; those in front of it run before anything of the second job is on its way to the device.
  test('a job that ends for lack of memory leaves the steps that it has handed over to run as they were meant', () => {
    const after = (env: Record<string, string>): [string, number[], number[][]] =>
      run(
        `const model = make('cuda:0');
        const other = tensor(x.data.map((value) => 1 - value), [4096, 64]);
        await model.evaluate(other, y, { batchSize: 4096 }); // so that its rows are on the device
        const options = { epochs: 1, batchSize: 64, shuffle: false };
        const code = await model.fit(x, y, options).then(() => 'none', (e) => e.code);
        const { loss } = (await model.fit(other, y, options)).history;
        return [code, loss, model.getWeights().map((w) => [...w.data])];`,
        { STEEPEST_EMULATED_NO_GRAPHS: '1', STEEPEST_EMULATED_REFUSE: '60', ...env },
      );
    const expected = after({ STEEPEST_CUDA_SYNC: '1' });
    expect(expected[0]).toBe('ERR_OUT_OF_MEMORY');
    expect(after({})).toEqual(expected);
  });

  test('an abort ends a job, and the model can be trained again', () => {
    const [name, count] = run<[string, number]>(
      `const model = make('cuda:0');
      const controller = new AbortController();
      setTimeout(() => controller.abort(), 50);
      const name = await model.fit(x, y, { epochs: 100000, batchSize: 60, signal: controller.signal }).catch((e) => e.name);
      return [name, (await model.fit(x, y, { epochs: 2, batchSize: 60 })).history.loss.filter(Number.isFinite).length];`,
    );
    expect([name, count]).toEqual(['AbortError', 2]);
  });
});
