import { execFileSync } from 'node:child_process';
import path from 'node:path';

const library = path.join(__dirname, '..', '..', 'dist', 'index.js');

/** Runs a script with the compiled library in a process of its own. Returns what it prints, parsed. */
function inProcess(script: string, ...flags: string[]): unknown {
  const prelude = `
    const { layers, memory, sequential } = require(${JSON.stringify(library)});
    const make = (units = 32, device = undefined) => {
      const net = sequential([layers.dense({ units, activation: 'relu', inputShape: [8] }), layers.dense({ units: 1 })]);
      net.compile({ optimizer: 'adam', loss: 'mse', seed: 1, device });
      return net;
    };
    const x = Float32Array.from({ length: 8 * 64 }, (_, i) => Math.sin(i));
    const y = Float32Array.from({ length: 64 }, (_, i) => Math.cos(i));
    (async () => {${script}})().catch((error) => { console.error(error); process.exitCode = 1; });`;
  return JSON.parse(execFileSync(process.execPath, [...flags, '-e', prelude], { encoding: 'utf8', timeout: 50_000 }));
}

// In a process of its own: what other tests left to the garbage collector may go at any moment. On the CPU: on devices data is kept
// for the next call (test/cuda/kept.test.ts).
test('dispose frees all native memory of a model, and fit, evaluate and predict leave none of their data behind', () => {
  const { before, trained, used, failed, disposed } = inProcess(`
    const before = memory();
    const net = make(32, 'cpu');
    await net.fit(x, y, { epochs: 2, validationSplit: 0.1 });
    const trained = memory();
    await net.evaluate(x, y);
    await net.predict(x);
    const used = memory();
    await net.fit(x, y.subarray(1)).catch(() => {});
    await net.fit(x, y, { signal: AbortSignal.timeout(1), epochs: 1e9 }).catch(() => {});
    const failed = memory();
    net.dispose();
    console.log(JSON.stringify({ before, trained, used, failed, disposed: memory() }));`) as Record<
    string,
    { sessions: number; storages: number; bytes: number }
  >;
  expect(trained.sessions).toBe(before.sessions + 1);
  expect(trained.bytes).toBeGreaterThan(before.bytes);
  for (const { storages } of [trained, used, failed]) expect(storages).toBe(before.storages);
  expect(disposed).toEqual(before);
});

test('the garbage collector frees what nobody disposed of', () => {
  const [before, after] = inProcess(
    `
    await (async () => { const net = make(1024, 'cpu'); await net.fit(x, y); net.dispose(); })();
    const before = memory();
    await (async () => { for (let i = 0; i < 5; i++) { const net = make(1024, 'cpu'); await net.fit(x, y, { epochs: 2 }); net.predictSync(x); } })();
    for (let i = 0; i < 20 && memory().sessions > before.sessions; i++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      gc();
    }
    console.log(JSON.stringify([before, memory()]));`,
    '--expose-gc',
  ) as [object, object];
  expect(after).toEqual(before);
});

test('memory is flat over 10,000 steps', () => {
  const [nativeBefore, nativeAfter, rssGrowth] = inProcess(
    `
    const net = make();
    const options = { epochs: 100, batchSize: 8, seed: 1 };
    await net.fit(x, y, options);
    const one = x.slice(0, 8);
    net.predictSync(one);
    const turn = async () => {
      for (let i = 0; i < 13; i++) await net.fit(x, y, options);
      for (let i = 0; i < 10000; i++) net.predictSync(one);
      gc();
    };
    await turn(); // the engine compiles what runs often, which takes memory once
    const before = [memory().bytes, process.memoryUsage().rss];
    await turn();
    console.log(JSON.stringify([before[0], memory().bytes, process.memoryUsage().rss - before[1]]));`,
    '--expose-gc',
  ) as [number, number, number];
  expect(nativeAfter).toBe(nativeBefore);
  expect(rssGrowth).toBeLessThan(6 << 20);
});

test('worker threads train alike, at the same time, and can be terminated while they do', () => {
  const results = inProcess(`
    const { Worker, isMainThread } = require('node:worker_threads');
    const script = (epochs) => \`
      const { parentPort } = require('node:worker_threads');
      const { layers, sequential } = require(${JSON.stringify(library)});
      const net = sequential([layers.dense({ units: 8, inputShape: [4] }), layers.dense({ units: 1 })]);
      net.compile({ optimizer: 'adam', loss: 'mse', seed: 1 });
      const x = Float32Array.from({ length: 256 }, (_, i) => Math.sin(i));
      parentPort.postMessage('started');
      net.fit(x, x.slice(0, 64), { epochs: \${epochs} }).then(({ last }) => { parentPort.postMessage(last.loss); });
    \`;
    const finished = [1, 2, 3].map(() => new Promise((resolve, reject) => {
      const worker = new Worker(script(50), { eval: true });
      worker.on('message', (m) => { if (m !== 'started') resolve(m); });
      worker.on('error', reject);
    }));
    const endless = new Worker(script(1e9), { eval: true });
    await new Promise((resolve) => endless.once('message', resolve));
    await endless.terminate();
    console.log(JSON.stringify(await Promise.all(finished)));`) as number[];
  expect(results).toHaveLength(3);
  expect(new Set(results).size).toBe(1);
  expect(Number.isFinite(results[0])).toBe(true);
});

test('a process ends by itself after training, and while nothing runs', () => {
  expect(
    inProcess('const net = make(); const { last } = await net.fit(x, y); console.log(Number.isFinite(last.loss));'),
  ).toBe(true);
});

test('memory is flat over 1,000 different numbers of rows, and results are those of the first call', () => {
  const [first, last, same] = inProcess(`
    const net = make();
    const rows = (n) => Float32Array.from({ length: 8 * n }, (_, i) => Math.sin(i));
    const expected = net.predictSync(rows(1000));
    const use = (from, to) => {
      let same = true;
      for (let n = from; n < to; n++) {
        const found = net.predictSync(rows(n));
        same &&= found.every((v, i) => Math.abs(v - expected[i]) < 1e-6);
        if (n % 100 === 0) net.trainOnBatch(rows(n), new Float32Array(n), {});
        if (n % 100 === 0) net.setWeights(weights);
      }
      return same;
    };
    const weights = net.getWeights();
    const same = [use(1, 100)];
    const first = memory().bytes;
    same.push(use(100, 1001), use(1, 100));
    console.log(JSON.stringify([first, memory().bytes, same.every((s) => s)]));`) as [number, number, boolean];
  expect(same).toBe(true);
  // the same 32 plans
  expect(last).toBeLessThanOrEqual(first);
});
