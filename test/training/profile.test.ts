import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { inspect } from 'node:util';
import { input } from '../../lib/layers/index';
import { setThreads } from '../../lib/runtime/native';
import { type Model, model, type Profile, sequential } from '../../lib/training/index';
import { layers } from './library';
import { bits, classes, messageOf, mlp, noise } from './support';

const total = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** What holds for every report. */
function expectConsistent(report: Profile): void {
  const { kernels, overhead, stepSeconds, stepTimes } = report;
  expect(stepSeconds).toBeCloseTo(total(stepTimes) / report.steps, 9);
  expect(report.total.seconds).toBeLessThanOrEqual(stepSeconds * (1 + 1e-9));
  expect(total(kernels.map((k) => k.seconds)) + overhead.seconds).toBeCloseTo(stepSeconds, 9);
  for (const list of [kernels, report.layers, report.families]) {
    expect(total(list.map((k) => k.share)) + overhead.share).toBeCloseTo(1, 9);
    expect(total(list.map((k) => k.flops))).toBeCloseTo(report.total.flops, 3);
    const seconds = list.map((k) => k.seconds);
    expect(seconds).toEqual([...seconds].sort((a, b) => b - a));
  }
  for (const { seconds, share, calls, bytes, layers: from } of kernels) {
    expect(share * stepSeconds).toBeCloseTo(seconds, 9);
    expect(calls).toBeGreaterThan(0);
    expect(bytes).toBeGreaterThanOrEqual(0);
    expect(from.length).toBeGreaterThan(0);
  }
}

test('the parts of a training step add up, and know their layers', async () => {
  const net = mlp({ units: 64 });
  const { x, y } = classes(200);
  const report = await net.profile(x, y, { batchSize: 32, steps: 10, warmup: 1 });
  expectConsistent(report);
  expect(report).toMatchObject({ mode: 'train', batchSize: 32, steps: 10, trace: undefined });
  expect(report.stepTimes).toHaveLength(10);
  const names = report.layers.map((g) => g.name);
  for (const name of [
    'dense_1',
    'dense_1 (backward)',
    'dense_2 (backward)',
    'loss of dense_2',
    'optimizer adam',
    'step',
  ]) {
    expect(names).toContain(name);
  }
  const update = report.kernels.find((k) => k.shapes.startsWith('[4, 32] x [32, 64] -> [4, 64]'));
  expect(update).toMatchObject({ operation: 'matmul', family: 'product', calls: 1 });
  expect(update?.layers).toEqual(['dense_1 (backward)', 'optimizer adam']);
  net.dispose();
});

describe('flops and bytes are those of the formula', () => {
  const onlyKernel = async (net: Model, x: Float32Array, batchSize: number, operation: string) => {
    const report = await net.profile(x, undefined, { batchSize, steps: 2 });
    expectConsistent(report);
    expect(report.mode).toBe('predict');
    const found = report.kernels.filter((k) => k.operation === operation);
    expect(found).toHaveLength(1);
    return found[0] as Profile['kernels'][number];
  };

  test('of a dense layer', async () => {
    const net = sequential([layers.dense({ units: 24, inputShape: [50], name: 'line' })]);
    const kernel = await onlyKernel(net, noise(16 * 50), 16, 'matmul');
    // a multiply-add for each weight and sample, and the bias
    expect(kernel.flops).toBe(2 * 16 * 50 * 24 + 16 * 24);
    expect(kernel.bytes).toBe(4 * (16 * 50 + 50 * 24 + 24 + 16 * 24));
    expect(kernel.layers).toEqual(['line']);
  });

  test('of a convolution', async () => {
    const net = sequential([
      layers.conv2d({ filters: 8, kernelSize: [3, 5], strides: 2, useBias: false, inputShape: [13, 17, 6] }),
    ]);
    const kernel = await onlyKernel(net, noise(4 * 13 * 17 * 6), 4, 'conv');
    const [height, width] = [6, 7];
    expect(kernel.flops).toBe(2 * 4 * height * width * 8 * (3 * 5 * 6));
    expect(kernel.bytes).toBe(4 * (4 * 13 * 17 * 6 + 3 * 5 * 6 * 8 + 4 * height * width * 8));
  });

  test('of its gradients', async () => {
    const net = sequential([
      layers.conv2d({ filters: 4, kernelSize: 3, useBias: false, inputShape: [8, 8, 2] }),
      layers.conv2d({ filters: 6, kernelSize: 3, groups: 2, useBias: false }),
      layers.flatten(),
      layers.dense({ units: 1 }),
    ]);
    net.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
    const { kernels } = await net.profile(noise(5 * 128), noise(5), { batchSize: 5, steps: 1 });
    const flopsOf = (operation: string) =>
      kernels
        .filter((k) => k.operation === operation)
        .map((k) => k.flops)
        .sort((a, b) => a - b);
    const first = 2 * 5 * 36 * 4 * 18;
    const second = 2 * 5 * 16 * 6 * (9 * 2);
    expect(flopsOf('conv')).toEqual([second, first]);
    expect(flopsOf('convInputGrad')).toEqual([second]);
    // with the update by stochastic gradient descent: a product and a difference
    const kernelGradients = flopsOf('convKernelGrad');
    expect(kernelGradients[0]).toBeGreaterThanOrEqual(second);
    expect(kernelGradients[0]).toBeLessThanOrEqual(second + 2 * 9 * 2 * 6);
    expect(kernelGradients[1]).toBeLessThanOrEqual(first + 2 * 9 * 2 * 4);
  });
});

test('a recurrent network has the kernels of its loop, and what the loop itself takes', async () => {
  const net = sequential([layers.lstm({ units: 8, inputShape: [7, 3] }), layers.dense({ units: 1 })]);
  // a device launches several at once, which counts for one of them
  net.compile({ optimizer: 'adam', loss: 'meanSquaredError', device: 'cpu' });
  const report = await net.profile(noise(32 * 21), noise(32), { batchSize: 16, steps: 4 });
  expectConsistent(report);
  const loops = report.kernels.filter((k) => k.operation === 'loop');
  expect(loops.map((k) => k.shapes)).toEqual(['7 steps', '7 steps']);
  for (const { id, calls } of loops) {
    const body = report.kernels.filter((k) => k.id.startsWith(`${id}.`));
    expect(calls).toBe(1);
    expect(body.length).toBeGreaterThan(1);
    for (const kernel of body) expect(kernel.calls).toBe(7);
  }
  const inLoop = report.kernels.filter((k) => k.id.includes('.'));
  const forward = inLoop.find((k) => k.family === 'product' && k.layers[0] === 'lstm_1');
  expect(forward?.flops).toBeGreaterThanOrEqual(7 * 2 * 16 * 8 * 32);
  const origins = new Set(inLoop.flatMap((k) => k.layers));
  expect([...origins].sort()).toEqual(['lstm_1', 'lstm_1 (backward)']);
});

test('evaluation and prediction of a model with several inputs and outputs', async () => {
  const [a, b] = [input({ shape: [3], name: 'a' }), input({ shape: [5], name: 'b' })];
  const joined = layers
    .concatenate()
    .apply([layers.dense({ units: 4, name: 'left' }).apply(a), layers.dense({ units: 4, name: 'right' }).apply(b)]);
  const outputs = [
    layers.dense({ units: 2, name: 'p' }).apply(joined),
    layers.dense({ units: 1, name: 'q' }).apply(joined),
  ];
  const net = model({ inputs: [a, b], outputs });
  const x = { a: noise(10 * 3), b: noise(10 * 5) };
  const predicted = await net.profile(x, undefined, { steps: 3 });
  expectConsistent(predicted);
  // data of fewer rows than a batch is one batch
  expect(predicted).toMatchObject({ mode: 'predict', batchSize: 10, steps: 3 });
  const names = predicted.layers.map((g) => g.name);
  for (const name of ['left', 'right', 'p', 'q']) expect(names).toContain(name);
  expect(predicted.kernels.filter((k) => k.operation === 'fetch')).toHaveLength(2);

  net.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
  const y = [noise(10 * 2), noise(10)];
  const evaluated = await net.profile(x, y, { mode: 'evaluate', batchSize: 4, sampleWeight: noise(10).map(Math.abs) });
  expectConsistent(evaluated);
  expect(evaluated).toMatchObject({ mode: 'evaluate', batchSize: 4, steps: 20 });
  expect(evaluated.layers.some((g) => g.name.includes('backward'))).toBe(false);
  // targets do no harm
  expect((await net.profile(x, y, { mode: 'predict', steps: 1 })).mode).toBe('predict');
});

test('nothing of the model changes: training goes on with the same bits', async () => {
  const { x, y } = classes(96);
  const [plain, profiled] = [mlp({ dropout: 0.3 }), mlp({ dropout: 0.3 })];
  for (const net of [plain, profiled]) await net.fit(x, y, { epochs: 2, batchSize: 16, verbose: 0 });
  const before = bits(profiled);
  for (const mode of ['train', 'evaluate', 'predict'] as const) {
    await profiled.profile(x, y, { mode, batchSize: 16, steps: 5 });
    expect(bits(profiled)).toBe(before);
  }
  expect(profiled.resumePoint).toEqual(plain.resumePoint);
  // slots of the optimizer, its step, the seed and the order of the data show in what comes next
  const [a, b] = await Promise.all(
    [plain, profiled].map((net) => net.fit(x, y, { epochs: 2, batchSize: 16, verbose: 0 })),
  );
  expect(b?.history).toEqual(a?.history);
  expect(bits(profiled)).toBe(bits(plain));
});

describe('a trace', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'steepest-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('is a file whose events nest', async () => {
    const file = path.join(folder, 'trace.json');
    setThreads(2);
    const net = sequential([
      layers.lstm({ units: 8, inputShape: [5, 3] }),
      layers.dense({ units: 512, activation: 'relu' }),
      layers.dense({ units: 512 }),
    ]);
    // whose threads have tracks of their own
    net.compile({ optimizer: 'adam', loss: 'meanSquaredError', device: 'cpu' });
    const report = await net.profile(noise(64 * 15), undefined, { batchSize: 64, steps: 6, trace: file });
    expectConsistent(report);
    expect(report.trace).toBe(file);
    const { traceEvents } = JSON.parse(readFileSync(file, 'utf8'));
    const spans = traceEvents.filter((e: { ph: string }) => e.ph === 'X');
    expect(spans.filter((e: { cat: string }) => e.cat === 'step').map((e: { name: string }) => e.name)).toEqual([
      ...['step 0', 'step 1', 'step 2', 'step 3', 'step 4', 'step 5'],
    ]);
    const kernels = spans.filter((e: { cat: string }) => e.cat === 'kernel');
    expect(kernels).toHaveLength(6 * total(report.kernels.map((k) => k.calls)));
    expect(spans.some((e: { cat: string }) => e.cat === 'chunk')).toBe(true);
    expect(Math.min(...spans.map((e: { ts: number }) => e.ts))).toBe(0);

    const tracks = new Set<number>(spans.map((e: { tid: number }) => e.tid));
    const named = traceEvents.filter((e: { name: string }) => e.name === 'thread_name');
    expect(named.map((e: { tid: number }) => e.tid).sort()).toEqual([...tracks].sort());
    const tiny = 1e-6; // times are microseconds with three digits
    for (const tid of tracks) {
      const onTrack = spans
        .filter((e: { tid: number }) => e.tid === tid)
        .sort((p: { ts: number; dur: number }, q: { ts: number; dur: number }) => p.ts - q.ts || q.dur - p.dur);
      const open: number[] = [];
      for (const { ts, dur } of onTrack) {
        while (open.length > 0 && (open.at(-1) as number) <= ts + tiny) open.pop();
        // it ends before what it began in
        if (open.length > 0) expect(ts + dur).toBeLessThanOrEqual((open.at(-1) as number) + tiny);
        open.push(ts + dur);
      }
    }
  });

  test('that cannot be written is an error', async () => {
    const file = path.join(folder, 'missing', 'trace.json');
    const message = await messageOf(mlp().profile(noise(8), undefined, { trace: file }));
    expect(message).toContain(file);
  });
});

test('as text it is a table', async () => {
  const report = await mlp().profile(noise(64), undefined, { batchSize: 8, steps: 2 });
  const text = `${report}`;
  expect(inspect(report)).toBe(text);
  expect(text).toMatch(/^predict, batches of 8: [\d.]+ (us|ms) per step \(median/);
  expect(text).toContain('matmul');
  expect(text).toContain('[8, 4] x [4, 8] -> [8, 8]');
  const short = report.table(1);
  expect(short.split('\n').length).toBeLessThan(text.split('\n').length);
  expect(short).toContain(`${report.kernels.length - 1} more`);
});

describe('errors', () => {
  const { x, y } = classes(8);
  const messages: [string, string, Parameters<Model['profile']>][] = [
    ['targets', "profile: mode 'train' needs targets y, got undefined", [x, undefined, { mode: 'train' }]],
    [
      'mode',
      "profile: mode must be one of 'train', 'evaluate', 'predict', got 'fit'",
      [x, y, { mode: 'fit' as never }],
    ],
    ['steps', 'profile: steps must be a positive integer, got 0', [x, y, { steps: 0 }]],
    ['many steps', 'profile: steps must be an integer from 1 to 1000000, got 2000000', [x, y, { steps: 2e6 }]],
    ['warmup', 'profile: warmup must be an integer from 0 to 1000000, got -1', [x, y, { warmup: -1 }]],
    ['batchSize', 'profile: batchSize must be a positive integer, got 1.5', [x, y, { batchSize: 1.5 }]],
    ['trace', "profile: trace must be a string that is not empty, got ''", [x, y, { trace: '' }]],
    ['options', "profile: unknown option 'epochs'", [x, y, { epochs: 1 } as never]],
    ['weights', "profile: sampleWeight has no meaning in mode 'predict'", [x, undefined, { sampleWeight: noise(8) }]],
    ['data', 'profile: x (input', [new Float32Array(7), y]],
  ];
  test.each(messages)('%s', async (_, message, args) => {
    expect(await messageOf(mlp().profile(...args))).toContain(message);
  });

  test('a model that is not compiled, is disposed, or is in use; an abort', async () => {
    const bare = sequential([layers.dense({ units: 3, inputShape: [4] })]);
    expect(await messageOf(bare.profile(x, y))).toContain('profile: the model is not compiled');
    const net = mlp();
    const fit = net.fit(x, y, { verbose: 0 });
    expect(await messageOf(net.profile(x, y))).toContain('profile: the model is being trained or used');
    await fit;
    await expect(net.profile(x, y, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
    const stop = new AbortController();
    const running = net.profile(x, y, { steps: 1_000_000, signal: stop.signal });
    setTimeout(() => stop.abort(new Error('stopped')), 20);
    await expect(running).rejects.toThrow('stopped');
    net.dispose();
    expect(await messageOf(net.profile(x, y))).toContain('profile: the model has been disposed');
  });
});

test('a loss that the kernel of its gradient makes has no rates of its own', async () => {
  const net = sequential([layers.dense({ units: 4000, inputShape: [8] })]);
  net.compile({ optimizer: 'sgd', loss: 'sparseCategoricalCrossentropy' });
  const y = Int32Array.from({ length: 256 }, (_, i) => (i * 37) % 4000);
  const report = await net.profile(noise(256 * 8), y, { batchSize: 256, steps: 5 });
  const rows = `${report}`.split('\n');
  const loss = rows.find((row) => /^ *\d+ +softmaxCrossEntropy /.test(row));
  const gradient = rows.find((row) => /^ *\d+ +softmaxCrossEntropyGrad /.test(row));
  // time, share and calls, then rates if there are any, then what it belongs to
  expect(loss).toMatch(/^ *\d+ +softmaxCrossEntropy +[\d.]+ \w+ +[\d.]+% +1 +loss/);
  expect(gradient).toMatch(/^ *\d+ +softmaxCrossEntropyGrad +[\d.]+ \w+ +[\d.]+% +1 +[\d.]+ +[\d.]+ +\d+% +loss/);
  net.dispose();
});
