// Assembled kernels of models that come and go: how many stay loaded, and that those in use do.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { emulated, onDevice } from './device';

const root = path.join(__dirname, '..', '..');
const folder = mkdtempSync(path.join(tmpdir(), 'steepest-modules-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** See native/cuda/modules.h. */
const mostUnused = 256;

const setup = `
const { existsSync, readFileSync } = require('node:fs');
const { setTimeout: sleep } = require('node:timers/promises');
const { layers, sequential } = require('steepest');
const file = process.env.STEEPEST_EMULATED_MODULES;
/** How many modules have been loaded, and how many are. */
const modules = () => {
  const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\\n') : [];
  return [lines.filter((line) => line.startsWith('loaded')).length, Number((lines.at(-1) ?? '0 0').split(' ')[1])];
};
const numbers = (n) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * i));
const make = (units, inputs) => {
  const model = sequential([layers.dense({ units, activation: 'tanh', inputShape: [inputs] }), layers.dense({ units: 1 })]);
  model.compile({ optimizer: 'adam', loss: 'meanSquaredError', device: 'cuda:0', seed: 1 });
  return model;
};
const fit = (model, inputs, more) => model.fit(numbers(8 * inputs), numbers(8), { epochs: 2, batchSize: 4, verbose: 0, ...more });
/** A model from beginning to end. */
const once = async (units, inputs) => {
  const model = make(units, inputs);
  const { history } = await fit(model, inputs);
  const predicted = model.predictSync(numbers(4 * inputs));
  model.dispose();
  return [...history.loss, ...predicted];
};
`;

let files = 0;

/** What the script prints, as JSON, and how many modules were loaded after each was loaded or unloaded. */
function run<Result>(script: string, env: Record<string, string> = {}): { result: Result; counts: number[] } {
  const file = path.join(folder, String(++files));
  const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', `${setup}(async () => {${script}})();`], {
    cwd: root,
    encoding: 'utf8',
    env: {
      ...{ ...process.env, STEEPEST_CUDA_DRIVER: emulated, STEEPEST_CUDA_KERNELS: emulated },
      ...{ STEEPEST_CUDA_SEQUENCES: '0', STEEPEST_EMULATED_MODULES: file, ...env },
    },
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const counts = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => Number(line.split(' ')[1]));
  return { result: JSON.parse(stdout), counts };
}

onDevice('modules of assembled kernels', () => {
  test('of a model that is made again are there already', () => {
    const { result } = run<{ equal: boolean; loaded: number[] }>(`
      const results = [await once(5, 8)], loaded = [modules()[0]];
      for (let i = 0; i < 3; i++) results.push(await once(5, 8)), loaded.push(modules()[0]);
      console.log(JSON.stringify({ equal: new Set(results.map(String)).size === 1, loaded }));`);
    const [first] = result.loaded as [number];
    expect(first).toBeGreaterThan(5);
    expect(result).toEqual({ equal: true, loaded: [first, first, first, first] });
  });

  test.each([
    ['many kernels', 'i, 8', 170, {}],
    // of more shared memory than a kernel has without asking, whose handles are given again
    ['one kernel for a step', '3, 400 + i', 170, { STEEPEST_CUDA_SEQUENCES: '1' }],
  ])('of models with %s: some stay when nobody uses them, and those in use do', (_, shape, models, env) => {
    const script = `
      const shape = (i) => [${shape}];
      const kept = make(...shape(200)), busy = make(...shape(201));
      const [, inputs] = shape(200);
      await fit(kept, inputs);
      const predict = () => String(kept.predictSync(numbers(4 * inputs))), before = predict();
      const [, alone] = modules();
      const running = fit(busy, shape(201)[1], { epochs: 1e6 }).then(() => 'ended', (e) => e.message);
      const first = String(await once(...shape(1)));
      for (let i = 2; i <= ${models}; i++) await once(...shape(i));
      const [loaded, now] = modules();
      const again = String(await once(...shape(1)));
      const [more] = modules();
      const { history } = await fit(kept, inputs);
      const learned = history.loss.every(Number.isFinite) && predict() !== before;
      busy.dispose();
      kept.dispose();
      const ended = await running;
      for (let i = 0; i < 100 && modules()[1] > ${mostUnused}; i++) await sleep(20);
      const equal = again === first, last = modules()[1];
      console.log(JSON.stringify({ alone, loaded, now, last, assembled: more - loaded, equal, learned, ended }));`;
    const { result, counts } = run<Record<string, number>>(script, env);
    const { alone, loaded, now, last, assembled, ...rest } = result as Record<string, number>;
    expect(rest).toEqual({ equal: true, learned: true, ended: expect.stringContaining('disposed') });
    expect(loaded).toBeGreaterThan(mostUnused + 50);
    // those of the first model had gone
    expect(assembled).toBeGreaterThan(0);
    expect(now).toBeGreaterThan(mostUnused);
    // three models are in use at most
    expect(Math.max(...counts)).toBeLessThanOrEqual(mostUnused + 3 * (alone as number));
    expect(last).toBe(mostUnused);
  });
});
