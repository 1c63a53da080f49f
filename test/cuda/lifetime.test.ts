// How processes, workers and models end while a device has work of theirs. Each case is a process of its own.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { emulated, onDevice } from './device';

const root = path.join(__dirname, '..', '..');

const setup = `
const { Worker } = require('node:worker_threads');
const { setTimeout: sleep } = require('node:timers/promises');
const { sequential, layers, memory, tensor } = require('steepest');
const x = Float32Array.from({ length: 1 << 16 }, (_, i) => Math.sin(i * i)), y = new Float32Array(1 << 10).fill(1);
const make = (device = 'cuda:0') => {
  const model = sequential([layers.dense({ units: 8, activation: 'tanh', inputShape: [64] }), layers.dense({ units: 1 })]);
  model.compile({ optimizer: 'adam', loss: 'meanSquaredError', device, seed: 1 });
  return model;
};
const endless = (model, more) => model.fit(x, y, { epochs: 1e6, batchSize: 60, verbose: 0, ...more });
const short = async (model) => (await model.fit(x, y, { epochs: 2, batchSize: 60, verbose: 0 })).history.loss.join();
`;

function node(script: string, env: Record<string, string> = {}): string {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', '-e', setup + script], {
    cwd: root,
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...process.env, STEEPEST_CUDA_DRIVER: emulated, STEEPEST_CUDA_KERNELS: emulated, ...env },
  });
  expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' });
  return stdout.trim();
}

const staged = { STEEPEST_EMULATED_MEMORY: '250000' }; // x takes as much

onDevice('the end', () => {
  test.each([
    ['resident data', {}],
    ['rows that are copied', staged],
  ])('of the process in the middle of jobs: %s', (_, env) => {
    const script = `
      const [a, b] = [make(), make()];
      endless(a), endless(b), a.evaluate(x, y);
      setTimeout(() => { a.predictSync(x.subarray(0, 640)); console.log('exit'); process.exit(0); }, 60);`;
    expect(node(script, env as Record<string, string>)).toBe('exit');
  });

  test.each([
    ['resident data', {}],
    ['rows that are copied', staged],
  ])('of a model in the middle of a job, beside another one: %s', (_, env) => {
    const script = `
      (async () => {
        const expected = await short(make());
        const other = make();
        const losses = short(other);
        for (let i = 0; i < 3; i++) {
          const model = make();
          const running = endless(model).then(() => 'ended', (e) => e.message);
          await sleep(15);
          model.dispose();
          if (!(await running).includes('disposed')) throw new Error(await running);
        }
        if ((await losses) !== expected) throw new Error('the other model has another result');
        other.dispose();
        console.log(memory().sessions);
      })();`;
    expect(node(script, env as Record<string, string>)).toBe('1'); // the first one
  });

  test('of workers in the middle of jobs, with data that they keep', () => {
    const worker = `${setup}
      (async () => {
        const model = make();
        await short(model);
        endless(model), make().evaluate(x, y);
        require('node:worker_threads').parentPort.postMessage(0);
      })();`;
    const script = `
      (async () => {
        const model = make(), expected = await short(make());
        const losses = short(model);
        for (let i = 0; i < 2; i++) {
          const workers = [0, 1].map(() => new Worker(${JSON.stringify(worker)}, { eval: true }));
          await Promise.all(workers.map((w) => new Promise((resolve) => w.once('message', resolve))));
          await Promise.all(workers.map((w) => w.terminate()));
        }
        if ((await losses) !== expected || (await short(make())) !== expected) throw new Error('another result');
        console.log('end');
      })();`;
    expect(node(script)).toBe('end');
  });

  test('of models that are forgotten, and of arrays: what was kept of them goes', () => {
    const script = `
      (async () => {
        const once = async (length) => {
          const model = make();
          await model.evaluate(x.slice(0, length), y.slice(0, length / 64));
        };
        for (let i = 1; i <= 6; i++) await once(6400 * i);
        for (let i = 0; i < 100 && memory().storages + memory().sessions > 0; i++) { await sleep(10); gc(); }
        console.log(memory().storages, memory().sessions);
      })();`;
    expect(node(script)).toBe('0 0');
  });

  test('of a job for lack of memory leaves the others, and steps between them', () => {
    // predictions of many rows need more than there is
    const script = `
      (async () => {
        const expected = await short(make());
        const model = make();
        const losses = short(model);
        const codes = new Set();
        for (let i = 0; i < 20; i++) {
          try { model.predictSync(new Float32Array(1 << 20)); } catch (e) { codes.add(e.code); }
          await sleep(1);
        }
        console.log([...codes].join(), (await losses) === expected);
      })();`;
    expect(node(script, { STEEPEST_EMULATED_MEMORY: '800000' })).toBe('ERR_OUT_OF_MEMORY true');
  });
});
