// Data that stays on the device from one call to the next: what is copied, counted by the emulated driver, and that a change
// of the caller's arrays is never missed.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { layers, memory, sequential, type Tensor, tensor } from '../../lib/index';
import { loadAddon } from '../../lib/runtime/native';
import { onDevice, setEnvironment } from './device';

const folder = mkdtempSync(path.join(tmpdir(), 'steepest-copies-'));
const file = path.join(folder, 'copies');
afterAll(async () => {
  await setEnvironment({ STEEPEST_EMULATED_COPIES: '', STEEPEST_EMULATED_MEMORY: '' });
  rmSync(folder, { recursive: true });
});

const rows = 512;
const features = 64;
const bytes = rows * features * 4;
const random = (seed: number): Float32Array =>
  Float32Array.from({ length: rows * features }, (_, i) => Math.sin((i + seed) * (i + seed)));
const targets = Float32Array.from({ length: rows }, (_, i) => Math.cos(i));

function make(device = 'cuda:0') {
  const model = sequential([layers.dense({ units: 1, inputShape: [features] })]);
  model.compile({ optimizer: 'sgd', loss: 'meanSquaredError', device, seed: 1 });
  return model;
}

/** Sizes of the copies to the device that `body` makes, of those that can be x. */
async function copies(body: () => Promise<unknown>): Promise<number[]> {
  writeFileSync(file, '');
  await setEnvironment({ STEEPEST_EMULATED_COPIES: file });
  await body();
  const sizes = readFileSync(file, 'utf8').trim().split('\n').map(Number);
  return sizes.filter((size) => size >= bytes / 4);
}

const options = { epochs: 1, batchSize: 64 };

/** Of the device's memory, what the models of other tests in this process still have, without copies of data: they are freed first. */
async function usedBytes(): Promise<number> {
  const all = 2 ** 30;
  await setEnvironment({ STEEPEST_EMULATED_MEMORY: String(all) });
  let message = '';
  try {
    new (loadAddon().Session)(2 * all, 'cuda:0');
  } catch (error) {
    message = (error as Error).message;
  }
  const free = /, (\d+) of \d+ free/.exec(message)?.[1];
  if (free === undefined) throw new Error(`no message about memory: ${message}`);
  return all - Number(free);
}

onDevice('data on the device', () => {
  test('is copied once for all calls over the same arrays', async () => {
    const x = random(1);
    const model = make();
    const sizes = await copies(async () => {
      await model.fit(x, targets, { ...options, epochs: 3, validationSplit: 0.25 });
      await model.fit(x, targets, { ...options, validationData: [x, targets] });
      await model.evaluate(x, targets);
      await model.predict(x);
      await model.predict(x);
    });
    expect(sizes).toEqual([bytes]);
    const t = tensor(x, [rows, features]); // a copy
    expect(await copies(() => model.evaluate(t, targets))).toEqual([bytes]);
    expect(await copies(() => model.fit(t, targets, options))).toEqual([]);
    t.data[3] = 7;
    expect(await copies(() => model.fit(t, targets, options))).toEqual([bytes]);
    model.dispose();
  });

  test('is that of other models too, until the last of them is disposed', async () => {
    const x = random(2);
    const before = memory().storages;
    const [one, other] = [make(), make()];
    expect(await copies(() => one.fit(x, targets, options))).toEqual([bytes]);
    expect(await copies(() => other.fit(x, targets, options))).toEqual([]);
    one.dispose();
    expect(await copies(() => other.evaluate(x, targets))).toEqual([]);
    expect(memory().storages).toBe(before + 2);
    other.dispose();
    expect(memory().storages).toBe(before);
  });

  test('a model that is disposed while it trains leaves nothing', async () => {
    const x = random(2);
    const before = memory().storages;
    const model = make();
    await model.evaluate(x, targets);
    const training = model.fit(x, targets, { ...options, epochs: 100_000 });
    await new Promise((resolve) => setTimeout(resolve, 20));
    model.dispose();
    await expect(training).rejects.toThrow('disposed');
    expect(memory().storages).toBe(before);
  });

  test.each([
    ['the first value', 0],
    ['the last value', rows * features - 1],
  ])('an array that was changed is copied again: %s', async (_, at) => {
    const [x, device] = [random(3), make()];
    const cpu = make('cpu');
    const losses = async (model: ReturnType<typeof make>) => (await model.evaluate(x, targets)).loss;
    expect(await losses(device)).toBeCloseTo(await losses(cpu), 4);
    x[at] = 100;
    expect(await copies(() => losses(device))).toEqual([bytes]);
    expect(await losses(device)).toBeCloseTo(await losses(cpu), 1);
    expect(await losses(cpu)).toBeGreaterThan(0.1);
    for (const model of [device, cpu]) model.dispose();
  });

  test('numbers that compare equal and are not are changes: -0 and 0', async () => {
    const x = new Float32Array(rows * features).fill(0);
    const device = make();
    await device.evaluate(x, targets);
    x[5] = -0;
    expect(await copies(() => device.evaluate(x, targets))).toEqual([bytes]);
    device.dispose();
  });

  test('an array that changes while others use it as it was is copied for whom it is new', async () => {
    const [x, model] = [random(4), make()];
    const cpu = make('cpu');
    const evaluated: number[] = [];
    const trained = model.fit(x, targets, {
      ...options,
      epochs: 2,
      callbacks: [
        {
          onEpochEnd: async (epoch) => {
            // the copy of training is shared first, then there is another one
            if (epoch === 1) x.fill(0.5);
            const sizes = await copies(async () => evaluated.push((await model.evaluate(x, targets)).loss));
            expect(sizes).toEqual(epoch === 0 ? [] : [bytes]);
          },
        },
      ],
    });
    const { history } = await trained;
    expect(evaluated).toHaveLength(2);
    x.set(random(4));
    const expected = (await cpu.fit(x, targets, { ...options, epochs: 2 })).history;
    expect(history.loss?.[1]).toBeCloseTo(expected.loss?.[1] as number, 4);
    // what is kept is the array of training, which x is once more
    expect(await copies(() => model.evaluate(x, targets))).toEqual([]);
    for (const m of [model, cpu]) m.dispose();
  });

  test('another view of a buffer, or another type of its numbers, is other data', async () => {
    const buffer = random(5).buffer;
    const model = make();
    const half = rows / 2;
    const first = new Float32Array(buffer, 0, half * features);
    const second = new Float32Array(buffer, half * features * 4);
    const cpu = make('cpu');
    for (const part of [first, second, new Int32Array(buffer, 0, half * features).map((v) => v % 7), first, second]) {
      const y = targets.subarray(0, half);
      expect((await model.evaluate(part, y)).loss).toBeCloseTo((await cpu.evaluate(part, y)).loss, 3);
    }
    for (const m of [model, cpu]) m.dispose();
  });

  test('numbers that are converted are kept as well, and checked again', async () => {
    const model = sequential([
      layers.embedding({ inputDim: 7, outputDim: 2, inputShape: [features] }),
      layers.flatten(),
      layers.dense({ units: 1 }),
    ]);
    model.compile({ optimizer: 'sgd', loss: 'meanSquaredError', device: 'cuda:0', seed: 1 });
    const x = Float64Array.from({ length: rows * features }, (_, i) => i % 7);
    expect(await copies(() => model.evaluate(x, targets))).toEqual([bytes]);
    expect(await copies(() => model.evaluate(x, targets))).toEqual([]);
    x[70] = 1.5;
    await expect(model.evaluate(x, targets)).rejects.toThrow('row 1 of x');
    x[70] = 0;
    expect(await copies(() => model.evaluate(x, targets))).toEqual([]);
    model.dispose();
  });

  test('predictions of arrays that come once keep nothing', async () => {
    const model = make();
    await model.predict(random(1));
    const before = memory().storages;
    for (let i = 0; i < 3; i++) await model.predict(random(i));
    expect(memory().storages).toBe(before);
    model.dispose();
  });

  test('predictions of rows that are kept are those of the CPU', async () => {
    const [x, device, cpu] = [random(6), make(), make('cpu')];
    await device.evaluate(x, targets);
    for (const batchSize of [7, 64, 1000]) {
      const [a, b] = [await device.predict(x, { batchSize }), await cpu.predict(x, { batchSize })] as Tensor[];
      (b as Tensor).data.forEach((value, i) => {
        expect((a as Tensor).data[i]).toBeCloseTo(value, 4);
      });
    }
    for (const m of [device, cpu]) m.dispose();
  });

  test('what was used longest ago is freed when memory runs out, and is copied again', async () => {
    const model = make();
    const arrays = [1, 2, 3, 4].map(random);
    const evaluate = (i: number) => () => model.evaluate(arrays[i] as Float32Array, targets);
    const used = await usedBytes();
    await setEnvironment({ STEEPEST_EMULATED_MEMORY: '' });
    await evaluate(0)();
    // three of them, and half of one for the model
    await setEnvironment({ STEEPEST_EMULATED_MEMORY: String(used + 3.5 * bytes) });
    const sizes: number[] = [];
    for (const i of [1, 2, 0, 3, 0, 2, 1]) sizes.push((await copies(evaluate(i))).length);
    await setEnvironment({ STEEPEST_EMULATED_MEMORY: '' });
    // 0 1 2 are there; 3 takes the place of 1; then 0 and 2 are there, and 1 takes that of 3
    expect(sizes).toEqual([1, 1, 0, 1, 0, 0, 1]);
    model.dispose();
  });

  test('what no device took is not kept', async () => {
    const before = memory().storages;
    const model = make();
    await setEnvironment({ STEEPEST_EMULATED_MEMORY: String((await usedBytes()) + bytes) });
    await model.evaluate(random(7), targets);
    await setEnvironment({ STEEPEST_EMULATED_MEMORY: '' });
    // the targets fit
    expect(memory().storages).toBeLessThanOrEqual(before + 1);
    model.dispose();
    expect(memory().storages).toBe(before);
  });
});
